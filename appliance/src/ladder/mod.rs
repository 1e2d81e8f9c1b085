//! The renditions of one channel as a ladder: which of them a player is offered, and whether it
//! can climb from one to the other.
//!
//! Source: RFC 8216 §4.3.4.2 (Variant Streams), §6.2.4 (what they must have in common).
//! Pure: it is told what a rendition has listed and what time it is, and tells what the Master
//! Playlist says. It changes no rendition; what it finds wrong is state, for people.
//!
//! Refuses: to write an empty Master Playlist once there was one. When all rungs are silent the
//! last one stays, and players that come find lists that stand still and go on by themselves.

mod alignment;
mod finding;
mod presence;
mod report;
mod track;

#[cfg(test)]
mod tests;

use std::time::Duration;

use weir_hal::{Monotonic, Wall};

pub use finding::{Check, Finding};
pub use report::{Alignment, Counters, Deviation, Report};
pub use track::{Track, TrackKind, Tracks};

use crate::{
    ladder::{
        alignment::{Boundary, Monitor},
        finding::{Absence, Findings, Seen},
        presence::{Presence, State},
    },
    segment::{Segment, Variant},
};

/// Rungs compared: as many as a channel may have renditions. Further ones are listed all the same.
pub const RUNGS_MAX: usize = 16;

/// What a rendition tells of itself when it lists a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its line in the Master Playlist.
    pub variant: Variant,
    /// True when it has pictures.
    pub has_video: bool,
    /// Its sound and subtitles.
    pub tracks: Tracks,
    /// The Target Duration of its list, in seconds.
    pub target_duration_s: u32,
    /// How far apart its key frames are, and what its segments are aimed at, if that is less.
    pub overlong_group: Option<(Duration, Duration)>,
}

/// The rungs of one channel.
#[derive(Debug)]
pub struct Ladder {
    rungs: Vec<Rung>,
    presence: Presence,
    monitor: Monitor,
    findings: Findings,
    counters: Counters,
}

#[derive(Debug)]
struct Rung {
    name: String,
    line: Option<Line>,
    /// The number behind that of the last segment.
    next: u64,
}

impl Rung {
    const fn new(name: String) -> Self {
        Self {
            name,
            line: None,
            next: 0,
        }
    }
}

