//! Which rungs stand in the Master Playlist: those that list segments, and have done so for long
//! enough.
//!
//! A rung is withdrawn when no media has come for it for three quarters of a Target Duration, while
//! it did for another one: within a Target Duration of its death its line is gone. One for which
//! media comes that makes no segments is withdrawn when it has listed nothing for 1.5 Target
//! Durations, the longest that RFC 8216 §6.2.2 lets a live list stand still, while another one went
//! on past its due time. So a loss of the whole channel, or its return, withdraws nobody. It comes
//! back after it has listed for as long as a player holds back (three Target Durations, §6.3.3), or
//! at once when it would be the only one.

use std::time::Duration;

use weir_hal::{Monotonic, Wall};

/// Whether each rung of a channel lists segments.
#[derive(Debug, Default)]
pub(super) struct Presence {
    rungs: Vec<Rung>,
    /// When a rung listed again after all had fallen silent.
    awake: Monotonic,
    /// When media came again for a rung after it had come for none.
    fed: Monotonic,
}

/// How often something changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) withdrawn: u64,
    pub(super) returned: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Rung {
    state: State,
    last: Option<Monotonic>,
    /// When media last came for it.
    media: Option<Monotonic>,
    target: Duration,
}

/// What becomes of a rung's line in the Master Playlist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    /// It has listed nothing yet.
    #[default]
    Absent,
    /// It is in.
    Present,
    /// It was taken out.
    Withdrawn {
        /// When.
        since: Wall,
    },
    /// It lists again and is watched.
    Returning {
        /// Since when it lists.
        since: Monotonic,
        /// When it was taken out.
        withdrawn: Wall,
    },
}

impl Rung {
    /// True when it has listed nothing for too long, counted from `base`.
    fn is_overdue(&self, base: Monotonic, now: Monotonic) -> bool {
        now.since(base) > self.target * 3 / 2
    }

    /// True when media has ceased to come for it, though it came since all had it last, at `fed`,
    /// and still comes for another one, for which it came at `newest`.
    fn is_starved(&self, (fed, newest): (Monotonic, Monotonic), now: Monotonic) -> bool {
        let media = self.media.filter(|media| *media >= fed);
        media.is_some_and(|media| {
            now.since(media) >= self.target * 3 / 4 && newest.since(media) >= self.target / 2
        })
    }

    /// True when, since then, it has listed for as long as a player holds back.
    fn has_listed_for(&self, since: Monotonic) -> bool {
        self.last
            .is_some_and(|last| last.since(since) >= 3 * self.target)
    }
}

impl Presence {
    /// All rungs are absent.
    pub(super) fn new(rungs: usize) -> Self {
        Self {
            rungs: vec![Rung::default(); rungs],
            awake: Monotonic::ZERO,
            fed: Monotonic::ZERO,
        }
    }

    /// Puts the rung that was `other`'s number `from` in place of number `to`.
    pub(super) fn adopt(&mut self, to: usize, other: &Self, from: usize) {
        (self.awake, self.fed) = (other.awake, other.fed);
        if let (Some(rung), Some(known)) = (self.rungs.get_mut(to), other.rungs.get(from)) {
            *rung = *known;
        }
    }

    /// Takes note that media last came for `rung` at `media`.
    pub(super) fn fed(&mut self, rung: usize, media: Monotonic) {
        let newest = self.newest_media();
        let Some(rung) = self.rungs.get_mut(rung) else {
            return;
        };
        // A pause of all that is shorter is none.
        if newest.is_none_or(|newest| media.since(newest) > rung.target / 4) {
            self.fed = media;
        }
        rung.media = Some(media);
    }

    /// True when a rung is to be withdrawn because no media comes for it any more.
    pub(super) fn has_starved(&self, now: Monotonic) -> bool {
        let others = (self.fed, self.newest_media().unwrap_or_default());
        let is_starved = |rung: &Rung| rung.state == State::Present && rung.is_starved(others, now);
        self.rungs.iter().any(is_starved)
    }

    /// True when each rung has listed, or has not in 1.5 Target Durations since one did.
    pub(super) fn is_settled(&self, now: Monotonic) -> bool {
        let has_all = self.rungs.iter().all(|rung| rung.last.is_some());
        let target = self.rungs.iter().map(|rung| rung.target).max();
        let has_waited = now.since(self.awake) > target.unwrap_or_default() * 3 / 2;
        has_all || self.newest().is_some() && has_waited
    }

