//! From a connection to an encrypted one.
//!
//! Source: RFC 8446 §4, RFC 5246 §7.3. The wait for a client's first message costs nothing but the
//! connection; then a turn is needed. All of it has one deadline.

use std::{io, sync::Arc};

use tokio::time::{Instant, timeout_at};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{self, HandshakeKind, ProtocolVersion, server::Acceptor},
    server::TlsStream,
};
use tracing::debug;
use weir_hal::Connection;

use super::{Encrypted, Tls, encrypted::ENCRYPTED_BYTES_MAX};
use crate::serve::CounterCells;

impl Tls {
    /// Shakes hands on `io`, of which `ahead` was read already, until `deadline`. How it ends is
    /// counted; on a failure nothing is left of the connection.
    pub(crate) async fn handshake<C: Connection>(
        &self,
        io: C,
        ahead: &[u8],
        deadline: Instant,
        counters: &CounterCells,
    ) -> Option<Encrypted<C>> {
        match timeout_at(deadline, self.agree(io, ahead)).await {
            Ok(Ok(stream)) => {
                count_success(&stream, counters);
                Some(Encrypted::new(stream))
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

    async fn agree<C: Connection>(&self, io: C, mut ahead: &[u8]) -> io::Result<TlsStream<C>> {
        let mut acceptor = Acceptor::default();
        while !ahead.is_empty() {
            acceptor.read_tls(&mut ahead)?;
        }
        let hello = LazyConfigAcceptor::new(acceptor, io).await?;
        let _turn = self.turns.acquire().await.expect("it is never closed");
        let config = Arc::clone(&self.config);
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
