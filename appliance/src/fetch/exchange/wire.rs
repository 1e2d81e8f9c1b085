//! A connection to an endpoint as an exchange sees it: what came in is counted, and a connection
//! that has shown itself hostile gives nothing more.

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
}

impl WireState {
    pub(super) fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    /// Lets nothing more in.
    pub(super) fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }

    /// Between exchanges, a connection on which anything comes is shut.
    pub(super) fn set_idle(&self, is_idle: bool) {
        self.is_idle.store(is_idle, Ordering::Relaxed);
    }

    /// Whether something came that nobody had asked for.
    pub(super) fn is_unasked(&self) -> bool {
        self.is_unasked.load(Ordering::Relaxed)
    }

    pub(super) fn is_shut(&self) -> bool {
        self.is_shut.load(Ordering::Relaxed)
    }
}

/// A connection in the clear, or encrypted.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Box<dyn Connection>),
    Encrypted(Box<TlsStream<Box<dyn Connection>>>),
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
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let bytes = (buffer.filled().len() - before) as u64;
        let state = &self.state;
        state.bytes_received.fetch_add(bytes, Ordering::Relaxed);
        if bytes > 0 && state.is_idle.load(Ordering::Relaxed) {
            state.is_unasked.store(true, Ordering::Relaxed);
            state.shut();
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
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