    /// Takes note that `rung` has listed a segment.
    pub(super) fn listed(&mut self, rung: usize, target: Duration, now: Monotonic) {
        let newest = self.newest();
        let Some(rung) = self.rungs.get_mut(rung) else {
            return;
        };
        rung.target = target;
        if newest.is_none_or(|newest| rung.is_overdue(newest, now)) {
            self.awake = now;
        }
        rung.last = Some(now);
        match rung.state {
            State::Absent => rung.state = State::Present,
            State::Withdrawn { since } => {
                rung.state = State::Returning {
                    since: now,
                    withdrawn: since,
                };
            }
            State::Present | State::Returning { .. } => {}
        }
    }

    /// Time has passed: withdraws who has fallen silent and lets in who has listed long enough.
    pub(super) fn look(&mut self, now: Monotonic, wall: Wall) -> Changes {
        let mut changes = Changes::default();
        let (newest, awake) = (self.newest().unwrap_or_default(), self.awake);
        let others = (self.fed, self.newest_media().unwrap_or_default());
        for rung in &mut self.rungs {
            let base = rung.last.unwrap_or_default().max(awake);
            // Who ends together with the others, but lists last, is no survivor.
            let others_went_on = newest.since(base) > rung.target;
            let is_dead = rung.is_overdue(base, now) && others_went_on;
            match rung.state {
                State::Present if is_dead || rung.is_starved(others, now) => {
                    rung.state = State::Withdrawn { since: wall };
                    changes.withdrawn += 1;
                }
                State::Returning { withdrawn, .. } if rung.is_overdue(base, now) => {
                    rung.state = State::Withdrawn { since: withdrawn };
                }
                State::Returning { since, .. } if rung.has_listed_for(since) => {
                    rung.state = State::Present;
                    changes.returned += 1;
                }
                State::Absent
                | State::Present
                | State::Withdrawn { .. }
                | State::Returning { .. } => {}
            }
        }
        changes.returned += self.never_empty();
        changes
    }

    /// Lets in whoever lists when nobody else is in. Tells how many.
    fn never_empty(&mut self) -> u64 {
        let mut returned = 0;
        if !self.rungs.iter().any(|rung| rung.state == State::Present) {
            for rung in &mut self.rungs {
                if matches!(rung.state, State::Returning { .. }) {
                    rung.state = State::Present;
                    returned += 1;
                }
            }
        }
        returned
    }

    /// What has become of `rung`.
    pub(super) fn state(&self, rung: usize) -> State {
        self.rungs
            .get(rung)
            .map_or(State::Absent, |rung| rung.state)
    }

    /// When media last came for a rung.
    fn newest_media(&self) -> Option<Monotonic> {
        self.rungs.iter().filter_map(|rung| rung.media).max()
    }

