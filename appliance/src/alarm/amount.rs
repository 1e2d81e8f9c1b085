//! Readings and thresholds: whole numbers of thousandths, so that two that look alike are alike.
//!
//! Refuses: fractions beyond three decimals, and what is not a number.

/// A reading or a threshold, in thousandths of the unit of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(u64);

impl Amount {
    /// Nothing, or "no" where a claim is read.
    pub const ZERO: Self = Self(0);

    /// So many thousandths.
    pub const fn from_thousandths(thousandths: u64) -> Self {
        Self(thousandths)
    }

    /// So many whole units; more than 2^54 are that.
    pub const fn whole(units: u64) -> Self {
        Self(units.saturating_mul(1_000))
    }

    /// "Yes" or "no".
    pub const fn claim(is_so: bool) -> Self {
        Self::whole(is_so as u64)
    }

    /// The percentage that `part` is of `whole`; zero of nothing.
    pub fn percentage(part: u64, whole: u64) -> Self {
        let thousandths = u128::from(part) * 100_000;
        let share = thousandths.checked_div(whole.into()).unwrap_or_default();
        Self(u64::try_from(share).unwrap_or(u64::MAX))
    }

    /// In thousandths.
    pub const fn thousandths(self) -> u64 {
        self.0
    }
}

/// What is counted in an [`Amount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Second,
    /// Days.
    Day,
    /// Percent.
    Percent,
    /// Things, within a second where they are events.
    Count,
    /// One if it is so, zero if not: there is no threshold to choose.
    Claim,
}

impl Unit {
    /// `amount` as people read it, to one decimal.
    pub fn show(self, amount: Amount) -> String {
        let tenths = amount.0 / 100;
        let (whole, tenth) = (tenths / 10, tenths % 10);
        match self {
            Self::Second => format!("{whole}.{tenth} s"),
            Self::Day => format!("{whole}.{tenth} days"),
            Self::Percent => format!("{whole}.{tenth} %"),
            Self::Count | Self::Claim => whole.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_with_their_units() {
        let amount = Amount::from_thousandths(12_345);
        assert_eq!(Unit::Second.show(amount), "12.3 s");
        assert_eq!(Unit::Percent.show(amount), "12.3 %");
        assert_eq!(Unit::Count.show(amount), "12");
    }

    #[test]
    fn a_percentage_of_nothing_is_zero_and_none_overflows() {
        assert_eq!(Amount::percentage(1, 0), Amount::ZERO);
        assert_eq!(Amount::percentage(1, 3), Amount::from_thousandths(33_333));
        assert_eq!(Amount::percentage(u64::MAX, u64::MAX), Amount::whole(100));
        assert_eq!(Amount::percentage(u64::MAX, 1), Amount(u64::MAX));
        assert_eq!(Amount::whole(u64::MAX), Amount(u64::MAX));
    }
}
