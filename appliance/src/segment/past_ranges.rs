//! The events of the past of a live list: the lines that it had of them, for lists that begin
//! anywhere in it.
//!
//! Source: RFC 8216 §4.3.2.7, §6.2.1. A line stands where the live list had it. A list of a part
//! has the lines of the events that reach into it, as far as they were known when it was on air: a
//! list that has ended never changes.
//!
//! Refuses: to keep what was withdrawn before it came.

use std::{collections::BTreeMap, sync::Arc};

use weir_hal::Wall;

use crate::segment::{EventId, date_ranges::RANGES_MAX};

/// Lines kept at most: 24 hours of twenty breaks an hour. They have some 250 bytes each, 1.2 KiB at
/// the very most.
const LINES_MAX: usize = 1_024;

/// A line of EXT-X-DATERANGE and what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeLine {
    /// Which event it is about.
    pub event: EventId,
    /// Media Sequence Number of the segment that it stands before.
    pub sequence: u64,
    /// When the event begins.
    pub start: Wall,
    /// When it ends, as far as is known.
    pub end: RangeEnd,
    /// The line itself.
    pub text: Arc<str>,
}

/// When an event ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeEnd {
    /// Then.
    Known(Wall),
    /// Then, if nothing more is heard of it.
    Expected(Wall),
}

impl RangeEnd {
    /// What is said `later`, unless only this one is known.
    fn or_later(self, later: Self) -> Self {
        match (self, later) {
            (Self::Known(_), Self::Expected(_)) => self,
            (_, later) => later,
        }
    }

    fn wall(self) -> Wall {
        match self {
            Self::Known(end) | Self::Expected(end) => end,
        }
    }
}

/// What of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Number of its last segment.
    pub(super) sequence_last: u64,
    /// When its first segment begins.
    pub(super) begin: Wall,
    /// When its last segment ends, if it never grows.
    pub(super) end: Option<Wall>,
}

/// The lines of a past, in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct PastRanges {
    lines: Arc<Vec<RangeLine>>,
}

impl PastRanges {
    /// Takes over what is new among the `lines` of the live list, in the order in which they were
    /// written, and lets go of what that has withdrawn: events that lie behind `end`, where the
    /// last segment ends. Returns how many events had to go for others.
    pub(super) fn follow(&mut self, lines: &[RangeLine], end: Option<Wall>) -> u64 {
        let is_withdrawn = |line: &RangeLine| {
            end.is_none_or(|end| line.start > end) && !lines.iter().any(|live| live.is_same(line))
        };
        if self.lines.iter().any(is_withdrawn) {
            Arc::make_mut(&mut self.lines).retain(|line| !is_withdrawn(line));
        }
        for line in lines {
            if !self.lines.iter().any(|known| known.is_same(line)) {
                Arc::make_mut(&mut self.lines).push(line.clone());
            }
        }
        let mut dropped = 0;
        while self.lines.len() > LINES_MAX {
            let oldest = self.lines.first().map(|line| line.event);
            self.retain(|event| Some(event) != oldest);
            dropped += 1;
        }
        dropped
    }

    /// Lets go of the events that ended before `begin`.
    pub(super) fn drop_before(&mut self, begin: Wall) {
        let mut ends: BTreeMap<EventId, RangeEnd> = BTreeMap::new();
        for line in self.lines.iter() {
            let end = ends.entry(line.event).or_insert(line.end);
            *end = end.or_later(line.end);
        }
        let is_over = |event: EventId| ends.get(&event).is_some_and(|end| end.wall() < begin);
        if self.lines.iter().any(|line| is_over(line.event)) {
            self.retain(|event| !is_over(event));
        }
    }

    /// Lets go of all.
    pub(super) fn clear(&mut self) {
        self.lines = Arc::default();
    }

    /// The lines of `part`.
    pub(super) fn of(&self, part: Part) -> Vec<&RangeLine> {
        let Part {
            sequence_last,
            begin,
            end,
        } = part;
        let known = self.lines.iter();
        let known = known.filter(|line| line.sequence <= sequence_last);
        let within = known.filter(|line| {
            self.end(line.event, sequence_last).max(line.start) >= begin
                && end.is_none_or(|end| line.start < end)
        });
        within.collect()
    }

    /// The same of as many events as a list that is read back may have: those that were told of
    /// last. A block has all of its own, for those before it may be gone.
    pub(super) fn of_block(&self, part: Part) -> Vec<&RangeLine> {
        let mut events: Vec<EventId> = Vec::new();
        let mut lines = self.of(part);
        lines.reverse();
        lines.retain(|line| {
            if !events.contains(&line.event) && events.len() < RANGES_MAX {
                events.push(line.event);
            }
            events.contains(&line.event)
        });
        lines.reverse();
        lines
    }

    /// When an event ends, by the lines that stand before segment `sequence` or one before that.
    fn end(&self, event: EventId, sequence: u64) -> Wall {
        let lines = self.lines.iter();
        let lines = lines.filter(|line| line.event == event && line.sequence <= sequence);
        let ends = lines.map(|line| line.end);
        let last = ends.reduce(RangeEnd::or_later);
        last.map_or_else(Wall::default, RangeEnd::wall)
    }

    fn retain(&mut self, is_kept: impl Fn(EventId) -> bool) {
        Arc::make_mut(&mut self.lines).retain(|line| is_kept(line.event));
    }
}

impl RangeLine {
    /// What is known of the end of an event may change while its line does not, and one that was
    /// read back stands before the first segment that was listed.
    fn is_same(&self, other: &Self) -> bool {
        self.event == other.event && self.text == other.text
    }
}
