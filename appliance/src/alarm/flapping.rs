//! An alarm that comes and goes: from the fifth change in ten minutes on it stays raised, is told
//! of once in ten minutes, and is let go after five minutes without a change.
//!
//! Source: RFC 8632 §3.5.2 (status changes are listed; an alarm that toggles is to be damped).

use std::time::Duration;

use heapless::HistoryBuf;
use weir_hal::Monotonic;

/// Changes within [`WINDOW`] from which an alarm flaps.
const CHANGES: usize = 5;

/// How long changes are remembered.
const WINDOW: Duration = Duration::from_mins(10);

/// How long it must be without a change, to be let go.
const QUIET: Duration = Duration::from_mins(5);

/// Time between two notices of an alarm that flaps.
const NOTICE: Duration = Duration::from_mins(10);

/// The latest changes of one alarm.
#[derive(Debug, Clone, Default)]
pub(super) struct Flapping {
    changes: HistoryBuf<Monotonic, CHANGES>,
    was_raised: bool,
    /// When it was last told that it flaps; `None` while it does not.
    told: Option<Monotonic>,
}

impl Flapping {
    /// That of an alarm that was raised before anybody looked.
    pub(super) fn of_raised() -> Self {
        Self {
            was_raised: true,
            ..Self::default()
        }
    }

    /// Takes note whether the alarm `is_raised` now. Tells whether a notice is due: it begins to
    /// flap, or has done so for long.
    pub(super) fn look(&mut self, now: Monotonic, is_raised: bool) -> bool {
        let is_changed = is_raised != self.was_raised;
        self.was_raised = is_raised;
        if is_changed {
            self.changes.write(now);
        }
        match self.told {
            None if is_changed && self.is_restless(now) => self.told = Some(now),
            Some(_) if self.is_quiet(now) => {
                self.told = None;
                return false;
            }
            Some(told) if now.since(told) >= NOTICE => self.told = Some(now),
            None | Some(_) => return false,
        }
        true
    }

    /// Takes note of the same where that is no change of its own: it comes and goes with its cause.
    pub(super) fn follow(&mut self, now: Monotonic, is_raised: bool) {
        self.was_raised = is_raised;
        self.told = self.told.filter(|_| !self.is_quiet(now));
    }

    /// Whether it flaps: it stays raised.
    pub(super) const fn is_flapping(&self) -> bool {
        self.told.is_some()
    }

    /// Whether there is anything to remember of it.
    pub(super) fn remembers(&self, now: Monotonic) -> bool {
        let last = self.changes.recent();
        last.is_some_and(|last| now.since(*last) <= WINDOW)
    }

    fn is_restless(&self, now: Monotonic) -> bool {
        let first = self.changes.oldest();
        self.changes.is_full() && first.is_some_and(|first| now.since(*first) <= WINDOW)
    }

    fn is_quiet(&self, now: Monotonic) -> bool {
        let last = self.changes.recent();
        last.is_none_or(|last| now.since(*last) >= QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(seconds)
    }

    /// One that changed at each of these seconds, raised first.
    fn changed(seconds: impl IntoIterator<Item = u64>) -> Flapping {
        let mut flapping = Flapping::default();
        let mut is_raised = false;
        for second in seconds {
            is_raised = !is_raised;
            flapping.look(at(second), is_raised);
        }
        flapping
    }

    #[test]
    fn five_changes_in_ten_minutes_flap_and_four_do_not() {
        assert!(!changed([0, 10, 20, 30]).is_flapping());
        assert!(changed([0, 150, 300, 450, 600]).is_flapping());
        assert!(!changed([0, 150, 300, 450, 601]).is_flapping());
    }

    #[test]
    fn a_notice_is_given_at_the_begin_and_each_ten_minutes() {
        let mut flapping = changed([0, 1, 2, 3]);
        let mut notices = Vec::new();
        for second in 4..2_000 {
            // One change a minute.
            let is_raised = second / 60 % 2 == 0;
            if flapping.look(at(second), is_raised) {
                notices.push(second);
            }
        }
        assert_eq!(notices, [4, 604, 1_204, 1_804]);
    }

    #[test]
    fn it_ends_after_five_quiet_minutes_and_begins_again_with_the_next_change() {
        let mut flapping = changed([0, 10, 20, 30, 40]);
        assert!(!flapping.look(at(339), true) && flapping.is_flapping());
        assert!(!flapping.look(at(340), true) && !flapping.is_flapping());
        assert!(!flapping.look(at(341), true) && !flapping.is_flapping());
        assert!(flapping.look(at(350), false) && flapping.is_flapping());
    }

    #[test]
    fn changes_are_forgotten_after_ten_minutes() {
        let flapping = changed([0, 10]);
        assert!(flapping.remembers(at(610)));
        assert!(!flapping.remembers(at(611)));
        assert!(!Flapping::of_raised().remembers(at(0)));
    }
}
