//! One alarm that is raised, or was or may be soon.

use std::{sync::Arc, time::Duration};

use weir_hal::{Monotonic, Wall};

use crate::alarm::{
    Amount, Measure, Operation, OperatorState, Resource, Severity,
    change::{TEXT_BYTES_MAX, bounded},
    flapping::Flapping,
    hysteresis::Phase,
    kind::Kind,
    measure::Moment,
    rule::{Rule, Verdict},
};

/// Which alarm: there is one of each kind for each resource, at most.
pub(super) type Key = (Kind, Resource);

/// How long alarms are taken for effects of a cause after that is cleared: until a segment is whole
/// again, and the clear hold of its alarm over.
const AFTERMATH: Duration = Duration::from_mins(1);

/// How long the signal may take to be back and whole when what took it is over: a group is joined
/// anew at once, and after ten seconds of silence at the latest; members are asked for, and answer,
/// within ten (RFC 3376 §8.3); and a few until packets are seen.
const RETURN: Duration = Duration::from_secs(15);

/// How long an alarm waits to be told of, at most, for a cause that is about to be raised.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of one alarm.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    phase: Phase,
    flapping: Flapping,
    /// The latest bad reading, and what was said of it.
    pub(super) amount: Amount,
    pub(super) detail: Option<Arc<str>>,
    /// What it comes through.
    pub(super) through: Option<Resource>,
    /// When it was told of for the first time: what is hidden is not raised yet.
    pub(super) since: Wall,
    /// What it is an effect of.
    pub(super) root: Option<Key>,
    /// What is an effect of it.
    pub(super) effects: Effects,
    /// When it was bad for the first time, since it was good last.
    bad_since: Monotonic,
    /// Since when it has been bad without a good reading between.
    run_since: Monotonic,
    /// When it was raised and bad last.
    bad_last: Option<Monotonic>,
    /// When it was raised last, but for what flaps.
    raised_last: Option<Monotonic>,
    wait: Wait,
    /// A notice is due that it flaps.
    pub(super) is_notice_due: bool,
    /// It is counted among those that are not listed.
    pub(super) is_left_out: bool,
    pub(super) is_measured: bool,
    pub(super) told: Option<Told>,
}

/// How closely an effect is tied to its cause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tie {
    /// If it begins [`RETURN`] behind the cause, or later, while that is bad, it is no effect of
    /// it.
    pub(super) begins_with_it: bool,
    /// If it begins behind the cause, it is no effect of it.
    pub(super) ends_with_it: bool,
    /// If it is bad for [`RETURN`] behind the cause, it is none any more.
    pub(super) heals_with_it: bool,
}

/// Whether an alarm waits to be told of until its cause is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Never,
    Since(Monotonic),
    /// The cause was not raised in time; when the wait began.
    Over(Monotonic),
}

/// An alarm as it was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) id: u64,
    pub(super) severity: Severity,
    pub(super) cause: Option<u64>,
    pub(super) is_flapping: bool,
    /// Acknowledged or closed.
    pub(super) operation: Option<Operation>,
}

/// Alarms that are effects of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effects {
    pub(super) count: usize,
    /// The worst of theirs.
    pub(super) severity: Severity,
    /// One of them is bad now.
    pub(super) is_bad: bool,
}

impl Default for Effects {
    fn default() -> Self {
        Self {
            count: 0,
            severity: Severity::Cleared,
            is_bad: false,
        }
    }
}

impl Effects {
    pub(super) fn add(&mut self, severity: Severity, is_bad: bool) {
        self.count += 1;
        self.severity = self.severity.max(severity);
        self.is_bad |= is_bad;
    }
}

