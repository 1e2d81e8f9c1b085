//! The events of a Media Playlist: which there are, and what segments are to them.
//!
//! Source: RFC 8216 §4.3.2.7, and §6.2.1: a range stays while it reaches into the window.
//!
//! Refuses: to change an attribute that players may know. A message that does is counted.

use std::{collections::VecDeque, mem};

use weir_hal::Wall;

use crate::segment::{
    Cue, CueKind, EventId, Markers, RangeEnd, RangeLine, Segment,
    cue_tag::CueTag,
    date_range::{DateRange, Ending, TOLERANCE, UNKNOWN},
    seconds::Seconds,
};

/// Date ranges a playlist holds at most: more events than an hour of television has.
pub(super) const RANGES_MAX: usize = 32;

/// Longest message that is listed; in hexadecimal it is twice as long, in every playlist.
const SECTION_BYTES_MAX: usize = 512;

/// What became of a cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CueOutcome {
    /// The playlist tells of it, or needs not.
    Taken,
    /// The playlist tells of it, and the event that ends first had to go before its time.
    TakenForAnother,
    /// It is too long, or contradicts what players have been told of the same event.
    Refused,
}

/// A line about an event, and the Media Sequence Number of the segment it stands before.
#[derive(Debug, Clone)]
struct Line {
    event: EventId,
    sequence: u64,
    text: String,
}

/// The events that reach into the window of one playlist, or lie ahead of it.
#[derive(Debug, Clone, Default)]
pub(super) struct DateRanges {
    ranges: VecDeque<DateRange>,
    /// In the order in which they were written; at most two of an event, or three when it ends
    /// without a message and that comes all the same.
    lines: Vec<Line>,
    /// Where the break began in which the last segment lies.
    break_start: Option<Wall>,
}

/// Where in the playlist something is learned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Media Sequence Number of the segment that is listed next.
    pub(super) sequence: u64,
    /// Wall time at which the last segment listed ends.
    pub(super) end: Option<Wall>,
    pub(super) markers: Markers,
}

impl DateRanges {
    /// Takes a line back that stands before segment `sequence`; `None` when it is none of ours.
    pub(super) fn restore(&mut self, line: &str, sequence: u64) -> Option<()> {
        let range = DateRange::read(line)?;
        let event = range.event;
        let same = |known: &&mut DateRange| known.event == event;
        if let Some(known) = self.ranges.iter_mut().find(same) {
            known.merge(&range);
        } else if self.ranges.len() < RANGES_MAX {
            self.ranges.push_back(range);
        } else {
            return None;
        }
        self.write(event, sequence, line.to_owned());
        Some(())
    }

    /// Goes on in the break in which `last` lies by its `tag`.
    pub(super) fn restore_break(&mut self, last: &Segment, tag: CueTag) {
        let Some((elapsed_90k, planned_90k)) = tag.break_so_far() else {
            return;
        };
        let nanos = last.date_time.as_nanos();
        let start = Wall::from_nanos(nanos.saturating_sub(elapsed_90k.saturating_mul(100_000) / 9));
        let known = self
            .ranges
            .iter()
            .find(|range| range.is_break && is_near(range.start, start));
        self.break_start = Some(known.map_or(start, |range| range.start));
        if known.is_none() {
            self.push(DateRange::without_message(start, planned_90k));
        }
    }

    /// Lists were lost, and may have told players of the ends of all ranges that are open: what is
    /// learned of those events from now on is not told as theirs.
    pub(super) fn doubt_ends(&mut self) {
        self.doubt_until(Wall::from_nanos(u64::MAX));
    }

    /// The latest beginning of a range of which a list that was lost may have told the end.
    pub(super) fn doubtful_until(&self) -> Option<Wall> {
        let doubtful = |range: &&DateRange| range.ending == Ending::Doubtful;
        let starts = self.ranges.iter().filter(doubtful);
        starts.map(|range| range.start).max()
    }

    /// The ends of all ranges that are open and begin until `begin` are doubtful, or were in an
    /// earlier life.
    pub(super) fn doubt_until(&mut self, begin: Wall) {
        let is_meant = |range: &&mut DateRange| {
            range.end.is_none() && range.ending == Ending::Awaited && range.start <= begin
        };
        for range in self.ranges.iter_mut().filter(is_meant) {
            range.ending = Ending::Doubtful;
        }
    }

