//! A connection behind its handshake.
//!
//! Bytes on disk are read into memory here and encrypted from there: a view of the page cache must
//! not be looked at, and rustls would. Where the kernel encrypts (`CONFIG_TLS`, kTLS) it could send
//! the file itself: [`Connection::poll_send_file`] is the one method to change for that.
//!
//! Refuses: more than two records of an answer ahead of the client.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use weir_hal::{Connection, File};

/// Bytes of answers that one connection may hold in encrypted form: two records. What is beyond
/// stays where it is until the client has taken these.
pub(super) const ENCRYPTED_BYTES_MAX: usize = 32 << 10;

/// Bytes that may wait for those that follow them, to share a record: the head of an answer, or of
/// a frame.
const HELD_BYTES_MAX: usize = 1 << 10;

/// A connection whose bytes are encrypted.
#[derive(Debug)]
pub(crate) struct Encrypted<C> {
    io: TlsStream<C>,
    /// Taken by [`Connection::poll_write_more`], and sent with what comes next.
    held: Vec<u8>,
}

impl<C: Connection> Encrypted<C> {
    pub(super) const fn new(io: TlsStream<C>) -> Self {
        let held = Vec::new();
        Self { io, held }
    }

    /// Whether both sides have agreed on HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        let (_, session) = self.io.get_ref();
        session.alpn_protocol() == Some(b"h2")
    }

    /// Writes what is held.
    fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let count = ready!(Pin::new(&mut self.io).poll_write(context, &self.held))?;
            self.held.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Connection> Connection for Encrypted<C> {
    fn poll_send_file(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        file: &dyn File,
        offset: u64,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        let mut plain = mem::take(&mut self.held);
        let held = plain.len();
        plain.resize(held + bytes.min(ENCRYPTED_BYTES_MAX), 0);
        let room = plain.get_mut(held..).unwrap_or(&mut []);
        let read = file
            .read_at(room, offset)
            .map_err(|error| io::Error::new(error.kind(), error))?;
        if read == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        plain.truncate(held + read);
        let mut left = plain.as_slice();
        // Of what is held every byte must go before any of the file may count as sent.
        loop {
            let written = Pin::new(&mut self.io).poll_write(context, left);
            let Poll::Ready(count) = written else {
                let unsent = held.saturating_sub(plain.len() - left.len());
                self.held = left.get(..unsent).unwrap_or(&[]).to_vec();
                return Poll::Pending;
            };
            left.advance(count?);
            let sent = plain.len() - left.len();
            if sent > held {
                return Poll::Ready(Ok(sent - held));
            }
        }
    }

    fn poll_write_more(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if self.held.len() + count > HELD_BYTES_MAX {
            return self.poll_write_vectored(context, slices);
        }
        for slice in slices {
            self.held.extend_from_slice(slice);
        }
        Poll::Ready(Ok(count))
    }

    fn break_off(&self) {
        self.io.get_ref().0.break_off();
    }
}

impl<C: Connection> AsyncRead for Encrypted<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<C: Connection> AsyncWrite for Encrypted<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_held(context))?;
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_held(context))?;
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(context))?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(context))?;
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
