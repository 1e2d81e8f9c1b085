//! The least a client must take: the guard against slow readers.
//!
//! Only time in which bytes wait for the client counts, so an idle connection, or one whose
//! object is still being received, is never charged.

use std::{pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes a client must take within the stall limit, however often it takes a few: at 30 s this
/// is 4.4 kb/s, a tenth of the slowest audio-only rendition.
pub(crate) const PROGRESS_BYTES_MIN: u64 = 16 * 1024;

/// How long the client has kept bytes waiting since it last took enough of them.
#[derive(Debug)]
pub(crate) struct Stall {
    limit: Duration,
    waited: Duration,
    taken_bytes: u64,
    blocked_since: Option<Instant>,
    /// Made at the first wait and kept, so that a connection that never waits owns no timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    /// A client that may take up to `limit` for [`PROGRESS_BYTES_MIN`].
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            waited: Duration::ZERO,
            taken_bytes: 0,
            blocked_since: None,
            timer: None,
        }
    }

    /// The client took some.
    pub(crate) fn took(&mut self, bytes: u64) {
        if let Some(since) = self.blocked_since.take() {
            self.waited += since.elapsed();
        }
        if self.waited.is_zero() {
            return;
        }
        self.taken_bytes += bytes;
        if self.taken_bytes >= PROGRESS_BYTES_MIN {
            self.waited = Duration::ZERO;
            self.taken_bytes = 0;
        }
    }

    /// The client took none; is its time over? If not, wakes the task when it will be.
    pub(crate) fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        let deadline = since + self.limit.saturating_sub(self.waited);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(context).is_ready()
    }
}
