//! Which objects get onto the disk.
//!
//! Live segments always do. Others are refused while the write budget is spent; and, if their
//! class admits at the second request, while the disk is full, unless they were asked for while
//! they were written, or were evicted or refused not long ago. What is refused is served from
//! memory while it is pinned or read, and then it is gone.
//!
//! An object that is written in parts is judged when its first part is due. One that would be
//! refused gives parts up only when memory is half full; then it is admitted with them.

use super::{Engine, body::Body};
use crate::Admission;

/// Why an object does not get onto the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// As much has been written as may be.
    WriteBudget,
    /// Nobody has asked for it twice.
    FirstRequest,
}

impl Engine {
    /// Whether an object may be written now, and if not, why.
    pub(super) fn judge(&self, body: &Body) -> Result<(), Refusal> {
        if body.class.is_live() || body.has_parts() {
            return Ok(());
        }
        if !self.has_write_budget() {
            return Err(Refusal::WriteBudget);
        }
        match self.classes.rules(body.class).admission {
            Admission::Always => Ok(()),
            Admission::SecondRequest => self.judge_second_request(body),
        }
    }

    /// Whether anything may be written now that can be done without.
    pub(super) fn has_write_budget(&self) -> bool {
        let now = self.clock.monotonic();
        self.lock().budget.is_left(now)
    }

    /// Counts what a refusal means, and remembers it if the next request is to be the second.
    pub(super) fn refuse(&self, body: &Body, refusal: Refusal) {
        match refusal {
            Refusal::WriteBudget => self.ledger.refused_write_budget.add_one(),
            Refusal::FirstRequest => {
                self.ledger.refused_admission.add_one();
                self.lock().ghost.note(body.hash);
            }
        }
    }

    fn judge_second_request(&self, body: &Body) -> Result<(), Refusal> {
        let mut state = self.lock();
        let is_wanted = body.last_use().uses > 0 || state.ghost.knows(body.hash);
        // The last free region is there for what is carried over.
        if is_wanted || state.regions.free() > 1 {
            return Ok(());
        }
        Err(Refusal::FirstRequest)
    }
}
