//! Time that a test sets.
//!
//! A *jumping* clock moves itself: whoever sleeps carries time forward to its deadline at once,
//! which compresses hours into the work that is done in them. A *manual* clock stands still until
//! [`Clock::advance`]; sleepers wait for it on their own threads.
//!
//! Wall time follows monotonic time, apart from the steps and the drift a test gives it.
//!
//! Refuses: monotonic time that steps back.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use super::lock;
use crate::{Monotonic, Wall};

/// Wall time when a simulation starts: 2026-01-01T00:00:00Z.
const WALL_START: Wall = Wall::from_nanos(1_767_225_600 * 1_000_000_000);

const MILLION: i128 = 1_000_000;

/// Cores of a simulated machine.
const CORES: u16 = 4;

/// A clock in memory.
#[derive(Debug)]
pub struct Clock {
    time: Mutex<Time>,
    advanced: Condvar,
    is_jumping: bool,
}

#[derive(Debug)]
struct Time {
    now: Monotonic,
    sleepers: usize,
    boot: u64,
    /// Wall time and monotonic time at the latest step or change of drift.
    wall_base: (Wall, Monotonic),
    drift_ppm: i32,
}

impl Clock {
    /// A clock that [`crate::Clock::sleep_until`] moves forward. It starts at zero.
    pub const fn jumping() -> Self {
        Self::new(true)
    }

    /// A clock that only [`Clock::advance`] moves. It starts at zero.
    ///
    /// # Limits
    /// A sleeper waits as long as nobody advances the clock.
    pub const fn manual() -> Self {
        Self::new(false)
    }

    const fn new(is_jumping: bool) -> Self {
        Self {
            time: Mutex::new(Time {
                now: Monotonic::ZERO,
                sleepers: 0,
                boot: 0,
                wall_base: (WALL_START, Monotonic::ZERO),
                drift_ppm: 0,
            }),
            advanced: Condvar::new(),
            is_jumping,
        }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, span: Duration) {
        let mut time = lock(&self.time);
        time.now = time.now + span;
        self.advanced.notify_all();
    }

    /// Power was cut, or the machine was started anew: this is its run of that number.
    pub fn set_boot(&self, boot: u64) {
        lock(&self.time).boot = boot;
    }

    /// Threads that wait for a manual clock.
    pub fn sleepers(&self) -> usize {
        lock(&self.time).sleepers
    }

    /// Steps wall time alone, forward or back, as a time server or a person would.
    pub fn set_wall(&self, wall: Wall) {
        let mut time = lock(&self.time);
        time.wall_base = (wall, time.now);
    }

    /// Makes wall time gain (or, negative, lose) so many microseconds a second from now on.
    ///
    /// # Panics
    /// If `drift_ppm` is below -1,000,000: wall time would run backwards.
    pub fn set_wall_drift_ppm(&self, drift_ppm: i32) {
        assert!(
            drift_ppm >= -1_000_000,
            "wall time may stop but not run backwards"
        );
        let mut time = lock(&self.time);
        time.wall_base = (time.wall(), time.now);
        time.drift_ppm = drift_ppm;
    }
}

impl Time {
    fn wall(&self) -> Wall {
        let (wall, since) = self.wall_base;
        let elapsed = i128::from(self.now.as_nanos() - since.as_nanos());
        let drifted = elapsed * (MILLION + i128::from(self.drift_ppm)) / MILLION;
        let nanos = i128::from(wall.as_nanos()) + drifted;
        Wall::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::jumping()
    }
}

impl crate::Clock for Clock {
    fn monotonic(&self) -> Monotonic {
        lock(&self.time).now
    }

    fn wall(&self) -> Wall {
        lock(&self.time).wall()
    }

    fn boot(&self) -> Option<u64> {
        Some(lock(&self.time).boot)
    }

    fn stay_on_core(&self, core: u16) -> bool {
        core < CORES
    }

    fn sleep_until(&self, deadline: Monotonic) {
        let mut time = lock(&self.time);
        if self.is_jumping {
            time.now = time.now.max(deadline);
            return;
        }
        time.sleepers += 1;
        while time.now < deadline {
            time = self
                .advanced
                .wait(time)
                .unwrap_or_else(PoisonError::into_inner);
        }
        time.sleepers -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::Clock as _;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_jumping_clock_is_carried_to_the_deadline_and_never_back() {
        let clock = Clock::jumping();
        clock.sleep_until(Monotonic::ZERO + HOUR);
        clock.sleep_until(Monotonic::ZERO);
        assert_eq!(clock.monotonic(), Monotonic::ZERO + HOUR);
        assert_eq!(clock.wall(), WALL_START + HOUR);
    }

    #[test]
    fn a_manual_clock_lets_a_sleeper_go_at_its_deadline() {
        let clock = Clock::manual();
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                clock.sleep_until(Monotonic::from_nanos(2));
                clock.monotonic()
            });
            while clock.sleepers() == 0 {
                thread::yield_now();
            }
            clock.advance(Duration::from_nanos(1));
            assert_eq!(clock.sleepers(), 1);
            clock.advance(Duration::from_nanos(1));
            assert_eq!(sleeper.join().unwrap(), Monotonic::from_nanos(2));
        });
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn wall_time_steps_back_alone() {
        let clock = Clock::jumping();
        clock.advance(HOUR);
        clock.set_wall(WALL_START);
        assert_eq!(clock.wall(), WALL_START);
        assert_eq!(clock.monotonic(), Monotonic::ZERO + HOUR);
    }

    #[test]
    fn wall_time_drifts_by_parts_per_million() {
        let clock = Clock::jumping();
        clock.set_wall_drift_ppm(-100);
        clock.advance(Duration::from_secs(10_000));
        assert_eq!(clock.wall(), WALL_START + Duration::from_secs(9_999));
        clock.set_wall_drift_ppm(0);
        clock.advance(HOUR);
        assert_eq!(clock.wall(), WALL_START + Duration::from_secs(9_999) + HOUR);
    }
}
