//! The wall time of a picture: that at which it is shown by the clock of its stream, as far as PCRs
//! are received, and otherwise that of its reception; carried on by its time stamps.
//!
//! Source: RFC 8216 §4.3.2.6 (EXT-X-PROGRAM-DATE-TIME), §6.2.4 (renditions map media to dates
//! alike). Media time does not jitter as reception does, so that segments lie as exactly on the
//! wall clock as in the stream, and what came late, after a pause that lost nothing, has the date
//! that it would have had. An encoder whose crystal is off by 50 ppm would drift by 4 s a day;
//! therefore the clock is drawn towards reception, seldom and by little.
//!
//! A correction is announced ahead, so that all renditions apply it from the same picture on.
//!
//! Boxes that receive the same list the same dates, whenever they began: the distance of media time
//! from wall time is the multiple of 20 ms that is nearest to the least one of a period (a network
//! delivers late and never early), periods begin at time stamps, not when a box did, and nothing
//! older counts.
//!
//! A sender that stood still for some seconds and goes on where it was is late from then on. When
//! nothing of a whole period came in time, nor of the last three segments, dates step forward at
//! once, as a correction does.

use std::ops::RangeInclusive;

use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{sequence::grid_position, ticks, timeline::as_sent},
};

const MILLISECOND_90K: i64 = Pts::HZ.cast_signed() / 1_000;

/// What distances are rounded to: a date is at most half of it off.
pub(super) const GRAIN_90K: i64 = 20 * MILLISECOND_90K;

/// A distance beyond this means that the wall clock was set, or that it is another time base: more
/// than senders and networks mostly hold.
pub(super) const STEP_90K_MIN: i64 = 20 * Pts::HZ.cast_signed();

/// Farther observations count as this far: a burst after a pause.
pub(super) const OUTLIER_90K: i64 = 160 * MILLISECOND_90K;

/// After each of these the distance is chosen anew: long beside bursts and pauses, short beside the
/// drift of crystals.
const PERIOD_90K: i64 = 30 * Pts::HZ.cast_signed();

/// Observations in a row that make a delay one that stays: of long segments a period has but one,
/// which may have been a burst.
const LATE_MIN: u8 = 3;

/// A correction that is no step: 600 ppm and more, where an encoder's clock may be off by 30.
pub(super) const CORRECTION_90K_MAX: i64 = GRAIN_90K;

/// How far ahead a correction is announced, and how long it is remembered: more than renditions
/// are apart.
const NOTICE_90K: i64 = 5 * Pts::HZ.cast_signed();

/// Where the time stamps of a channel lie on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamClock {
    /// Time bases are numbered as they begin.
    time_base: u64,
    /// Ticks from 1970 to the last PTS seen, as many as its wraps tell.
    position: i64,
    /// What is added to a position for its date.
    distance_90k: i64,
    /// What is added besides from a position on.
    correction_90k: i64,
    corrected_from: i64,
    /// How much later than its date the last picture was received.
    off_90k: i64,
    /// The least distance observed in this period.
    least_90k: Option<i64>,
    /// By how much the earliest picture of this period was later than dated, for no known reason.
    least_late_90k: Option<i64>,
    /// As many of the last observations were as late as a step, up to [`LATE_MIN`].
    late_in_row: u8,
    /// The period was observed from its beginning.
    is_whole: bool,
    /// It began by a single PCR, and has been held against those of a whole segment since.
    is_settled: bool,
}

impl StreamClock {
    /// Begins time base number `time_base`, in which `pts` was received at `now`.
    pub(super) fn anchor(time_base: u64, pts: Pts, now: Wall) -> Self {
        let position = grid_position(pts, now);
        Self {
            time_base,
            position,
            distance_90k: rounded(ticks::since_epoch(now) - position),
            correction_90k: 0,
            corrected_from: position,
            off_90k: 0,
            least_90k: None,
            least_late_90k: None,
            late_in_row: 0,
            is_whole: false,
            is_settled: false,
        }
    }

    /// The number of its time base: the newer has the higher.
    pub fn time_base(&self) -> u64 {
        self.time_base
    }

    /// The last PTS seen.
    pub(super) fn pts(&self) -> Pts {
        as_sent(self.position)
    }

