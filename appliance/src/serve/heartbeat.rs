//! Whether the loop that carries every channel still turns.
//!
//! It depends on nothing outside this process: no sender, origin or disk can stop that loop, only a
//! bug or a machine that gives it no time. So who supervises may start the process again when it
//! stands still, and never does for a lost cable.
//!
//! Refuses: to judge what the loop carries; that is readiness.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use weir_hal::{Clock, Monotonic};

/// Longest time between two beats: a thousand turns of the loop. A reload of all channels takes
/// less than a tenth of it.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The last time that the loop has turned.
#[derive(Debug)]
pub struct Heartbeat {
    clock: Arc<dyn Clock>,
    last_nanos: AtomicU64,
}

impl Heartbeat {
    /// A heart that has beaten now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let last_nanos = AtomicU64::new(clock.monotonic().as_nanos());
        Self { clock, last_nanos }
    }

    /// Tells that the loop has turned at `now`.
    pub fn beat(&self, now: Monotonic) {
        self.last_nanos.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// Whether it has turned of late.
    pub fn is_alive(&self) -> bool {
        let last = Monotonic::from_nanos(self.last_nanos.load(Ordering::Relaxed));
        self.clock.monotonic().since(last) <= SILENCE_MAX
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim::Simulation;

    use super::*;

    #[test]
    fn stops_to_be_alive_ten_seconds_after_the_last_beat_and_comes_back_with_the_next() {
        let machine = Simulation::new(1);
        let heartbeat = Heartbeat::new(machine.board().clock);
        machine.clock.advance(SILENCE_MAX);
        assert!(heartbeat.is_alive());
        machine.clock.advance(Duration::from_millis(1));
        assert!(!heartbeat.is_alive());
        heartbeat.beat(machine.board().clock.monotonic());
        assert!(heartbeat.is_alive());
    }
}
