//! Chooses which source of a rendition is used, by how well each of them is received.
//!
//! All sources are received all the time, so that the one to go over to is known to be good. The
//! one in use is left as soon as it is worse than another, and gone back to for no other reason
//! than that it is preferred, once it has been good for long enough.
//!
//! Source: TR 101 290 §5.2.1 (what makes a stream unusable, seen by what comes out of it).
//! Refuses: to leave a source for another that is no better.

use std::{cmp::Reverse, time::Duration};

use weir_hal::Monotonic;

use crate::{config::Failover, live::Condition};

/// Seconds over which errors are added up.
const ERROR_SECONDS: usize = 5;

/// The same as a time, for which a source must have been good to be better than a damaged one.
const ERROR_SPAN: Duration = Duration::from_secs(ERROR_SECONDS as u64);

/// A source is called good again once it has so much fewer errors than made it damaged.
const ERRORS_CLEAR_RATIO: u64 = 10;

/// What one source has brought so far. Totals only grow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brought {
    pub(super) datagrams: u64,
    /// Access units of the program, in the clear.
    pub(super) access_units: u64,
    /// Continuity errors, packets marked as damaged, and losses of synchronisation.
    pub(super) errors: u64,
}

/// One source, watched.
#[derive(Debug)]
pub(super) struct Watch {
    brought: Brought,
    heard: Option<Monotonic>,
    media: Option<Monotonic>,
    /// Errors of the last seconds, in no order.
    errors: [u64; ERROR_SECONDS],
    second: u64,
    condition: Condition,
    /// When it came to be in that condition.
    since: Monotonic,
}

impl Watch {
    /// A source of which nothing is known at `now`.
    pub(super) fn new(now: Monotonic) -> Self {
        Self {
            brought: Brought::default(),
            heard: None,
            media: None,
            errors: [0; ERROR_SECONDS],
            second: 0,
            condition: Condition::Unusable,
            since: now,
        }
    }

    /// How well it was received when it was looked at last.
    pub(super) fn condition(&self) -> Condition {
        self.condition
    }

    /// When its last datagram was seen.
    pub(super) fn heard(&self) -> Option<Monotonic> {
        self.heard
    }

    /// When its last access unit was seen.
    pub(super) fn media(&self) -> Option<Monotonic> {
        self.media
    }

    /// Looks at what it has brought by `now`.
    pub(super) fn look(&mut self, brought: Brought, rules: &Failover, now: Monotonic) {
        let before = std::mem::replace(&mut self.brought, brought);
        if brought.datagrams > before.datagrams {
            self.heard = Some(now);
        }
        if brought.access_units > before.access_units {
            self.media = Some(now);
        }
        self.add(brought.errors - before.errors, now);
        let condition = self.judge(rules, now);
        if condition != self.condition {
            (self.condition, self.since) = (condition, now);
        }
    }

    fn add(&mut self, errors: u64, now: Monotonic) {
        let second = now.since(Monotonic::ZERO).as_secs();
        let passed = second - self.second;
        for step in 1..=passed.min(ERROR_SECONDS as u64) {
            *self.errors_in(second - passed + step) = 0;
        }
        self.second = second;
        *self.errors_in(second) += errors;
    }

    fn errors_in(&mut self, second: u64) -> &mut u64 {
        let place = second % ERROR_SECONDS as u64;
        &mut self.errors[usize::try_from(place).expect("it is small")]
    }

    fn judge(&self, rules: &Failover, now: Monotonic) -> Condition {
        if !is_fresh(self.heard, rules.silence, now) || !is_fresh(self.media, rules.media, now) {
            return Condition::Unusable;
        }
        let errors = self.errors.iter().sum::<u64>();
        let limit = if self.condition == Condition::Damaged {
            rules.errors.div_ceil(ERRORS_CLEAR_RATIO)
        } else {
            rules.errors
        };
        if errors >= limit {
            Condition::Damaged
        } else {
            Condition::Good
        }
    }

