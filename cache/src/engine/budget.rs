//! How much may be written a day, so that flash lasts as long as it was bought for.
//!
//! A bucket that fills evenly over the day and holds an hour's worth. Live segments and what is
//! carried over because it is pinned are written all the same; they leave a debt of at most
//! another hour's worth.

use std::time::Duration;

use weir_hal::Monotonic;

const DAY_NANOS: u128 = 86_400_000_000_000;
const BURSTS_A_DAY: u64 = 24;

/// The bytes that may be written now.
#[derive(Debug)]
pub(super) struct WriteBudget {
    /// `None`: as many as one likes.
    bytes_a_day: Option<u64>,
    /// Below zero: a debt.
    balance_bytes: i64,
    filled_at: Monotonic,
}

impl WriteBudget {
    pub(super) fn new(bytes_a_day: Option<u64>, now: Monotonic) -> Self {
        let mut budget = Self {
            bytes_a_day,
            balance_bytes: 0,
            filled_at: now,
        };
        budget.balance_bytes = budget.burst_bytes();
        budget
    }

    /// Whether anything may be written that can be done without.
    pub(super) fn is_left(&mut self, now: Monotonic) -> bool {
        let Some(bytes_a_day) = self.bytes_a_day else {
            return true;
        };
        let elapsed = now.since(self.filled_at).as_nanos();
        let added = u128::from(bytes_a_day).saturating_mul(elapsed) / DAY_NANOS;
        let balance = i128::from(self.balance_bytes).saturating_add_unsigned(added);
        if let Ok(balance) = i64::try_from(balance)
            && balance < self.burst_bytes()
        {
            // Of the time that has passed, what is less than a byte's worth counts the next time.
            let counted = added * DAY_NANOS / u128::from(bytes_a_day.max(1));
            let counted = u64::try_from(counted).unwrap_or(u64::MAX);
            self.filled_at = self.filled_at + Duration::from_nanos(counted);
            self.balance_bytes = balance;
        } else {
            self.filled_at = now;
            self.balance_bytes = self.burst_bytes();
        }
        self.balance_bytes > 0
    }

    /// Notes that so many bytes are written.
    pub(super) fn spend(&mut self, bytes: u64) {
        if self.bytes_a_day.is_some() {
            let spent = i64::try_from(bytes).unwrap_or(i64::MAX);
            let rest = self.balance_bytes.saturating_sub(spent);
            self.balance_bytes = rest.max(-self.burst_bytes());
        }
    }

    fn burst_bytes(&self) -> i64 {
        let bytes = self.bytes_a_day.unwrap_or(0) / BURSTS_A_DAY;
        i64::try_from(bytes.max(1)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_day_brings_a_day_s_worth_and_an_hour_s_worth_can_be_saved() {
        let start = Monotonic::ZERO;
        let mut budget = WriteBudget::new(Some(24_000), start);
        budget.spend(1_000);
        assert!(!budget.is_left(start));
        // Small steps lose nothing.
        let step = Duration::from_secs(1);
        let end = (0..3_600).fold(start, |now, _| {
            budget.is_left(now);
            now + step
        });
        assert!(budget.is_left(end));
        budget.spend(998);
        assert!(budget.is_left(end));
        budget.spend(2);
        assert!(!budget.is_left(end));
        assert!(budget.is_left(end + 30 * HOUR));
        budget.spend(1_000);
        assert!(!budget.is_left(end + 30 * HOUR));
    }

    #[test]
    fn a_debt_is_paid_within_an_hour() {
        let mut budget = WriteBudget::new(Some(24_000), Monotonic::ZERO);
        budget.spend(1_000_000);
        assert!(!budget.is_left(Monotonic::ZERO + HOUR));
        assert!(budget.is_left(Monotonic::ZERO + HOUR + Duration::from_mins(1)));
    }

    #[test]
    fn without_a_limit_there_is_always_some_left() {
        let mut budget = WriteBudget::new(None, Monotonic::ZERO);
        budget.spend(u64::MAX);
        assert!(budget.is_left(Monotonic::ZERO));
    }
}
