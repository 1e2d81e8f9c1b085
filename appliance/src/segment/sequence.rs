//! Numbers segments, and lays the grid on which they begin: two boxes, and the renditions of a
//! channel, agree on both.
//!
//! Source: RFC 8216 §4.3.3.2 and §6.2.2: numbers never step back, so they must also go up across
//! a restart. Counting targets since 1970 does that without a record on disk, as long as segments
//! are not shorter than the target for long; who keeps a record passes it as the least number.
//!
//! What is counted are cells of the grid at which [`Phase::Grid`] cuts: multiples of the target on
//! the PTS timeline, of which wall time tells how often it has wrapped, so that a box that joins
//! behind a wrap finds the same grid. The distance between wall time and PTS is rounded to whole
//! cells, and the cell of the PTS is added: reception may differ by almost half a target before two
//! boxes disagree.
//!
//! Each number so has a line at which it is due, and the segment before it ends there if it can. A
//! break, a jump, or a gap for what came late after all makes a segment more than there are cells,
//! a lost key frame one less, and a crystal that drifts moves the cells: whoever is ahead of them
//! makes longer segments until it is back, as the Target Duration allows, and whoever is behind
//! divides one. Boxes disagree that long; for ever where random access points leave no choice; and
//! if they began while the distance was at the very middle of a cell, until it is not.

use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{Phase, Rules, clock::GRAIN_90K, target_duration::TargetDuration, ticks},
};

/// The rounding of the distance is kept until it is wrong by so much: three corrections of the
/// clock, so that these do not move the cells to and fro. A step is rounded as a box does that
/// joins behind it.
const HOLD_90K: i64 = 3 * GRAIN_90K;

/// Numbers that are farther from their cells stay so: the target or the wall clock was another.
pub const APART_MAX: u64 = 8_000;

/// The next Media Sequence Number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    next: u64,
    /// The first segment may still choose a higher number.
    is_open: bool,
    cells: Option<Cells>,
}

/// How cells are counted.
#[derive(Debug, Clone, Copy)]
struct Cells {
    cell_90k: i64,
    /// How many had passed at position 0 of the grid, once that is known.
    at_zero: Option<i64>,
    /// From position to date, when they were counted last.
    distance_90k: i64,
}

impl Sequence {
    /// Begins at `least`; with [`Phase::Grid`] at the number of the cell, if that is higher.
    pub(super) fn at_least(least: u64, rules: &Rules) -> Self {
        let cells = Cells {
            cell_90k: ticks::of(rules.target).max(1),
            at_zero: None,
            distance_90k: 0,
        };
        Self {
            next: least,
            is_open: true,
            cells: (rules.phase == Phase::Grid).then_some(cells),
        }
    }

    /// The number of the next segment, which begins at `position` of the grid, which is of
    /// `date_time`.
    pub(super) fn number(&mut self, position: i64, date_time: Wall) -> u64 {
        let Some(cells) = &mut self.cells else {
            return self.next;
        };
        let cell = cells.at(position, date_time).max(0).unsigned_abs();
        if self.is_open {
            self.next = self.next.max(cell);
        }
        self.next
    }

    /// Sets the number of the next segment.
    pub(super) fn set_next(&mut self, next: u64) {
        (self.next, self.is_open) = (next, false);
    }

    /// The position on the grid at which the number after the next is due, if lines of `cell_90k`
    /// are those of numbers.
    fn due(self, cell_90k: i64) -> Option<i64> {
        let cells = self.cells.filter(|cells| cells.cell_90k == cell_90k)?;
        let cell = i64::try_from(self.next).ok()?.checked_add(1)?;
        cell.checked_sub(cells.at_zero?)?.checked_mul(cell_90k)
    }
}

impl Cells {
    /// The number of the cell in which `position` lies, which is of `date_time`.
    fn at(&mut self, position: i64, date_time: Wall) -> i64 {
        let cell_90k = self.cell_90k;
        let distance_90k = ticks::since_epoch(date_time) - position;
        let is_held = |at_zero: &i64| {
            let is_step = distance_90k.abs_diff(self.distance_90k) > HOLD_90K.unsigned_abs();
            let hold_90k = if is_step { 0 } else { HOLD_90K };
            let off_90k = distance_90k - at_zero * cell_90k;
            (-(cell_90k / 2) - hold_90k..cell_90k / 2 + hold_90k).contains(&off_90k)
        };
        let rounded = (distance_90k + cell_90k / 2).div_euclid(cell_90k);
        let at_zero = self.at_zero.filter(is_held).unwrap_or(rounded);
        (self.at_zero, self.distance_90k) = (Some(at_zero), distance_90k);
        at_zero + (position + GRID_TOLERANCE_90K).div_euclid(cell_90k)
    }
}

/// A random access point that is no earlier than this before a line of the grid is on it: 10 ms, a
/// rounding of time stamps. The same for all renditions, whatever their frame rate.
pub(super) const GRID_TOLERANCE_90K: i64 = 900;

