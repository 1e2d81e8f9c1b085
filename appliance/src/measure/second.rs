//! Second by second: in which ones something was wrong, and when a stream was not available.
//!
//! Source: TR 101 290 clause 5.4 (errored second, severely errored second, unavailable time), which
//! takes its terms from ITU-T G.826. A packet that is missing counts as one in error: over IP
//! damaged packets are dropped on their way, and `transport_error_indicator` is hardly ever set.
//!
//! Refuses: to judge time before the first packet.

use std::time::Duration;

use crate::{
    counter::counters,
    measure::indicator::{Indicator, Indicators, Priority},
};

/// A second.
const SECOND: Duration = Duration::from_secs(1);

/// A second is severely errored if one packet in so many is in error (the standard leaves the share
/// to agreement) ...
const SEVERE_SHARE: u64 = 100;

/// Unavailable time begins with so many severely errored seconds in a row, which are part of it,
/// and ends with as many others, which are not.
const STREAK: u64 = 10;

counters! {
    /// How well a stream comes, by TR 101 290.
    pub struct Counters {
        /// Errors of the first priority of TR 101 290, without which there is no decoding.
        first_priority_errors: polled,
        /// Errors of the second priority of TR 101 290, which is for continuous monitoring.
        second_priority_errors: polled,
        /// Errors of the third priority of TR 101 290, which depends on the application.
        third_priority_errors: polled,
        /// Packets missing by the `continuity_counter`, which tells up to 15 in a row.
        packets_lost: polled,
        /// Seconds with a packet missing or damaged, or without synchronisation.
        errored_seconds: polled,
        /// Seconds with a hundredth of the packets missing or damaged, or all, or not synchronised.
        severely_errored_seconds: polled,
        /// Seconds of unavailable time: from ten severely errored ones in a row to ten others.
        unavailable_seconds: polled,
    }
}

/// What was counted up to a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) indicators: Indicators,
    pub(crate) packets: u64,
    pub(crate) packets_lost: u64,
    /// True while there is no synchronisation.
    pub(crate) is_sync_lost: bool,
}

/// The seconds of one stream.
#[derive(Debug)]
pub(crate) struct Seconds {
    /// When the present one ends; `None` before the first packet.
    end: Option<Duration>,
    /// As it began.
    begin: Tally,
    raised: Indicators,
    counters: Counters,
    /// In the second that has ended last.
    packets_lost: u64,
    /// Severely errored ones in a row.
    severe: u64,
    /// Others in a row, while the stream is unavailable.
    pending: u64,
    is_unavailable: bool,
}

impl Seconds {
    pub(crate) fn new() -> Self {
        Self {
            end: None,
            begin: Tally {
                indicators: Indicators::default(),
                packets: 0,
                packets_lost: 0,
                is_sync_lost: false,
            },
            raised: Indicators::default(),
            counters: Counters::default(),
            packets_lost: 0,
            severe: 0,
            pending: 0,
            is_unavailable: false,
        }
    }

    /// Begins the first one at `at`, with the first packet.
    pub(crate) fn begin(&mut self, at: Duration) {
        self.end = Some(at.saturating_add(SECOND));
    }

    /// True if the present one has ended by `at`.
    pub(crate) fn is_over(&self, at: Duration) -> bool {
        self.end.is_some_and(|end| at >= end)
    }

    /// Ends the present one, in which all that `tally` has gained has come, and whole ones without
    /// a packet until `at`.
    pub(crate) fn pass(&mut self, tally: &Tally, at: Duration) {
        let Some(end) = self.end.filter(|&end| at >= end) else {
            return;
        };
        let silent = at.saturating_sub(end).as_secs();
        self.end = Some(end.saturating_add(Duration::from_secs(silent + 1)));
        self.take(tally);
        if silent > 0 {
            self.packets_lost = 0;
            self.severely_errored(silent);
        }
    }

    fn take(&mut self, tally: &Tally) {
        let before = std::mem::replace(&mut self.begin, *tally);
        let gained = |indicator| {
            let [now, then] = [tally.indicators, before.indicators].map(|it| it.count(indicator));
            now.map(|now| now.saturating_sub(then.unwrap_or_default()))
        };
        for &indicator in Indicator::ALL {
            if let Some(errors) = gained(indicator) {
                self.raised.add(indicator, u64::from(errors > 0));
                let counters = &mut self.counters;
                *match indicator.priority() {
                    Priority::First => &mut counters.first_priority_errors,
                    Priority::Second => &mut counters.second_priority_errors,
                    Priority::Third => &mut counters.third_priority_errors,
                } += errors;
            }
        }
        let packets = tally.packets - before.packets;
        let lost = tally.packets_lost - before.packets_lost;
        self.counters.packets_lost += lost;
        self.packets_lost = lost;
        let errors = |indicator| gained(indicator).unwrap_or_default();
        let is_unsynchronised = tally.is_sync_lost || errors(Indicator::TsSyncLoss) > 0;
        let errored = lost + errors(Indicator::TransportError) + errors(Indicator::SyncByteError);
        let errored = errored.max(errors(Indicator::ContinuityCountError));
        if is_unsynchronised || packets == 0 || errored * SEVERE_SHARE >= packets + lost {
            self.severely_errored(1);
        } else {
            self.counters.errored_seconds += u64::from(errored > 0);
            self.not_severely_errored();
        }
    }

