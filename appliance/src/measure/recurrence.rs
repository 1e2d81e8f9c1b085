//! Watches that something comes back in time.

use std::time::Duration;

/// Watches one thing that must recur within a limit. An absence counts once, however long it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recurrence {
    state: State,
    /// True once the present absence has been counted.
    counted: bool,
    interval_max: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is expected yet.
    Idle,
    /// Expected, from the next look at the clock on.
    Armed,
    /// Expected since.
    Since(Duration),
}

impl Recurrence {
    /// Expects nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Idle,
            counted: false,
            interval_max: Duration::ZERO,
        }
    }

    /// Begins to expect the thing, unless it is expected already.
    pub(crate) fn arm(&mut self) {
        if self.state == State::Idle {
            self.state = State::Armed;
        }
    }

    /// Expects nothing any more. What was measured stays.
    pub(crate) fn disarm(&mut self) {
        self.state = State::Idle;
        self.counted = false;
    }

    /// Starts anew after a time in which nothing could be observed.
    pub(crate) fn restart(&mut self) {
        if self.state != State::Idle {
            self.state = State::Armed;
            self.counted = false;
        }
    }

    /// Notes an occurrence. Returns true when it comes later than `limit` after the one before and
    /// [`Recurrence::is_overdue`] has not yet said so.
    pub(crate) fn occurred(&mut self, at: Duration, limit: Duration) -> bool {
        let mut is_late = false;
        if let State::Since(last) = self.state {
            let interval = at.saturating_sub(last);
            self.interval_max = self.interval_max.max(interval);
            is_late = interval > limit && !self.counted;
        }
        self.state = State::Since(at);
        self.counted = false;
        is_late
    }

    /// Returns true once for each absence that has become longer than `limit` by now.
    pub(crate) fn is_overdue(&mut self, at: Duration, limit: Duration) -> bool {
        match self.state {
            State::Idle => false,
            State::Armed => {
                self.state = State::Since(at);
                false
            }
            State::Since(last) => {
                let is_new = at.saturating_sub(last) > limit && !self.counted;
                self.counted |= is_new;
                is_new
            }
        }
    }

    /// The longest interval between two occurrences.
    pub(crate) const fn interval_max(&self) -> Duration {
        self.interval_max
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Recurrence;

    const LIMIT: Duration = Duration::from_millis(100);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_interval_at_the_limit_is_in_time() {
        let mut recurrence = Recurrence::new();
        assert!(!recurrence.occurred(ms(0), LIMIT));
        assert!(!recurrence.occurred(ms(100), LIMIT));
        assert!(recurrence.occurred(ms(201), LIMIT));
        assert_eq!(recurrence.interval_max(), ms(101));
    }

    #[test]
    fn a_long_absence_counts_once() {
        let mut recurrence = Recurrence::new();
        recurrence.arm();
        assert!(!recurrence.is_overdue(ms(0), LIMIT));
        assert!(recurrence.is_overdue(ms(101), LIMIT));
        assert!(!recurrence.is_overdue(ms(900), LIMIT));
        assert!(!recurrence.occurred(ms(1_000), LIMIT));
        assert!(recurrence.is_overdue(ms(1_101), LIMIT));
    }

    #[test]
    fn time_without_observation_does_not_count() {
        let mut recurrence = Recurrence::new();
        recurrence.occurred(ms(0), LIMIT);
        recurrence.restart();
        assert!(!recurrence.is_overdue(ms(5_000), LIMIT));
        assert!(recurrence.is_overdue(ms(5_101), LIMIT));
        recurrence.disarm();
        assert!(!recurrence.is_overdue(ms(9_000), LIMIT));
    }
}
