//! Tells when a list must grow though no media came for it.
//!
//! Source: draft-pantos-hls-rfc8216bis §6.2.1: a list is updated no later than one and a half
//! Target Durations after it was updated last. Time is that of the monotonic clock: a wall clock
//! that is set makes no gaps.
//!
//! While a segment is open it may take one and a half of the target, and, while datagrams come, of
//! the Target Duration; then it ends with what it has. While none is open a gap is due for each
//! cell, counted from the last so that numbers keep pace with time; at once for those that passed
//! between two lives.

use std::time::Duration;

use weir_hal::Monotonic;

/// So much before its time the list grows: it still has to be written and asked for.
const MARGIN: Duration = Duration::from_millis(200);

/// How late a segment may end whose pictures come: the jitter of a network.
const JITTER: Duration = Duration::from_millis(100);

/// What a list waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    /// Target Duration of the list.
    pub(super) target_duration: Duration,
    /// Length of a gap.
    pub(super) gap: Duration,
    /// What is being received.
    pub(super) input: Input,
    /// How long before this life it grew, if it has not grown since.
    pub(super) age: Duration,
}

/// What is being received for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing of which a segment could be made.
    Nothing,
    /// A segment is open.
    Segment {
        /// Datagrams still come.
        is_alive: bool,
    },
}

impl Wait {
    /// How long the list may stay as it is.
    fn patience(&self) -> Duration {
        let latest = (self.gap * 3 / 2).saturating_sub(MARGIN);
        match self.input {
            Input::Nothing => self.gap,
            Input::Segment { is_alive: false } => latest,
            // The longest segment rounds to the Target Duration.
            Input::Segment { is_alive: true } => {
                let longest = self.target_duration + Duration::from_millis(500) + JITTER;
                longest.max((self.target_duration * 3 / 2).saturating_sub(MARGIN))
            }
        }
    }
}

/// The pace of one list.
#[derive(Debug, Default)]
pub(super) struct Lapse {
    /// When the list last grew by a lapse, and how late that was.
    last: Option<(Monotonic, Duration)>,
}

impl Lapse {
    /// True when the list, which grew at `updated`, must grow at `now`; it is then taken to do so.
    pub(super) fn is_due(&mut self, updated: Monotonic, wait: &Wait, now: Monotonic) -> bool {
        let (owed, patience) = match (self.last, wait.input) {
            (Some((at, late)), Input::Nothing) if at == updated => (late, wait.gap),
            _ => (wait.age, wait.patience()),
        };
        let Some(late) = (now.since(updated) + owed).checked_sub(patience) else {
            return false;
        };
        // One more cell is made up for, or those that the list came with.
        self.last = Some((now, late.min(wait.gap.max(owed))));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Wait = Wait {
        target_duration: Duration::from_secs(6),
        gap: Duration::from_secs(6),
        input: Input::Nothing,
        age: Duration::ZERO,
    };

    fn at(ms: u64) -> Monotonic {
        Monotonic::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn an_open_segment_has_one_and_a_half_cells_and_while_datagrams_come_target_durations() {
        for (is_alive, target_duration_s, ms) in
            [(false, 8, 8_800), (true, 8, 11_800), (true, 1, 1_600)]
        {
            let target_duration = Duration::from_secs(target_duration_s);
            let wait = Wait {
                target_duration,
                gap: WAIT.gap.min(target_duration),
                input: Input::Segment { is_alive },
                ..WAIT
            };
            let mut lapse = Lapse::default();
            assert!(!lapse.is_due(at(1_000), &wait, at(1_000 + ms - 1)));
            assert!(lapse.is_due(at(1_000), &wait, at(1_000 + ms)));
        }
    }

    #[test]
    fn gaps_come_at_the_pace_of_the_target_and_lateness_does_not_add_up() {
        let mut lapse = Lapse::default();
        let input = Input::Segment { is_alive: false };
        let filling = Wait { input, ..WAIT };
        assert!(lapse.is_due(at(0), &filling, at(8_809)), "9 ms late");
        let (mut updated, mut grown) = (at(8_809), Vec::new());
        for ms in (8_810..3_600_000).step_by(7) {
            if lapse.is_due(updated, &WAIT, at(ms)) {
                updated = at(ms);
                grown.push(ms);
            }
        }
        assert_eq!(grown.len(), (3_600_000 - 8_800) / 6_000);
        let late = grown.iter().map(|ms| (ms - 8_800) % 6_000).max();
        assert!(late < Some(8), "{late:?}");
    }

    #[test]
    fn what_a_list_missed_between_two_lives_is_made_up_for_at_once_and_nothing_later() {
        let mut lapse = Lapse::default();
        let mut grown = |mut updated, age, now| {
            let mut gaps = 0;
            let mut wait = Wait { age, ..WAIT };
            while lapse.is_due(updated, &wait, now) {
                (updated, wait.age) = (now, Duration::ZERO);
                gaps += 1;
            }
            gaps
        };
        let age = Duration::from_secs(27);
        assert_eq!(
            grown(at(1_000), age, at(1_000)),
            4,
            "longer than the machine runs"
        );
        assert_eq!(grown(at(1_000), Duration::ZERO, at(3_999)), 0);
        assert_eq!(
            grown(at(1_000), Duration::ZERO, at(4_000)),
            1,
            "the pace stays"
        );
        assert_eq!(
            grown(at(4_000), Duration::ZERO, at(64_000)),
            2,
            "a late thread"
        );
    }

    #[test]
    fn what_is_far_too_late_is_not_made_up_for_at_once() {
        let mut lapse = Lapse::default();
        assert!(lapse.is_due(at(0), &WAIT, at(60_000)));
        assert!(lapse.is_due(at(60_000), &WAIT, at(60_010)));
        assert!(!lapse.is_due(at(60_010), &WAIT, at(60_020)));
    }
}