/// The position on the grid of `pts`, which is of `date_time`: its ticks, and those of all wraps
/// since 1970. Wraps are 26.5 hours apart, so that it does not matter by how much dates of boxes
/// differ, unless time stamps are just half a wrap off.
pub(super) fn grid_position(pts: Pts, date_time: Wall) -> i64 {
    let wrap_90k = Pts::MODULUS.cast_signed();
    let pts_90k = pts.ticks().cast_signed();
    let distance_90k = ticks::since_epoch(date_time) - pts_90k;
    pts_90k + (distance_90k + wrap_90k / 2).div_euclid(wrap_90k) * wrap_90k
}

/// The unwrapped PTS of the line at which the segment is to end that takes the next number of
/// `sequence` and begins at `pts`, which is at `pts + wraps` of the grid.
///
/// That is where the number after it is due, if the Target Duration reaches there. While numbers
/// are ahead of cells it is just beyond a whole cell, where the Target Duration has room for that;
/// while they are behind, half a cell.
pub(super) fn line_after(
    rules: &Rules,
    target: &TargetDuration,
    sequence: Sequence,
    (pts, wraps): (i64, i64),
) -> i64 {
    let cell = target.target_90k().max(1);
    if rules.phase == Phase::First {
        return pts + cell;
    }
    let next = pts + until_grid_line(pts + wraps, cell);
    let due = sequence.due(cell).map(|due| due - wraps);
    let is_near = |due: &i64| due.abs_diff(pts) <= APART_MAX * cell.unsigned_abs();
    match due.filter(is_near) {
        Some(due) if due <= pts + GRID_TOLERANCE_90K => next.min(pts + cell / 2),
        Some(due) if due <= pts + target.limit_90k() => due,
        Some(_) if target.has_room() => next.max(pts + cell + 2 * GRID_TOLERANCE_90K),
        Some(_) | None => next,
    }
}

/// The unwrapped PTS from which on a segment is cut that is to end at `line`, in a stream of
/// pictures `frame_90k` apart.
pub(super) const fn cut_from(rules: &Rules, line: i64, frame_90k: i64) -> i64 {
    match rules.phase {
        Phase::Grid => line - GRID_TOLERANCE_90K,
        // Half a picture early is on time: 5.9999 s of 6 s are a rounding of time stamps.
        Phase::First => line - frame_90k / 2,
    }
}

/// Ticks from `position` to the next line of the grid; a line that it is on is passed by.
fn until_grid_line(position: i64, cell_90k: i64) -> i64 {
    let distance = cell_90k - position.rem_euclid(cell_90k);
    if distance <= GRID_TOLERANCE_90K {
        distance + cell_90k
    } else {
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 90_000;

    fn cells() -> Cells {
        Cells {
            cell_90k: 6 * SECOND,
            at_zero: None,
            distance_90k: 0,
        }
    }

    fn number(date_time: Wall, position: i64) -> i64 {
        cells().at(position, date_time)
    }

    #[test]
    fn boxes_that_join_at_different_moments_agree() {
        // PTS 100 s is on air at wall time 1,000,000.7 s.
        let at = |pts_s: u64, jitter_ms: u64| {
            let now_ms = 1_000_000_700 + (pts_s * 1_000) - 100_000 + jitter_ms;
            let now = Wall::from_nanos(now_ms * 1_000_000);
            number(now, i64::try_from(pts_s).expect("small") * SECOND)
        };
        assert_eq!(at(100, 0), at(97, 300), "one cell: 96 s to 102 s");
        assert_eq!(at(103, 0), at(100, 0) + 1);
        assert_eq!(at(300, 200), at(100, 0) + 34);
    }

    #[test]
    fn the_position_goes_on_across_a_wrap() {
        let wrap_90k = Pts::MODULUS.cast_signed();
        let placed = |pts_90k: i64, ticks: i64| {
            let pts = Pts::from_ticks(pts_90k.rem_euclid(wrap_90k).unsigned_abs());
            let now = ticks::later(Wall::from_nanos(1_700_000_000_000_000_000), ticks);
            grid_position(pts, now)
        };
        // Boxes of which one dates half a second later than the other.
        for pts_90k in [wrap_90k - 1_000, wrap_90k / 5, -30 * SECOND] {
            let first = placed(pts_90k, 0);
            for seconds in [1, 29, 31, 80_000, 95_444, 200_000] {
                let ticks = seconds * SECOND;
                let later = placed(pts_90k + ticks, ticks + SECOND / 2);
                assert_eq!(later, first + ticks, "{pts_90k} after {seconds} s");
            }
        }
    }

    #[test]
    fn grows_with_wall_time() {
        let day = Wall::from_nanos(86_400 * 1_000_000_000);
        assert_eq!(number(day, 0), 14_400);
    }

    #[test]
    fn grid_line_at_hand_is_passed_by() {
        let until = |position| until_grid_line(position, 6 * SECOND);
        assert_eq!(until(5 * SECOND), 90_000);
        assert_eq!(until(6 * SECOND), 540_000);
        assert_eq!(until(6 * SECOND - 900), 540_900);
        assert_eq!(until(6 * SECOND - 901), 901);
    }
}