    /// True when there is a line to be written.
    pub(super) fn has_lines(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Takes `cue`, which is learned at `place`.
    pub(super) fn take(&mut self, cue: &Cue, place: Place) -> CueOutcome {
        if cue.section.len() > SECTION_BYTES_MAX {
            return CueOutcome::Refused;
        }
        match cue.kind {
            CueKind::Cancel => {
                let is_ahead = |range: &DateRange| place.end.is_some_and(|end| range.start > end);
                self.retain(|range| range.event.number != cue.event.number || !is_ahead(range));
                CueOutcome::Taken
            }
            CueKind::In => self.close(cue, place),
            CueKind::Out | CueKind::Command => self.open(cue, place),
        }
    }

    /// Takes note of the next `segment` and tells what it is to the break around it.
    pub(super) fn tag(&mut self, segment: &Segment, markers: Markers) -> Option<CueTag> {
        let start = segment.date_time + TOLERANCE;
        let place = Place {
            sequence: segment.sequence,
            end: Some(segment.date_time),
            markers,
        };
        self.end_returned(start, place);
        let was_in_break = self.break_start;
        let around = self
            .ranges
            .iter()
            .filter(|range| range.is_break && range.start <= start && start < range.end_expected())
            .min_by_key(|range| range.start);
        self.break_start = around.map(|range| range.start);
        if !markers.cue_tags {
            return None;
        }
        let Some(around) = around else {
            return was_in_break.map(|_| CueTag::In);
        };
        let planned_90k = around.planned_90k;
        let elapsed_90k = ticks(start.since(around.start)).saturating_sub(ticks(TOLERANCE));
        let is_late = elapsed_90k > 2 * ticks(TOLERANCE);
        match was_in_break {
            Some(before) if before == around.start || is_late => Some(CueTag::Continued {
                elapsed_90k,
                planned_90k,
            }),
            // Of one that was announced late the rest is told: players count from here.
            before => Some(CueTag::Out {
                planned_90k: planned_90k
                    .map(|planned| planned.saturating_sub(if is_late { elapsed_90k } else { 0 }))
                    .filter(|left| *left > 0),
                follows: before.is_some(),
            }),
        }
    }

    /// Lets go of the ranges that end before `window_start`.
    pub(super) fn shorten(&mut self, window_start: Wall) {
        self.retain(|range| range.end_expected().max(range.start) >= window_start);
    }

    /// The lines that stand before the segment of number `sequence` and behind that of number
    /// `after`, in the order in which they were written.
    pub(super) fn lines(&self, after: Option<u64>, sequence: u64) -> impl Iterator<Item = &str> {
        let is_here = move |line: &&Line| {
            after.is_none_or(|after| line.sequence > after) && line.sequence <= sequence
        };
        let lines = self.lines.iter().filter(is_here);
        lines.map(|line| line.text.as_str())
    }

    /// All lines, in the order in which they were written.
    pub(super) fn all_lines(&self) -> impl Iterator<Item = RangeLine> {
        self.lines.iter().filter_map(|line| {
            let mut ranges = self.ranges.iter();
            let range = ranges.find(|range| range.event == line.event)?;
            let expected = || RangeEnd::Expected(range.end_expected());
            Some(RangeLine {
                event: line.event,
                sequence: line.sequence,
                start: range.start,
                end: range.end.map_or_else(expected, RangeEnd::Known),
                text: line.text.as_str().into(),
            })
        })
    }

    fn write(&mut self, event: EventId, sequence: u64, text: String) {
        let line = Line {
            event,
            sequence,
            text,
        };
        self.lines.push(line);
    }

    /// Keeps the ranges for which `is_kept` holds, and their lines.
    fn retain(&mut self, is_kept: impl FnMut(&DateRange) -> bool) {
        let Self { ranges, lines, .. } = self;
        ranges.retain(is_kept);
        lines.retain(|line| ranges.iter().any(|range| range.event == line.event));
    }

    fn open(&mut self, cue: &Cue, place: Place) -> CueOutcome {
        let same = |range: &&mut DateRange| range.event == cue.event;
        if let Some(known) = self.ranges.iter_mut().find(same) {
            // As it is written: of one that was read back nothing finer is known.
            let written = |ticks: Option<u64>| ticks.map(|ticks| Seconds(ticks).to_string());
            return if written(known.planned_90k) == written(cue.planned_90k) {
                CueOutcome::Taken
            } else {
                CueOutcome::Refused
            };
        }
        self.replace(cue, place);
        let range = DateRange::begin(cue);
        if place.markers.date_ranges {
            self.write(range.event, place.sequence, range.begin_line(cue));
        }
        self.push(range)
    }

    /// An event that is announced anew for another time is not what it was, or ends there.
    fn replace(&mut self, cue: &Cue, place: Place) {
        let is_ahead = |range: &DateRange| place.end.is_some_and(|end| range.start > end);
        self.retain(|range| !range.event.is_of(&cue.event) || !is_ahead(range));
        // An end that players know stays what it is.
        for range in self.ranges.iter_mut().filter(|range| range.end.is_none()) {
            if range.event.is_of(&cue.event) && range.end_expected() > cue.date_time {
                range.end = Some(cue.date_time.max(range.start));
                write_end(&mut self.lines, range, place);
            }
        }
    }

    /// Keeps `range`; where there are too many, the one goes that ends first. So what has ended
    /// goes before what players are in or are yet to come to.
    fn push(&mut self, range: DateRange) -> CueOutcome {
        let is_full = self.ranges.len() >= RANGES_MAX;
        let before = self.ranges.iter().filter(|_| is_full);
        let gone = before.min_by_key(|range| range.end_expected());
        let gone = gone.map(|range| range.event);
        // Its own line has been written.
        self.ranges.push_back(range);
        if is_full {
            self.retain(|range| Some(range.event) != gone);
            CueOutcome::TakenForAnother
        } else {
            CueOutcome::Taken
        }
    }

    fn close(&mut self, cue: &Cue, place: Place) -> CueOutcome {
        let is_its = |range: &&mut DateRange| {
            range.is_break && (range.event.is_of(&cue.event) || range.event == UNKNOWN)
        };
        let Some(range) = self.ranges.iter_mut().rev().find(is_its) else {
            return self.close_unknown(cue, place);
        };
        // Whatever is announced, a range does not end before it begins.
        let announced = cue.date_time.max(range.start);
        if range.ending == Ending::Heard {
            let is_repeated = range.end.is_some_and(|end| is_near(end, announced));
            return if is_repeated {
                CueOutcome::Taken
            } else {
                CueOutcome::Refused
            };
        }
        let before = mem::replace(&mut range.ending, Ending::Heard);
        let is_new = range.end.is_none();
        let end = *range.end.get_or_insert(announced);
        let duration_90k = ticks(end.since(range.start));
        if before == Ending::Doubtful {
            return self.close_unknown(cue, place);
        }
        if place.markers.date_ranges && is_listed(&self.lines, range.event) {
            let text = range.end_line(cue, is_new.then_some(duration_90k));
            let event = range.event;
            self.write(event, place.sequence, text);
        }
        CueOutcome::Taken
    }

    /// Takes the end of a break whose beginning was not seen, or whose end players may know.
    fn close_unknown(&mut self, cue: &Cue, place: Place) -> CueOutcome {
        if self.ranges.iter().any(|range| range.event == cue.event) {
            return CueOutcome::Taken;
        }
        let range = DateRange {
            end: Some(cue.date_time),
            ending: Ending::Heard,
            ..DateRange::begin(cue)
        };
        if place.markers.date_ranges {
            self.write(range.event, place.sequence, range.end_line(cue, None));
        }
        self.push(range)
    }

    /// Tells of breaks that have ended by themselves when the segment at `place` begins.
    fn end_returned(&mut self, start: Wall, place: Place) {
        for range in &mut self.ranges {
            let end = range.end_expected();
            if !range.auto_return || range.end.is_some() || end > start {
                continue;
            }
            range.end = Some(end);
            write_end(&mut self.lines, range, place);
        }
    }
}

/// Writes when `range` ended without a message of its end, if players know it.
fn write_end(lines: &mut Vec<Line>, range: &DateRange, place: Place) {
    let is_told = range.ending != Ending::Doubtful && is_listed(lines, range.event);
    if let Some(end) = range.end.filter(|_| is_told && place.markers.date_ranges) {
        lines.push(Line {
            event: range.event,
            sequence: place.sequence,
            text: range.duration_line(ticks(end.since(range.start))),
        });
    }
}

/// True when players have been told of `event` by a line.
fn is_listed(lines: &[Line], event: EventId) -> bool {
    lines.iter().any(|line| line.event == event)
}

fn ticks(span: std::time::Duration) -> u64 {
    u64::try_from((span.as_micros() * 9 + 50) / 100).unwrap_or(u64::MAX)
}

fn is_near(one: Wall, other: Wall) -> bool {
    u128::from(one.as_nanos().abs_diff(other.as_nanos())) <= TOLERANCE.as_nanos()
}
