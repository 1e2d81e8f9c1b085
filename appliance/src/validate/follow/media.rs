//! Follows one Media Playlist as a player does, and asks for each of its segments once.
//!
//! Source: RFC 8216 §6.3.4: a Target Duration after a load that brought something new, half of one
//! after a load that did not.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hyper::{StatusCode, Uri};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use weir_cache::rules::resolve;

use super::{Tally, web::Web};
use crate::validate::{
    finding::{Check, Finding},
    inspect::{Format, SegmentFacts},
    playlist::{ByteRange, Segment},
    rules::{Checker, Delivery, Failure, Inspected, PlaylistDelivery, Removed},
    version::{Loading, Version},
};

/// A player begins with the third segment from the end (RFC 8216 §6.3.3).
const BEGINS_FROM_END: usize = 3;

/// Segments that wait to be asked for; the oldest are skipped.
const QUEUE_MAX: usize = 64;

/// The same where the list has ended, and nothing is in a hurry.
const QUEUE_ENDED_MAX: usize = 10_000;

/// Removed segments that are asked for after one reload.
const PROBES_MAX: usize = 8;

/// A reload comes no sooner than this after the one before, whatever the list says ...
const RELOAD_MIN: Duration = Duration::from_millis(500);

/// ... and no later than this.
const RELOAD_MAX: Duration = Duration::from_secs(15);

/// What a follower tells of its playlist, besides findings.
#[derive(Debug)]
pub(super) enum Note {
    /// There is a new version.
    Version(usize, Arc<Version>),
    /// A segment was looked into.
    Segment(usize, u64, Box<SegmentFacts>),
    /// These were found, and so much was done.
    Findings(usize, Vec<Finding>, Tally),
}

/// Which playlist to follow.
#[derive(Debug, Clone)]
pub(super) struct Playlist {
    pub(super) index: usize,
    pub(super) name: Arc<str>,
    pub(super) url: Uri,
    pub(super) bandwidth_bps: Option<u64>,
}

/// Something to be asked for.
#[derive(Debug)]
enum Job {
    Segment {
        version: Arc<Version>,
        sequence: u64,
        url: Uri,
        range: Option<ByteRange>,
        is_encrypted: bool,
    },
    Probe {
        removed: Removed,
        url: Uri,
    },
}

/// What came of it.
#[derive(Debug)]
enum Done {
    Segment {
        version: Arc<Version>,
        sequence: u64,
        result: Result<(Delivery, SegmentFacts), Failure>,
    },
    Probe {
        removed: Removed,
        asked_at: Loading,
        status: Option<u16>,
    },
}

/// One Media Playlist being followed.
#[derive(Debug)]
pub(super) struct Follower {
    web: Arc<Web>,
    playlist: Playlist,
    notes: mpsc::Sender<Note>,
    stop: watch::Receiver<bool>,
    checker: Checker,
    version: Option<Arc<Version>>,
    /// Where the last version came from, by which its URIs are meant.
    base: Uri,
    body: Vec<u8>,
    next_sequence: u64,
    queue: VecDeque<Job>,
    /// At most one.
    work: JoinSet<Done>,
    tally: Tally,
}