    /// When a rung last listed.
    fn newest(&self) -> Option<Monotonic> {
        self.rungs.iter().filter_map(|rung| rung.last).max()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TARGET: Duration = Duration::from_secs(6);

    /// Two or more rungs, driven tenth of a second by tenth of a second.
    struct Bench {
        presence: Presence,
        rungs: usize,
        now: Monotonic,
        changes: Changes,
    }

    impl Bench {
        fn new(rungs: usize) -> Self {
            Self {
                presence: Presence::new(rungs),
                rungs,
                now: Monotonic::ZERO + Duration::from_mins(10),
                changes: Changes::default(),
            }
        }

        /// `alive` list a segment each 6 s, each 0.3 s after the one before.
        fn run(&mut self, seconds: u64, alive: &[usize]) {
            self.run_fed(seconds * 10, alive, &[]);
        }

        /// The same for so many tenths, while media comes for `fed`.
        fn run_fed(&mut self, tenths: u64, alive: &[usize], fed: &[usize]) {
            for _ in 0..tenths {
                self.now = self.now + Duration::from_millis(100);
                let tenth = self.now.as_nanos() / 100_000_000;
                for rung in fed {
                    self.presence.fed(*rung, self.now);
                }
                let lists = |rung: &&usize| tenth % 60 == 3 * **rung as u64;
                for rung in alive.iter().filter(lists) {
                    self.presence.listed(*rung, TARGET, self.now);
                }
                let is_due = self.presence.has_starved(self.now);
                let changes = self.presence.look(self.now, Wall::default());
                assert!(changes.withdrawn > 0 || !is_due);
                self.changes.withdrawn += changes.withdrawn;
                self.changes.returned += changes.returned;
            }
        }

        fn present(&self) -> Vec<usize> {
            let is_present = |rung: &usize| self.presence.state(*rung) == State::Present;
            (0..self.rungs).filter(is_present).collect()
        }
    }

    #[test]
    fn a_dead_rung_goes_within_a_target_of_its_due_time_and_comes_back_after_three() {
        let mut bench = Bench::new(2);
        bench.run(60, &[0, 1]);
        assert_eq!(bench.present(), [0, 1]);
        bench.run(5, &[0]);
        assert_eq!(
            bench.present(),
            [0, 1],
            "its segment is not due for longer than half of it"
        );
        bench.run(1, &[0]);
        assert_eq!(bench.present(), [0]);
        bench.run(18, &[0, 1]);
        assert_eq!(bench.present(), [0], "it is watched");
        bench.run(6, &[0, 1]);
        assert_eq!(bench.present(), [0, 1]);
        assert_eq!((bench.changes.withdrawn, bench.changes.returned), (1, 1));
    }

    #[test]
    fn a_rung_whose_media_ceases_goes_within_a_target_though_its_list_grows() {
        for died_tenths in [0, 1, 30, 59] {
            let mut bench = Bench::new(2);
            bench.run_fed(600 + died_tenths, &[0, 1], &[0, 1]);
            bench.run_fed(44, &[0, 1], &[0]);
            assert_eq!(bench.present(), [0, 1], "jitter");
            bench.run_fed(16, &[0, 1], &[0]);
            assert_eq!(bench.present(), [0], "died after {died_tenths}");
            bench.run_fed(300, &[0, 1], &[0, 1]);
            assert_eq!(bench.present(), [0, 1]);
            assert_eq!((bench.changes.withdrawn, bench.changes.returned), (1, 1));
        }
    }

    #[test]
    fn media_that_comes_late_withdraws_nobody() {
        let mut bench = Bench::new(2);
        bench.run_fed(600, &[0, 1], &[0, 1]);
        for late_tenths in [10, 20, 40, 44] {
            bench.run_fed(late_tenths, &[0, 1], &[0]);
            bench.run_fed(60, &[0, 1], &[0, 1]);
        }
        assert_eq!(bench.changes, Changes::default());
    }

    #[test]
    fn media_that_ceases_for_all_and_comes_back_withdraws_nobody() {
        for (outage_tenths, apart_tenths) in [(20, 12), (20, 30), (100, 30), (100, 80)] {
            let mut bench = Bench::new(2);
            bench.run_fed(600, &[0, 1], &[0, 1]);
            bench.run_fed(5, &[0, 1], &[0]);
            bench.run_fed(outage_tenths, &[0, 1], &[]);
            bench.run_fed(apart_tenths, &[0, 1], &[0]);
            bench.run_fed(60, &[0, 1], &[0, 1]);
            let (now, changes) = (outage_tenths, bench.changes);
            assert_eq!(changes, Changes::default(), "{now} {apart_tenths}");
        }
    }

    #[test]
    fn an_outage_of_all_withdraws_nobody_nor_does_its_end() {
        for seconds in [5, 11, 100, 3_600] {
            let mut bench = Bench::new(3);
            bench.run(63, &[0, 1, 2]);
            bench.run(seconds, &[]);
            assert_eq!(bench.present(), [0, 1, 2], "after {seconds} s");
            bench.run(60, &[0, 1, 2]);
            assert_eq!(bench.changes, Changes::default(), "after {seconds} s");
        }
    }

    #[test]
    fn who_returns_alone_is_let_in_at_once() {
        let mut bench = Bench::new(2);
        bench.run(60, &[0, 1]);
        bench.run(20, &[0]);
        bench.run(20, &[]);
        assert_eq!(bench.present(), [0], "the last state is kept");
        bench.run(18, &[1]);
        assert_eq!(bench.present(), [1]);
    }

    #[test]
    fn a_rung_that_comes_and_goes_stays_out() {
        let mut bench = Bench::new(2);
        bench.run(60, &[0, 1]);
        for _ in 0..20 {
            bench.run(14, &[0]);
            bench.run(14, &[0, 1]);
        }
        assert_eq!(bench.present(), [0]);
        assert_eq!(bench.changes.withdrawn, 1);
    }

    proptest! {
        #[test]
        fn somebody_is_in_from_the_first_segment_on(
            spans in prop::collection::vec(
                (1_u64..40, prop::collection::vec(any::<bool>(), 3)),
                1..30,
            ),
        ) {
            let mut bench = Bench::new(3);
            bench.run(7, &[0]);
            for (seconds, alive) in spans {
                let alive: Vec<_> = (0..3).filter(|rung| alive[*rung]).collect();
                bench.run(seconds, &alive);
                prop_assert!(!bench.present().is_empty());
            }
        }
    }
}