    /// Whether its distance from wall time is that of more than one PCR.
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// This clock, for one that has been told of as it is.
    pub(super) fn settled(self) -> Self {
        Self {
            is_settled: true,
            ..self
        }
    }

    /// This clock, where `other` is.
    pub(super) fn at_position_of(self, other: Self) -> Self {
        Self {
            position: other.position,
            ..self
        }
    }

    /// How much later than its date the last picture was received.
    pub(super) fn off_90k(&self) -> i64 {
        self.off_90k
    }

    /// The wall time of `pts`, which lies within 13 hours of what was seen last.
    pub(super) fn of(&self, pts: Pts) -> Wall {
        ticks::later(Wall::default(), self.date_90k(self.position_of(pts)))
    }

    /// This clock, if by it `pts` is as `late_90k` when it is received at `now`, however long ago
    /// it was followed.
    pub(super) fn fitting(
        self,
        pts: Pts,
        now: Wall,
        late_90k: RangeInclusive<i64>,
    ) -> Option<Self> {
        let now_90k = ticks::since_epoch(now);
        let fits = |position: &i64| {
            let date_90k = self.date_90k(*position);
            late_90k.contains(&now_90k.saturating_sub(date_90k))
        };
        let position = [self.position_of(pts), grid_position(pts, now)]
            .into_iter()
            .find(fits)?;
        Some(Self { position, ..self })
    }

    /// Takes note that `pts` was received at `now`, which may be `late_90k` by what is known.
    pub(super) fn follow(&mut self, pts: Pts, now: Wall, late_90k: i64) {
        let period = self.position.div_euclid(PERIOD_90K);
        self.advance(pts);
        let date_90k = self.date_90k(self.position);
        let off_90k = ticks::since_epoch(now) - date_90k;
        if off_90k.saturating_abs() > STEP_90K_MIN {
            *self = Self::anchor(self.time_base, pts, now);
            return;
        }
        self.off_90k = off_90k;
        if self.position.div_euclid(PERIOD_90K) != period {
            self.correct();
            (self.least_90k, self.least_late_90k, self.is_whole) = (None, None, true);
        }
        // From what is announced on.
        let announced_90k = self.distance_90k + self.correction_90k;
        let off_90k = ticks::since_epoch(now) - self.position - announced_90k;
        let distance_90k = announced_90k + off_90k.clamp(-OUTLIER_90K, OUTLIER_90K);
        let least_90k = self.least_90k.unwrap_or(distance_90k);
        self.least_90k = Some(least_90k.min(distance_90k));
        let late_90k = off_90k - late_90k.max(0);
        let least_late_90k = self.least_late_90k.unwrap_or(late_90k);
        self.least_late_90k = Some(least_late_90k.min(late_90k));
        self.late_in_row = if late_90k > OUTLIER_90K {
            (self.late_in_row + 1).min(LATE_MIN)
        } else {
            0
        };
        // Who has just begun comes to the dates of others as soon as it can: at each of its first
        // segments, unless that would be in the way of the end of the period.
        let left_90k = PERIOD_90K - self.position.rem_euclid(PERIOD_90K);
        if !self.is_whole && left_90k > 2 * NOTICE_90K {
            self.correct();
        }
    }

    /// A period is over: announces a correction towards the least distance observed in it.
    fn correct(&mut self) {
        if self.correction_90k != 0 && self.position - self.corrected_from < NOTICE_90K {
            return;
        }
        self.distance_90k += self.correction_90k;
        let wanted_90k = self.least_90k.map_or(self.distance_90k, rounded);
        let stays = self.is_whole && self.late_in_row >= LATE_MIN;
        let step_90k = self.least_late_90k.filter(|_| stays);
        let step_90k = step_90k.filter(|late_90k| *late_90k > OUTLIER_90K);
        let little_90k =
            (wanted_90k - self.distance_90k).clamp(-CORRECTION_90K_MAX, CORRECTION_90K_MAX);
        self.correction_90k = step_90k.map_or(little_90k, rounded);
        self.corrected_from = self.position + NOTICE_90K;
    }

