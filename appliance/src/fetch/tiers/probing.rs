//! What active probes say of an endpoint: down after some that failed in a row, up after some that
//! passed. Pure.

/// How many probes decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures in a row until the endpoint is down. Default: 3.
    pub failures: u32,
    /// Passes in a row until it is up again. Default: 2.
    pub passes: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            failures: 3,
            passes: 2,
        }
    }
}

/// What probes have found so far; up until they find otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probing {
    is_down: bool,
    /// Probes in a row that spoke against the present state.
    against: u32,
}

impl Probing {
    /// Takes note of one probe. Returns true if the endpoint is up by it again.
    pub fn note(&mut self, has_passed: bool, thresholds: Thresholds) -> bool {
        if has_passed != self.is_down {
            self.against = 0;
            return false;
        }
        self.against = self.against.saturating_add(1);
        let needed = if self.is_down {
            thresholds.passes
        } else {
            thresholds.failures
        };
        if self.against < needed {
            return false;
        }
        self.against = 0;
        self.is_down = !self.is_down;
        !self.is_down
    }

    /// Whether the endpoint is to be left alone.
    pub const fn is_down(&self) -> bool {
        self.is_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_put_it_down_and_two_passes_up() {
        let mut probing = Probing::default();
        let mut note = |has_passed| {
            let is_up_again = probing.note(has_passed, Thresholds::default());
            (probing.is_down(), is_up_again)
        };
        assert_eq!(note(false), (false, false));
        assert_eq!(note(false), (false, false));
        assert_eq!(note(true), (false, false));
        assert_eq!(note(false), (false, false));
        assert_eq!(note(false), (false, false));
        assert_eq!(note(false), (true, false));
        assert_eq!(note(true), (true, false));
        assert_eq!(note(false), (true, false));
        assert_eq!(note(true), (true, false));
        assert_eq!(note(true), (false, true));
    }
}
