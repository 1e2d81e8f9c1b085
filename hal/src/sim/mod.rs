//! The traits, met from memory with seeded faults.
//!
//! Each file mirrors one of [`crate::linux`] and passes the same contract suite. Nothing here
//! waits for real time or draws real chance: the same seed and the same calls give the same
//! outcome, so a failure is found again by its seed. That holds while one thread makes the
//! calls; with several, their order is the scheduler's.
//!
//! Refuses: faults by default. A fresh simulation is a flawless machine; a test turns on what it
//! wants to see survived.

mod clock;
mod disk;
mod multicast;
mod network;
mod path;
mod platter;
mod sensors;
mod slots;
mod tree;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use clock::Clock;
pub use disk::{Call, Disk, Fault};
pub use multicast::{Ether, EtherCounters, Multicast, Receiver, Sender, WireFaults};
pub use network::Network;
pub use path::PathFaults;
pub use sensors::Sensors;
pub use slots::Slots;

use crate::Board;

/// One simulated machine, with the handles a test turns.
///
/// After a power cut, build the next machine with the same parts and [`Disk::power_cut`].
#[derive(Debug, Clone)]
pub struct Simulation {
    /// What all faults are drawn from, for the text of a failure.
    pub seed: u64,
    /// Time.
    pub clock: Arc<Clock>,
    /// The wire that multicast goes over.
    pub ether: Arc<Ether>,
    /// Files.
    pub disk: Disk,
    /// Listeners, the way to connect to them, and the ways to other machines.
    pub network: Network,
    /// Readings.
    pub sensors: Arc<Sensors>,
    /// What it boots from; from no slots, until a test says so.
    pub slots: Arc<Slots>,
}

impl Simulation {
    /// A flawless machine whose clock jumps to each deadline that is slept for.
    pub fn new(seed: u64) -> Self {
        Self::with_clock(seed, Clock::jumping())
    }

    /// A flawless machine with a clock of choice.
    pub fn with_clock(seed: u64, clock: Clock) -> Self {
        let clock = Arc::new(clock);
        Self {
            seed,
            ether: Arc::new(Ether::new(Arc::clone(&clock), seed)),
            clock,
            disk: Disk::new(seed),
            network: Network::with_seed(seed),
            sensors: Arc::new(Sensors::new()),
            slots: Arc::new(Slots::new()),
        }
    }

    /// The board an appliance is built on.
    pub fn board(&self) -> Board<Multicast> {
        Board {
            clock: Arc::<Clock>::clone(&self.clock),
            multicast: Arc::new(Multicast::new(Arc::clone(&self.ether))),
            disk: Arc::new(self.disk.clone()),
            network: Arc::new(self.network.clone()),
            sensors: Arc::<Sensors>::clone(&self.sensors),
            slots: Arc::<Slots>::clone(&self.slots),
        }
    }
}

/// Numbers that look like chance and are the same for the same seed.
///
/// Source: `SplitMix64` (Steele, Lea and Flood, 2014). Not for secrets.
#[derive(Debug, Clone)]
pub struct Generator {
    seed: u64,
    state: u64,
}

impl Generator {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The seed, for the text of a failure.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Draws 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number in `0..bound`, or 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// Draws a yes with a chance of `ppm` in a million.
    pub fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }
}

/// Locks what a panicking test may have poisoned: the state is whole after every call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        let mut generator = Generator::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| generator.draw()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn chance_keeps_its_share() {
        let mut generator = Generator::new(7);
        let yes = (0..100_000)
            .filter(|_| generator.chance_ppm(250_000))
            .count();
        assert!((24_500..25_500).contains(&yes), "{yes} of 100,000");
        assert!(!generator.chance_ppm(0));
        assert!(generator.chance_ppm(1_000_000));
    }
}
