//! Makes one stream of datagrams of all that carry it: in order, each once.
//!
//! Source: SMPTE ST 2022-7 (seamless protection: two streams of one sequence become one, packet by
//! packet), RFC 3550 §5.1 and appendix A.1 (sequence numbers, what is no part of the stream). RTP
//! goes by its sequence numbers ([`sequence`]), bare packets by what they are ([`content`]).
//!
//! What comes in order is handed on at once. Only behind a hole do datagrams wait, and no longer
//! than [`Rules::wait`].
//!
//! Refuses: to wait for what every path has gone past, to allocate per datagram, and to judge what
//! the bytes mean.

mod content;
mod continuity;
mod sequence;
mod slots;

#[cfg(test)]
mod tests;

use std::time::Duration;

use weir_hal::{Monotonic, Wall};

pub use slots::Arrival;

use self::{content::Contents, sequence::Sequence};
use crate::{
    counter::counters,
    receive::{self, RtpHeader, fec},
};

/// Paths of one stream, at most: a bit each.
pub const PATHS_MAX: usize = 8;

/// A path that was not heard for so long, while the stream went on, is not waited for.
const HEARD: Duration = Duration::from_millis(200);

/// When nothing comes by any path for so long, the sender pauses.
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes of media in a usual datagram: seven packets.
const DATAGRAM_BYTES: u64 = 7 * 188;

/// How long a packet is waited for that is out of order on its only path.
const REORDER_WAIT: Duration = Duration::from_millis(50);

/// Fewest datagrams that can wait: twice as many as may be out of order.
const SLOTS_MIN: usize = 64;

/// Most datagrams that can wait: a quarter of all sequence numbers.
const SLOTS_MAX: usize = 16_384;

counters! {
    /// What becomes of the sources of a rendition that carry one stream, and of RTP out of order.
    pub struct Counters {
        /// Datagrams that one source had lost, or was late with, when another brought them.
        filled: detail,
        /// RTP packets that are known to be missing: no source brought them in time.
        lost: polled,
        /// Datagrams that were no longer waited for because there was no room for those behind.
        overflows: detail,
        /// Datagrams too long to wait, which were handed on at once.
        oversized: detail,
    }
}

/// How long is waited for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// By how many packets one may come too late, and too early.
    pub depth: u16,
    /// How long anything waits.
    pub wait: Duration,
    /// Datagrams that can wait.
    pub slots: usize,
}

impl Rules {
    /// Those for RTP that comes by one path alone.
    pub fn alone(depth: u16) -> Self {
        Self {
            depth,
            wait: REORDER_WAIT,
            slots: (usize::from(depth) + 1).max(SLOTS_MIN),
        }
    }

    /// The same for packets that may come back by FEC, so much later.
    #[must_use]
    pub fn with_fec(self) -> Self {
        Self {
            depth: self.depth + fec::DEPTH,
            ..self
        }
    }

    /// Those for a stream of up to `bitrate_bps`, of which nothing waits longer than `wait`, and
    /// which is drained after a `stall` at the latest.
    pub fn new(depth: u16, wait: Duration, (bitrate_bps, stall): (u64, Duration)) -> Self {
        let span_ms = u64::try_from((wait + stall).as_millis()).unwrap_or(u64::MAX);
        let bytes = bitrate_bps.saturating_mul(span_ms) / 8_000;
        let slots = usize::try_from(bytes / DATAGRAM_BYTES).unwrap_or(SLOTS_MAX);
        Self {
            depth,
            wait,
            slots: slots.clamp(SLOTS_MIN, SLOTS_MAX),
        }
    }
}

/// The time of a stream: it stands still while nothing comes by any path, so that none is silent
/// because all are.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    heard: Monotonic,
    /// When it went on last behind a [`PAUSE`].
    began: Monotonic,
}

impl Flow {
    /// Something has come.
    fn note(&mut self, now: Monotonic) {
        if now.since(self.heard) >= PAUSE {
            self.began = now;
        }
        self.heard = now;
    }

    /// How long `then` is past by `now`.
    fn since(self, then: Monotonic, now: Monotonic) -> Duration {
        now.since(then.max(self.began))
    }
}

/// What one datagram holds.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// An RTP packet.
    Rtp(RtpHeader<'a>),
    /// Bare transport packets.
    Bare(&'a [u8]),
}

/// One stream, out of all that carry it.
#[derive(Debug)]
pub struct Merge(Order);

#[derive(Debug)]
enum Order {
    Sequence(Box<Sequence>),
    Contents(Box<Contents>),
}

impl Merge {
    /// A stream that goes by sequence numbers. Bare packets are handed on as they come, so they
    /// have one path alone.
    pub fn by_sequence(rules: Rules) -> Self {
        Self(Order::Sequence(Box::new(Sequence::new(rules))))
    }

    /// A stream of two paths that goes by what its datagrams hold, RTP headers left out.
    pub fn by_content(rules: Rules) -> Self {
        Self(Order::Contents(Box::new(Contents::new(rules))))
    }

    /// Takes a datagram that came by `path`, below [`PATHS_MAX`], and calls `each` for all that is
    /// in order now, with the moment the kernel received it. What is to be said of the path goes to
    /// `told`. False if it is RTP of another stream.
    pub fn push(
        &mut self,
        (path, told): (usize, &mut receive::Counters),
        content: Content<'_>,
        arrival: Arrival,
        each: &mut impl FnMut(&[u8], Wall),
    ) -> bool {
        match (&mut self.0, content) {
            (Order::Sequence(_), Content::Bare(bytes)) => each(bytes, arrival.received),
            (Order::Sequence(order), Content::Rtp(packet)) => {
                return order.push((path, told), &packet, arrival, each);
            }
            (Order::Contents(order), Content::Bare(bytes)) => {
                order.push((path, told), bytes, arrival, each);
            }
            (Order::Contents(order), Content::Rtp(packet)) => {
                order.push((path, told), packet.payload, arrival, each);
            }
        }
        true
    }

    /// Calls `each` for what has waited long enough by `now`, when all paths were drained. This
    /// alone judges who is late and who is silent: a box that could do nothing for a while has to
    /// read one path before the other.
    pub fn settle(&mut self, now: Monotonic, each: &mut impl FnMut(&[u8], Wall)) {
        match &mut self.0 {
            Order::Sequence(order) => order.settle(now, each),
            Order::Contents(order) => order.settle(now, each),
        }
    }

    /// Counters since it was made.
    pub fn counters(&self) -> &Counters {
        match &self.0 {
            Order::Sequence(order) => order.counters(),
            Order::Contents(order) => order.counters(),
        }
    }
}
