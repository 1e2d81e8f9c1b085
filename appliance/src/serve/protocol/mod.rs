//! What is spoken on a connection: found out from its first bytes, or by the handshake of TLS.
//!
//! On a plain listener a client that begins with the preface of HTTP/2 has prior knowledge that it
//! is spoken here (`h2c`); every other one speaks HTTP/1. On a listener of TLS both sides agree in
//! the handshake, and who speaks plain HTTP there is told so.
//!
//! Source: RFC 9113 §3.3, §3.4 (prior knowledge, preface); RFC 7301 (ALPN).
//! Refuses: `Upgrade: h2c`, which RFC 9113 has given up.

mod http2;
mod parcel;
mod posting;
mod streams;
mod target;

use std::{io, time::Duration};

use heapless::Vec;
use tokio::{
    io::AsyncReadExt as _,
    time::{Instant, timeout},
};
use weir_hal::Connection;

pub(crate) use target::normalize;

use crate::serve::{CounterCells, guard::Guarded, outbox::Taker, tls::Tls};

/// What a client of HTTP/2 begins with.
const PREFACE: &[u8; PREFACE_BYTES] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREFACE_BYTES: usize = 24;

/// What every record of a handshake begins with (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What was read of a connection to see what is spoken on it.
pub(crate) type Ahead = Vec<u8, PREFACE_BYTES>;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// HTTP/1, where TLS was expected.
    PlainHttp,
}

/// A connection of which it is known what is spoken on it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) io: Box<dyn Connection>,
    /// What was read of it already.
    pub(crate) ahead: Ahead,
    /// Who takes its bytes.
    pub(crate) taker: Taker,
    pub(crate) dialect: Dialect,
}

/// Finds out what is spoken on `io` and makes it ready for that; `None` if it came to nothing,
/// which is then counted.
///
/// The first bytes must come within `wait`, or for TLS within the deadline of a handshake.
pub(crate) async fn open(
    mut io: Guarded,
    tls: Option<&Tls>,
    wait: Duration,
    counters: &CounterCells,
) -> Option<Opened> {
    if let Some(tls) = tls {
        return open_tls(io, tls, counters).await;
    }
    let ahead = timeout(wait, read_ahead(&mut io, PREFACE_BYTES, is_preface_decided)).await;
    let Ok(ahead) = ahead else {
        counters.connections_timed_out.add(1);
        return None;
    };
    let ahead = ahead.ok().filter(|ahead| !ahead.is_empty())?;
    let (dialect, taker) = if ahead == PREFACE {
        (Dialect::Http2, Taker::KernelInFrames)
    } else {
        (Dialect::Http1, Taker::Kernel)
    };
    Some(Opened {
        io: Box::new(io),
        ahead,
        taker,
        dialect,
    })
}

async fn open_tls(mut io: Guarded, tls: &Tls, counters: &CounterCells) -> Option<Opened> {
    let deadline = Instant::now() + Tls::HANDSHAKE_WAIT;
    let first = timeout(
        Tls::HANDSHAKE_WAIT,
        // One byte: the acceptor wants to see the whole of the rest at once.
        read_ahead(&mut io, 1, |_| true),
    );
    let Ok(ahead) = first.await else {
        counters.handshakes_timed_out.add(1);
        return None;
    };
    let ahead = ahead.ok()?;
    let first = *ahead.first()?;
    if first == TLS_HANDSHAKE {
        let io = tls.handshake(io, &ahead, deadline, counters).await?;
        let dialect = if io.is_http2() {
            Dialect::Http2
        } else {
            Dialect::Http1
        };
        return Some(Opened {
            io: Box::new(io),
            ahead: Ahead::new(),
            taker: Taker::Process,
            dialect,
        });
    }
    if first.is_ascii_uppercase() {
        counters.handshakes_plain_http.add(1);
        return Some(Opened {
            io: Box::new(io),
            ahead,
            taker: Taker::Kernel,
            dialect: Dialect::PlainHttp,
        });
    }
    counters.handshakes_malformed.add(1);
    None
}

/// Whether `ahead` is enough to tell the preface of HTTP/2 from a request of HTTP/1.
fn is_preface_decided(ahead: &[u8]) -> bool {
    ahead.len() == PREFACE_BYTES || !PREFACE.starts_with(ahead)
}

/// Reads until `is_enough`, at most `bytes_max`, or to the end of what comes.
async fn read_ahead(
    io: &mut Guarded,
    bytes_max: usize,
    is_enough: impl Fn(&[u8]) -> bool,
) -> io::Result<Ahead> {
    let mut ahead = Ahead::new();
    loop {
        let mut room = [0; PREFACE_BYTES];
        let room = room.get_mut(ahead.len()..bytes_max).unwrap_or(&mut []);
        let count = io.read(room).await?;
        let read = room.get(..count).unwrap_or(&[]);
        // There is room for as much as was asked for.
        ahead.extend_from_slice(read).unwrap_or(());
        if count == 0 || is_enough(&ahead) {
            return Ok(ahead);
        }
    }
}

#[cfg(test)]
mod tests;
