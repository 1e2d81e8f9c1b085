//! A set of PIDs in 1 KiB.

use crate::demux::Pid;

const WORD_BITS: usize = u64::BITS as usize;

/// Any PIDs.
#[derive(Debug, Clone)]
pub(super) struct PidSet([u64; Pid::COUNT / WORD_BITS]);

impl Default for PidSet {
    fn default() -> Self {
        Self([0; Pid::COUNT / WORD_BITS])
    }
}

impl PidSet {
    /// Puts `pid` in.
    pub(super) fn insert(&mut self, pid: Pid) {
        self.0[pid.index() / WORD_BITS] |= bit(pid);
    }

    /// Takes `pid` out.
    pub(super) fn remove(&mut self, pid: Pid) {
        self.0[pid.index() / WORD_BITS] &= !bit(pid);
    }

    /// True when `pid` was put in.
    pub(super) fn contains(&self, pid: Pid) -> bool {
        self.0[pid.index() / WORD_BITS] & bit(pid) != 0
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}

fn bit(pid: Pid) -> u64 {
    1 << (pid.index() % WORD_BITS)
}
