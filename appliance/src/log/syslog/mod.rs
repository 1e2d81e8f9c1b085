//! The log of this process at a syslog server: every event, in order, for as long as the ring has
//! it.
//!
//! The ring is the queue. A server that is away is asked again after a pause that doubles; what has
//! left the ring meanwhile is counted as missed. By TCP and TLS a message that was on its way when
//! the server went may be lost, for syslog acknowledges nothing.
//!
//! Source: RFC 5424 (messages), RFC 5426 (UDP), RFC 6587 §3.4.1 (octet counting over TCP),
//! RFC 5425 (TLS).
//! Refuses: to keep anybody waiting who logs.

mod forwarder;
mod message;
#[cfg(test)]
mod tests;

pub use forwarder::{Forwarder, OpenDatagrams, Route};
pub use message::MESSAGE_BYTES_MAX;
