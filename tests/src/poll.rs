//! Waiting for something to come about, with an end to it.

use std::time::Duration;

use weir_hal::Clock;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(1);

/// Looks once a millisecond whether `condition` holds, for at most `within`.
///
/// Returns as soon as it holds; false when it never did. Looks at least once.
pub fn holds_within(
    clock: &dyn Clock,
    within: Duration,
    mut condition: impl FnMut() -> bool,
) -> bool {
    let deadline = clock.monotonic() + within;
    loop {
        if condition() {
            return true;
        }
        let now = clock.monotonic();
        if now >= deadline {
            return false;
        }
        clock.sleep_until(deadline.min(now + PERIOD));
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::{Monotonic, sim};

    use super::*;

    #[test]
    fn returns_as_soon_as_it_holds() {
        let clock = sim::Clock::jumping();
        let mut looks = 0;
        assert!(holds_within(&clock, Duration::from_secs(1), || {
            looks += 1;
            looks == 4
        }));
        assert_eq!(clock.monotonic(), Monotonic::ZERO + 3 * PERIOD);
    }

    #[test]
    fn gives_up_at_the_end() {
        let clock = sim::Clock::jumping();
        assert!(!holds_within(&clock, Duration::from_secs(1), || false));
        assert_eq!(clock.monotonic(), Monotonic::ZERO + Duration::from_secs(1));
    }
}
