//! Takes datagrams from a group, or an answer over HTTP, and hands on the transport-stream bytes in
//! them.
//!
//! Source: RFC 2250 §2 (transport packets in RTP), RFC 3550 §5.1 (RTP header). One [`Source`] per
//! membership; a drain takes all that has arrived since the last one, so that a 10 Mb/s group
//! costs one system call per ten datagrams, not one each.
//!
//! Refuses: to wait, to allocate per datagram, and to judge what the bytes mean.

mod arrivals;
mod counters;
pub mod fec;
mod http;
pub mod merge;
mod protected;
mod reception;
mod rtp;
mod source;

pub use arrivals::Arrivals;
pub use counters::Counters;
pub use http::{HttpSource, StreamClient, StreamRequest};
pub use protected::Protected;
pub use reception::Reception;
pub use rtp::{RtpHeader, RtpMalformed};
pub use source::{Source, receive_buffer_bytes};
