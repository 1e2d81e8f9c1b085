//! A connection to an endpoint as an exchange sees it: what came in is counted, and a connection
//! that has shown itself hostile gives nothing more.
//!
//! Whatever comes between two exchanges was not asked for, and would be taken for the answer to the
//! next request. So a kept connection is read until that request is written, and once more at that
//! moment; what the origin has sent by then, or its end of the connection, is seen. Only what is on
//! its way at that moment is not: HTTP/1.1 has no means to tell it from an answer.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;
use weir_hal::Connection;

/// What is known of a connection from outside the task that drives it.
#[derive(Debug, Default)]
pub(super) struct WireState {
    bytes_received: AtomicU64,
    is_shut: AtomicBool,
    /// Nothing was asked, so nothing may come.
    is_idle: AtomicBool,
    is_unasked: AtomicBool,
    /// Before the next byte goes out, it is to be looked whether anything came in.
    is_armed: AtomicBool,
    is_unsent: AtomicBool,
}

impl WireState {
    pub(super) fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    /// Lets nothing more in.
    pub(super) fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }

    /// From now on a connection on which anything comes is shut.
    pub(super) fn rest(&self) {
        self.is_idle.store(true, Ordering::Relaxed);
    }

    /// A request is to be sent: what comes after it is its answer.
    pub(super) fn wake(&self) {
        self.is_armed.store(true, Ordering::Relaxed);
        self.is_idle.store(false, Ordering::Relaxed);
    }

    /// Whether the connection was found to be at its end before anything of a request was sent.
    pub(super) fn is_unsent(&self) -> bool {
        self.is_unsent.load(Ordering::Relaxed)
    }

    /// Whether something came that nobody had asked for.
    pub(super) fn is_unasked(&self) -> bool {
        self.is_unasked.load(Ordering::Relaxed)
    }

    pub(super) fn is_shut(&self) -> bool {
        self.is_shut.load(Ordering::Relaxed)
    }

    fn refuse_unasked(&self) -> io::Error {
        self.is_unasked.store(true, Ordering::Relaxed);
        self.shut();
        io::ErrorKind::ConnectionAborted.into()
    }
}

/// A connection in the clear, or encrypted.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Box<dyn Connection>),
    Encrypted(Box<TlsStream<Box<dyn Connection>>>),
}

impl Stream {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

/// A connection and its state.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    state: Arc<WireState>,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        let state = Arc::default();
        Self { stream, state }
    }

    pub(super) fn state(&self) -> Arc<WireState> {
        Arc::clone(&self.state)
    }

    /// Before the first byte of a request on a kept connection: fails if anything came before it.
    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.state.is_armed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let Poll::Ready(read) = self.stream.poll_read(context, &mut buffer) else {
            return Ok(());
        };
        self.state.is_unsent.store(true, Ordering::Relaxed);
        if buffer.filled().is_empty() {
            self.state.shut();
            return Err(read.err().unwrap_or(io::ErrorKind::ConnectionReset.into()));
        }
        Err(self.state.refuse_unasked())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state.is_shut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = self.stream.poll_read(context, buffer);
        let bytes = (buffer.filled().len() - before) as u64;
        let state = &self.state;
        state.bytes_received.fetch_add(bytes, Ordering::Relaxed);
        if bytes > 0 && state.is_idle.load(Ordering::Relaxed) {
            return Poll::Ready(Err(state.refuse_unasked()));
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.look(context)?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look(context)?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Stream::Encrypted(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
