//! Files of captured packets: what is in them, off the front of their bytes; and how to write one.
//!
//! Source: draft-ietf-opsawg-pcap (the classic form), draft-ietf-opsawg-pcapng. [`record`] finds
//! frames with their times, [`frame`] the UDP datagrams in them, [`pcapng`] writes. All pure.
//!
//! Refuses: to put fragments together, and what is neither Ethernet, Linux cooked nor bare IP.

mod bytes;
mod frame;
mod pcapng;
mod record;

pub use frame::{PassedOver, Udp};
pub use pcapng::Writer;
pub use record::{CaptureError, Frame, RECORD_BYTES_MAX, Records, Step, is_capture};

#[cfg(test)]
mod tests;
