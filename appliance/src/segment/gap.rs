//! Stands in for media that did not come: the cell of the grid that is due, listed as a gap.
//!
//! Source: draft-pantos-hls-rfc8216bis §4.4.4.7 (EXT-X-GAP), §6.2.1 (a list goes on while media is
//! missing). A gap takes the number of its cell and its length, so that the numbers of a box that
//! has lost its input stay those of a box that has not.
//!
//! How many cells passed is told by the stream's own clock if that went on, and by the wall clock
//! if the stream came back with another. Refuses: to believe either blindly. Gaps are made one by
//! one as time passes; what comes back may add [`MISSING_MAX`], whatever its stamps say.

use weir_hal::Wall;

use crate::segment::{MediaPlaylist, Segment, cut::OpenSegment};

/// Gaps made at once at most: one for a cell that ended lately, one for a clock that was late.
const MISSING_MAX: i64 = 2;

/// A segment that begins so shortly before a line of the grid begins on it: jitter of reception.
const TOLERANCE_90K: i64 = 9_000;

/// A hole in the wall time of a list that deserves a discontinuity.
const HOLE_NANOS: u64 = 1_000_000;

/// The cell in which the next segment is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    sequence: u64,
    /// When it begins.
    date_time: Wall,
    /// Where it begins on the timeline of the last segment; unknown after a restart.
    pts: Option<i64>,
    /// Wall time at which the list ends.
    listed_until: Wall,
}

impl Due {
    /// The cell after `segment`, which is `open` ended before its time with what it had.
    pub(super) fn after(open: &OpenSegment, segment: &Segment) -> Self {
        let begin = (open.pts + segment.duration_90k.cast_signed()).max(open.line);
        Self {
            sequence: segment.sequence + 1,
            date_time: later(segment.date_time, begin - open.pts),
            pts: Some(begin),
            listed_until: segment.end(),
        }
    }

    /// The cell after the last segment of `playlist`; `None` if that is empty.
    pub(super) fn of(playlist: &MediaPlaylist) -> Option<Self> {
        let end = playlist.end()?;
        Some(Self {
            sequence: playlist.sequence_next(),
            date_time: end,
            pts: None,
            listed_until: end,
        })
    }

    /// How many cells of `cell_90k` lie between this one's beginning and a segment that begins at
    /// the unwrapped `pts`, received at `now`.
    pub(super) fn missing(&self, pts: i64, now: Wall, cell_90k: i64) -> u64 {
        let elapsed_wall_90k = ticks_between(self.date_time, now);
        let elapsed_90k = self
            .pts
            .map(|due| wrapped(pts - due))
            .filter(|elapsed| (elapsed - elapsed_wall_90k).abs() < cell_90k / 2)
            .unwrap_or(elapsed_wall_90k);
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
        self.pts = self.pts.map(|pts| pts + cell_90k);
        self.date_time = gap.end();
        self.listed_until = gap.end();
        gap
    }
}

fn later(wall: Wall, ticks: i64) -> Wall {
    let nanos = i128::from(wall.as_nanos()) + i128::from(ticks) * 100_000 / 9;
    Wall::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

fn ticks_between(earlier: Wall, later: Wall) -> i64 {
    let nanos = i128::from(later.as_nanos()) - i128::from(earlier.as_nanos());
    i64::try_from(nanos * 9 / 100_000).unwrap_or(i64::MAX / 4)
}

/// The distance nearest to zero that two time stamps of 33 bits may have.
fn wrapped(ticks: i64) -> i64 {
    const HALF: i64 = 1 << 32;
    (ticks + HALF).rem_euclid(2 * HALF) - HALF
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: i64 = 540_000;
    const START: Wall = Wall::from_nanos(1_700_000_000_000_000_000);

    fn due(pts: Option<i64>) -> Due {
        Due {
            sequence: 8,
            date_time: START,
            pts,
            listed_until: START,
        }
    }

    fn at(seconds: i64) -> Wall {
        later(START, seconds * 90_000)
    }

    #[test]
    fn a_stream_that_went_on_is_counted_by_its_own_clock() {
        let due = due(Some(1_000));
        assert_eq!(due.missing(1_000 + 11 * 90_000, at(13), CELL), 1);
        assert_eq!(due.missing(1_000 + 12 * 90_000 - 900, at(11), CELL), 2);
        assert_eq!(due.missing(1_000 - 90_000, at(0), CELL), 0, "it is early");
    }

    #[test]
    fn a_wrap_of_time_stamps_is_no_jump() {
        let before = (1 << 33) - 45_000;
        assert_eq!(
            due(Some(before)).missing(90_000 * 7 - 45_000, at(7), CELL),
            1
        );
    }

    #[test]
    fn a_stream_that_began_anew_is_counted_by_the_wall_clock() {
        assert_eq!(due(Some(1_000)).missing(90_000 * 40_000, at(7), CELL), 1);
        assert_eq!(due(None).missing(0, at(5), CELL), 0);
        assert_eq!(due(None).missing(0, at(6), CELL), 1);
    }

    #[test]
    fn a_wall_clock_that_was_set_makes_no_flood_of_gaps() {
        assert_eq!(due(None).missing(0, at(90_000_000), CELL), 2);
        assert_eq!(due(None).missing(0, Wall::from_nanos(0), CELL), 0);
    }

    #[test]
    fn gaps_abut_and_only_a_hole_before_the_first_is_a_discontinuity() {
        let mut due = Due {
            listed_until: at(-3),
            ..due(Some(0))
        };
        let gaps = [due.take(CELL, 6), due.take(CELL, 6)];
        assert_eq!(gaps.map(|gap| gap.sequence), [8, 9]);
        assert_eq!(gaps.map(|gap| gap.discontinuity), [true, false]);
        assert_eq!(gaps.map(|gap| gap.date_time), [at(0), at(6)]);
        assert_eq!(due.pts, Some(2 * CELL));
    }
}