    /// True if it brought something well within the patience for it: of sources that fall silent
    /// together, by one cable, one is always the last.
    fn is_lively(&self, rules: &Failover, now: Monotonic) -> bool {
        is_fresh(self.heard, rules.silence / 2, now) && is_fresh(self.media, rules.media / 2, now)
    }

    fn is_good_for(&self, hold: Duration, now: Monotonic) -> bool {
        self.condition == Condition::Good && now.since(self.since) >= hold
    }
}

fn is_fresh(at: Option<Monotonic>, patience: Duration, now: Monotonic) -> bool {
    at.is_some_and(|at| now.since(at) < patience)
}

/// Which of the sources is used.
#[derive(Debug)]
pub(super) struct Protection {
    active: usize,
    /// Since when.
    since: Monotonic,
}

impl Protection {
    /// Uses the first from `now` on.
    pub(super) fn new(now: Monotonic) -> Self {
        Self {
            active: 0,
            since: now,
        }
    }

    /// The one that is used.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Chooses among `watches`, in order of preference. `Some` if it is another than before.
    pub(super) fn choose<'w>(
        &mut self,
        watches: impl Iterator<Item = &'w Watch> + Clone,
        rules: &Failover,
        now: Monotonic,
    ) -> Option<usize> {
        let used = watches.clone().nth(self.active)?;
        // It is given time to begin: the others may have been faster, and are no better for it.
        let is_beginning = used.media.is_none() && now.since(self.since) < rules.media;
        let is_due = |(index, watch): &(usize, &Watch)| {
            let is_trusted = match used.condition {
                Condition::Unusable => watch.is_lively(rules, now),
                Condition::Damaged | Condition::Good => watch.is_good_for(ERROR_SPAN, now),
            };
            let is_better = watch.condition > used.condition && is_trusted && !is_beginning;
            let is_preferred = *index < self.active && rules.is_returning;
            is_better || is_preferred && watch.is_good_for(rules.hold, now)
        };
        // Of equals, `min_by_key` takes the first.
        let due = watches.enumerate().filter(is_due);
        let (next, _) = due.min_by_key(|(_, watch)| Reverse(watch.condition))?;
        (self.active, self.since) = (next, now);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Failover = Failover {
        silence: Duration::from_secs(1),
        media: Duration::from_secs(3),
        errors: 50,
        is_returning: true,
        hold: Duration::from_mins(1),
    };

    /// Milliseconds from one look to the next.
    const TURN_MS: u64 = 10;

    /// What one source does from one look to the next.
    #[derive(Clone, Copy)]
    enum Sends {
        Nothing,
        /// Datagrams in which there are no access units in the clear.
        Noise,
        Media,
        /// Media with an error in each look.
        Errors,
    }

    struct Bench {
        now: Monotonic,
        totals: Vec<Brought>,
        watches: Vec<Watch>,
        protection: Protection,
        rules: Failover,
        /// What was gone over to, and when.
        changes: Vec<(u64, usize)>,
    }

    impl Bench {
        fn of(sources: usize) -> Self {
            let now = Monotonic::from_nanos(77_000_000_000);
            Self {
                now,
                totals: vec![Brought::default(); sources],
                watches: (0..sources).map(|_| Watch::new(now)).collect(),
                protection: Protection::new(now),
                rules: RULES,
                changes: Vec::new(),
            }
        }

        fn ms(&self) -> u64 {
            let since = self.now.since(Monotonic::from_nanos(77_000_000_000));
            u64::try_from(since.as_millis()).expect("it is short")
        }

        fn run(&mut self, ms: u64, sends: &[Sends]) {
            for _ in 0..ms / TURN_MS {
                self.now = self.now + Duration::from_millis(TURN_MS);
                for (index, sends) in sends.iter().enumerate() {
                    let total = &mut self.totals[index];
                    total.datagrams += u64::from(!matches!(sends, Nothing));
                    total.access_units += u64::from(matches!(sends, Media | Errors));
                    total.errors += u64::from(matches!(sends, Errors));
                    self.watches[index].look(*total, &self.rules, self.now);
                }
                let watches = self.watches.iter();
                if let Some(next) = self.protection.choose(watches, &self.rules, self.now) {
                    self.changes.push((self.ms(), next));
                }
            }
        }
    }

    use Sends::{Errors, Media, Noise, Nothing};

    #[test]
    fn the_preferred_source_is_waited_for_at_the_beginning() {
        let mut bench = Bench::of(2);
        bench.run(2_900, &[Nothing, Media]);
        assert_eq!(bench.changes, []);
        bench.run(500, &[Media, Media]);
        assert_eq!(bench.changes, []);
        let mut bench = Bench::of(2);
        bench.run(4_000, &[Noise, Media]);
        assert_eq!(bench.changes, [(3_000, 1)]);
    }

    #[test]
    fn a_source_that_falls_silent_is_left_one_turn_after_the_patience_for_it() {
        let mut bench = Bench::of(3);
        bench.run(5_000, &[Media; 3]);
        bench.run(2_000, &[Nothing, Nothing, Media]);
        assert_eq!(bench.changes, [(6_000, 2)]);
    }

    #[test]
    fn one_without_media_is_left_though_datagrams_come() {
        let mut bench = Bench::of(2);
        bench.run(5_000, &[Media; 2]);
        bench.run(4_000, &[Noise, Media]);
        assert_eq!(bench.changes, [(8_000, 1)]);
    }

    #[test]
    fn one_with_many_errors_is_left_for_one_without() {
        let mut bench = Bench::of(2);
        bench.run(5_000, &[Media; 2]);
        bench.run(400, &[Errors, Media]);
        bench.run(5_000, &[Media; 2]);
        assert_eq!(bench.changes, [], "a few");
        bench.run(1_000, &[Errors, Media]);
        assert_eq!(bench.changes, [(10_900, 1)]);
    }

    #[test]
    fn damage_is_better_than_nothing_and_no_reason_to_go_where_it_is_no_better() {
        let mut bench = Bench::of(2);
        bench.run(5_000, &[Media; 2]);
        bench.run(9_000, &[Errors, Errors]);
        bench.run(9_000, &[Errors, Nothing]);
        assert_eq!(bench.changes, []);
        bench.run(2_000, &[Nothing, Errors]);
        assert_eq!(bench.changes, [(24_000, 1)]);
    }

    #[test]
    fn the_preferred_source_is_gone_back_to_when_it_was_good_for_long() {
        let mut bench = Bench::of(2);
        bench.run(5_000, &[Media; 2]);
        bench.run(5_000, &[Nothing, Media]);
        bench.run(30_000, &[Media, Media]);
        bench.run(1_000, &[Errors, Media]);
        bench.run(70_000, &[Media, Media]);
        let [(6_000, 1), (back_ms, 0)] = bench.changes[..] else {
            panic!("{:?}", bench.changes)
        };
        // Good again once the errors are five seconds old, and a minute on.
        assert!((105_000..107_000).contains(&back_ms), "{back_ms}");
    }

    #[test]
    fn nobody_goes_back_who_is_told_not_to_unless_he_must() {
        let mut bench = Bench::of(2);
        bench.rules.is_returning = false;
        bench.run(5_000, &[Media; 2]);
        bench.run(5_000, &[Nothing, Media]);
        bench.run(200_000, &[Media, Media]);
        assert_eq!(bench.changes, [(6_000, 1)]);
        bench.run(5_000, &[Media, Nothing]);
        assert_eq!(bench.changes, [(6_000, 1), (211_000, 0)]);
    }

    #[test]
    fn sources_that_fall_silent_together_are_no_reason_to_go_from_one_to_another() {
        for patient in [[Nothing, Media], [Noise, Media]] {
            let mut bench = Bench::of(2);
            bench.run(5_000, &[Media; 2]);
            bench.run(400, &patient);
            bench.run(9_000, &[patient[0]; 2]);
            bench.run(20_000, &[Media; 2]);
            assert_eq!(bench.changes, []);
        }
    }

    #[test]
    fn a_source_alone_is_never_left() {
        let mut bench = Bench::of(1);
        bench.run(5_000, &[Media]);
        bench.run(5_000, &[Nothing]);
        bench.run(5_000, &[Errors]);
        assert_eq!(bench.changes, []);
    }
}
