//! Asks for segments, one after the other, and tells what came of each.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hyper::Uri;
use tokio::task::{JoinError, JoinSet};
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
    Segment(Arc<Wanted>),
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
        wanted: Arc<Wanted>,
        asked_at: Monotonic,
        /// What came of its Media Initialization Section.
        map: Result<(), Failure>,
        result: Result<(Delivery, Box<SegmentFacts>), Failure>,
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
    /// The segment that is being asked for, and since when.
    present: Option<(Arc<Wanted>, Monotonic)>,
}

impl Asking {
    /// Nothing yet.
    pub(super) fn new(web: Arc<Web>) -> Self {
        Self {
            web,
            queue: VecDeque::new(),
            work: JoinSet::new(),
            present: None,
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
            let now = self.web.clock().monotonic();
            if let Job::Segment(wanted) = &job {
                self.present = Some((Arc::clone(wanted), now));
            }
            self.work.spawn(ask(Arc::clone(&self.web), job, now));
        }
        let done = self.work.join_next().await?;
        Some(self.done(done))
    }

    /// What is done already, and was not told of yet.
    pub(super) fn finished(&mut self) -> Option<Done> {
        let done = self.work.try_join_next()?;
        Some(self.done(done))
    }

    fn done(&mut self, done: Result<Done, JoinError>) -> Done {
        self.present = None;
        done.expect("asking does not panic")
    }

    /// The segment that is still on its way, and for how long.
    pub(super) fn present(&self) -> Option<(&Wanted, Duration)> {
        let now = self.web.clock().monotonic();
        let (wanted, asked_at) = self.present.as_ref()?;
        Some((wanted, now.since(*asked_at)))
    }
}

async fn ask(web: Arc<Web>, job: Job, asked_at: Monotonic) -> Done {
    match job {
        Job::Segment(wanted) => {
            let map = match &wanted.listed.segment.map {
                Some(map) => web.map(&wanted.base, &map.value).await,
                None => Ok(()),
            };
            Done::Segment {
                result: segment(&web, &wanted).await,
                map,
                wanted,
                asked_at,
            }
        }
        Job::Probe { removed, url } => {
            let status = web.probe(&url, removed.byte_range).await;
            let asked_at = Loading {
                requested_at: asked_at,
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

async fn segment(web: &Web, wanted: &Wanted) -> Result<(Delivery, Box<SegmentFacts>), Failure> {
    let Listed {
        segment, sequence, ..
    } = &wanted.listed;
    let Some(url) = resolve(&wanted.base, &segment.uri) else {
        let why = "its URI is none that can be asked for";
        return Err(Failure::Broken(why.to_owned()));
    };
    let key = segment.key.as_ref();
    let seal = key.map(|key| Seal::of(&key.value, *sequence));
    let sealed = (&wanted.base, seal);
    let (delivery, facts) = web.segment(&url, segment.byte_range, sealed).await?;
    Ok((delivery, Box::new(facts)))
}
