//! From a connection to an encrypted one.
//!
//! Source: RFC 8446 §4, RFC 5246 §7.3. The wait for a client's first message costs nothing but the
//! connection; then a turn is needed. All of it has one deadline.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, timeout_at},
};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{self, HandshakeKind, ProtocolVersion, server::Acceptor},
    server::TlsStream,
};
use tracing::debug;

use super::{HANDSHAKE_WAIT, Tls};
use crate::serve::CounterCells;

/// Bytes of answers that one connection may hold in encrypted form: two records. What is beyond
/// stays where it is until the client has taken these.
const ENCRYPTED_BYTES_MAX: usize = 32 << 10;

/// A connection behind its handshake.
#[derive(Debug)]
pub(crate) struct Encrypted<C>(TlsStream<C>);

impl<C> Encrypted<C> {
    /// Whether both sides have agreed on HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        let (_, session) = self.0.get_ref();
        session.alpn_protocol() == Some(b"h2")
    }
}

impl Tls {
    /// Shakes hands on `io`. How it ends is counted; on a failure nothing is left of the
    /// connection.
    pub(crate) async fn handshake<C>(&self, io: C, counters: &CounterCells) -> Option<Encrypted<C>>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Instant::now() + HANDSHAKE_WAIT;
        match timeout_at(deadline, self.agree(io)).await {
            Ok(Ok(stream)) => {
                count_success(&stream, counters);
                Some(Encrypted(stream))
            }
            Ok(Err(error)) => {
                count_failure(&error, counters);
                debug!(%error, "handshake failed");
                None
            }
            Err(_elapsed) => {
                counters.handshakes_timed_out.add(1);
                None
            }
        }
    }

    async fn agree<C>(&self, io: C) -> io::Result<TlsStream<C>>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), io).await?;
        let _turn = self.turns.acquire().await.expect("it is never closed");
        let config = self.config.clone();
        hello
            .into_stream_with(config, |session| {
                session.set_buffer_limit(Some(ENCRYPTED_BYTES_MAX));
            })
            .await
    }
}

fn count_success<C>(stream: &TlsStream<C>, counters: &CounterCells) {
    let (_, session) = stream.get_ref();
    counters.handshakes.add(1);
    if session.protocol_version() == Some(ProtocolVersion::TLSv1_2) {
        counters.handshakes_tls12.add(1);
    }
    if session.handshake_kind() == Some(HandshakeKind::Resumed) {
        counters.handshakes_resumed.add(1);
    }
}

fn count_failure(error: &io::Error, counters: &CounterCells) {
    let inner = error.get_ref();
    let cause = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let counter = match cause {
        None => &counters.handshakes_broken,
        Some(rustls::Error::AlertReceived(_)) => &counters.handshakes_rejected,
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => {
            &counters.handshakes_incompatible
        }
        Some(_malformed) => &counters.handshakes_malformed,
    };
    counter.add(1);
}

impl<C: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
