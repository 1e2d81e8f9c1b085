//! So many at once, and so many a second.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use weir_hal::Monotonic;

/// A token bucket: full at first, and filled at an even rate. Taking never waits.
#[derive(Debug)]
pub struct TokenBucket {
    rate_per_s: u32,
    burst: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Tokens as the time it takes to fill them in.
    filled: Duration,
    at: Monotonic,
}

impl TokenBucket {
    /// A bucket of `burst` tokens that gains `rate_per_s` a second; both are at least 1.
    pub fn new(rate_per_s: u32, burst: u32) -> Self {
        let (rate_per_s, burst) = (rate_per_s.max(1), burst.max(1));
        let state = State {
            filled: Duration::from_secs(burst.into()) / rate_per_s,
            at: Monotonic::ZERO,
        };
        Self {
            rate_per_s,
            burst,
            state: Mutex::new(state),
        }
    }

    /// Tokens that it holds when it is full.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Takes so many tokens, or none. There are never more than [`Self::burst`].
    ///
    /// # Errors
    /// How long it takes until there are enough.
    pub fn take(&self, tokens: u32, now: Monotonic) -> Result<(), Duration> {
        let time = |tokens: u32| Duration::from_secs(tokens.into()) / self.rate_per_s;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = state.filled.saturating_add(now.since(state.at));
        state.filled = gained.min(time(self.burst));
        state.at = state.at.max(now);
        match state.filled.checked_sub(time(tokens)) {
            Some(left) => {
                state.filled = left;
                Ok(())
            }
            None => Err(time(tokens).saturating_sub(state.filled)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn gives_a_burst_and_then_the_rate() {
        let bucket = TokenBucket::new(100, 1_000);
        assert_eq!(bucket.take(1_000, at(5)), Ok(()));
        assert_eq!(bucket.take(1, at(5)), Err(Duration::from_millis(10)));
        assert_eq!(bucket.take(1, at(15)), Ok(()));
        assert_eq!(bucket.take(100, at(515)), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(100, at(1_015)), Ok(()));
    }

    #[test]
    fn never_holds_more_than_the_burst() {
        let bucket = TokenBucket::new(10, 20);
        assert!(bucket.take(21, at(1_000_000)).is_err());
        assert_eq!(bucket.take(20, at(1_000_000)), Ok(()));
        assert!(bucket.take(1, at(1_000_000)).is_err());
    }

    proptest! {
        #[test]
        fn never_gives_more_than_burst_and_rate_allow(
            rate in 1_u32..50, burst in 1_u32..50,
            asks in prop::collection::vec((0_u64..500, 1_u32..20), 1..60),
        ) {
            let bucket = TokenBucket::new(rate, burst);
            let (mut now, mut given) = (0, 0);
            for (pause, tokens) in asks {
                now += pause;
                if bucket.take(tokens, at(now)).is_ok() {
                    given += u64::from(tokens);
                }
            }
            prop_assert!(given * 1_000 <= u64::from(burst) * 1_000 + u64::from(rate) * now);
        }
    }
}
