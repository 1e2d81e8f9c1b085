//! The clock of a stream, as it is received.
//!
//! Source: ISO/IEC 13818-1 §2.4.2.1 (a PCR is the sender's clock at the moment its packet is due),
//! ETSI TR 101 290 2.3 (one comes every 100 ms). A picture is sent when there is room for it, some
//! tenths of a second or some seconds before it is shown, and each by another span; so only PCRs
//! tell how wall time and time stamps belong together. A network delivers late and never early:
//! what counts is the least delay of some seconds, which is the same for whoever receives the same.
//!
//! Refuses: to average. One datagram that waited for a second would move all dates.

use weir_hal::Wall;

use crate::{
    demux::{AdaptationField, Packet, Pcr, Pid, Pts},
    segment::ticks,
};

/// For how long a least delay counts, up to twice: long beside jitter, short beside the drift of
/// crystals. Windows begin at multiples of it by the stream's clock: whoever joined later has the
/// same.
const WINDOW_90K: u64 = 5 * Pts::HZ;

/// Delays farther apart are of different time bases, or the wall clock was set.
const JUMP_90K_MIN: u64 = Pts::HZ;

/// How long a PCR counts: ten times what TR 101 290 allows between two.
const FRESH_90K: i64 = Pts::HZ.cast_signed();

/// 27 MHz by 90 kHz.
const PCR_TICKS: u64 = Pcr::HZ / Pts::HZ;

/// How long before it is shown a picture may be received: ISO/IEC 13818-1 §2.4.2.6 allows a second,
/// and still pictures ten.
const LEAD_90K_MAX: i64 = 10 * Pts::HZ.cast_signed();

/// How long after it is shown a picture may be received: what clocks of sloppy multiplexers are
/// off.
const LATE_90K_MAX: i64 = Pts::HZ.cast_signed();

/// How long ago a picture may have been received that is dated again: that of a longer segment
/// keeps its first date.
const AGO_90K_MAX: i64 = 60 * Pts::HZ.cast_signed();

/// What PCRs tell of the time at which pictures are shown.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// Whose PCRs count.
    pid: Option<Pid>,
    /// When the first of them could have come.
    awaited_since: Option<Wall>,
    reading: Option<Reading>,
    /// How long before it was to be shown the last picture was received; zero without PCRs.
    lead_90k: i64,
}

#[derive(Debug)]
struct Reading {
    /// The last PCR, in ticks of 90 kHz, and when it was received.
    clock: Pts,
    received: Wall,
    /// The same on a line without wraps that begins at an arbitrary place.
    position: i64,
    /// The least distance of wall time from there, in the present window and in the last one.
    least_90k: i64,
    least_before_90k: i64,
}

impl Reception {
    /// PCRs are those of `pid` from now on.
    pub(super) fn set_pcr_pid(&mut self, pid: Option<Pid>) {
        self.pid = pid;
    }

    /// Whose PCRs count.
    pub(super) fn pcr_pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Takes note of the PCR of `packet`, if it has one that counts, received at `now`. True if it
    /// does not follow those before it: it is of another time base, or the wall clock was set.
    pub(super) fn receive(&mut self, packet: Packet<'_>, now: Wall) -> bool {
        if self.pid.is_some() {
            self.awaited_since.get_or_insert(now);
        }
        if self.pid != Some(packet.pid()) {
            return false;
        }
        let pcr = packet.adaptation_field().and_then(AdaptationField::pcr);
        pcr.is_some_and(|pcr| self.take(pcr, now))
    }

    /// True while the first PCR is still to come: ten times as long as TR 101 290 allows.
    pub(super) fn is_awaited(&self, now: Wall) -> bool {
        let since = self.awaited_since.filter(|_| self.reading.is_none());
        since.is_some_and(|since| ticks::between(since, now).abs() <= FRESH_90K)
    }

    fn take(&mut self, pcr: Pcr, now: Wall) -> bool {
        let clock = Pts::from_ticks(pcr.ticks() / PCR_TICKS);
        let before = self.reading.take();
        let is_first = before.is_none();
        let next = before.and_then(|before| before.on(clock, now));
        let follows = next.is_some();
        self.reading = Some(next.unwrap_or_else(|| Reading::first(clock, now)));
        !is_first && !follows
    }

    /// When a receiver without delay shows the picture of `pts`, which was received at `now`. Where
    /// PCRs are missing, or are not those of this picture, it is shown as long after its reception
    /// as the last one was.
    pub(super) fn shown_at(&mut self, pts: Pts, now: Wall) -> Wall {
        let reading = self.reading.as_ref();
        if let Some(shown_at) = reading.and_then(|reading| reading.shown_at(pts, now)) {
            self.lead_90k = ticks::between(now, shown_at);
        }
        ticks::later(now, self.lead_90k)
    }

    /// The same of a picture that was received some time ago, by all PCRs that came since; `None`
    /// without any.
    pub(super) fn was_shown_at(&self, pts: Pts) -> Option<Wall> {
        let reading = self.reading.as_ref()?;
        let is_of_it = pts.ticks_since(reading.clock).abs() <= AGO_90K_MAX;
        is_of_it.then(|| reading.at(pts))
    }
}

impl Reading {
    fn first(clock: Pts, now: Wall) -> Self {
        let distance_90k = ticks::since_epoch(now);
        Self {
            clock,
            received: now,
            position: 0,
            least_90k: distance_90k,
            least_before_90k: distance_90k,
        }
    }

