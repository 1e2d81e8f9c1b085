//! Stands in for media that did not come: the cell of the grid that is due, listed as a gap.
//!
//! Source: draft-pantos-hls-rfc8216bis §4.4.4.7 (EXT-X-GAP), §6.2.1 (a list goes on while media is
//! missing). A gap takes the number of its cell and its length, so that the numbers of a box that
//! has lost its input stay those of a box that has not.
//!
//! How many cells passed is told by the time stamps of what comes back, if they are of the time
//! base that was lost, and otherwise by its date. A cell that was listed stays a gap: media of it
//! that comes after all, out of some buffer, is passed over for as long as a cell lasts.
//!
//! Refuses: to believe what comes back blindly. Gaps are made one by one as time passes; it may add
//! [`MISSING_MAX`], whatever its stamps say. To go on off a random access point: behind a
//! discontinuity nothing could be decoded, so a stream with one in 40 s may stay away for as long,
//! though its pause lost nothing.

use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{
        MediaPlaylist, Segment,
        cut::OpenSegment,
        sequence::{GRID_TOLERANCE_90K, grid_position},
        ticks,
        timeline::as_sent,
    },
};

/// Gaps made at once at most: one for a cell that ended lately, one for a clock that was late.
const MISSING_MAX: i64 = 2;

/// What is dated so shortly before a line of the grid begins on it: jitter of reception.
const JITTER_90K: i64 = 9_000;

/// What is late again after longer than this has nothing to do with what was late before: more than
/// most random access points are apart.
const LATE_PAUSE_90K_MAX: u64 = 60 * Pts::HZ;

/// A hole in the wall time of a list that deserves a discontinuity.
const HOLE_NANOS: u64 = 1_000_000;

/// Where media begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Onset {
    pub(super) pts: Pts,
    pub(super) time_base: u64,
    pub(super) date_time: Wall,
}

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
    /// How far behind its line that is.
    behind_line_90k: i64,
    /// When it begins in the time base that was lost, if that is known.
    position: Option<(u64, Pts)>,
    /// Since when, and until when, media came that is of the cells before.
    late: Option<(Wall, Wall)>,
}

impl Due {
    /// The cell after `segment`, which is `open` ended before its time with what it had.
    pub(super) fn after(open: &OpenSegment, segment: &Segment, time_base: u64) -> Self {
        let begin = (open.pts + segment.duration_90k.cast_signed()).max(open.line);
        Self {
            sequence: segment.sequence + 1,
            date_time: ticks::later(segment.date_time, begin - open.pts),
            behind_line_90k: 0,
            position: Some((time_base, as_sent(begin))),
            late: None,
        }
    }

    /// The cell after the last segment that `playlist` listed, which ended up to `room_90k` behind
    /// a line of a grid of `cell_90k`, if it is to be told where; `None` if it never listed one.
    pub(super) fn of(playlist: &MediaPlaylist, (cell_90k, room_90k): (i64, i64)) -> Option<Self> {
        let end = playlist.end()?;
        let position = playlist.stream_end();
        let behind_line_90k = position.map_or(0, |position| {
            let position = grid_position(position.pts, end) + GRID_TOLERANCE_90K;
            position.rem_euclid(cell_90k.max(1)) - GRID_TOLERANCE_90K
        });
        Some(Self {
            sequence: playlist.sequence_next(),
            date_time: end,
            behind_line_90k: if behind_line_90k <= room_90k {
                behind_line_90k.max(0)
            } else {
                0
            },
            position: position.map(|it| (it.time_base, it.pts)),
            late: None,
        })
    }

