//! Gives each packet of a file a time: that of the PCRs around it, by its place between them.
//!
//! Source: ISO/IEC 13818-1 §2.4.2.2: between two PCRs bytes arrive at a constant rate. Where PCRs
//! jump or are missing, time goes on at the average rate, so it never steps back.

use std::{collections::BTreeMap, time::Duration};

use crate::demux::{AdaptationField, Packet, Pcr, Pid};

/// Two PCRs lie on one time base when they are at most this much further apart ...
const STEP_TICKS_MAX: u64 = Pcr::HZ / 2;

/// ... than this many times what the average rate lets expect.
const RATE_FALL_MAX: u64 = 4;

/// While the average rate is being learnt, PCRs up to this far apart count ...
const NEAR_TICKS_MAX: i64 = Pcr::HZ.cast_signed();

/// ... or, if none are that near, up to this far.
const FAR_TICKS_MAX: i64 = 10 * NEAR_TICKS_MAX;

/// One PCR of the reference PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcrPoint {
    /// Index of its packet in the stream.
    pub packet: u64,
    /// Its value.
    pub pcr: Pcr,
    /// True when a `discontinuity_indicator` came since the point before.
    pub starts_time_base: bool,
}

/// Ticks of 27 MHz that a number of packets takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rate {
    ticks: u64,
    packets: u64,
}

impl Rate {
    /// Ticks that `packets` take; zero while nothing is known.
    fn ticks_for(self, packets: u64) -> u64 {
        let product = u128::from(self.ticks) * u128::from(packets);
        let ticks = product.checked_div(u128::from(self.packets));
        ticks.map_or(0, |ticks| u64::try_from(ticks).unwrap_or(u64::MAX))
    }

    fn add(&mut self, ticks: u64, packets: u64) {
        self.ticks = self.ticks.saturating_add(ticks);
        self.packets = self.packets.saturating_add(packets);
    }
}

/// Finds the PID whose PCRs can time the stream, and the average rate of the stream.
#[derive(Debug, Default)]
pub struct PcrSurvey {
    packets: u64,
    /// At most one row for each PID.
    pids: BTreeMap<Pid, Surveyed>,
}

#[derive(Debug, Default)]
struct Surveyed {
    last: Option<PcrPoint>,
    count: u64,
    near: Rate,
    far: Rate,
}

impl PcrSurvey {
    /// Takes the next packet.
    pub fn push(&mut self, packet: Packet<'_>) {
        let index = self.packets;
        self.packets += 1;
        let pcr = packet.adaptation_field().and_then(AdaptationField::pcr);
        let Some(pcr) = pcr.filter(|_| !packet.transport_error()) else {
            return;
        };
        let row = self.pids.entry(packet.pid()).or_default();
        row.count += 1;
        let point = PcrPoint {
            packet: index,
            pcr,
            starts_time_base: false,
        };
        let Some(last) = row.last.replace(point) else {
            return;
        };
        let step = pcr.ticks_since(last.pcr);
        let packets = index - last.packet;
        if (1..=NEAR_TICKS_MAX).contains(&step) {
            row.near.add(step.unsigned_abs(), packets);
        } else if (1..=FAR_TICKS_MAX).contains(&step) {
            row.far.add(step.unsigned_abs(), packets);
        }
    }

    /// A clock by the PID that has the most PCRs; `None` when no PID has two that fit together.
    pub fn clock(&self) -> Option<PcrClock> {
        let rated = self.pids.iter().filter_map(|(&pid, row)| {
            let rate = [row.near, row.far]
                .into_iter()
                .find(|rate| rate.packets > 0)?;
            Some((row.count, pid, rate))
        });
        let (_, reference, average) =
            rated.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        Some(PcrClock {
            reference,
            average,
            start_packet: 0,
            start_ticks: 0,
            rate: average,
            next: None,
        })
    }
}

/// The time of each packet, from the PCRs of one PID given in order.
///
/// Between [`PcrClock::pass_to`] and the next, [`PcrClock::at`] tells the times of the packets up
/// to the point passed to.
#[derive(Debug, Clone)]
pub struct PcrClock {
    reference: Pid,
    average: Rate,
    /// The first packet of the present stretch, its time, and the rate from there on.
    start_packet: u64,
    start_ticks: u64,
    rate: Rate,
    /// Where the present stretch ends.
    next: Option<PcrPoint>,
}

impl PcrClock {
    /// The PID whose PCRs it goes by.
    pub const fn reference(&self) -> Pid {
        self.reference
    }

    /// The last packet whose time is settled; `None` when the present stretch goes on for ever.
    pub fn settled_to(&self) -> Option<u64> {
        self.next.map(|point| point.packet)
    }

