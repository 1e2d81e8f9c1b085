//! Follows one Media Playlist as a player does, and asks for each of its segments once.
//!
//! Source: RFC 8216 §6.3.4: a Target Duration after a load that brought something new, half of one
//! after a load that did not. A player does not load again what has ended; here that is done some
//! times, to see whether it stays as it is.

use std::{sync::Arc, time::Duration};

use hyper::{StatusCode, Uri};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use weir_cache::rules::resolve;
use weir_hal::Monotonic;

use super::{
    asking::{Asking, Done, Job, Wanted},
    offer::Declared,
    web::{Page, Web, WebError},
};
use crate::{
    causes::with_causes,
    validate::{
        finding::{Check, Finding},
        inspect::{Format, SegmentFacts},
        playlist::MediaPlaylist,
        report::Tally,
        rules::{Checker, Delivery, Failure, Inspected, PlaylistDelivery},
        version::{Listed, Version},
    },
};

/// A player begins with the third segment from the end (RFC 8216 §6.3.3).
const BEGINS_FROM_END: u64 = 3;

/// Segments that wait to be asked for, without their versions; the oldest are skipped.
const QUEUE_MAX: usize = 64;

/// The same where the list has ended, and nothing is in a hurry.
const QUEUE_ENDED_MAX: usize = 10_000;

/// Loads of a list that has ended beyond the first: one and a half Target Durations, in which one
/// that is live would have grown.
const ENDED_RELOADS: u32 = 3;

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
    /// The Multivariant Playlist came again: another one, or the same.
    Offer(Option<Box<Page>>),
    /// It did not come.
    NoOffer(Check, String),
}