impl Ladder {
    /// A ladder of rungs with these names, in the order of the Master Playlist; none has listed.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let rungs = names.into_iter().map(Rung::new);
        let rungs: Vec<_> = rungs.collect();
        Self {
            presence: Presence::new(rungs.len()),
            monitor: Monitor::new(rungs.len()),
            findings: Findings::default(),
            counters: Counters::default(),
            rungs,
        }
    }

    /// A ladder of rungs with these names that goes on from this one: rungs that stay keep what is
    /// known of them.
    #[must_use]
    pub fn follow(mut self, names: impl IntoIterator<Item = String>) -> Self {
        let mut next = Self::new(names);
        next.counters = self.counters;
        next.findings = self.findings;
        for (to, rung) in next.rungs.iter_mut().enumerate() {
            let same = |known: &Rung| known.name == rung.name;
            let Some(from) = self.rungs.iter().position(same) else {
                continue;
            };
            if let Some(known) = self.rungs.get_mut(from) {
                std::mem::swap(rung, known);
            }
            next.presence.adopt(to, &self.presence, from);
            next.monitor.adopt(to, &mut self.monitor, from);
        }
        next
    }

    /// Takes note that rung number `rung` has listed `segment`, and what it says of itself.
    pub fn listed(
        &mut self,
        rung: usize,
        (segment, line): (&Segment, Line),
        now: Monotonic,
        wall: Wall,
    ) {
        let target = Duration::from_secs(u64::from(segment.target_duration_s));
        self.presence.listed(rung, target, now);
        // In place of numbers that are missing stand gaps.
        let skips = self
            .rungs
            .get(rung)
            .is_some_and(|it| it.next != segment.sequence);
        if let Some(begin) = segment.pts().filter(|_| line.has_video) {
            let boundary = Boundary {
                begin,
                is_start: segment.discontinuity || skips,
                target_duration_s: segment.target_duration_s,
            };
            let compared = self.monitor.listed(rung, boundary, now, wall);
            self.counters.segments_compared += compared.segments;
            self.counters.segments_unaligned += compared.unaligned;
        }
        if let Some(rung) = self.rungs.get_mut(rung) {
            rung.line = Some(line);
            rung.next = segment.sequence + 1;
        }
    }

    /// Takes note that media last came for rung number `rung` at `media`.
    pub fn fed(&mut self, rung: usize, media: Monotonic) {
        self.presence.fed(rung, media);
    }

    /// True when [`Self::look`] would withdraw a rung for which no media comes any more.
    pub fn has_starved(&self, now: Monotonic) -> bool {
        self.presence.has_starved(now)
    }

    /// True when each rung has listed, or has not in the time that the others would give it: what
    /// it offers now is what there is.
    pub fn is_settled(&self, now: Monotonic) -> bool {
        self.presence.is_settled(now)
    }

    /// Time has passed: withdraws, lets in, and checks.
    pub fn look(&mut self, now: Monotonic, wall: Wall) {
        let changes = self.presence.look(now, wall);
        self.counters.rungs_withdrawn += changes.withdrawn;
        self.counters.rungs_returned += changes.returned;
        for rung in 0..self.rungs.len() {
            if self.is_withdrawn(rung) {
                self.monitor.forgive(rung);
            }
        }
        let Self {
            rungs,
            presence,
            findings,
            counters,
            ..
        } = self;
        let seen: Vec<_> = rungs
            .iter()
            .enumerate()
            .map(|(index, rung)| Seen {
                name: &rung.name,
                line: rung.line.as_ref(),
                absence: absence(presence.state(index)),
            })
            .collect();
        counters.findings += findings.look(&seen, now, wall);
    }

    /// The lines of the Master Playlist, in order; none before the first segment.
    pub fn variants(&self) -> Vec<Variant> {
        let variants = (0..self.rungs.len()).filter_map(|rung| self.variant(rung));
        variants.cloned().collect()
    }

    /// The line of rung number `rung`; `None` while it is not in the Master Playlist.
    pub fn variant(&self, rung: usize) -> Option<&Variant> {
        let is_present = self.presence.state(rung) == State::Present;
        let rung = self.rungs.get(rung).filter(|_| is_present)?;
        Some(&rung.line.as_ref()?.variant)
    }

    /// True while rung number `rung` is taken out of the Master Playlist and lists nothing.
    pub fn is_withdrawn(&self, rung: usize) -> bool {
        matches!(self.presence.state(rung), State::Withdrawn { .. })
    }

    /// The Target Duration of the first rung that has one, in seconds: what all should have.
    pub fn target_duration_s(&self) -> Option<u32> {
        let lines = self.rungs.iter().filter_map(|rung| rung.line.as_ref());
        lines.map(|line| line.target_duration_s).next()
    }

    /// What a person or a fleet may know of it.
    pub fn report(&self) -> Report {
        let name = |index: usize| self.rungs.get(index).map(|rung| rung.name.clone());
        let drifting = self.monitor.drifting();
        let drifting = drifting.filter_map(|(index, how, since)| Some((name(index)?, how, since)));
        Report {
            alignment: Alignment::of(drifting.collect(), self.counters.segments_compared > 0),
            findings: self.findings.all().cloned().collect(),
            counters: self.counters,
        }
    }
}

fn absence(state: State) -> Option<Absence> {
    match state {
        State::Present => None,
        State::Absent => Some(Absence::Never),
        State::Withdrawn { since } => Some(Absence::Withdrawn(since)),
        State::Returning { .. } => Some(Absence::Returning),
    }
}

/// RFC 3339, to the second.
pub(crate) fn timestamp(wall: Wall) -> String {
    i64::try_from(wall.as_nanos() / 1_000_000_000)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .unwrap_or_default()
        .to_string()
}
