//! Asks for segments, one after the other, and tells what came of each.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hyper::Uri;
use tokio::task::JoinSet;
use weir_cache::rules::resolve;
use weir_hal::Monotonic;

use super::web::Web;
use crate::validate::{
    inspect::SegmentFacts,
    rules::{Delivery, Failure, Removed},
    seal::Seal,
    version::{Listed, Loading},
};

/// Something to be asked for. It holds no version: many may come while it waits.
#[derive(Debug)]
pub(super) enum Job {
    /// A segment that is new.
    Segment(Box<Wanted>),
    /// A removed segment that must still be there.
    Probe {
        /// Which.
        removed: Removed,
        /// Where.
        url: Uri,
    },
}

/// A segment that is listed.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) listed: Listed,
    /// What its URI is relative to.
    pub(super) base: Uri,
    /// When it may be gone, because it was asked for so late; never in a list that stands.
    pub(super) expires_at: Option<Monotonic>,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    Segment {
        wanted: Box<Wanted>,
        result: Result<(Delivery, SegmentFacts), Failure>,
    },
    Probe {
        removed: Removed,
        asked_at: Loading,
        status: Option<u16>,
    },
}

/// What is to be asked for, and what is being asked for now.
#[derive(Debug)]
pub(super) struct Asking {
    web: Arc<Web>,
    queue: VecDeque<Job>,
    /// At most one.
    work: JoinSet<Done>,
}

impl Asking {
    /// Nothing yet.
    pub(super) fn new(web: Arc<Web>) -> Self {
        Self {
            web,
            queue: VecDeque::new(),
            work: JoinSet::new(),
        }
    }

    /// Whether removed segments wait to be asked for.
    pub(super) fn has_probes(&self) -> bool {
        let mut queue = self.queue.iter();
        queue.any(|job| matches!(job, Job::Probe { .. }))
    }

    /// Adds what comes last; tells whether the first was dropped, because there were `jobs_max`.
    pub(super) fn push(&mut self, job: Job, jobs_max: usize) -> bool {
        let is_full = self.queue.len() >= jobs_max;
        if is_full {
            self.queue.pop_front();
        }
        self.queue.push_back(job);
        is_full
    }

    /// The next that is done; `None` when nothing is left to ask for.
    ///
    /// # Cancel safety
    /// What is being asked for goes on, and is told of by the next call.
    pub(super) async fn next(&mut self) -> Option<Done> {
        if self.work.is_empty()
            && let Some(job) = self.queue.pop_front()
        {
            self.work.spawn(ask(Arc::clone(&self.web), job));
        }
        let done = self.work.join_next().await?;
        Some(done.expect("asking does not panic"))
    }
}

async fn ask(web: Arc<Web>, job: Job) -> Done {
    match job {
        Job::Segment(wanted) => {
            let segment = &wanted.listed.segment;
            let result = if let Some(url) = resolve(&wanted.base, &segment.uri) {
                let value = segment.key_value.as_deref();
                let seal = value.map(|value| Seal::of(value, wanted.listed.sequence));
                web.segment(&url, segment.byte_range, (&wanted.base, seal))
                    .await
            } else {
                let why = "its URI is none that can be asked for";
                Err(Failure::Broken(why.to_owned()))
            };
            Done::Segment { wanted, result }
        }
        Job::Probe { removed, url } => {
            let requested_at = web.clock().monotonic();
            let status = web.probe(&url, removed.byte_range).await;
            let asked_at = Loading {
                requested_at,
                received_at: web.clock().monotonic(),
                loaded_at: web.clock().wall(),
                age: Duration::ZERO,
            };
            Done::Probe {
                removed,
                asked_at,
                status,
            }
        }
    }
}
