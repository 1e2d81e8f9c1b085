//! The first segment of a box, or of a life of it, is a whole one: it begins where the other boxes
//! that receive the stream cut too, so that one URL names the same bytes on all of them.
//!
//! That is the first random access point behind a line of the grid. Of the very first that comes
//! nobody knows whether it is, unless it is on the line.

use weir_hal::Wall;

use super::Segmenter;
use crate::{
    demux::Pts,
    segment::{
        Phase,
        sequence::{GRID_TOLERANCE_90K, grid_position},
        ticks,
    },
};

/// Where a line is waited for: so many cells at most, for time stamps that jump to and fro may
/// never come to one.
const CELLS_MAX: i64 = 2;

/// What came while a line was waited for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Joining {
    /// When the first random access point came, and in which cell of the grid the last one is.
    passed: Option<(Wall, i64)>,
}

impl Segmenter {
    /// Has the first segment begin behind a line of the grid; what comes before is passed over.
    pub fn join_at_line(&mut self) {
        self.joining = (self.rules.phase == Phase::Grid).then(Joining::default);
    }

    /// True while random access points come and a line is waited for.
    pub fn is_joining(&self) -> bool {
        let joining = self.joining.as_ref();
        joining.is_some_and(|joining| joining.passed.is_some())
    }

    /// Whether the next segment may begin at `pts`, received at `now`.
    pub(super) fn joins_at(&mut self, pts: Pts, now: Wall) -> bool {
        let Some(joining) = &mut self.joining else {
            return true;
        };
        let cell_90k = self.target.target_90k().max(1);
        let position = grid_position(pts, now) + GRID_TOLERANCE_90K;
        let cell = position.div_euclid(cell_90k);
        let since_line_90k = position.rem_euclid(cell_90k);
        let joins = match joining.passed {
            None => since_line_90k <= 2 * GRID_TOLERANCE_90K,
            Some((since, last)) => {
                cell != last || ticks::between(since, now) > CELLS_MAX * cell_90k
            }
        };
        if joins {
            self.joining = None;
        } else {
            joining.passed = Some((joining.passed.map_or(now, |(since, _)| since), cell));
        }
        joins
    }
}
