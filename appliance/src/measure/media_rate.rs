//! The bitrate that a stream has by its own clock: packets between PCRs, by what the PCRs say has
//! passed meanwhile.
//!
//! Source: RFC 4445 §3.1, whose media rate is that at which a receiver drains the stream; never
//! the rate of arrival, which is what is to be compared with it.

use crate::demux::{PACKET_BYTES, Pcr, Pid};

/// PCRs that are further apart are not of one stretch.
const STEP_TICKS_MAX: i64 = Pcr::HZ.cast_signed();

/// Fewer ticks are no measure: 200 ms.
const TICKS_MIN: u64 = Pcr::HZ / 5;

/// Measures by the PCRs of one PID, second by second.
#[derive(Debug, Default)]
pub(crate) struct MediaRate {
    /// The PID that is gone by, until it falls silent for a second.
    pid: Option<Pid>,
    is_heard: bool,
    last: Option<(u64, Pcr)>,
    packets: u64,
    ticks: u64,
    bps: Option<u64>,
}

impl MediaRate {
    /// Takes a PCR, found in the packet of index `packet`.
    pub(crate) fn push(&mut self, pid: Pid, packet: u64, pcr: Pcr) {
        if *self.pid.get_or_insert(pid) != pid {
            return;
        }
        self.is_heard = true;
        let Some((last_packet, last_pcr)) = self.last.replace((packet, pcr)) else {
            return;
        };
        let step = pcr.ticks_since(last_pcr);
        if (1..=STEP_TICKS_MAX).contains(&step) {
            self.ticks += step.unsigned_abs();
            self.packets += packet - last_packet;
        }
    }

    /// Notes that packets are missing: the next PCR is no measure.
    pub(crate) fn note_loss(&mut self) {
        self.last = None;
    }

    /// Ends a second.
    pub(crate) fn end_second(&mut self) {
        if self.ticks >= TICKS_MIN {
            let bits = u128::from(self.packets) * PACKET_BYTES as u128 * 8 * u128::from(Pcr::HZ);
            self.bps = u64::try_from(bits / u128::from(self.ticks)).ok();
            (self.packets, self.ticks) = (0, 0);
        }
        if !std::mem::take(&mut self.is_heard) {
            (self.pid, self.last) = (None, None);
        }
    }

    /// The bitrate of the last seconds; `None` before it was measured.
    pub(crate) const fn bps(&self) -> Option<u64> {
        self.bps
    }
}

#[cfg(test)]
mod tests {
    use super::MediaRate;
    use crate::demux::{Pcr, Pid};

    /// A PCR each 40 ms of stream and 20 packets, of so many in a second.
    fn push(rate: &mut MediaRate, pid: u16, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let pcr = Pcr::from_ticks(number * 1_080_000 % Pcr::MODULUS);
            rate.push(Pid::from_bits(pid), number * 20, pcr);
        }
        rate.end_second();
    }

    #[test]
    fn it_is_that_of_the_clock_across_the_wrap_losses_and_other_programs() {
        let mut rate = MediaRate::default();
        push(&mut rate, 0x100, 0..2);
        assert_eq!(rate.bps(), None, "too short to tell");
        let wrap = Pcr::MODULUS / 1_080_000;
        push(&mut rate, 0x100, wrap - 12..wrap);
        assert_eq!(rate.bps(), Some(752_000));
        rate.note_loss();
        push(&mut rate, 0x200, 0..1_000);
        push(&mut rate, 0x100, 1..13);
        assert_eq!(rate.bps(), Some(752_000));
    }

    #[test]
    fn another_pid_is_gone_by_when_the_first_has_fallen_silent() {
        let mut rate = MediaRate::default();
        push(&mut rate, 0x100, 0..25);
        rate.end_second();
        let faster = |number: u64| (number * 40, Pcr::from_ticks(number * 1_080_000));
        for (packet, pcr) in (0..25).map(faster) {
            rate.push(Pid::from_bits(0x200), packet, pcr);
        }
        rate.end_second();
        assert_eq!(rate.bps(), Some(1_504_000));
    }
}
