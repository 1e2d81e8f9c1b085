//! Whether the loops that carry the channels still turn.
//!
//! They depend on nothing outside this process: no sender, origin or disk can stop them, only a bug
//! or a machine that gives them no time. So who supervises may start the process again when one
//! stands still, and never does for a lost cable.
//!
//! Refuses: to judge what the loops carry; that is readiness.

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

/// The last time that each loop has turned.
#[derive(Debug)]
pub struct Heartbeat {
    clock: Arc<dyn Clock>,
    last_nanos: Box<[AtomicU64]>,
}

impl Heartbeat {
    /// That of so many loops, which have all turned now.
    pub fn new(clock: Arc<dyn Clock>, loops: usize) -> Self {
        let now = clock.monotonic().as_nanos();
        let last_nanos = (0..loops).map(|_| AtomicU64::new(now)).collect();
        Self { clock, last_nanos }
    }

    /// Tells that loop `number` has turned at `now`.
    pub fn beat(&self, number: usize, now: Monotonic) {
        if let Some(last) = self.last_nanos.get(number) {
            last.store(now.as_nanos(), Ordering::Relaxed);
        }
    }

    /// Whether all have turned of late.
    pub fn is_alive(&self) -> bool {
        let now = self.clock.monotonic();
        self.last_nanos.iter().all(|last| {
            let last = Monotonic::from_nanos(last.load(Ordering::Relaxed));
            now.since(last) <= SILENCE_MAX
        })
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim::Simulation;

    use super::*;

    #[test]
    fn stops_to_be_alive_ten_seconds_after_the_last_beat_and_comes_back_with_the_next() {
        let machine = Simulation::new(1);
        let heartbeat = Heartbeat::new(machine.board().clock, 1);
        machine.clock.advance(SILENCE_MAX);
        assert!(heartbeat.is_alive());
        machine.clock.advance(Duration::from_millis(1));
        assert!(!heartbeat.is_alive());
        heartbeat.beat(0, machine.board().clock.monotonic());
        assert!(heartbeat.is_alive());
    }

    #[test]
    fn one_loop_that_stands_still_is_not_hidden_by_another() {
        let machine = Simulation::new(1);
        let heartbeat = Heartbeat::new(machine.board().clock, 2);
        machine.clock.advance(2 * SILENCE_MAX);
        heartbeat.beat(1, machine.board().clock.monotonic());
        assert!(!heartbeat.is_alive());
        heartbeat.beat(0, machine.board().clock.monotonic());
        assert!(heartbeat.is_alive());
    }
}
