//! Sends transport stream files as live: paced by their PCR, looped without a seam, over UDP or
//! RTP; and captures as they were.
//!
//! A file passes through [`Restamp`] (pure: makes its passes one stream) and [`Pace`] (pure:
//! gives every packet its due time), is packed by seven packets into datagrams, and leaves when
//! the first packet of a datagram is due. [`Playout`] does this for several files on one
//! timeline, from one thread. A capture goes out with its own timing ([`replay`]).
//!
//! Source: ISO/IEC 13818-1 §2.4.2 (PCR), RFC 2250 (RTP), SMPTE ST 2022-2 (seven packets a
//! datagram). Memory does not grow with the file.
//!
//! Refuses: to transcode, to insert null packets, and to send a file that has no PCR.

mod content;
mod frames;
mod item;
mod pace;
mod playout;
mod replay;
mod restamp;
mod rtp;
mod seam;
mod stamp;

pub use content::Content;
pub use frames::Unsent;
pub use pace::{Due, Interval, Pace, PaceSearch};
pub use playout::{Playout, Progress, Statistics};
pub use restamp::Restamp;
pub use rtp::{RTP_HEADER_BYTES, RtpStream};

use crate::{capture::CaptureError, config::Transport};

/// How a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bare transport packets or RTP.
    pub transport: Transport,
    /// From the start again when the end is reached, until stopped.
    pub is_looping: bool,
    /// Tells RTP streams apart: SSRC, first sequence number and first time stamp follow from it.
    pub seed: u64,
}

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is missing or unreadable.
    #[error("cannot send {name}: check that the file is there and may be read")]
    Read {
        /// The path.
        name: String,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// It cannot be read as the capture that it looks like.
    #[error("cannot send {name}")]
    Capture {
        /// The path.
        name: String,
        /// Why.
        #[source]
        source: CaptureError,
    },
    /// A capture without a datagram that could be sent.
    #[error("{name} holds no UDP datagram that was captured whole: capture it anew")]
    NoDatagram {
        /// The path.
        name: String,
    },
    /// It is not clear which of the datagrams of a capture are meant.
    #[error("choose by --group what to send of {name}: it has {found}")]
    Destination {
        /// The path.
        name: String,
        /// To whom its datagrams were sent.
        found: String,
    },
    /// No PID has two successive PCRs.
    #[error(
        "{name} holds no PCR on any PID that could set its pace, so it cannot be sent: check that \
         it is a whole transport stream"
    )]
    Unpaced {
        /// The path.
        name: String,
    },
    /// The very first datagram was refused.
    #[error("cannot send {name}: check the address, the interface and the route to it")]
    Send {
        /// The path.
        name: String,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
}

#[cfg(test)]
mod tests;