    /// Begins the stretch from the point passed to last to `next`, or to the end of the stream.
    ///
    /// The packets of the stretch before must have been timed: it is forgotten.
    pub fn pass_to(&mut self, next: Option<PcrPoint>) {
        let Some(last) = self.next else {
            self.next = next;
            return;
        };
        self.start_ticks = self.ticks_at(last.packet);
        self.start_packet = last.packet;
        self.rate = self.average;
        if let Some(next) = next {
            let packets = next.packet.saturating_sub(last.packet);
            if let Some(ticks) = self.ticks_between(last, next, packets) {
                self.rate = Rate { ticks, packets };
                self.average.add(ticks, packets);
            }
        }
        self.next = next;
    }

    /// The time of a packet since the first of the stream.
    pub fn at(&self, packet: u64) -> Duration {
        let ticks = u128::from(self.ticks_at(packet));
        Duration::from_nanos(u64::try_from(ticks * 1_000 / 27).unwrap_or(u64::MAX))
    }

    fn ticks_at(&self, packet: u64) -> u64 {
        let packets = packet.saturating_sub(self.start_packet);
        self.start_ticks
            .saturating_add(self.rate.ticks_for(packets))
    }

    /// Ticks from one point to the next when both lie on one time base.
    fn ticks_between(&self, last: PcrPoint, next: PcrPoint, packets: u64) -> Option<u64> {
        let expected = self
            .average
            .ticks_for(packets)
            .saturating_mul(RATE_FALL_MAX);
        let ticks = u64::try_from(next.pcr.ticks_since(last.pcr)).ok()?;
        let fits = ticks <= expected.saturating_add(STEP_TICKS_MAX);
        (ticks > 0 && packets > 0 && fits && !next.starts_time_base).then_some(ticks)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PcrClock, PcrPoint, Rate};
    use crate::demux::{Pcr, Pid};

    /// 1 ms a packet on average.
    fn clock() -> PcrClock {
        let average = Rate {
            ticks: 27_000,
            packets: 1,
        };
        PcrClock {
            reference: Pid::from_bits(0x100),
            average,
            start_packet: 0,
            start_ticks: 0,
            rate: average,
            next: None,
        }
    }

    fn point(packet: u64, pcr_millis: u64) -> PcrPoint {
        PcrPoint {
            packet,
            pcr: Pcr::from_ticks(pcr_millis * 27_000),
            starts_time_base: false,
        }
    }

    fn millis(clock: &PcrClock, packet: u64) -> u128 {
        clock.at(packet).as_millis()
    }

    #[test]
    fn packets_between_two_pcrs_share_their_distance() {
        let mut clock = clock();
        clock.pass_to(Some(point(10, 5_000)));
        assert_eq!(millis(&clock, 0), 0);
        assert_eq!(millis(&clock, 10), 10);
        clock.pass_to(Some(point(20, 5_100)));
        assert_eq!(millis(&clock, 11), 20);
        assert_eq!(clock.at(20), Duration::from_millis(110));
        clock.pass_to(Some(point(30, 5_105)));
        assert_eq!(clock.at(30), Duration::from_millis(115));
    }

    #[test]
    fn time_goes_on_at_the_average_rate_over_jumps_and_at_the_end() {
        for jump in [0, 100, 9_000_000] {
            let mut clock = clock();
            clock.pass_to(Some(point(10, 5_000)));
            clock.pass_to(Some(point(20, jump)));
            assert_eq!(millis(&clock, 20), 20, "to {jump}");
            clock.pass_to(Some(point(30, jump + 40)));
            assert_eq!(millis(&clock, 30), 60, "to {jump}");
            clock.pass_to(None);
            assert!(millis(&clock, 40) > 60);
            assert_eq!(clock.settled_to(), None);
        }
    }

    #[test]
    fn a_wrap_is_no_jump() {
        let mut clock = clock();
        let before = PcrPoint {
            packet: 0,
            pcr: Pcr::from_ticks(Pcr::MODULUS - 27_000),
            starts_time_base: false,
        };
        clock.pass_to(Some(before));
        clock.pass_to(Some(point(10, 39)));
        assert_eq!(millis(&clock, 10), 40);
    }

    #[test]
    fn an_announced_time_base_goes_on_at_the_average_rate() {
        let mut clock = clock();
        clock.pass_to(Some(point(0, 1_000)));
        clock.pass_to(Some(PcrPoint {
            starts_time_base: true,
            ..point(10, 1_100)
        }));
        assert_eq!(millis(&clock, 10), 10);
    }
}
