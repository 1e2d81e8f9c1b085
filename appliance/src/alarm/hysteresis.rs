//! Where one alarm stands between its thresholds and holds; pure.
//!
//! Refuses: to raise or to clear before the boot inhibit is over, for what has just begun knows
//! nothing. What is bad through all of it is raised then; what was raised before it stays so.

use weir_hal::Monotonic;

use crate::alarm::rule::{Rule, Verdict};

/// Where an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// Nothing is wrong.
    #[default]
    Quiet,
    /// Bad readings since then, not yet for long enough.
    Rising(Monotonic),
    /// Raised.
    Raised,
    /// Raised, with good readings since then, not yet for long enough.
    Falling(Monotonic),
}

impl Phase {
    /// Whether the alarm is raised.
    pub(super) const fn is_raised(self) -> bool {
        matches!(self, Self::Raised | Self::Falling(_))
    }

    /// Where the alarm stands after one more reading. Nothing is raised or cleared while it
    /// `is_inhibited`.
    pub(super) fn after(
        self,
        verdict: Verdict,
        rule: &Rule,
        now: Monotonic,
        is_inhibited: bool,
    ) -> Self {
        let rising = |since: Monotonic| {
            if now.since(since) >= rule.raise_hold && !is_inhibited {
                Self::Raised
            } else {
                Self::Rising(since)
            }
        };
        let falling = |since: Monotonic| {
            if now.since(since) >= rule.clear_hold {
                Self::Quiet
            } else {
                Self::Falling(since)
            }
        };
        match (self, verdict) {
            // Nobody knows whether what was bad lasted.
            (
                Self::Quiet | Self::Rising(_),
                Verdict::Neither | Verdict::Good | Verdict::Unknown,
            ) => Self::Quiet,
            (phase, Verdict::Unknown) => phase,
            (phase @ (Self::Raised | Self::Falling(_)), Verdict::Good) if is_inhibited => phase,
            (Self::Quiet, Verdict::Bad(_)) => rising(now),
            (Self::Rising(since), Verdict::Bad(_)) => rising(since),
            (Self::Raised, Verdict::Good) => falling(now),
            (Self::Falling(since), Verdict::Good) => falling(since),
            (Self::Raised | Self::Falling(_), Verdict::Bad(_) | Verdict::Neither) => Self::Raised,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alarm::{Amount, Severity};

    const BAD: Verdict = Verdict::Bad(Amount::whole(1));
    const RULE: Rule = Rule::above(Severity::Major, (Amount::ZERO, 3), (Amount::ZERO, 5));

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(seconds)
    }

    /// The phases after one verdict a second.
    fn phases(verdicts: &[Verdict]) -> Vec<Phase> {
        let mut phase = Phase::Quiet;
        let seconds = (0..).zip(verdicts);
        let phases = seconds.map(|(second, verdict)| {
            phase = phase.after(*verdict, &RULE, at(second), false);
            phase
        });
        phases.collect()
    }

    #[test]
    fn raises_after_its_hold_and_clears_after_the_other() {
        let verdicts = [&[BAD; 4][..], &[Verdict::Good; 6]].concat();
        let phases = phases(&verdicts);
        let raised: Vec<bool> = phases.into_iter().map(Phase::is_raised).collect();
        let expected = [
            false, false, false, true, true, true, true, true, true, false,
        ];
        assert_eq!(raised, expected);
    }

    #[test]
    fn a_hold_that_is_broken_begins_anew() {
        for breach in [Verdict::Good, Verdict::Neither] {
            let verdicts = [BAD, BAD, BAD, breach, BAD, BAD, BAD];
            assert!(!phases(&verdicts).into_iter().any(Phase::is_raised));
        }
        for breach in [BAD, Verdict::Neither] {
            let good = [Verdict::Good; 5];
            let verdicts = [&[BAD; 4][..], &good, &[breach], &good].concat();
            let last = phases(&verdicts).pop();
            assert_eq!(last, Some(Phase::Falling(at(10))), "{breach:?}");
        }
    }

    #[test]
    fn what_nobody_knows_raises_nothing_and_clears_nothing() {
        let unknown = Verdict::Unknown;
        let broken = [BAD, BAD, BAD, unknown, BAD, BAD, BAD];
        assert!(!phases(&broken).into_iter().any(Phase::is_raised));
        let raised = [&[BAD; 4][..], &[unknown; 9]].concat();
        assert_eq!(phases(&raised).pop(), Some(Phase::Raised));
        let falling = [&[BAD; 4][..], &[Verdict::Good], &[unknown]].concat();
        assert_eq!(phases(&falling).pop(), Some(Phase::Falling(at(4))));
    }

    #[test]
    fn what_is_bad_through_the_inhibit_is_raised_when_it_ends() {
        let rising = Phase::Quiet.after(BAD, &RULE, at(0), true);
        let still = rising.after(BAD, &RULE, at(59), true);
        assert_eq!(still, Phase::Rising(at(0)));
        assert_eq!(still.after(BAD, &RULE, at(60), false), Phase::Raised);
    }

    #[test]
    fn what_was_raised_before_the_inhibit_is_cleared_behind_it_after_its_hold() {
        let still = Phase::Raised.after(Verdict::Good, &RULE, at(59), true);
        assert_eq!(still, Phase::Raised);
        let falling = still.after(Verdict::Good, &RULE, at(60), false);
        assert_eq!(falling, Phase::Falling(at(60)));
        let over = falling.after(Verdict::Good, &RULE, at(65), false);
        assert_eq!(over, Phase::Quiet);
    }

    #[test]
    fn without_holds_it_follows_at_once() {
        let rule = Rule::above(Severity::Major, (Amount::ZERO, 0), (Amount::ZERO, 0));
        let raised = Phase::Quiet.after(BAD, &rule, at(0), false);
        assert_eq!(raised, Phase::Raised);
        assert_eq!(
            raised.after(Verdict::Good, &rule, at(0), false),
            Phase::Quiet
        );
    }
}