    /// What to do with a segment that would begin at `onset`, received at `now`, where a cell lasts
    /// `cell_90k`. With room, time is to go on: it may begin so long behind the line of its cell,
    /// or, where it follows no gap that is still to be listed, on that line alone.
    pub(super) fn arrival(
        &mut self,
        onset: &Onset,
        now: Wall,
        (cell_90k, room_90k): (i64, Option<i64>),
    ) -> Arrival {
        let until_90k = self.until(onset);
        let to_go_on = room_90k.zip(self.until_stamp(onset));
        let is_mid_cell = to_go_on.is_some_and(|(room_90k, ticks)| {
            let ticks = ticks + self.behind_line_90k;
            let since_line = (ticks + GRID_TOLERANCE_90K).rem_euclid(cell_90k.max(1));
            let has_gap = ticks + GRID_TOLERANCE_90K >= cell_90k;
            since_line - GRID_TOLERANCE_90K > room_90k.max(0) * i64::from(has_gap)
        });
        if until_90k >= 0 && !is_mid_cell {
            return Arrival::InTime;
        }
        let before = self
            .late
            .filter(|(_, last)| ticks::between(*last, now).unsigned_abs() <= LATE_PAUSE_90K_MAX);
        let since = before.map_or(now, |(since, _)| since);
        self.late = Some((since, now));
        let is_patient = ticks::between(since, now).abs() <= cell_90k;
        match (is_patient, until_90k >= 0) {
            (true, _) => Arrival::Late,
            (false, true) => Arrival::InTime,
            (false, false) => Arrival::Delayed,
        }
    }

    /// How many cells of `cell_90k` lie between this one's beginning and `onset`.
    pub(super) fn missing(&self, onset: &Onset, cell_90k: i64) -> u64 {
        let cells = (self.until(onset) + self.behind_line_90k).div_euclid(cell_90k.max(1));
        cells.clamp(0, MISSING_MAX).unsigned_abs()
    }

    /// Ticks from the beginning of this cell to `onset` by time stamps; `None` where they are not
    /// those of the time base that was lost.
    pub(super) fn until_stamp(&self, onset: &Onset) -> Option<i64> {
        let lost = self.position.filter(|(base, _)| *base == onset.time_base);
        let ticks = lost.map(|(_, pts)| onset.pts.ticks_since(pts))?;
        // Behind half a wrap of time stamps the date knows better.
        let by_date = ticks::between(self.date_time, onset.date_time);
        (ticks.abs_diff(by_date) < Pts::HZ).then_some(ticks)
    }

    /// Ticks from the beginning of this cell to `onset`; what is a little early is on time.
    fn until(&self, onset: &Onset) -> i64 {
        let by_stamps = self.until_stamp(onset);
        by_stamps.map_or_else(
            || ticks::between(self.date_time, onset.date_time) + JITTER_90K,
            |ticks| ticks + GRID_TOLERANCE_90K,
        )
    }

    /// How long this cell lasts, where a whole one lasts `cell_90k`.
    pub(super) fn length_90k(&self, cell_90k: i64) -> i64 {
        cell_90k - self.behind_line_90k
    }