    /// Takes `pts` for the last one seen.
    pub(super) fn advance(&mut self, pts: Pts) {
        self.position = self.position_of(pts);
    }

    fn position_of(&self, pts: Pts) -> i64 {
        self.position + pts.ticks_since(as_sent(self.position))
    }

    fn date_90k(&self, position: i64) -> i64 {
        let is_corrected = position >= self.corrected_from;
        position + self.distance_90k + if is_corrected { self.correction_90k } else { 0 }
    }
}

/// The multiple of the grain that is nearest.
fn rounded(distance_90k: i64) -> i64 {
    (distance_90k + GRAIN_90K / 2).div_euclid(GRAIN_90K) * GRAIN_90K
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::segment::fixture::{START, at, pts};

    const NEAR_90K: RangeInclusive<i64> = -450_000..=450_000;

    fn off_ms(clock: &StreamClock, milliseconds: i64) -> i64 {
        ticks::between(at(milliseconds), clock.of(pts(milliseconds))) / 90
    }

    #[test]
    fn media_time_is_carried_on() {
        let clock = StreamClock::anchor(1, pts(10_000), at(10_000));
        assert_eq!(clock.of(pts(16_000)), at(16_000));
        assert_eq!(clock.of(pts(9_000)), at(9_000));
    }

    #[test]
    fn a_crystal_that_is_off_is_followed_and_jitter_is_not() {
        let mut clock = StreamClock::anchor(1, pts(0), at(0));
        for segment in 1..=2_000 {
            // 50 ppm slow, received up to 20 ms late.
            let drift_90k = segment * 27;
            let jitter_90k = segment * 7 % 20 * 90;
            let now = ticks::later(at(segment * 6_000), drift_90k + jitter_90k);
            clock.follow(pts(segment * 6_000), now, 0);
            let off_90k = ticks::between(at(segment * 6_000), clock.of(pts(segment * 6_000)));
            let off_90k = off_90k - drift_90k;
            assert!((-1_080..2_700).contains(&off_90k), "{segment}: {off_90k}");
        }
    }

    #[test]
    fn whoever_receives_the_same_dates_alike_after_two_periods_whenever_it_began() {
        for residue_ms in 0..40 {
            let late_ms = |segment: i64| residue_ms + segment * 7_919 % 13;
            let mut clocks: Vec<StreamClock> = Vec::new();
            for segment in 0..40 {
                let (due, now) = (segment * 6_000, segment * 6_000 + late_ms(segment));
                for clock in &mut clocks {
                    clock.follow(pts(due), at(now), 0);
                }
                if [1, 8, 13].contains(&segment) {
                    clocks.push(StreamClock::anchor(1, pts(due), at(now)));
                }
                let dates: Vec<Wall> = clocks.iter().map(|it| it.of(pts(due))).collect();
                let alike = dates.iter().all(|date| *date == dates[0]);
                assert!(segment < 13 + 10 + 2 || alike, "{residue_ms}: {dates:?}");
            }
        }
    }

    #[test]
    fn a_burst_after_a_pause_leaves_the_dates_where_they_were() {
        let mut clock = StreamClock::anchor(1, pts(0), at(0));
        for segment in 1..200 {
            let late = if segment == 50 { 4_000 } else { 0 };
            clock.follow(pts(segment * 6_000), at(segment * 6_000 + late), 0);
            assert!(off_ms(&clock, segment * 6_000).abs() <= 10, "{segment}");
        }
    }

    proptest! {
        #[test]
        fn one_observation_that_is_late_moves_dates_by_corrections_alone(
            length_ms in 1_000_i64..120_000,
            late_ms in 0_i64..19_000,
            late_at in 1_i64..40,
        ) {
            let mut clock = StreamClock::anchor(1, pts(0), at(0));
            let mut before = 0;
            for segment in 1..60 {
                let due = segment * length_ms;
                let late = if segment == late_at { late_ms } else { 0 };
                clock.follow(pts(due), at(due + late), 0);
                let off = off_ms(&clock, due);
                prop_assert!((off - before).abs() <= 21 && off.abs() <= 50, "{segment}: {off}");
                before = off;
            }
        }
    }

    #[test]
    fn a_sender_that_stays_late_is_followed_with_segments_longer_than_a_period_too() {
        let mut clock = StreamClock::anchor(1, pts(0), at(0));
        for segment in 1..20 {
            let (due, delay) = (segment * 45_000, if segment < 8 { 0 } else { 5_000 });
            clock.follow(pts(due), at(due + delay), 0);
        }
        assert_eq!(off_ms(&clock, 20 * 45_000), 5_000);
    }

    #[test]
    fn a_sender_that_stays_late_is_followed_in_one_step_once_a_whole_period_was() {
        for late in [200, 5_000, 19_000] {
            let mut clock = StreamClock::anchor(1, pts(0), at(0));
            let mut steps = Vec::new();
            for segment in 1..60 {
                let (due, delay) = (segment * 6_000, if segment < 12 { 0 } else { late });
                let before = off_ms(&clock, due);
                clock.follow(pts(due), at(due + delay), 0);
                let ahead = off_ms(&clock, due + 6_000);
                if ahead != before {
                    steps.push((segment, ahead - before));
                }
            }
            // Periods end at 84 s and 114 s here.
            assert_eq!(steps, [(19, late)], "{late}");
        }
    }

    #[test]
    fn who_has_just_begun_comes_to_the_dates_of_others_with_its_first_segments() {
        for first_late in [-24, 24] {
            let mut clock = StreamClock::anchor(1, pts(0), at(first_late));
            let mut off = Vec::new();
            for segment in 1..4 {
                clock.follow(pts(segment * 6_000), at(segment * 6_000), 0);
                off.push(off_ms(&clock, segment * 6_000));
            }
            assert_eq!(off, [first_late.signum() * 20, 0, 0]);
        }
    }

    #[test]
    fn what_is_late_for_a_known_reason_makes_no_step() {
        let mut clock = StreamClock::anchor(1, pts(0), at(0));
        for segment in 1..60 {
            let before = off_ms(&clock, segment * 6_000);
            clock.follow(pts(segment * 6_000), at(segment * 6_000 + 800), 800 * 90);
            let moved = off_ms(&clock, segment * 6_000 + 6_000) - before;
            assert!((0..=20).contains(&moved), "{segment}: {moved}");
        }
    }

    #[test]
    fn a_correction_holds_for_pictures_ahead_and_all_see_the_same() {
        let mut leading = StreamClock::anchor(1, pts(0), at(0));
        let mut corrected = 0;
        for segment in 1..100 {
            let before = leading;
            leading.follow(pts(segment * 2_000), at(segment * 2_000 + 100), 0);
            // Up to five seconds behind, or not yet told.
            for milliseconds in segment * 2_000 - 5_000..segment * 2_000 {
                assert_eq!(leading.of(pts(milliseconds)), before.of(pts(milliseconds)));
            }
            corrected += i64::from(leading.correction_90k > 0);
        }
        assert!(corrected > 0 && off_ms(&leading, 200_000) > 80);
    }

    #[test]
    fn a_wall_clock_that_was_set_is_followed_at_once() {
        let mut clock = StreamClock::anchor(1, pts(0), Wall::from_nanos(0));
        clock.follow(pts(6_000), START, 0);
        assert_eq!(clock.of(pts(6_000)), START);
        clock.follow(pts(12_000), Wall::from_nanos(5), 0);
        assert_eq!(clock.of(pts(12_000)), Wall::from_nanos(0));
    }

    #[test]
    fn a_time_base_is_known_again_however_long_it_was_away() {
        let clock = StreamClock::anchor(1, pts(0), at(0));
        for hours in [0, 1, 7, 13, 14, 26, 27, 53, 1_000] {
            let milliseconds = hours * 3_600_000 + 9;
            let late = at(milliseconds + 700);
            let fitting = clock.fitting(pts(milliseconds), late, NEAR_90K);
            let fitting = fitting.expect("it fits");
            let off_90k = ticks::between(fitting.of(pts(milliseconds)), late);
            assert!((off_90k - 63_000).abs() <= 1, "{hours} h: {off_90k}");
            let early = pts(milliseconds + 9_000);
            assert_eq!(clock.fitting(early, late, NEAR_90K), None);
        }
    }
}