    fn severely_errored(&mut self, seconds: u64) {
        self.counters.errored_seconds += seconds;
        self.counters.severely_errored_seconds += seconds;
        self.severe += seconds;
        if self.is_unavailable {
            self.counters.unavailable_seconds += std::mem::take(&mut self.pending) + seconds;
        } else if self.severe >= STREAK {
            self.is_unavailable = true;
            self.counters.unavailable_seconds += self.severe;
        }
    }

    fn not_severely_errored(&mut self) {
        self.severe = 0;
        if !self.is_unavailable {
            return;
        }
        self.pending += 1;
        if self.pending == STREAK {
            self.pending = 0;
            self.is_unavailable = false;
        }
    }

    /// Seconds in which each was raised.
    pub(crate) const fn raised(&self) -> &Indicators {
        &self.raised
    }

    /// Packets that were missing in the second that has ended last.
    pub(crate) const fn packets_lost_in_last(&self) -> u64 {
        self.packets_lost
    }

    /// Counters of the seconds that have ended.
    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Counters, Seconds, Tally};
    use crate::measure::indicator::{Indicator, Indicators};

    /// What is to come in a second: packets, and how many are missing.
    type Second = (u64, u64);

    fn nothing() -> Tally {
        Tally {
            indicators: Indicators::new(),
            packets: 0,
            packets_lost: 0,
            is_sync_lost: false,
        }
    }

    fn after(seconds: &[Second]) -> Counters {
        let mut all = Seconds::new();
        all.begin(Duration::ZERO);
        let mut tally = nothing();
        for (number, &(packets, lost)) in (1..).zip(seconds) {
            tally.packets += packets;
            tally.packets_lost += lost;
            let errors = u64::from(lost > 0);
            tally
                .indicators
                .add(Indicator::ContinuityCountError, errors);
            all.pass(&tally, Duration::from_secs(number));
        }
        *all.counters()
    }

    fn told(seconds: &[Second]) -> [u64; 3] {
        let counters = after(seconds);
        [
            counters.errored_seconds,
            counters.severely_errored_seconds,
            counters.unavailable_seconds,
        ]
    }

    #[test]
    fn a_second_is_errored_by_one_packet_and_severely_by_a_hundredth() {
        assert_eq!(told(&[(1_000, 0); 3]), [0, 0, 0]);
        assert_eq!(told(&[(1_000, 0), (1_000, 9), (1_000, 0)]), [1, 0, 0]);
        assert_eq!(told(&[(990, 10), (1_000, 0)]), [1, 1, 0]);
        assert_eq!(told(&[(1_000, 0), (0, 0)]), [1, 1, 0], "nothing came");
    }

    #[test]
    fn unavailable_time_begins_with_ten_severe_seconds_and_ends_with_ten_others() {
        let of = |counts: &[(Second, usize)]| {
            let seconds = counts
                .iter()
                .flat_map(|&(second, count)| vec![second; count]);
            told(&seconds.collect::<Vec<_>>())[2]
        };
        let (good, bad) = ((1_000, 0), (0, 0));
        assert_eq!(of(&[(good, 5), (bad, 9), (good, 20)]), 0);
        assert_eq!(of(&[(good, 5), (bad, 10), (good, 20)]), 10);
        assert_eq!(of(&[(bad, 12), (good, 9), (bad, 1), (good, 10)]), 22);
        assert_eq!(of(&[(bad, 12), (good, 10), (bad, 9), (good, 10)]), 12);
    }

    #[test]
    fn seconds_that_pass_without_a_look_are_severely_errored() {
        let mut all = Seconds::new();
        let tally = Tally {
            indicators: Indicators::new(),
            packets: 500,
            packets_lost: 0,
            is_sync_lost: false,
        };
        all.pass(&tally, Duration::from_secs(9));
        assert_eq!(*all.counters(), Counters::default(), "it has not begun");
        all.begin(Duration::from_secs(9));
        all.pass(&tally, Duration::from_millis(9_999));
        all.pass(&tally, Duration::from_millis(40_500));
        assert_eq!(all.counters().severely_errored_seconds, 30);
        assert_eq!(all.counters().unavailable_seconds, 30);
        assert!(!all.is_over(Duration::from_millis(40_999)));
        assert!(all.is_over(Duration::from_secs(41)));
    }

    #[test]
    fn each_indicator_has_the_seconds_in_which_it_was_raised() {
        let mut all = Seconds::new();
        all.begin(Duration::ZERO);
        let mut tally = nothing();
        for (second, errors) in [(1, 3), (2, 0), (3, 1)] {
            tally.packets += 500;
            tally.indicators.add(Indicator::PcrRepetitionError, errors);
            all.pass(&tally, Duration::from_secs(second));
        }
        assert_eq!(all.raised().count(Indicator::PcrRepetitionError), Some(2));
        assert_eq!(all.raised().count(Indicator::PatError2), Some(0));
        assert_eq!(all.raised().count(Indicator::NitActualError), None);
        assert_eq!(all.counters().second_priority_errors, 4);
    }
}
