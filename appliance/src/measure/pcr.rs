//! The PCRs of one PID: how often they come, whether they step, and how accurate they are.
//!
//! Source: TR 101 290 clause 5.2.2, indicators 2.3.a, 2.3.b and 2.4; ISO/IEC 13818-1 §2.7.2 and
//! §2.4.3.5 (`discontinuity_indicator` announces the next PCR, in whichever packet it comes).

use std::time::Duration;

use crate::{
    demux::Pcr,
    measure::{
        accuracy::{Accuracy, AccuracyMeter},
        recurrence::Recurrence,
    },
};

/// The longest time between two PCRs, and the largest step between their values.
pub(crate) const PCR_INTERVAL_MAX: Duration = Duration::from_millis(100);

const PCR_STEP_TICKS_MAX: i64 = 2_700_000;

/// A longer step ends the window in which PCRs are compared with one another.
const TIME_BASE_STEP_TICKS_MAX: i64 = 27_000_000;

/// Which indicators one PCR raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PcrFindings {
    /// `PCR_repetition_error`.
    pub(crate) is_late: bool,
    /// `PCR_discontinuity_indicator_error`.
    pub(crate) is_unannounced_step: bool,
}

/// Follows the PCRs of one PID.
#[derive(Debug)]
pub(crate) struct PcrMonitor {
    recurrence: Recurrence,
    last: Option<Pcr>,
    is_step_announced: bool,
    count: u64,
    accuracy: AccuracyMeter,
}

impl PcrMonitor {
    pub(crate) const fn new() -> Self {
        Self {
            recurrence: Recurrence::new(),
            last: None,
            is_step_announced: false,
            count: 0,
            accuracy: AccuracyMeter::new(),
        }
    }

    /// Notes a `discontinuity_indicator` on this PID: the next PCR may have any value.
    pub(crate) fn announce_step(&mut self) {
        self.is_step_announced = true;
    }

    /// Notes that packets are missing from the stream somewhere behind the one of index `packet`:
    /// from there on the index is another measure of time.
    pub(crate) fn note_loss_since(&mut self, packet: u64) {
        self.accuracy.note_loss_since(packet);
    }

    /// Expects no further PCR until one comes.
    pub(crate) fn disarm(&mut self) {
        self.recurrence.disarm();
    }

    /// Starts anew after a time in which nothing could be observed.
    pub(crate) fn restart(&mut self) {
        self.recurrence.restart();
        self.last = None;
        self.is_step_announced = false;
        self.accuracy.restart();
    }

    /// Takes the next PCR, found in the packet of index `packet`.
    pub(crate) fn push(&mut self, pcr: Pcr, packet: u64, at: Duration) -> PcrFindings {
        self.count += 1;
        let step = self.last.map(|last| pcr.ticks_since(last));
        let is_announced = std::mem::take(&mut self.is_step_announced);
        let continues = |step| (0..=TIME_BASE_STEP_TICKS_MAX).contains(&step);
        if is_announced || !step.is_none_or(continues) {
            self.accuracy.restart();
        }
        self.last = Some(pcr);
        self.accuracy.push(packet, pcr);
        PcrFindings {
            is_late: self.recurrence.occurred(at, PCR_INTERVAL_MAX),
            is_unannounced_step: !is_announced
                && step.is_some_and(|step| !(0..=PCR_STEP_TICKS_MAX).contains(&step)),
        }
    }

    /// Returns true once for each absence of PCRs longer than the limit.
    pub(crate) fn is_overdue(&mut self, at: Duration) -> bool {
        self.recurrence.is_overdue(at, PCR_INTERVAL_MAX)
    }

    /// PCRs seen.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The longest time between two of them.
    pub(crate) const fn interval_max(&self) -> Duration {
        self.recurrence.interval_max()
    }

    /// How accurate they were in windows that have ended.
    pub(crate) const fn settled_accuracy(&self) -> Accuracy {
        self.accuracy.settled()
    }

    /// How accurate they are.
    pub(crate) fn accuracy(&self) -> Accuracy {
        self.accuracy.summary()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PcrFindings, PcrMonitor};
    use crate::demux::Pcr;

    const NOTHING: PcrFindings = PcrFindings {
        is_late: false,
        is_unannounced_step: false,
    };
    const STEP: PcrFindings = PcrFindings {
        is_late: false,
        is_unannounced_step: true,
    };

    fn at(monitor: &mut PcrMonitor, millis: u64, pcr_millis: u64) -> PcrFindings {
        let pcr = Pcr::from_ticks(pcr_millis * 27_000);
        monitor.push(pcr, millis, Duration::from_millis(millis))
    }

    #[test]
    fn exactly_100_ms_is_in_order() {
        let mut monitor = PcrMonitor::new();
        assert_eq!(at(&mut monitor, 0, 0), NOTHING);
        assert_eq!(at(&mut monitor, 100, 100), NOTHING);
        assert_eq!(at(&mut monitor, 180, 201), STEP);
        assert_eq!(at(&mut monitor, 220, 200), STEP);
    }

    #[test]
    fn an_announced_step_is_in_order_once() {
        let mut monitor = PcrMonitor::new();
        at(&mut monitor, 0, 0);
        monitor.announce_step();
        assert_eq!(at(&mut monitor, 40, 9_000), NOTHING);
        assert_eq!(at(&mut monitor, 80, 0), STEP);
    }

    #[test]
    fn a_wrap_is_no_step() {
        let mut monitor = PcrMonitor::new();
        monitor.push(Pcr::from_ticks(Pcr::MODULUS - 1), 0, Duration::ZERO);
        assert_eq!(at(&mut monitor, 40, 39), NOTHING);
    }

    #[test]
    fn a_late_pcr_is_counted_when_it_comes_or_when_it_is_due_but_once() {
        let mut monitor = PcrMonitor::new();
        at(&mut monitor, 0, 0);
        assert!(at(&mut monitor, 101, 90).is_late);
        assert!(monitor.is_overdue(Duration::from_millis(202)));
        assert!(!at(&mut monitor, 300, 180).is_late);
    }
}
