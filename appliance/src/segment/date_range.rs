//! One event of a Media Playlist: EXT-X-DATERANGE.
//!
//! Source: RFC 8216 §4.3.2.7, §4.3.2.7.1 (SCTE 35 in date ranges), §6.2.1 (lists only grow at their
//! end). A line is written once and stays as it is: what is learned later of an event stands in a
//! line of its own with the same ID and START-DATE, behind the segments that were listed before.

use std::{
    fmt::{self, Display, Write},
    time::Duration,
};

use weir_hal::Wall;

use crate::{
    demux::{SpliceCommand, SpliceInfo},
    segment::{
        Cue, CueKind, EventId,
        playlist::timestamp,
        seconds::{Hexadecimal, Seconds},
        ticks,
    },
};

/// How long a break without an end is kept waiting for one behind what was planned.
const GRACE: Duration = Duration::from_mins(10);

/// How long it is kept when nothing was planned.
const OPEN_MAX: Duration = Duration::from_hours(4);

/// How far two reckonings of one time may lie apart: what the clock of the stream is corrected by
/// between a message and the picture that it names. Short beside segments.
pub(super) const TOLERANCE: Duration = Duration::from_millis(150);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DateRange {
    pub(super) event: EventId,
    pub(super) start: Wall,
    pub(super) planned_90k: Option<u64>,
    pub(super) auto_return: bool,
    pub(super) is_break: bool,
    pub(super) end: Option<Wall>,
    pub(super) ending: Ending,
}

/// What was heard of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// No message yet.
    Awaited,
    /// No message, but players may have been told in a list of which nothing is known.
    Doubtful,
    /// Its message, which was listed.
    Heard,
}

const TAG: &str = "#EXT-X-DATERANGE:";
const PLANNED: &str = "PLANNED-DURATION";
const DURATION: &str = "DURATION";
const OUT: &str = "SCTE35-OUT";
const IN: &str = "SCTE35-IN";
const COMMAND: &str = "SCTE35-CMD";

/// Stands for the event of a break that is known by its EXT-X-CUE-OUT alone.
pub(super) const UNKNOWN: EventId = EventId {
    number: 0,
    break_kind: u8::MAX,
    moment_90k: 0,
};

impl DateRange {
    /// The event that `cue` begins.
    pub(super) fn begin(cue: &Cue) -> Self {
        Self {
            event: cue.event,
            start: cue.date_time,
            planned_90k: cue.planned_90k,
            auto_return: cue.auto_return,
            is_break: cue.kind == CueKind::Out,
            end: None,
            ending: Ending::Awaited,
        }
    }

    /// A break that began at `start`, of which no message is known any more. It ends as planned.
    pub(super) const fn without_message(start: Wall, planned_90k: Option<u64>) -> Self {
        Self {
            event: UNKNOWN,
            start,
            planned_90k,
            auto_return: planned_90k.is_some(),
            is_break: true,
            end: None,
            ending: Ending::Awaited,
        }
    }

    /// The line of what `cue` begins.
    pub(super) fn begin_line(&self, cue: &Cue) -> String {
        let attribute = if self.is_break { OUT } else { COMMAND };
        self.line(|text| {
            if let Some(planned_90k) = cue.planned_90k {
                write!(text, ",{PLANNED}={}", Seconds(planned_90k))?;
            }
            write!(text, ",{attribute}={}", Hexadecimal(&cue.section))
        })
    }

    /// The line of its end, of which `duration_90k` is told unless it was before.
    pub(super) fn end_line(&self, cue: &Cue, duration_90k: Option<u64>) -> String {
        self.line(|text| {
            if let Some(duration_90k) = duration_90k {
                write!(text, ",{DURATION}={}", Seconds(duration_90k))?;
            }
            write!(text, ",{IN}={}", Hexadecimal(&cue.section))
        })
    }

    /// The line that it ended after `duration_90k`, without a message.
    pub(super) fn duration_line(&self, duration_90k: u64) -> String {
        self.line(|text| write!(text, ",{DURATION}={}", Seconds(duration_90k)))
    }

    /// Reads a line back; `None` when it is none of ours.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut attributes = line.strip_prefix(TAG)?.split(',');
        let id = unquoted(attributes.next()?.strip_prefix("ID=")?)?;
        let start = unquoted(attributes.next()?.strip_prefix("START-DATE=")?)?;
        let start: jiff::Timestamp = start.parse().ok()?;
        let start = Wall::from_nanos(u64::try_from(start.as_nanosecond()).ok()?);
        let mut range = Self {
            event: EventId::read(id)?,
            ..Self::without_message(start, None)
        };
        range.is_break = false;
        for attribute in attributes {
            let (name, value) = attribute.split_once('=')?;
            match name {
                PLANNED => range.planned_90k = Some(Seconds::read(value)?.0),
                DURATION => range.end = Some(start + ticks::span(Seconds::read(value)?.0)),
                OUT => {
                    range.is_break = true;
                    range.auto_return = returns(&Hexadecimal::read(value)?);
                }
                IN => range.ending = Ending::Heard,
                COMMAND => {}
                _ => return None,
            }
        }
        Some(range)
    }

    /// Takes over what `later`, read from another line of the same event, knows beyond this.
    pub(super) fn merge(&mut self, later: &Self) {
        self.end = self.end.or(later.end);
        if later.ending == Ending::Heard {
            self.ending = Ending::Heard;
        }
        self.is_break |= later.is_break;
    }

    /// When it ends, or is given up if nothing more is heard of it.
    pub(super) fn end_expected(&self) -> Wall {
        let planned = self.planned_90k.map(ticks::span);
        match self.end {
            Some(end) => end,
            None if self.auto_return || !self.is_break => self.start + planned.unwrap_or_default(),
            None => self.start + planned.map_or(OPEN_MAX, |planned| planned + GRACE),
        }
    }

    /// A line with what `attributes` writes behind ID and START-DATE.
    fn line(&self, attributes: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let start = timestamp(self.start);
        let mut text = format!("{TAG}ID=\"{}\",START-DATE=\"{start:.3}\"", self.event);
        attributes(&mut text).expect("a string takes all that is written");
        text
    }
}

impl EventId {
    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let number = u32::from_str_radix(fields.next()?, 16).ok()?;
        let break_kind = u8::from_str_radix(fields.next()?, 16).ok()?;
        let moment_90k = fields.next()?.parse().ok()?;
        let is_whole = fields.next().is_none();
        is_whole.then_some(Self {
            number,
            break_kind,
            moment_90k,
        })
    }
}

impl Display for EventId {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            break_kind,
            moment_90k,
        } = self;
        write!(text, "{number:08x}-{break_kind:02x}-{moment_90k}")
    }
}

/// True when the break that `section` begins ends by itself.
fn returns(section: &[u8]) -> bool {
    let Ok(info) = SpliceInfo::parse(section) else {
        return false;
    };
    let SpliceCommand::Insert(insert) = info.command else {
        return false;
    };
    let planned = insert.detail.and_then(|detail| detail.break_duration);
    planned.is_some_and(|planned| planned.auto_return)
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}
