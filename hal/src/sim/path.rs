//! What the way from this machine to another one does to connections.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::Connection;

/// What happens to the connections that this machine makes to one address from now on. The
/// default does nothing. Shares are in parts per million of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PathFaults {
    /// Refused, as where nobody listens.
    pub refused_ppm: u32,
    /// Time until a connection stands, on the clock of the tokio runtime, which a test pauses.
    pub delay: Duration,
    /// Time beyond `delay`, up to this.
    pub jitter: Duration,
    /// Reset while bytes come in.
    pub cut_ppm: u32,
    /// Bytes that come in before a cut, up to this.
    pub cut_bytes_max: u64,
    /// Nothing arrives at all, nor on the connections that stand: a dead host, or a firewall that
    /// drops. Bytes that were lost so are never sent again.
    pub is_black_hole: bool,
}

/// The near end of a connection that its path does things to.
#[derive(Debug)]
pub(super) struct Wire {
    inner: DuplexStream,
    /// Whether the path swallows everything at the moment.
    is_black_hole: Arc<AtomicBool>,
    is_lost: bool,
    /// Bytes that may still come in before the cut.
    cut_after_bytes: Option<u64>,
}

impl Wire {
    pub(super) fn new(
        inner: DuplexStream,
        is_black_hole: Arc<AtomicBool>,
        cut_after_bytes: Option<u64>,
    ) -> Self {
        Self {
            inner,
            is_black_hole,
            is_lost: false,
            cut_after_bytes,
        }
    }

    fn is_lost(&mut self) -> bool {
        self.is_lost |= self.is_black_hole.load(Ordering::Relaxed);
        self.is_lost
    }
}

impl Connection for Wire {}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Nothing will ever come, so nobody has to be woken.
        if self.is_lost() {
            return Poll::Pending;
        }
        let Some(left) = self.cut_after_bytes else {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        };
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let room =
            usize::try_from(left).map_or(buffer.remaining(), |it| it.min(buffer.remaining()));
        let mut bytes = vec![0; room];
        let mut part = ReadBuf::new(&mut bytes);
        let read = Pin::new(&mut self.inner).poll_read(context, &mut part);
        buffer.put_slice(part.filled());
        self.cut_after_bytes = Some(left - part.filled().len() as u64);
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_lost() {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_lost() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
