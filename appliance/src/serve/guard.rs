//! One connection as the kernel has it: counted, and guarded against who takes too little.
//!
//! Whatever stands above (TLS, HTTP of any version), this is where bytes leave the process.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use weir_hal::{Connection, File};

use crate::serve::{
    CounterCells,
    admission::Place,
    stall::{Pace, Stall},
};

/// Unsent bytes that the kernel holds for a client: what a slow reader costs there, for on a path
/// with long packets it would hold megabytes. A thousand of them are 128 MiB.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// The same for a client that has taken [`PROVEN_BYTES`]: a run of warm pieces goes in one call.
const UNSENT_BYTES_MAX_PROVEN: u32 = 2 << 20;

/// Bytes behind which a client is known to take what it asks for.
const PROVEN_BYTES: u64 = 1 << 20;

const _: () = assert!(PROVEN_BYTES > 4 * UNSENT_BYTES_MAX as u64);

/// A connection that counts what it sends, holds its place among the open connections until it
/// is dropped, and fails with `TimedOut` when its client stalls.
#[derive(Debug)]
pub(crate) struct Guarded {
    io: Box<dyn Connection>,
    stall: Stall,
    is_proven: bool,
    counters: Arc<CounterCells>,
    _place: Place,
}

impl Guarded {
    /// Guards `io`, whose client must keep `pace` and holds `seat`.
    pub(crate) fn new(
        io: Box<dyn Connection>,
        pace: Pace,
        counters: Arc<CounterCells>,
        seat: Place,
    ) -> Self {
        // Without the limit a slow reader costs more, which is no reason to serve nobody.
        io.limit_unsent(UNSENT_BYTES_MAX).unwrap_or_default();
        Self {
            io,
            stall: Stall::new(pace),
            is_proven: false,
            counters,
            _place: seat,
        }
    }

    fn is_stalled(&mut self, context: &mut Context<'_>) -> bool {
        let Self { io, stall, .. } = self;
        stall.is_over(context, || io.unacknowledged_bytes())
    }

    fn prove(&mut self) {
        if !self.is_proven && self.stall.accepted_bytes() >= PROVEN_BYTES {
            self.is_proven = true;
            let limited = self.io.limit_unsent(UNSENT_BYTES_MAX_PROVEN);
            limited.unwrap_or_default();
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
                self.prove();
                written
            }
            Poll::Pending if self.is_stalled(context) => {
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

impl Connection for Guarded {
    fn poll_send_file(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        file: &dyn File,
        offset: u64,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.io).poll_send_file(context, file, offset, bytes);
        self.account(context, written)
    }

    fn poll_write_more(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.io).poll_write_more(context, slices);
        self.account(context, written)
    }

    fn break_off(&self) {
        self.io.break_off();
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
        slices: &[IoSlice<'_>],
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