impl Entry {
    /// Of something that is bad for the first time.
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Quiet,
            flapping: Flapping::default(),
            amount: Amount::ZERO,
            detail: None,
            through: None,
            since: Wall::default(),
            root: None,
            effects: Effects::default(),
            bad_since: Monotonic::ZERO,
            run_since: Monotonic::ZERO,
            bad_last: None,
            raised_last: None,
            wait: Wait::Never,
            is_notice_due: false,
            is_left_out: false,
            is_measured: false,
            told: None,
        }
    }

    /// Of an alarm that was raised before a restart.
    pub(super) fn restored(since: Wall, amount: Amount, told: Told) -> Self {
        Self {
            phase: Phase::Raised,
            flapping: Flapping::of_raised(),
            amount,
            since,
            told: Some(told),
            ..Self::new()
        }
    }

    /// Whether it is raised, or kept so because it flaps.
    pub(super) const fn is_raised(&self) -> bool {
        self.phase.is_raised() || self.flapping.is_flapping()
    }

    /// Whether it is raised, and bad now.
    pub(super) fn is_bad(&self) -> bool {
        self.phase == Phase::Raised
    }

    /// Whether it is good again, and not yet for long enough.
    pub(super) const fn is_falling(&self) -> bool {
        matches!(self.phase, Phase::Falling(_))
    }

    /// Whether it is bad, and not yet for long enough.
    pub(super) const fn is_rising(&self) -> bool {
        matches!(self.phase, Phase::Rising(_))
    }

    pub(super) const fn is_flapping(&self) -> bool {
        self.flapping.is_flapping()
    }

    /// It is over, and kept raised because it flaps.
    const fn is_damped(&self) -> bool {
        self.flapping.is_flapping() && !self.phase.is_raised()
    }

    /// It is good, and kept raised because it flaps or has not been good for long enough.
    pub(super) const fn is_over_for_now(&self) -> bool {
        self.is_damped() || self.is_falling()
    }

    /// It is over, was told of, and is not cleared: it waits to be acknowledged.
    pub(super) const fn is_over(&self) -> bool {
        self.told.is_some() && !self.is_raised()
    }

    /// What an alarm of this kind says of it.
    pub(super) fn text(&self, kind: Kind) -> String {
        let text = kind.text(self.amount, self.detail.as_deref());
        let text = match (self.is_flapping(), self.is_over_for_now()) {
            _ if self.is_over() => {
                format!("over, and waits to be acknowledged; it was: {text}")
            }
            (true, true) => format!("it comes and goes, and is over for now: {text}"),
            (true, false) => format!("it comes and goes: {text}"),
            (false, true) => {
                format!("over for now, and watched for a while; it was: {text}")
            }
            (false, false) => text,
        };
        bounded(text, TEXT_BYTES_MAX)
    }

    /// Takes in one more reading.
    pub(super) fn judge(&mut self, measure: &Measure, rule: &Rule, now: Moment, inhibited: bool) {
        let verdict = rule.judge(measure.reading);
        if let Verdict::Bad(amount) = verdict {
            self.amount = amount;
            self.detail.clone_from(&measure.detail);
        }
        self.through.clone_from(&measure.through);
        self.is_measured = true;
        let phase = self.phase.after(verdict, rule, now.monotonic, inhibited);
        self.enter(phase, now);
    }

    /// Nobody measures it any more.
    pub(super) fn abandon(&mut self, now: Moment) {
        self.flapping = Flapping::default();
        self.enter(Phase::Quiet, now);
    }

    fn enter(&mut self, phase: Phase, now: Moment) {
        if self.phase == Phase::Quiet {
            self.bad_since = now.monotonic;
        }
        if self.phase.is_raised() {
            self.raised_last = Some(now.monotonic);
        }
        if matches!(self.phase, Phase::Quiet | Phase::Falling(_)) {
            self.run_since = now.monotonic;
        }
        self.phase = phase;
        if self.is_bad() {
            self.bad_last = Some(now.monotonic);
        }
    }

    /// Takes note of what it is an effect of now. What came or went with a cause has not come or
    /// gone by itself, so it does not flap for that; nor has what waits for one.
    pub(super) fn trace(&mut self, root: Option<Key>, is_rising: bool, now: Monotonic) {
        let is_effect = self.root.is_some() || root.is_some();
        self.root = root;
        self.wait(is_rising, now);
        let is_raised = self.phase.is_raised();
        if is_effect {
            self.flapping.follow(now, is_raised);
        } else if !matches!(self.wait, Wait::Since(_)) {
            self.is_notice_due |= self.flapping.look(now, is_raised);
        }
    }

    /// Whether `effect`, which is related to it and tied so, is taken for its effect.
    pub(super) fn explains(&self, effect: &Self, tie: Tie, now: Monotonic) -> bool {
        if self.is_bad() {
            let is_later = effect.bad_since.since(self.bad_since) >= RETURN;
            return !(tie.begins_with_it && is_later);
        }
        let is_left = self.bad_last.is_some_and(|last| {
            let alone_since = last.max(effect.run_since);
            effect.is_bad() && now.since(alone_since) >= RETURN
        });
        if tie.heals_with_it && is_left {
            return false;
        }
        let is_behind = self.raised_last.is_some_and(|last| effect.bad_since > last);
        let is_new = tie.ends_with_it && is_behind;
        let is_damped = self.is_flapping() && !effect.is_bad();
        self.phase.is_raised() || (self.is_just_over(now) && !is_new) || is_damped
    }

    /// Waits for its cause while that `is_rising`, up to [`PATIENCE`].
    fn wait(&mut self, is_rising: bool, now: Monotonic) {
        let since = match self.wait {
            _ if !self.is_raised() || self.root.is_some() => None,
            Wait::Never => is_rising.then_some(now),
            Wait::Since(since) | Wait::Over(since) => Some(since),
        };
        self.wait = match since {
            None => Wait::Never,
            Some(since) if is_rising && now.since(since) < PATIENCE => Wait::Since(since),
            Some(since) => Wait::Over(since),
        };
    }

    /// Whether it may be told of for the first time: it is an alarm by itself, and still bad or was
    /// when its wait for a cause began. That it came and went with a cause is none by itself.
    pub(super) fn may_be_told(&self) -> bool {
        let is_bad = match self.wait {
            Wait::Never => self.phase == Phase::Raised,
            Wait::Since(_) => return false,
            Wait::Over(_) => self.phase.is_raised(),
        };
        is_bad && self.root.is_none()
    }

    /// Whether it was raised so lately that it may yet explain what is bad.
    fn is_just_over(&self, now: Monotonic) -> bool {
        self.raised_last
            .is_some_and(|last| now.since(last) < AFTERMATH)
    }

    /// Whether it may be forgotten.
    pub(super) fn is_idle(&self, now: Monotonic) -> bool {
        let is_of_use = self.is_just_over(now) || self.flapping.remembers(now);
        self.phase == Phase::Quiet && self.told.is_none() && !is_of_use
    }

    /// Whether an operator has acknowledged it, or more.
    pub(super) fn is_acknowledged(&self) -> bool {
        let operation = self.told.as_ref().and_then(|told| told.operation.as_ref());
        operation.is_some_and(|operation| match operation.state {
            OperatorState::Acknowledged | OperatorState::Closed => true,
            OperatorState::Shelved => false,
        })
    }
}
