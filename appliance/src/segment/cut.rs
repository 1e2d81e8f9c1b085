//! Decides where a segment ends.
//!
//! Source: RFC 8216 §4.3.3.1 (Target Duration), §4.3.2.3 (discontinuity).

use weir_hal::Wall;

use crate::segment::{Segment, StreamPosition, target_duration::TargetDuration, timeline::as_sent};

/// Why a segment ends before an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A random access point at or after the target.
    RandomAccess,
    /// A random access point before the target, because the next would overrun.
    Early,
    /// A random access point that the encoder did not mark as a boundary, though it marks others.
    Unmarked,
    /// A random access point after a change of coding.
    Change,
    /// A splice point.
    Splice,
    /// The Target Duration is about to be overrun.
    Overrun,
    /// The segment has reached its size.
    Size,
    /// So much media is missing that a segment with the hole in it would be too long.
    Hole,
    /// A new time base.
    Jump,
}

impl Reason {
    /// True when the next segment needs an EXT-X-DISCONTINUITY.
    pub(super) fn is_discontinuity(self) -> bool {
        matches!(self, Self::Change) || self.breaks_timeline()
    }

    /// True when media time does not go on across the cut, so that the segment ends with its last
    /// picture and not where the next begins.
    pub(super) fn breaks_timeline(self) -> bool {
        matches!(self, Self::Hole | Self::Jump)
    }
}

/// An access unit before which the open segment may be cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cuttable {
    /// Unwrapped PTS.
    pub(super) pts: i64,
    /// The highest PTS that the next unit may have.
    pub(super) pts_next_max: i64,
    /// True when decoding can begin here.
    pub(super) random_access: bool,
    /// What the stream itself says of cuts.
    pub(super) wish: Wish,
    /// True when pictures are missing before it.
    pub(super) has_gap: bool,
    /// What else bears on a cut.
    pub(super) circumstances: Circumstances,
}

/// What the stream says of a cut before a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// A splice point lies here.
    pub(super) is_splice_point: bool,
    /// The encoder marks boundaries, and none here: cuts wait for the next.
    pub(super) is_unmarked: bool,
    /// The distances that count are those of boundaries.
    pub(super) by_boundaries: bool,
}

/// What bears on a cut beside the unit and its time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circumstances {
    /// The coding has changed since the segment began.
    pub(super) coding_changed: bool,
    /// The segment is nearly as large as it may get.
    pub(super) is_large: bool,
}

/// The segment that is being filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenSegment {
    pub(super) sequence: u64,
    /// Unwrapped PTS of its first unit.
    pub(super) pts: i64,
    /// The number of the time base that it is of.
    pub(super) time_base: u64,
    /// A hash of the coding in which it begins.
    pub(super) coding: u64,
    /// Unwrapped PTS of the line of the grid at which it is to end.
    pub(super) line: i64,
    /// Unwrapped PTS from which on it is cut at a random access point.
    pub(super) cut_from: i64,
    pub(super) discontinuity: bool,
    pub(super) independent: bool,
    pub(super) date_time: Wall,
    /// Bytes handed on.
    pub(super) bytes: u64,
}

impl OpenSegment {
    /// Tells whether, and why, the segment ends before `unit`.
    pub(super) fn reason(&self, unit: &Cuttable, target: &TargetDuration) -> Option<Reason> {
        let elapsed = unit.pts - self.pts;
        let limit = target.limit_90k();
        if elapsed > limit {
            return Some(if unit.has_gap {
                Reason::Hole
            } else {
                Reason::Overrun
            });
        }
        if unit.random_access {
            if unit.circumstances.coding_changed {
                return Some(Reason::Change);
            }
            if unit.wish.is_splice_point {
                return Some(Reason::Splice);
            }
            if unit.wish.is_unmarked {
                let is_last = target.next_would_overrun(elapsed, false);
                return is_last.then_some(Reason::Unmarked);
            }
            if unit.pts >= self.cut_from {
                return Some(Reason::RandomAccess);
            }
            if target.next_would_overrun(elapsed, unit.wish.by_boundaries) {
                return Some(Reason::Early);
            }
        }
        if elapsed >= target.target_90k() && unit.pts_next_max - self.pts > limit {
            return Some(Reason::Overrun);
        }
        unit.circumstances.is_large.then_some(Reason::Size)
    }

    /// Completes the segment at the unwrapped PTS `end`, or as near to it as the limit allows.
    pub(super) fn complete(&self, end: i64, target: &mut TargetDuration) -> Segment {
        let duration = (end - self.pts).clamp(1, target.limit_90k());
        Segment {
            sequence: self.sequence,
            duration_90k: duration.unsigned_abs(),
            target_duration_s: target.fix(duration),
            bytes: self.bytes,
            discontinuity: self.discontinuity,
            independent: self.independent,
            gap: false,
            date_time: self.date_time,
            begin: Some(StreamPosition {
                pts: as_sent(self.pts),
                time_base: self.time_base,
                coding: self.coding,
            }),
        }
    }
}
