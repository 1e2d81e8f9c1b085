//! How many requests may be sent that nobody asked for: a tenth, and ten at once.
//!
//! Each request of a client pays a tenth of a token in, each retry and hedge takes one out. So an
//! origin that ails is never asked more than a tenth more than it is asked when it is well. What
//! cannot load an origin is free: see [`super`]. The last five tokens are kept for failures: an
//! answer that is only a little late is no reason to spend them.
//!
//! Pure, and counts in tenths.

/// Tenths that a retry costs.
const COST: u32 = 10;

/// Tenths that can be saved, and are there at the start: ten retries.
const SAVED_MAX: u32 = 10 * COST;

/// Tenths that are kept for failures.
const RESERVE: u32 = 5 * COST;

/// What is left for retries and hedges.
#[derive(Debug, Clone, Copy)]
pub struct RetryBudget {
    tenths: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tenths: SAVED_MAX }
    }
}

impl RetryBudget {
    /// A client has asked for something.
    pub fn deposit(&mut self) {
        self.tenths = (self.tenths + 1).min(SAVED_MAX);
    }

    /// Takes out one extra request; false if there is none.
    pub fn withdraw(&mut self) -> bool {
        self.withdraw_above(0)
    }

    /// The same, but leaves five for those who need them more.
    pub fn withdraw_spare(&mut self) -> bool {
        self.withdraw_above(RESERVE)
    }

    fn withdraw_above(&mut self, reserve: u32) -> bool {
        let left = self.tenths.checked_sub(COST);
        let left = left.filter(|left| *left >= reserve);
        self.tenths = left.unwrap_or(self.tenths);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_at_once_and_then_one_for_ten_requests() {
        let mut budget = RetryBudget::default();
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10);
        for _ in 0..9 {
            budget.deposit();
        }
        assert!(!budget.withdraw());
        budget.deposit();
        assert!(budget.withdraw());
    }

    #[test]
    fn what_is_only_late_leaves_five_for_what_has_failed() {
        let mut budget = RetryBudget::default();
        assert_eq!((0..100).filter(|_| budget.withdraw_spare()).count(), 5);
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 5);
    }

    proptest! {
        #[test]
        fn never_more_than_a_tenth_and_ten(
            asked in prop::collection::vec(any::<bool>(), 0..2_000),
        ) {
            let mut budget = RetryBudget::default();
            let (mut requests, mut extra) = (0, 0);
            for is_request in asked {
                if is_request {
                    budget.deposit();
                    requests += 1;
                } else if budget.withdraw() {
                    extra += 1;
                }
            }
            prop_assert!(extra <= 10 + requests / 10);
        }
    }
}
