//! The least a client must take: the guard against slow readers, on the writing side of every
//! connection.
//!
//! Only time in which bytes wait for the client counts, so an idle connection, or one whose
//! object is still being received, is never charged. What falls behind is closed and counted.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until},
};
use weir_hal::Connection;

use crate::serve::CounterCells;

/// Bytes a client must take within the stall limit, however often it takes a few: at 30 s this
/// is 4.4 kb/s, a tenth of the slowest audio-only rendition.
const PROGRESS_BYTES_MIN: u64 = 16 * 1024;

/// A connection that counts what it sends, holds its place among the open connections until it
/// is dropped, and fails with `TimedOut` when its client stalls.
#[derive(Debug)]
pub(crate) struct Guarded {
    io: Box<dyn Connection>,
    stall: Stall,
    counters: Arc<CounterCells>,
    _slot: OwnedSemaphorePermit,
}

impl Guarded {
    /// Guards `io`; `stall_max` is the longest a client may take for [`PROGRESS_BYTES_MIN`].
    pub(crate) fn new(
        io: Box<dyn Connection>,
        stall_max: Duration,
        counters: Arc<CounterCells>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            io,
            stall: Stall::new(stall_max),
            counters,
            _slot: slot,
        }
    }

    fn account(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => {
                let bytes = *bytes as u64;
                self.counters.bytes_sent.add(bytes);
                self.stall.took(bytes);
                written
            }
            Poll::Pending if self.stall.is_over(context) => {
                self.counters.connections_stalled.add(1);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending | Poll::Ready(Err(_)) => written,
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.counters.connections_closed.add(1);
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.account(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.account(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// How long the client has kept bytes waiting since it last took enough of them.
#[derive(Debug)]
struct Stall {
    limit: Duration,
    waited: Duration,
    taken_bytes: u64,
    blocked_since: Option<Instant>,
    /// Made at the first wait and kept, so that a connection that never waits owns no timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            waited: Duration::ZERO,
            taken_bytes: 0,
            blocked_since: None,
            timer: None,
        }
    }

    /// The client took some.
    fn took(&mut self, bytes: u64) {
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
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
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
