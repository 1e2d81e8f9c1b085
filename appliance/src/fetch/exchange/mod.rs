//! One request, one endpoint, one response: HTTP/1.1 over kept connections, with deadlines of our
//! own for each part, believing nothing that comes back.
//!
//! A [`Client`] leases a connection from the endpoint's `pool`, or makes one (`connect`, `names`);
//! `turn` has one request go over it and one response come back. What is checked beyond hyper
//! stands in `head` and `wire`; how a body may end in `download`.
//!
//! Source: RFC 9112 (HTTP/1.1), RFC 9110 §7.6 (forwarding).
//! Refuses: upgrades, CONNECT, HTTP/0.9, trailers, and to send a streamed body twice.

mod client;
mod connect;
mod counters;
mod download;
mod error;
mod head;
mod names;
mod outgoing;
mod pool;
#[cfg(test)]
mod tests;
mod turn;
mod wire;

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};

pub use client::Client;
pub(crate) use client::Unanswered;
pub use counters::{CounterCells, Counters};
pub use download::{Download, OnEnd};
pub use error::{Ambiguity, ExchangeError, FailureKind};
pub use head::Framing;
pub(crate) use names::Names;
pub use outgoing::{Outgoing, Upload, UploadError};
pub(crate) use pool::Pool;

/// Told of each interim response (1xx).
pub type Interim = Arc<dyn Fn(StatusCode, &HeaderMap) + Send + Sync>;
