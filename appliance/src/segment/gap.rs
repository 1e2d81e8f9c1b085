//! Stands in for media that did not come: the cell of the grid that is due, listed as a gap.
//!
//! Source: draft-pantos-hls-rfc8216bis §4.4.4.7 (EXT-X-GAP), §6.2.1 (a list goes on while media is
//! missing). A gap takes the number of its cell and its length, so that the numbers of a box that
//! has lost its input stay those of a box that has not.
//!
//! How many cells passed is told by the date of what comes back. Refuses: to believe it blindly.
//! Gaps are made one by one as time passes; what comes back may add [`MISSING_MAX`], whatever its
//! stamps say. And a cell that was listed stays a gap: media of it that comes after all, out of
//! some buffer, is passed over, but not for longer than another cell lasts.

use weir_hal::Wall;

use crate::segment::{MediaPlaylist, Segment, cut::OpenSegment, ticks};

/// Gaps made at once at most: one for a cell that ended lately, one for a clock that was late.
const MISSING_MAX: i64 = 2;

/// A segment that begins so shortly before a line of the grid begins on it: jitter of reception.
const TOLERANCE_90K: i64 = 9_000;

/// A hole in the wall time of a list that deserves a discontinuity.
const HOLE_NANOS: u64 = 1_000_000;

/// What to do with media that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Take it.
    InTime,
    /// Pass it over: its cell is listed already.
    Late,
    /// It has been late for so long that it always will be: take it, and date it anew.
    Delayed,
}

/// The cell in which the next segment is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    sequence: u64,
    /// When it begins.
    date_time: Wall,
    /// Wall time at which the list ends.
    listed_until: Wall,
    /// Since when media comes that is of the cells before.
    late_since: Option<Wall>,
}

impl Due {
    /// The cell after `segment`, which is `open` ended before its time with what it had.
    pub(super) fn after(open: &OpenSegment, segment: &Segment) -> Self {
        let begin = (open.pts + segment.duration_90k.cast_signed()).max(open.line);
        Self {
            sequence: segment.sequence + 1,
            date_time: ticks::later(segment.date_time, begin - open.pts),
            listed_until: segment.end(),
            late_since: None,
        }
    }

    /// The cell after the last segment of `playlist`; `None` if that is empty.
    pub(super) fn of(playlist: &MediaPlaylist) -> Option<Self> {
        let end = playlist.end()?;
        Some(Self {
            sequence: playlist.sequence_next(),
            date_time: end,
            listed_until: end,
            late_since: None,
        })
    }

    /// What to do with a segment that would begin at `date_time`, received at `now`.
    pub(super) fn arrival(&mut self, date_time: Wall, now: Wall, cell_90k: i64) -> Arrival {
        if ticks::between(date_time, self.date_time) <= TOLERANCE_90K {
            return Arrival::InTime;
        }
        let late_since = *self.late_since.get_or_insert(now);
        if ticks::between(late_since, now).abs() > cell_90k {
            Arrival::Delayed
        } else {
            Arrival::Late
        }
    }

    /// How many cells of `cell_90k` lie between this one's beginning and `date_time`.
    pub(super) fn missing(&self, date_time: Wall, cell_90k: i64) -> u64 {
        let elapsed_90k = ticks::between(self.date_time, date_time);
        let cells = (elapsed_90k + TOLERANCE_90K).div_euclid(cell_90k.max(1));
        cells.clamp(0, MISSING_MAX).unsigned_abs()
    }

    /// Takes the cell as a gap of a list with the Target Duration `target_duration_s`; the next
    /// one is due.
    pub(super) fn take(&mut self, cell_90k: i64, target_duration_s: u32) -> Segment {
        let hole_nanos = self
            .date_time
            .as_nanos()
            .abs_diff(self.listed_until.as_nanos());
        let gap = Segment {
            sequence: self.sequence,
            duration_90k: cell_90k.max(1).unsigned_abs(),
            target_duration_s,
            bytes: 0,
            discontinuity: hole_nanos > HOLE_NANOS,
            independent: false,
            gap: true,
            begin: None,
            date_time: self.date_time,
        };
        self.sequence += 1;
        self.date_time = gap.end();
        self.listed_until = gap.end();
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: i64 = 540_000;
    const START: Wall = Wall::from_nanos(1_700_000_000_000_000_000);

    fn due() -> Due {
        Due {
            sequence: 8,
            date_time: START,
            listed_until: START,
            late_since: None,
        }
    }

    fn at(seconds: i64) -> Wall {
        ticks::later(START, seconds * 90_000)
    }

    #[test]
    fn cells_are_counted_by_the_date_of_what_comes_back() {
        assert_eq!(due().missing(at(11), CELL), 1);
        let almost = ticks::later(at(12), -TOLERANCE_90K);
        assert_eq!(due().missing(almost, CELL), 2);
        assert_eq!(due().missing(at(-1), CELL), 0, "it is early");
    }

    #[test]
    fn a_wall_clock_that_was_set_makes_no_flood_of_gaps() {
        assert_eq!(due().missing(at(90_000_000), CELL), 2);
        assert_eq!(due().missing(Wall::from_nanos(0), CELL), 0);
    }

    #[test]
    fn media_of_a_cell_that_is_listed_is_passed_over_but_not_for_long() {
        let mut due = due();
        assert_eq!(due.arrival(at(0), at(3), CELL), Arrival::InTime);
        assert_eq!(due.arrival(at(-1), at(2), CELL), Arrival::Late);
        assert_eq!(due.arrival(at(-1), at(8), CELL), Arrival::Late);
        assert_eq!(due.arrival(at(-1), at(9), CELL), Arrival::Delayed);
        assert_eq!(due.arrival(at(0), at(9), CELL), Arrival::InTime);
    }

    #[test]
    fn gaps_abut_and_only_a_hole_before_the_first_is_a_discontinuity() {
        let mut due = Due {
            listed_until: at(-3),
            ..due()
        };
        let gaps = [due.take(CELL, 6), due.take(CELL, 6)];
        assert_eq!(gaps.map(|gap| gap.sequence), [8, 9]);
        assert_eq!(gaps.map(|gap| gap.discontinuity), [true, false]);
        assert_eq!(gaps.map(|gap| gap.date_time), [at(0), at(6)]);
    }
}
