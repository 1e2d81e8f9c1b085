//! What a wire may do to the datagrams on it.

use std::time::Duration;

use crate::{Monotonic, sim::Generator};

/// What the wire does to datagrams that are sent from now on. The default does nothing.
///
/// Shares are in parts per million of the datagrams sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WireFaults {
    /// Lost one at a time.
    pub loss_ppm: u32,
    /// Starting a burst of loss.
    pub burst_ppm: u32,
    /// Datagrams lost in a burst, the first included.
    pub burst_datagrams: u32,
    /// Arriving twice.
    pub duplicate_ppm: u32,
    /// Overtaken by those sent within [`WireFaults::reorder_span`] after them.
    pub reorder_ppm: u32,
    /// How much later a reordered datagram arrives.
    pub reorder_span: Duration,
    /// Arriving with one bit inverted (as behind a checksum that was switched off).
    pub bit_flip_ppm: u32,
    /// Arriving also at memberships of other groups on the same port.
    pub wrong_group_ppm: u32,
    /// Time on the wire.
    pub delay: Duration,
    /// Time on the wire beyond `delay`, up to this. Order is kept: a wire is a queue.
    pub jitter: Duration,
    /// Nothing arrives at all: the sender stopped, or the cable is out.
    pub is_silent: bool,
}

/// One arrival of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Monotonic,
    /// Drawn bits that choose the one to invert.
    pub(super) flip: Option<u64>,
    pub(super) is_leaked: bool,
}

/// The wire: the faults, and what it remembers from one datagram to the next.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) faults: WireFaults,
    generator: Generator,
    burst_left: u32,
    latest: Monotonic,
}

impl Wire {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            faults: WireFaults::default(),
            generator: Generator::new(seed),
            burst_left: 0,
            latest: Monotonic::ZERO,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.generator.seed()
    }

    /// Decides the fate of one datagram: its arrivals in order, none when it is lost.
    pub(super) fn carry(&mut self, sent: Monotonic) -> impl Iterator<Item = Arrival> + use<> {
        let is_lost = self.is_lost();
        let copies = 1 + usize::from(self.generator.chance_ppm(self.faults.duplicate_ppm));
        let arrivals = [self.arrival(sent), self.arrival(sent)];
        arrivals.into_iter().take(if is_lost { 0 } else { copies })
    }

    fn is_lost(&mut self) -> bool {
        let faults = self.faults;
        let is_single = self.generator.chance_ppm(faults.loss_ppm);
        if self.generator.chance_ppm(faults.burst_ppm) && self.burst_left == 0 {
            self.burst_left = faults.burst_datagrams;
        }
        let is_in_burst = self.burst_left > 0;
        self.burst_left = self.burst_left.saturating_sub(1);
        is_single || is_in_burst || faults.is_silent
    }

    fn arrival(&mut self, sent: Monotonic) -> Arrival {
        let faults = self.faults;
        let jitter = u64::try_from(faults.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(self.generator.below(jitter.saturating_add(1)));
        self.latest = self.latest.max(sent + faults.delay + jitter);
        let is_late = self.generator.chance_ppm(faults.reorder_ppm);
        let is_flipped = self.generator.chance_ppm(faults.bit_flip_ppm);
        let bit = self.generator.draw();
        Arrival {
            at: self.latest
                + if is_late {
                    faults.reorder_span
                } else {
                    Duration::ZERO
                },
            flip: is_flipped.then_some(bit),
            is_leaked: self.generator.chance_ppm(faults.wrong_group_ppm),
        }
    }
}
