//! When an alarm of one kind is raised and cleared.
//!
//! Raising and clearing have a threshold and a hold each, so that a reading that trembles about one
//! value raises nothing twice. A reading made of fewer samples than the rule wants counts as good:
//! nobody can say that it is bad. Who cannot have as many yet tells that it is unknown.

use std::time::Duration;

use crate::alarm::{Amount, Kind, Severity};

/// On which side of the thresholds it is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A greater reading is worse.
    Above,
    /// A smaller reading is worse.
    Below,
}

/// The rule of one kind of alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is bad.
    pub side: Side,
    /// Beyond this it is bad.
    pub raise: Amount,
    /// For how long, before it is raised.
    pub raise_hold: Duration,
    /// Up to this it is good again; not beyond [`Rule::raise`].
    pub clear: Amount,
    /// For how long, before it is cleared.
    pub clear_hold: Duration,
    /// Samples that a reading must be made of to be bad.
    pub samples_min: u64,
}

/// What was measured of a resource for one kind of alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// This.
    Is {
        /// In thousandths of the unit of the kind.
        amount: Amount,
        /// Samples that it is made of; any number where there is no such thing.
        samples: u64,
    },
    /// It could not be measured: whatever is known of it stays.
    Unknown,
}

impl Reading {
    /// A reading that is a sample by itself.
    pub const fn of(amount: Amount) -> Self {
        let samples = u64::MAX;
        Self::Is { amount, samples }
    }
}

/// What a reading says of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Beyond the raise threshold.
    Bad(Amount),
    /// Between the two.
    Neither,
    /// Nobody knows.
    Unknown,
    /// Up to the clear threshold.
    Good,
}

impl Rule {
    /// A rule by which greater readings are worse.
    pub(super) const fn above(
        severity: Severity,
        (raise, raise_hold_s): (Amount, u64),
        (clear, clear_hold_s): (Amount, u64),
    ) -> Self {
        Self {
            severity,
            side: Side::Above,
            raise,
            raise_hold: Duration::from_secs(raise_hold_s),
            clear,
            clear_hold: Duration::from_secs(clear_hold_s),
            samples_min: 0,
        }
    }

    /// The same, where smaller readings are worse.
    pub(super) const fn below(
        severity: Severity,
        raise: (Amount, u64),
        clear: (Amount, u64),
    ) -> Self {
        let side = Side::Below;
        Self {
            side,
            ..Self::above(severity, raise, clear)
        }
    }

    /// The same, where a reading needs so many samples to be bad.
    pub(super) const fn of_samples(self, samples_min: u64) -> Self {
        Self {
            samples_min,
            ..self
        }
    }

    /// Whether the two thresholds do not contradict each other.
    pub fn is_consistent(&self) -> bool {
        match self.side {
            Side::Above => self.clear <= self.raise,
            Side::Below => self.clear >= self.raise,
        }
    }

    /// Whether a reading is beyond the raise threshold.
    pub(super) fn is_bad(&self, reading: Reading) -> bool {
        matches!(self.judge(reading), Verdict::Bad(_))
    }

    pub(super) fn judge(&self, reading: Reading) -> Verdict {
        let Reading::Is { amount, samples } = reading else {
            return Verdict::Unknown;
        };
        let (is_bad, is_good) = match self.side {
            Side::Above => (amount > self.raise, amount <= self.clear),
            Side::Below => (amount < self.raise, amount >= self.clear),
        };
        if is_good || samples < self.samples_min {
            Verdict::Good
        } else if is_bad {
            Verdict::Bad(amount)
        } else {
            Verdict::Neither
        }
    }
}

/// A rule for each kind; by default, those of the table of kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules(Box<[Rule; Kind::COUNT]>);

impl Default for Rules {
    fn default() -> Self {
        Self(Box::new(Kind::ALL.map(|kind| kind.definition().rule)))
    }
}

impl Rules {
    /// The rule of `kind`.
    pub fn of(&self, kind: Kind) -> &Rule {
        &self.0[kind as usize]
    }

    /// The rule of `kind`, to be changed.
    pub fn of_mut(&mut self, kind: Kind) -> &mut Rule {
        &mut self.0[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Rule = Rule::above(
        Severity::Major,
        (Amount::whole(10), 0),
        (Amount::whole(6), 0),
    );
    const RARE: Rule = Rule::below(
        Severity::Major,
        (Amount::whole(85), 0),
        (Amount::whole(88), 0),
    )
    .of_samples(200);

    #[test]
    fn a_reading_is_bad_beyond_one_threshold_and_good_up_to_the_other() {
        for (thousandths, verdict) in [
            (10_001, Verdict::Bad(Amount::from_thousandths(10_001))),
            (10_000, Verdict::Neither),
            (6_001, Verdict::Neither),
            (6_000, Verdict::Good),
        ] {
            let reading = Reading::of(Amount::from_thousandths(thousandths));
            assert_eq!(LATE.judge(reading), verdict, "{thousandths}");
        }
        assert_eq!(LATE.judge(Reading::Unknown), Verdict::Unknown);
    }

    #[test]
    fn a_ratio_is_bad_below_and_only_with_enough_samples() {
        for (percent, samples, verdict) in [
            (84, 200, Verdict::Bad(Amount::whole(84))),
            (84, 199, Verdict::Good),
            (85, 200, Verdict::Neither),
            (88, 200, Verdict::Good),
        ] {
            let amount = Amount::whole(percent);
            let reading = Reading::Is { amount, samples };
            assert_eq!(RARE.judge(reading), verdict, "{percent} of {samples}");
        }
    }

    #[test]
    fn thresholds_that_are_the_wrong_way_round_are_inconsistent() {
        assert!(LATE.is_consistent() && RARE.is_consistent());
        let turned = |rule: Rule| Rule {
            raise: rule.clear,
            clear: rule.raise,
            ..rule
        };
        assert!(!turned(LATE).is_consistent() && !turned(RARE).is_consistent());
    }
}
