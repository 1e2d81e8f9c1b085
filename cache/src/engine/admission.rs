//! Which objects get onto the disk.
//!
//! Live segments always do, and objects of which a part was written to spare memory while they
//! grew. Others are refused while the write budget is spent; and, if their
//! class admits at the second request, while the disk is full, unless they were asked for while
//! they were written, or were evicted or refused not long ago. What is refused is served from
//! memory while it is pinned or read, and then it is gone.

use super::{body::Body, log::Log};
use crate::Admission;

/// Why an object does not get onto the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// As much has been written as may be.
    WriteBudget,
    /// Nobody has asked for it twice.
    FirstRequest,
}

impl Log {
    /// Whether an object gets onto the disk, and if not, why.
    pub(super) fn admit(&mut self, body: &Body) -> Result<(), Refusal> {
        if body.class.is_live() || !body.part_links().is_empty() {
            return Ok(());
        }
        if !self.budget.is_left(self.engine.clock.monotonic()) {
            return Err(Refusal::WriteBudget);
        }
        match self.engine.classes.rules(body.class).admission {
            Admission::Always => Ok(()),
            Admission::SecondRequest => self.admit_second_request(body),
        }
    }

    fn admit_second_request(&self, body: &Body) -> Result<(), Refusal> {
        let mut state = self.engine.lock();
        // The last free region is there for what is carried over.
        let is_room = state.regions.free() > 1;
        if is_room || body.last_use().uses > 0 || state.ghost.knows(body.hash) {
            return Ok(());
        }
        state.ghost.note(body.hash);
        Err(Refusal::FirstRequest)
    }
}
