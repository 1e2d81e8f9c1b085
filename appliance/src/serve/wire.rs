//! One connection of HTTP/2 as hyper reads and writes it: what was read ahead comes first, and what
//! lies on the disk is sent from there.
//!
//! Source: sendfile(2), send(2) (`MSG_MORE`). Header fields that precede bytes on disk are written
//! with word that more follows, so that both share packets.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use weir_hal::Connection;

use crate::serve::{outbox::Outbox, protocol::Ahead};

/// A connection that HTTP is spoken on.
#[derive(Debug)]
pub(crate) struct Wire {
    io: Box<dyn Connection>,
    /// What was read to see what is spoken; read again from here, from its end to its beginning.
    ahead_reversed: Ahead,
    outbox: Outbox,
}

impl Wire {
    /// Speaks on `io`, of which `ahead` has been read already; `outbox` is told what lies on disk.
    pub(crate) fn new(io: Box<dyn Connection>, mut ahead: Ahead, outbox: Outbox) -> Self {
        ahead.reverse();
        Self {
            io,
            ahead_reversed: ahead,
            outbox,
        }
    }

    /// What the bodies sent here announce.
    pub(crate) const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut *self.io);
        let (plain, stored) = slices.split_at(self.outbox.plain(slices)?);
        match (plain, stored) {
            (plain, []) => io.poll_write_vectored(context, plain),
            ([], [first, ..]) => self.outbox.poll_send(io, context, first),
            (plain, [_, ..]) => io.poll_write_more(context, plain),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead_reversed.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        while buffer.remaining() > 0
            && let Some(byte) = self.ahead_reversed.pop()
        {
            buffer.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
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
        self.poll_send(context, slices)
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