    /// Takes the cell, which lasts `length_90k`, as a gap of a list with the Target Duration
    /// `target_duration_s` that goes until `listed_until`; the next one is due, on its line.
    pub(super) fn take(
        &mut self,
        length_90k: i64,
        target_duration_s: u32,
        listed_until: Wall,
    ) -> Segment {
        let begin_nanos = self.date_time.as_nanos();
        let hole_nanos = begin_nanos.abs_diff(listed_until.as_nanos());
        let gap = Segment {
            sequence: self.sequence,
            duration_90k: length_90k.max(1).unsigned_abs(),
            target_duration_s,
            bytes: 0,
            discontinuity: hole_nanos > HOLE_NANOS,
            independent: false,
            gap: true,
            begin: None,
            date_time: self.date_time,
        };
        self.sequence += 1;
        self.behind_line_90k = 0;
        let next = |pts: Pts| Pts::from_ticks(pts.ticks().wrapping_add_signed(length_90k));
        self.position = self.position.map(|(base, pts)| (base, next(pts)));
        self.date_time = gap.end();
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: i64 = 540_000;
    const ALONE: (i64, Option<i64>) = (CELL, None);
    const START: Wall = Wall::from_nanos(1_700_000_000_000_000_000);

    fn due() -> Due {
        Due {
            sequence: 8,
            date_time: START,
            behind_line_90k: 0,
            position: Some((1, Pts::from_ticks(Pts::MODULUS - 90_000))),
            late: None,
        }
    }

    /// What comes in another time base.
    fn dated(date_time: Wall) -> Onset {
        Onset {
            pts: Pts::from_ticks(0),
            time_base: 2,
            date_time,
        }
    }

    /// What comes so long after the cell began, by its stamps, and is dated a little off.
    fn stamped(ticks: i64) -> Onset {
        let ticks_90k = (ticks - 90_000).rem_euclid(Pts::MODULUS.cast_signed());
        Onset {
            pts: Pts::from_ticks(ticks_90k.unsigned_abs()),
            time_base: 1,
            date_time: ticks::later(START, ticks - 4_500),
        }
    }

    fn at(seconds: i64) -> Wall {
        ticks::later(START, seconds * 90_000)
    }

    #[test]
    fn cells_are_counted_by_the_date_of_what_comes_back() {
        assert_eq!(due().missing(&dated(at(11)), CELL), 1);
        let almost = ticks::later(at(12), -JITTER_90K);
        assert_eq!(due().missing(&dated(almost), CELL), 2);
        assert_eq!(due().missing(&dated(at(-1)), CELL), 0, "it is early");
    }

    #[test]
    fn cells_of_the_time_base_that_was_lost_are_counted_by_time_stamps() {
        assert_eq!(due().missing(&stamped(CELL - GRID_TOLERANCE_90K), CELL), 1);
        assert_eq!(due().missing(&stamped(CELL - 1_000), CELL), 0);
        let mut next = due();
        next.take(CELL, 6, START);
        assert_eq!(
            next.arrival(&stamped(CELL - 900), at(6), ALONE),
            Arrival::InTime
        );
        assert_eq!(
            next.arrival(&stamped(CELL - 901), at(6), ALONE),
            Arrival::Late
        );
    }

    #[test]
    fn behind_half_a_wrap_of_time_stamps_the_date_counts() {
        let late = Onset {
            date_time: at(60 * 3_600),
            ..stamped(0)
        };
        assert_eq!(due().missing(&late, CELL), 2);
    }

    #[test]
    fn a_wall_clock_that_was_set_makes_no_flood_of_gaps() {
        assert_eq!(due().missing(&dated(at(90_000_000)), CELL), 2);
        assert_eq!(due().missing(&dated(Wall::from_nanos(0)), CELL), 0);
    }

    #[test]
    fn media_of_a_cell_that_is_listed_is_passed_over_but_not_for_long() {
        let mut due = due();
        assert_eq!(due.arrival(&dated(at(0)), at(3), ALONE), Arrival::InTime);
        assert_eq!(due.arrival(&dated(at(-1)), at(2), ALONE), Arrival::Late);
        assert_eq!(due.arrival(&dated(at(-1)), at(8), ALONE), Arrival::Late);
        assert_eq!(due.arrival(&dated(at(-1)), at(9), ALONE), Arrival::Delayed);
        assert_eq!(due.arrival(&dated(at(0)), at(9), ALONE), Arrival::InTime);
        // What comes much later is passed over for as long.
        assert_eq!(due.arrival(&dated(at(-1)), at(70), ALONE), Arrival::Late);
        assert_eq!(due.arrival(&dated(at(-1)), at(77), ALONE), Arrival::Delayed);
    }

    #[test]
    fn gaps_abut_and_only_a_hole_before_the_first_is_a_discontinuity() {
        let mut due = due();
        let gaps = [due.take(CELL, 6, at(-3)), due.take(CELL, 6, at(6))];
        assert_eq!(gaps.map(|gap| gap.sequence), [8, 9]);
        assert_eq!(gaps.map(|gap| gap.discontinuity), [true, false]);
        assert_eq!(gaps.map(|gap| gap.date_time), [at(0), at(6)]);
    }
}
