//! One row for each PID there can be.

use crate::demux::Pid;

/// A table with a row for every PID.
#[derive(Debug)]
pub(super) struct PidTable<T>(Box<[T; Pid::COUNT]>);

impl<T: Copy> PidTable<T> {
    /// A table whose rows all hold `value`.
    pub(super) fn filled(value: T) -> Self {
        Self(Box::new([value; Pid::COUNT]))
    }

    /// Sets every row to `value`.
    pub(super) fn fill(&mut self, value: T) {
        self.0.fill(value);
    }

    /// The row of `pid`.
    #[expect(
        clippy::indexing_slicing,
        reason = "a Pid has 13 bits, the table 2^13 rows"
    )]
    pub(super) fn at(&mut self, pid: Pid) -> &mut T {
        &mut self.0[pid.index()]
    }
}