    /// The reading after this one; `None` if `clock` is of another time base.
    fn on(self, clock: Pts, now: Wall) -> Option<Self> {
        let position = self.position + clock.ticks_since(self.clock);
        let distance_90k = ticks::since_epoch(now) - position;
        if distance_90k.abs_diff(self.distance_90k()) > JUMP_90K_MIN {
            return None;
        }
        let is_over = clock.ticks() / WINDOW_90K != self.clock.ticks() / WINDOW_90K;
        let next = Self {
            clock,
            received: now,
            position,
            ..self
        };
        Some(if is_over {
            Self {
                least_90k: distance_90k,
                least_before_90k: self.least_90k,
                ..next
            }
        } else {
            Self {
                least_90k: self.least_90k.min(distance_90k),
                ..next
            }
        })
    }

    fn distance_90k(&self) -> i64 {
        self.least_90k.min(self.least_before_90k)
    }

    /// When the clock of the stream comes to `pts`; `None` if no PCR came of late, or not of this
    /// time base.
    fn shown_at(&self, pts: Pts, now: Wall) -> Option<Wall> {
        let is_fresh = ticks::between(self.received, now).abs() <= FRESH_90K;
        let ahead_90k = pts.ticks_since(self.clock);
        let is_of_it = (-LATE_90K_MAX..=LEAD_90K_MAX).contains(&ahead_90k);
        (is_fresh && is_of_it).then(|| self.at(pts))
    }

    fn at(&self, pts: Pts) -> Wall {
        let position = self.position + pts.ticks_since(self.clock);
        ticks::later(Wall::default(), position + self.distance_90k())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::fixture::{at, pts};

    fn pcr(milliseconds: i64) -> Pcr {
        let ticks = (milliseconds * 27_000).rem_euclid(Pcr::MODULUS.cast_signed());
        Pcr::from_ticks(ticks.unsigned_abs())
    }

    /// Without any delay a picture is shown at its time stamp; how much later that is said to be.
    fn late_ms(reception: &mut Reception, due: i64, (lead, received): (i64, i64)) -> i64 {
        let shown_at = reception.shown_at(pts(due + lead), at(received));
        ticks::between(at(due + lead), shown_at) / 90
    }

    /// PCRs every 40 ms from `from` to `to`, each so late.
    fn receive(reception: &mut Reception, (from, to): (i64, i64), late_ms: impl Fn(i64) -> i64) {
        for due in (from..to).step_by(40) {
            reception.take(pcr(due), at(due + late_ms(due)));
        }
    }

    #[test]
    fn a_picture_is_shown_when_the_clock_says_however_long_before_it_is_received() {
        let mut reception = Reception::default();
        receive(&mut reception, (0, 20_000), |_| 3);
        for lead in [-900, 0, 100, 700, 9_000] {
            assert_eq!(late_ms(&mut reception, 20_000, (lead, 20_000)), 3, "{lead}");
        }
    }

    #[test]
    fn the_least_delay_counts() {
        let mut reception = Reception::default();
        let late = |due| if due % 1_000 == 0 { 3 } else { 40 };
        receive(&mut reception, (0, 20_000), late);
        assert_eq!(late_ms(&mut reception, 20_000, (500, 20_040)), 3);
    }

    #[test]
    fn a_way_that_got_longer_is_noticed_after_some_seconds() {
        let mut reception = Reception::default();
        receive(&mut reception, (0, 20_000), |_| 3);
        receive(&mut reception, (20_000, 24_000), |_| 50);
        assert_eq!(late_ms(&mut reception, 24_000, (500, 24_050)), 3);
        receive(&mut reception, (24_000, 32_000), |_| 50);
        assert_eq!(late_ms(&mut reception, 32_000, (500, 32_050)), 50);
        receive(&mut reception, (32_000, 32_100), |_| 2);
        assert_eq!(late_ms(&mut reception, 32_100, (500, 32_102)), 2);
    }

    #[test]
    fn whoever_receives_the_same_says_the_same_however_late_they_joined() {
        let delay = |due: i64| due * 7_919 % 13;
        let (mut first, mut second) = (Reception::default(), Reception::default());
        receive(&mut first, (0, 60_000), delay);
        receive(&mut second, (40_000, 60_000), delay);
        let said = [&mut first, &mut second].map(|it| it.shown_at(pts(60_500), at(60_005)));
        assert_eq!(said[0], said[1]);
    }

    #[test]
    fn another_time_base_and_a_wall_clock_that_is_set_begin_anew() {
        let mut reception = Reception::default();
        receive(&mut reception, (0, 2_000), |_| 3);
        assert!(reception.take(pcr(500_000), at(2_000)));
        assert_eq!(late_ms(&mut reception, 500_000, (500, 2_000)), -498_000);
        assert!(reception.take(pcr(500_040), at(4_100_040)));
        assert!(!reception.take(pcr(500_040), at(4_100_041)));
        assert_eq!(
            late_ms(&mut reception, 500_040, (500, 4_100_040)),
            3_600_000
        );
    }

    #[test]
    fn a_wrap_changes_nothing() {
        let wrap = (Pcr::MODULUS / 27_000).cast_signed();
        let mut reception = Reception::default();
        receive(&mut reception, (wrap - 900, wrap + 900), |_| 4);
        assert_eq!(late_ms(&mut reception, wrap + 900, (500, wrap + 904)), 4);
    }

    #[test]
    fn without_pcrs_what_is_received_is_shown_and_when_they_end_it_goes_on_as_before() {
        let mut reception = Reception::default();
        assert_eq!(reception.shown_at(pts(500), at(70)), at(70));
        receive(&mut reception, (0, 2_000), |_| 3);
        assert_eq!(reception.shown_at(pts(2_500), at(2_010)), at(2_503));
        assert_eq!(reception.shown_at(pts(7_500), at(7_010)), at(7_503));
        // One that jumps before its PCR does.
        receive(&mut reception, (8_000, 9_000), |_| 3);
        assert_eq!(reception.shown_at(pts(99_000), at(9_010)), at(9_503));
    }
}