/// Which playlist to follow.
#[derive(Debug, Clone)]
pub(super) struct Playlist {
    pub(super) index: usize,
    pub(super) name: Arc<str>,
    pub(super) url: Uri,
    /// What the Multivariant Playlist says of it now.
    pub(super) declared: watch::Receiver<Declared>,
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
    asking: Asking,
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
            checker: Checker::default(),
            asking: Asking::new(Arc::clone(&web)),
            base: playlist.url.clone(),
            web,
            playlist,
            notes,
            stop,
            version: None,
            body: Vec::new(),
            next_sequence: 0,
            tally: Tally::default(),
        }
    }

    /// Follows the playlist until it ends and all of it was looked into, or until it is told to
    /// stop.
    pub(super) async fn run(mut self) {
        let mut stop = self.stop.clone();
        let stopped = async move { drop(stop.wait_for(|is_over| *is_over).await) };
        tokio::select! {
            () = self.follow() => {}
            () = stopped => self.take_last().await,
        }
        self.tell().await;
    }

    async fn follow(&mut self) {
        let mut ended_loads = 0;
        loop {
            let begun = Instant::now();
            let is_changed = self.load().await;
            self.queue_probes();
            self.tell().await;
            if self.has_ended() {
                ended_loads += 1;
            }
            if ended_loads > ENDED_RELOADS {
                return self.finish().await;
            }
            // Where the playlist takes longer than that to come, segments have a turn all the same.
            let interval = self.reload_after(is_changed && ended_loads == 0);
            let deadline = (begun + interval).max(Instant::now() + interval / 2);
            self.work_until(deadline).await;
        }
    }

    /// Loads the playlist once; tells whether it brought something new.
    async fn load(&mut self) -> bool {
        self.tally.loads += 1;
        let loaded = self.web.playlist(&self.playlist.url).await;
        let page = match loaded {
            Ok(page) if page.status == StatusCode::OK => page,
            refused => {
                let (check, why) = refusal(refused.map(|page| page.status));
                self.fail(check, &why);
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
        // Nobody is led to it any more.
        if !self.playlist.declared.borrow().is_withdrawn {
            self.checker.playlist_failed(check, why);
        }
    }

    /// Finds out which segments of `list` are new.
    fn turn_to(&mut self, list: &MediaPlaylist) {
        let is_first = self.version.is_none();
        if is_first && list.is_live() {
            let begin = list.next_sequence().saturating_sub(BEGINS_FROM_END);
            self.next_sequence = begin.max(list.first_sequence());
        } else if is_first || list.next_sequence() < self.next_sequence {
            // It is all new, or the numbers went back.
            self.next_sequence = list.first_sequence();
        }
        self.tally.segments_skipped += list.passed_over(self.next_sequence);
    }

    /// Has the segments that are new asked for.
    fn queue_segments(&mut self, version: &Version) {
        let list = &version.list;
        self.turn_to(list);
        let queue_max = if list.is_live() {
            QUEUE_MAX
        } else {
            QUEUE_ENDED_MAX
        };
        let listed_for = Duration::from_micros(list.duration_us());
        let expires_at = version.loading.received_at + listed_for;
        for (sequence, segment) in list.numbered().chain(list.numbered_newest()) {
            if sequence < self.next_sequence || segment.gap.is_some() {
                continue;
            }
            let listed = version.listed(sequence).filter(|_| !segment.is_cut);
            let Some(listed) = listed else {
                self.tally.segments_skipped += 1;
                continue;
            };
            let wanted = Wanted {
                listed,
                base: self.base.clone(),
                expires_at: list.is_live().then_some(expires_at),
            };
            let job = Job::Segment(Arc::new(wanted));
            let is_one_dropped = self.asking.push(job, queue_max);
            self.tally.segments_skipped += u64::from(is_one_dropped);
        }
        self.next_sequence = list.next_sequence();
    }

    /// Has some removed segments asked for that must still be there.
    fn queue_probes(&mut self) {
        let now = self.web.clock().monotonic().as_nanos();
        if self.asking.has_probes() {
            return;
        }
        for _ in 0..self.checker.removed_watched().min(PROBES_MAX) {
            let Some(removed) = self.checker.removed(now) else {
                return;
            };
            if let Some(url) = resolve(&self.base, &removed.uri) {
                let job = Job::Probe { removed, url };
                self.asking.push(job, QUEUE_ENDED_MAX + PROBES_MAX);
            }
        }
    }

    /// Asks for what is queued until `deadline`.
    async fn work_until(&mut self, deadline: Instant) {
        loop {
            tokio::select! {
                biased;
                () = sleep_until(deadline) => return,
                Some(done) = self.asking.next() => self.take_done(done).await,
            }
        }
    }

    /// Asks for all that is queued.
    async fn finish(&mut self) {
        while let Some(done) = self.asking.next().await {
            self.take_done(done).await;
            self.tell().await;
        }
    }

    async fn take_done(&mut self, done: Done) {
        match done {
            Done::Segment {
                wanted,
                asked_at,
                map,
                result,
            } => {
                // Asked for late, it may be gone with its segment.
                let is_late = wanted
                    .expires_at
                    .is_some_and(|expires_at| asked_at > expires_at);
                if let Err(failure) = map
                    && !is_late
                {
                    self.checker.map_failed(&wanted.listed, &failure);
                }
                match result {
                    Ok((delivery, facts)) => {
                        self.take_segment(&wanted.listed, delivery, *facts).await;
                    }
                    Err(failure) => self.take_failure(&wanted, asked_at, &failure),
                }
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

    async fn take_segment(&mut self, listed: &Listed, delivery: Delivery, facts: SegmentFacts) {
        match facts.format {
            Format::TransportStream | Format::WebVtt => self.tally.segments_inspected += 1,
            Format::FragmentedMp4 | Format::PackedAudio | Format::Encrypted | Format::Unknown => {
                self.tally.segments_not_inspected += 1;
            }
        }
        let (index, sequence) = (self.playlist.index, listed.sequence);
        let note = Note::Segment(index, sequence, Box::new(facts.clone()));
        let inspected = Inspected { delivery, facts };
        let bandwidth_bps = self.playlist.declared.borrow().bandwidth_bps;
        self.checker.declare(bandwidth_bps);
        self.checker.segment(listed, &inspected);
        drop(self.notes.send(note).await);
    }

    fn take_failure(&mut self, wanted: &Wanted, asked_at: Monotonic, failure: &Failure) {
        let expires_at = wanted.expires_at;
        if expires_at.is_some_and(|expires_at| asked_at > expires_at) {
            self.tally.segments_skipped += 1;
            return;
        }
        self.tally.segments_failed += 1;
        self.checker.segment_failed(&wanted.listed, failure);
    }

    /// Time is over, and a segment may be on its way, or have come while the playlist did.
    async fn take_last(&mut self) {
        if let Some(done) = self.asking.finished() {
            self.take_done(done).await;
        }
        if let Some((wanted, took)) = self.asking.present() {
            self.checker.segment_awaited(&wanted.listed, took);
        }
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

/// What is told of a playlist that was answered with another status than 200, or not at all.
pub(super) fn refusal(answer: Result<StatusCode, WebError>) -> (Check, String) {
    match answer {
        Ok(status) => {
            let why = format!("the answer to who asks for the playlist is {status}");
            (Check::PlaylistAbsent, why)
        }
        Err(WebError::TooLong) => {
            let why = format!("the playlist is not looked at: {}", WebError::TooLong);
            (Check::TooLong, why)
        }
        Err(error) => {
            let why = format!("the playlist does not come: {}", with_causes(&error));
            (Check::PlaylistAbsent, why)
        }
    }
}
