//! Tells when each packet of a file is due, from the PCRs of one PID.
//!
//! Between two PCRs packets are due at equal distances, as a constant-rate multiplex sent them.
//! Due times are counted from the first packet on and derived from the PCR each time anew, so
//! they never drift from it. Where the PCR jumps, or ends, packets go on at the average rate.
//!
//! Source: ISO/IEC 13818-1 §2.4.2.2 (the time a byte enters the decoder), §2.4.3.5. Pure.
//!
//! Refuses: to guess a rate. Without two successive PCRs on one PID there is no pace.

use std::time::Duration;

use crate::{
    demux::{Packet, Pcr, Pid},
    send::stamp::undamaged_pcr,
};

/// A longer step from PCR to PCR is a jump: 1 s, ten times what the standard allows.
const PCR_STEP_MAX: u64 = Pcr::HZ;

/// Distinct PIDs with PCRs among which the reference is sought.
const CANDIDATES_MAX: usize = 64;

/// A point on the timeline of what is sent: 27 MHz ticks since the first packet was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Due(u64);

impl Due {
    /// The time since the first packet was due.
    pub fn since_start(self) -> Duration {
        let nanos = u128::from(self.0) * 1_000 / 27;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Ticks of 27 MHz since `earlier`, which is not later.
    pub(super) const fn ticks_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time since the first packet was due, in ticks of 90 kHz.
    pub const fn ticks_90k(self) -> u64 {
        self.0 / 300
    }
}

/// The packets from one PCR to the next, and the time they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    start: u64,
    ticks: u64,
    packets: u64,
}

impl Interval {
    /// When packet `index` of the interval is due; the one behind the last is due at its end.
    pub fn due(&self, index: usize) -> Due {
        let share = u128::from(self.ticks) * index as u128 / u128::from(self.packets.max(1));
        Due(self.start + u64::try_from(share).unwrap_or(self.ticks))
    }
}

/// An average packet rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rate {
    ticks: u64,
    packets: u64,
}

impl Rate {
    /// Takes note of one more interval.
    pub(super) fn add(&mut self, ticks: u64, packets: u64) {
        self.ticks += ticks;
        self.packets += packets;
    }

    /// What so many packets take; 0 while no interval is known.
    pub(super) fn ticks_of(self, packets: u64) -> u64 {
        let ticks = u128::from(self.ticks) * u128::from(packets);
        u64::try_from(ticks / u128::from(self.packets.max(1))).unwrap_or(u64::MAX)
    }
}

/// Turns the PCRs of one PID into due times.
#[derive(Debug, Clone)]
pub struct Pace {
    reference: Pid,
    average: Rate,
    /// When the next packet is due, in ticks since the start.
    now: u64,
    /// The last PCR, and when its packet was due by it.
    anchor: Option<(Pcr, u64)>,
    /// Packets since the anchor that already have due times.
    packets_since_anchor: u64,
}

impl Pace {
    /// The PCR of `packet` if it counts for the pace: the next interval begins with this packet.
    pub fn reference_pcr(&self, packet: Packet<'_>) -> Option<Pcr> {
        undamaged_pcr(packet).filter(|_| packet.pid() == self.reference)
    }

    /// Gives due times to the `packets` packets before the one that carries `pcr`, in which
    /// `is_jump` tells of a `discontinuity_indicator`.
    pub fn until_pcr(&mut self, packets: usize, pcr: Pcr, is_jump: bool) -> Interval {
        let packets = packets as u64;
        let step = self
            .anchor
            .and_then(|(last, due)| Some((plausible_step(last, pcr)?, due)))
            .filter(|_| !is_jump);
        let end = match step {
            Some((step, due)) => {
                self.average.add(step, packets + self.packets_since_anchor);
                due + step
            }
            None => self.now.saturating_add(self.average.ticks_of(packets)),
        };
        self.anchor = Some((pcr, end));
        self.packets_since_anchor = 0;
        self.advance_to(end, packets)
    }

    /// Gives due times to `packets` packets behind which no PCR is known, at the average rate.
    pub fn without_pcr(&mut self, packets: usize) -> Interval {
        let packets = packets as u64;
        self.packets_since_anchor += packets;
        self.advance_to(
            self.now.saturating_add(self.average.ticks_of(packets)),
            packets,
        )
    }

    /// An interval from now to `end`, or of no length when `end` is past.
    fn advance_to(&mut self, end: u64, packets: u64) -> Interval {
        let start = self.now;
        self.now = end.max(start);
        Interval {
            start,
            ticks: self.now - start,
            packets,
        }
    }
}

/// Looks through a file for the PID that sets the pace: the first to show two successive PCRs a
/// plausible step apart.
#[derive(Debug, Default)]
pub struct PaceSearch {
    packets: u64,
    candidates: heapless::Vec<(Pid, Pcr, u64), CANDIDATES_MAX>,
}

impl PaceSearch {
    /// Takes the next packet of the file; the pace when it is found.
    pub fn push(&mut self, packet: Packet<'_>) -> Option<Pace> {
        let number = self.packets;
        self.packets += 1;
        let pcr = undamaged_pcr(packet)?;
        let pid = packet.pid();
        let seen = self.candidates.iter_mut().find(|seen| seen.0 == pid);
        let Some((_, last, last_number)) = seen else {
            // With the table full, one of those in it must do.
            return self.candidates.push((pid, pcr, number)).err().and(None);
        };
        let rate = plausible_step(*last, pcr).map(|ticks| Rate {
            ticks,
            packets: number - *last_number,
        });
        (*last, *last_number) = (pcr, number);
        rate.map(|average| Pace {
            reference: pid,
            average,
            now: 0,
            anchor: None,
            packets_since_anchor: 0,
        })
    }
}

/// The step from one PCR to the next, unless it is a jump.
pub(super) fn plausible_step(last: Pcr, pcr: Pcr) -> Option<u64> {
    let step = u64::try_from(pcr.ticks_since(last)).ok()?;
    (1..=PCR_STEP_MAX).contains(&step).then_some(step)
}
