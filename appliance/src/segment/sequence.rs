//! Numbers segments, and lays the grid on which they begin: two boxes, and the renditions of a
//! channel, agree on both.
//!
//! Source: RFC 8216 §4.3.3.2 and §6.2.2: numbers never step back, so they must also go up across
//! a restart. Counting targets since 1970 does that without a record on disk, as long as segments
//! are not shorter than the target for long; who keeps a record passes it as the least number.
//!
//! What is counted are cells of the grid at which [`Phase::Grid`] cuts. The
//! distance between wall time and PTS is rounded to whole cells, and the cell of the PTS is added:
//! reception may differ by almost half a target before two boxes disagree. They do when that
//! distance happens to lie at the very middle of a cell, after segments longer than the target, and
//! after breaks, which begin and end with segments of their own.

use std::time::Duration;

use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{
        Phase, Rules,
        target_duration::{TargetDuration, ticks},
    },
};

/// The next Media Sequence Number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    next: u64,
    /// Length of a cell while the first segment may still choose a higher number.
    cell: Option<Duration>,
}

impl Sequence {
    /// Begins at `least`; with [`Phase::Grid`] at the number of the cell, if that is higher.
    pub(super) fn at_least(least: u64, rules: &Rules) -> Self {
        Self {
            next: least,
            cell: (rules.phase == Phase::Grid).then_some(rules.target),
        }
    }

    /// The number of the next segment, if it begins at the unwrapped `pts`, received at `now`.
    pub(super) fn number(self, pts: i64, now: Wall) -> u64 {
        let cell = |target| first_sequence(now, as_sent(pts), target);
        self.cell.map_or(0, cell).max(self.next)
    }

    /// Sets the number of the next segment.
    pub(super) fn set_next(&mut self, next: u64) {
        *self = Self { next, cell: None };
    }
}

/// The unwrapped PTS from which on a segment is cut that begins at `pts`, in a stream of pictures
/// `frame_90k` apart. `is_fresh`: no segment of this time base lies before it, or none that ended
/// by the grid.
pub(super) fn cut_from(
    rules: &Rules,
    target: &TargetDuration,
    (pts, frame_90k): (i64, i64),
    is_fresh: bool,
) -> i64 {
    // Half a picture early is on time: 5.9999 s of 6 s are a rounding of time stamps.
    let tolerance_90k = frame_90k / 2;
    let span = if is_fresh && rules.phase == Phase::Grid {
        until_grid_line(as_sent(pts), rules.target, tolerance_90k)
    } else {
        target.target_90k()
    };
    pts + span - tolerance_90k
}

/// The PTS whose unwrapped count is `pts`.
fn as_sent(pts: i64) -> Pts {
    Pts::from_ticks(pts.rem_euclid(1 << 33).unsigned_abs())
}

/// The number of the segment that begins at `pts`, received at `now`.
fn first_sequence(now: Wall, pts: Pts, target: Duration) -> u64 {
    let cell = i128::from(ticks(target).max(1));
    let wall_90k = i128::from(now.as_nanos()) * 9 / 100_000;
    let pts_90k = i128::from(pts.ticks());
    let cells = (wall_90k - pts_90k + cell / 2).div_euclid(cell) + pts_90k / cell;
    u64::try_from(cells.max(0)).unwrap_or(u64::MAX)
}

/// Ticks from `pts` to the next line of the grid; a line nearer than `tolerance_90k` is passed by.
fn until_grid_line(pts: Pts, target: Duration, tolerance_90k: i64) -> i64 {
    let cell = ticks(target).max(1);
    let into = i64::try_from(pts.ticks()).expect("33 bits") % cell;
    let distance = cell - into;
    if distance <= tolerance_90k {
        distance + cell
    } else {
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_secs(6);
    const SECOND: u64 = 90_000;

    #[test]
    fn boxes_that_join_at_different_moments_agree() {
        // PTS 100 s is on air at wall time 1,000,000.7 s.
        let at = |pts_s: u64, jitter_ms: u64| {
            let now_ms = 1_000_000_700 + (pts_s * 1_000) - 100_000 + jitter_ms;
            let now = Wall::from_nanos(now_ms * 1_000_000);
            first_sequence(now, Pts::from_ticks(pts_s * SECOND), TARGET)
        };
        assert_eq!(at(100, 0), at(97, 300), "one cell: 96 s to 102 s");
        assert_eq!(at(103, 0), at(100, 0) + 1);
        assert_eq!(at(300, 200), at(100, 0) + 34);
    }

    #[test]
    fn grows_with_wall_time() {
        let day = Wall::from_nanos(86_400 * 1_000_000_000);
        assert_eq!(first_sequence(day, Pts::from_ticks(0), TARGET), 14_400);
    }

    #[test]
    fn grid_line_at_hand_is_passed_by() {
        assert_eq!(
            until_grid_line(Pts::from_ticks(5 * SECOND), TARGET, 1_800),
            90_000
        );
        assert_eq!(
            until_grid_line(Pts::from_ticks(6 * SECOND), TARGET, 1_800),
            540_000
        );
        assert_eq!(
            until_grid_line(Pts::from_ticks(6 * SECOND - 1_000), TARGET, 1_800),
            541_000
        );
    }
}
