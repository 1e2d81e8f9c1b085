//! How long to wait between two writes of a file that changes as often as the world does; pure.
//!
//! Refuses: to wear out an eMMC over a line that is bad for a week: 288 writes a day, not 17,000.

use std::time::Duration;

/// The wait before the next look at what has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WritePace(Duration);

impl WritePace {
    /// While it is quiet.
    pub(super) const SHORTEST: Duration = Duration::from_secs(5);

    /// While it never is: so much of the history a power cut may take.
    const LONGEST: Duration = Duration::from_mins(5);

    /// That of a file that nobody has written lately.
    pub(super) const fn new() -> Self {
        Self(Self::SHORTEST)
    }

    /// How long to wait.
    pub(super) const fn wait(self) -> Duration {
        self.0
    }

    /// Takes in whether anything was to be written: twice as long if so, anew if not.
    pub(super) fn went(&mut self, was_due: bool) {
        self.0 = if was_due {
            (self.0 * 2).min(Self::LONGEST)
        } else {
            Self::SHORTEST
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_while_changes_go_on_and_is_short_again_when_they_end() {
        let mut pace = WritePace::new();
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.push(pace.wait().as_secs());
            pace.went(true);
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        pace.went(false);
        assert_eq!(pace.wait(), WritePace::SHORTEST);
    }
}
