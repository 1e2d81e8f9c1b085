//! How often one place in the code is heard; pure.

use std::time::Duration;

use weir_hal::Monotonic;

/// Counts what one place says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limiter {
    begun: Option<Monotonic>,
    heard: u32,
    suppressed: u64,
}

impl Limiter {
    /// How often it is heard within [`Self::WINDOW`]: once for each channel of a large box, when a
    /// cable is cut.
    pub const EVENTS_MAX: u32 = 100;

    /// The time within which that is counted, from the first time on.
    pub const WINDOW: Duration = Duration::from_secs(10);

    /// Whether it is heard at `now`; if so, how often it was not since it was heard last.
    pub fn admit(&mut self, now: Monotonic) -> Option<u64> {
        let is_over = |begun| now.since(begun) >= Self::WINDOW;
        if self.begun.is_none_or(is_over) {
            self.begun = Some(now);
            self.heard = 0;
        }
        if self.heard >= Self::EVENTS_MAX {
            self.suppressed += 1;
            return None;
        }
        self.heard += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_repeats_itself_is_counted_and_heard_again_later() {
        let mut limiter = Limiter::default();
        let at = |seconds| Monotonic::ZERO + Duration::from_secs(seconds);
        for _ in 0..Limiter::EVENTS_MAX {
            assert_eq!(limiter.admit(at(5)), Some(0));
        }
        assert_eq!(limiter.admit(at(5)), None);
        assert_eq!(limiter.admit(at(14)), None);
        assert_eq!(limiter.admit(at(15)), Some(2));
        assert_eq!(limiter.admit(at(15)), Some(0));
    }
}