impl Follower {
    pub(super) fn new(
        web: Arc<Web>,
        playlist: Playlist,
        notes: mpsc::Sender<Note>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            checker: Checker::new(playlist.bandwidth_bps),
            base: playlist.url.clone(),
            web,
            playlist,
            notes,
            stop,
            version: None,
            body: Vec::new(),
            next_sequence: 0,
            queue: VecDeque::new(),
            work: JoinSet::new(),
            tally: Tally::default(),
        }
    }

    /// Follows the playlist until it ends and all of it was looked into, or until it is told to
    /// stop.
    pub(super) async fn run(mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = self.follow() => {}
            _ = stop.wait_for(|is_over| *is_over) => {}
        }
        self.tell().await;
    }

    async fn follow(&mut self) {
        loop {
            let begun = Instant::now();
            let is_changed = self.load().await;
            self.queue_probes();
            self.tell().await;
            if self.has_ended() {
                return self.finish().await;
            }
            self.work_until(begun + self.reload_after(is_changed)).await;
        }
    }

    /// Loads the playlist once; tells whether it brought something new.
    async fn load(&mut self) -> bool {
        self.tally.loads += 1;
        let loaded = self.web.playlist(&self.playlist.url).await;
        let page = match loaded {
            Ok(page) if page.status == StatusCode::OK => page,
            Ok(page) => {
                let why = format!("the answer to who asks for the playlist is {}", page.status);
                self.fail(Check::PlaylistAbsent, &why);
                return false;
            }
            Err(error) => {
                let why = crate::causes::with_causes(&error);
                let why = format!("the playlist does not come: {why}");
                self.fail(Check::PlaylistAbsent, &why);
                return false;
            }
        };
        if self.version.is_some() && page.body == self.body {
            self.checker.unchanged(page.loading);
            return false;
        }
        let (name, number) = (&self.playlist.name, self.tally.versions + 1);
        let Some(version) = Version::read(name, number, page.loading, &page.body) else {
            self.fail(Check::NoPlaylist, "what came is no Media Playlist");
            return false;
        };
        self.tally.versions = number;
        let delivery = PlaylistDelivery {
            content_type: page.content_type,
            path: self.playlist.url.path().to_owned(),
            is_compressed: page.is_compressed,
            bytes: page.body.len(),
        };
        self.body = page.body;
        self.base = page.url;
        self.take_version(Arc::new(version), &delivery);
        self.note_version().await;
        true
    }

    fn take_version(&mut self, version: Arc<Version>, delivery: &PlaylistDelivery) {
        self.checker.version(&version);
        self.checker.playlist_delivered(delivery);
        self.tally.target_duration_s = version.list.target_duration_s.map(|target| target.value);
        self.queue_segments(&version);
        self.version = Some(version);
    }

    async fn note_version(&self) {
        if let Some(version) = &self.version {
            let note = Note::Version(self.playlist.index, Arc::clone(version));
            // Nobody listens any more once all is over.
            drop(self.notes.send(note).await);
        }
    }

    fn fail(&mut self, check: Check, why: &str) {
        self.tally.loads_failed += 1;
        self.checker.playlist_failed(check, why);
    }

    /// Has the segments that are new asked for.
    fn queue_segments(&mut self, version: &Arc<Version>) {
        let list = &version.list;
        let is_first = self.version.is_none();
        let (from_end, queue_max) = if list.is_live() {
            (BEGINS_FROM_END, QUEUE_MAX)
        } else {
            (usize::MAX, QUEUE_ENDED_MAX)
        };
        if is_first {
            let skipped = list.segments.len().saturating_sub(from_end) as u64;
            self.next_sequence = list.first_sequence().saturating_add(skipped);
        } else if list.next_sequence() < self.next_sequence {
            // The numbers went back.
            self.next_sequence = list.first_sequence();
        }
        for (sequence, segment) in list.numbered() {
            if sequence >= self.next_sequence && segment.gap.is_none() {
                self.queue_segment(version, sequence, segment);
            }
        }
        self.next_sequence = list.next_sequence();
        while self.queue.len() > queue_max {
            self.queue.pop_front();
            self.tally.segments_skipped += 1;
        }
    }

    fn queue_segment(&mut self, version: &Arc<Version>, sequence: u64, segment: &Segment) {
        let Some(url) = resolve(&self.base, &segment.uri) else {
            let why = Failure::Broken("its URI is none that can be asked for".to_owned());
            return self.checker.segment_failed(version, sequence, &why);
        };
        self.queue.push_back(Job::Segment {
            version: Arc::clone(version),
            sequence,
            url,
            range: segment.byte_range,
            is_encrypted: segment.key.is_some(),
        });
    }

    /// Has some removed segments asked for that must still be there.
    fn queue_probes(&mut self) {
        let now = self.web.clock().monotonic().as_nanos();
        let is_waiting = self
            .queue
            .iter()
            .any(|job| matches!(job, Job::Probe { .. }));
        if is_waiting {
            return;
        }
        for _ in 0..self.checker.removed_watched().min(PROBES_MAX) {
            let Some(removed) = self.checker.removed(now) else {
                return;
            };
            if let Some(url) = resolve(&self.base, &removed.uri) {
                self.queue.push_back(Job::Probe { removed, url });
            }
        }
    }

    /// Asks for what is queued until `deadline`.
    async fn work_until(&mut self, deadline: Instant) {
        loop {
            self.begin_work();
            tokio::select! {
                biased;
                () = sleep_until(deadline) => return,
                Some(done) = self.work.join_next() => {
                    self.take_done(done.expect("asking does not panic")).await;
                }
                else => return sleep_until(deadline).await,
            }
        }
    }

    /// Asks for all that is queued.
    async fn finish(&mut self) {
        loop {
            self.begin_work();
            let Some(done) = self.work.join_next().await else {
                return;
            };
            self.take_done(done.expect("asking does not panic")).await;
            self.tell().await;
        }
    }

    fn begin_work(&mut self) {
        if !self.work.is_empty() {
            return;
        }
        if let Some(job) = self.queue.pop_front() {
            let web = Arc::clone(&self.web);
            self.work.spawn(ask(web, job));
        }
    }

    async fn take_done(&mut self, done: Done) {
        match done {
            Done::Segment {
                version,
                sequence,
                result: Ok((delivery, facts)),
            } => {
                match facts.format {
                    Format::TransportStream | Format::WebVtt => self.tally.segments_inspected += 1,
                    Format::FragmentedMp4
                    | Format::PackedAudio
                    | Format::Encrypted
                    | Format::Unknown => self.tally.segments_not_inspected += 1,
                }
                let note = Note::Segment(self.playlist.index, sequence, Box::new(facts.clone()));
                let inspected = Inspected {
                    sequence,
                    delivery,
                    facts,
                };
                self.checker.segment(&version, &inspected);
                drop(self.notes.send(note).await);
            }
            Done::Segment {
                version,
                sequence,
                result: Err(failure),
            } => {
                if self.is_too_late_for(&version) {
                    self.tally.segments_skipped += 1;
                    return;
                }
                self.tally.segments_failed += 1;
                self.checker.segment_failed(&version, sequence, &failure);
            }
            Done::Probe {
                removed,
                asked_at,
                status,
            } => {
                self.tally.removed_asked += 1;
                // What is overloaded or out of reach proves nothing.
                if let Some(status @ (403 | 404 | 410)) = status {
                    self.checker.removed_gone(&removed, asked_at, status);
                }
            }
        }
    }

    /// Whether what `version` listed may be gone by now, because it was asked for so late.
    fn is_too_late_for(&self, version: &Version) -> bool {
        let lag = self
            .web
            .clock()
            .monotonic()
            .since(version.loading.received_at);
        version.list.is_live() && lag > Duration::from_micros(version.list.duration_us())
    }

    async fn tell(&mut self) {
        self.tally.findings_untold = self.checker.untold();
        let found = self.checker.take();
        let note = Note::Findings(self.playlist.index, found, self.tally);
        drop(self.notes.send(note).await);
    }

    fn has_ended(&self) -> bool {
        let version = self.version.as_ref();
        version.is_some_and(|version| !version.list.is_live())
    }

    fn reload_after(&self, is_changed: bool) -> Duration {
        let target_s = self.tally.target_duration_s.unwrap_or(0);
        let target = Duration::from_secs(target_s.min(RELOAD_MAX.as_secs()));
        let wait = if is_changed { target } else { target / 2 };
        wait.max(RELOAD_MIN)
    }
}

async fn ask(web: Arc<Web>, job: Job) -> Done {
    match job {
        Job::Segment {
            version,
            sequence,
            url,
            range,
            is_encrypted,
        } => Done::Segment {
            version,
            sequence,
            result: web.segment(&url, range, is_encrypted).await,
        },
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
