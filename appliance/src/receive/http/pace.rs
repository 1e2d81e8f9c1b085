//! How fast a stream is taken, and how soon one that failed is asked for again; pure.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    ops::RangeInclusive,
    time::Duration,
};

use weir_hal::Monotonic;

/// What may be saved up: who relays a stream begins with what it holds of it.
const SAVED: Duration = Duration::from_secs(1);

/// Bytes that may be taken: so many a second, and what is saved up of them.
#[derive(Debug)]
pub(super) struct Allowance {
    bytes_per_s: i64,
    /// Below zero by what the last piece was too long.
    left_bytes: i64,
    grown: Monotonic,
}

impl Allowance {
    /// One of so many bits a second, with all that can be saved up.
    pub(super) fn new(bitrate_bps: u64, now: Monotonic) -> Self {
        let bytes_per_s = i64::try_from(bitrate_bps / 8).unwrap_or(i64::MAX).max(1);
        Self {
            bytes_per_s,
            left_bytes: bytes_per_s,
            grown: now,
        }
    }

    /// Adds what has become due by `now`.
    pub(super) fn grow(&mut self, now: Monotonic) {
        let passed = now.since(self.grown).min(SAVED);
        let passed_us = i128::try_from(passed.as_micros()).expect("a second at most");
        let due = i128::from(self.bytes_per_s) * passed_us / 1_000_000;
        let due = i64::try_from(due).unwrap_or(self.bytes_per_s);
        self.left_bytes = self.left_bytes.saturating_add(due).min(self.bytes_per_s);
        self.grown = now;
    }

    pub(super) fn is_left(&self) -> bool {
        self.left_bytes > 0
    }

    /// Takes `bytes`, even if there are not so many left.
    pub(super) fn take(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
    }
}

/// Pause after a first failure, and the longest, up to which it doubles; each is spread by half.
const PAUSES: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(10);

/// A stream that came for so long was had, and its next failure is a first one.
const STEADY: Duration = Duration::from_secs(30);

/// Pauses between attempts, spread so that boxes that lost one encoder together do not all ask at
/// once.
#[derive(Debug)]
pub(super) struct Pauses(Duration);

impl Pauses {
    pub(super) fn new() -> Self {
        Self(*PAUSES.start())
    }

    /// The pause after an attempt that `lasted` so long.
    pub(super) fn next(&mut self, lasted: Duration) -> Duration {
        // A hasher with random keys is the one source of chance that the standard library has.
        self.spread(lasted, RandomState::new().build_hasher().finish())
    }

    fn spread(&mut self, lasted: Duration, chance: u64) -> Duration {
        if lasted >= STEADY {
            self.0 = *PAUSES.start();
        }
        let pause = self.0;
        self.0 = (pause * 2).min(*PAUSES.end());
        let thousandths = u32::try_from(chance % 1_000).expect("it is small");
        pause / 2 + pause * thousandths / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Monotonic {
        Monotonic::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_second_is_saved_up_and_no_more() {
        let mut allowance = Allowance::new(8_000_000, at(0));
        allowance.take(1_015_000);
        assert!(!allowance.is_left());
        allowance.grow(at(10));
        assert!(!allowance.is_left(), "what was too long is made up for");
        allowance.grow(at(20));
        assert_eq!(allowance.left_bytes, 5_000);
        allowance.grow(at(60_000));
        assert_eq!(allowance.left_bytes, 1_000_000);
    }

    #[test]
    fn any_rate_lets_something_through_in_the_end() {
        let mut allowance = Allowance::new(0, at(0));
        allowance.take(1);
        allowance.grow(at(1_000));
        assert!(allowance.is_left());
        let mut allowance = Allowance::new(u64::MAX, at(0));
        allowance.grow(at(u64::MAX / 1_000_000));
        assert!(allowance.is_left());
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_begin_anew_behind_a_stream_that_came() {
        let mut pauses = Pauses::new();
        let mut next = |lasted_s| pauses.spread(Duration::from_secs(lasted_s), 500);
        let failing: Vec<_> = (0..7).map(|_| next(0).as_millis()).collect();
        assert_eq!(failing, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert_eq!(next(30).as_millis(), 500);
        assert_eq!(next(29).as_millis(), 1_000);
    }

    #[test]
    fn pauses_are_spread_by_half() {
        for (chance, due_ms) in [(0, 250), (999, 749), (u64::MAX, 557)] {
            let pause = Pauses::new().spread(Duration::ZERO, chance);
            assert_eq!(pause.as_millis(), due_ms, "{chance}");
        }
    }
}
