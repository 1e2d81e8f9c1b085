//! One connection as hyper reads and writes it: counted, guarded against who takes too little, and
//! sending from the disk what lies there.
//!
//! Source: sendfile(2), send(2) (`MSG_MORE`). Header fields that precede bytes on disk are written
//! with word that more follows, so that both share packets.

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
};
use weir_hal::Connection;

use crate::serve::{CounterCells, outbox::Outbox, stall::Stall};

/// A connection that counts what it sends, holds its place among the open connections until it
/// is dropped, and fails with `TimedOut` when its client stalls.
#[derive(Debug)]
pub(crate) struct Wire {
    io: Box<dyn Connection>,
    outbox: Outbox,
    stall: Stall,
    counters: Arc<CounterCells>,
    _slot: OwnedSemaphorePermit,
}

impl Wire {
    /// Guards `io`; `stall_max` is the longest a client may take for the next 16 KiB.
    pub(crate) fn new(
        io: Box<dyn Connection>,
        stall_max: Duration,
        counters: Arc<CounterCells>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            io,
            outbox: Outbox::default(),
            stall: Stall::new(stall_max),
            counters,
            _slot: slot,
        }
    }

    /// What the bodies sent here announce.
    pub(crate) const fn outbox(&self) -> &Outbox {
        &self.outbox
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

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut *self.io);
        let (plain, stored) = slices.split_at(self.outbox.plain(slices));
        match (plain, stored) {
            (plain, []) => io.poll_write_vectored(context, plain),
            ([], [first, ..]) => self.outbox.poll_send(io, context, first),
            (plain, [_, ..]) => io.poll_write_more(context, plain),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.counters.connections_closed.add(1);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.poll_send(context, slices);
        self.account(context, written)
    }

    /// True, whatever the connection: hyper would copy the bytes of bodies otherwise, and a view is
    /// not to be looked at.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
