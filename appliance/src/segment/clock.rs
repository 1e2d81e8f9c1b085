//! The wall time of a picture: anchored where the stream was received, carried on by its own clock.
//!
//! Source: RFC 8216 §4.3.2.6 (EXT-X-PROGRAM-DATE-TIME), §6.2.4 (renditions map media to dates
//! alike). Media time does not jitter as reception does, so that segments lie as exactly on the
//! wall clock as in the stream, and what came late, after a pause that lost nothing, has the date
//! of when it was sent. An encoder whose crystal is off by 50 ppm would drift by 4 s a day;
//! therefore the clock is drawn towards reception, seldom and by little.
//!
//! A channel has one clock: encoders of its renditions are delayed differently, and the same PTS
//! must have the same date in all of them. One rendition follows reception, the others the clock;
//! a correction is announced ahead, so that all apply it from the same picture on. The distance of
//! media time from wall time is a multiple of 10 ms, so that boxes, which receive the same a little
//! earlier or later, mostly list the same dates.

use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{sequence::wraps_90k, ticks, timeline::as_sent},
};

const MILLISECOND_90K: i64 = Pts::HZ.cast_signed() / 1_000;

/// What distances are rounded to.
const GRAIN_90K: i64 = 10 * MILLISECOND_90K;

/// A distance beyond this means that the wall clock was set, or that it is another time base.
const STEP_90K_MIN: u64 = 5 * Pts::HZ;

/// Farther observations count as this far: a burst after a pause.
const OUTLIER_90K: i64 = 160 * MILLISECOND_90K;

/// Weight of one observation among those before it, against the jitter of reception.
const WEIGHT: i64 = 16;

/// A mean distance up to this is left alone: more than rounding makes.
const TOLERANCE_90K: i64 = 8 * MILLISECOND_90K;

/// Grains of the largest correction: 1,000 ppm and more, where an encoder's clock may be off by 30.
const CORRECTION_GRAINS_MAX: i64 = 2;

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
    /// Mean distance of reception from here.
    mean_90k: i64,
}

impl StreamClock {
    /// Begins time base number `time_base`, in which `pts` was received at `now`.
    pub(super) fn anchor(time_base: u64, pts: Pts, now: Wall) -> Self {
        let position = pts.ticks().cast_signed() + wraps_90k(pts, now);
        let distance_90k = ticks::since_epoch(now) - position;
        Self {
            time_base,
            position,
            distance_90k: (distance_90k + GRAIN_90K / 2).div_euclid(GRAIN_90K) * GRAIN_90K,
            correction_90k: 0,
            corrected_from: position,
            mean_90k: 0,
        }
    }

    /// The number of its time base: the newer has the higher.
    pub fn time_base(&self) -> u64 {
        self.time_base
    }

    /// The wall time of `pts`, which lies within 13 hours of what was seen last.
    pub(super) fn of(&self, pts: Pts) -> Wall {
        ticks::later(Wall::default(), self.date_90k(self.position_of(pts)))
    }

    /// This clock, if `pts` may be of its time base when it is received at `now`, however long ago
    /// it was followed.
    pub(super) fn fitting(self, pts: Pts, now: Wall) -> Option<Self> {
        let by_date = pts.ticks().cast_signed() + wraps_90k(pts, now);
        let now_90k = ticks::since_epoch(now);
        let fits = |position: &i64| self.date_90k(*position).abs_diff(now_90k) <= STEP_90K_MIN;
        let position = [self.position_of(pts), by_date].into_iter().find(fits)?;
        Some(Self { position, ..self })
    }

    /// Takes note that `pts` was received at `now`.
    pub(super) fn follow(&mut self, pts: Pts, now: Wall) {
        self.advance(pts);
        let observed_90k = ticks::since_epoch(now) - self.date_90k(self.position);
        if observed_90k.unsigned_abs() > STEP_90K_MIN {
            *self = Self::anchor(self.time_base, pts, now);
            return;
        }
        let observed_90k = observed_90k.clamp(-OUTLIER_90K, OUTLIER_90K);
        self.mean_90k += (observed_90k - self.mean_90k) / WEIGHT;
        if self.position - self.corrected_from < NOTICE_90K {
            return;
        }
        self.distance_90k += self.correction_90k;
        self.correction_90k = 0;
        self.corrected_from = self.position;
        if self.mean_90k.abs() > TOLERANCE_90K {
            let grains = self.mean_90k.abs() / GRAIN_90K;
            let grains = grains.clamp(1, CORRECTION_GRAINS_MAX) * self.mean_90k.signum();
            self.correction_90k = grains * GRAIN_90K;
            self.corrected_from += NOTICE_90K;
            self.mean_90k -= self.correction_90k;
        }
    }

    /// Takes `pts` for the last one seen.
    fn advance(&mut self, pts: Pts) {
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

/// The clock of one rendition, beside that of its channel.
#[derive(Debug)]
pub(super) struct Timekeeping {
    own: Option<StreamClock>,
    role: Role,
}

/// By what a rendition dates.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// By media time alone: it is not received.
    File,
    /// By reception.
    Leading,
    /// By the clock of its channel, if that is of the same time base, and otherwise by reception.
    Following(Option<StreamClock>),
}

impl Timekeeping {
    /// A rendition alone; `is_live`: it is dated by when it is received.
    pub(super) fn new(is_live: bool) -> Self {
        Self {
            own: None,
            role: if is_live { Role::Leading } else { Role::File },
        }
    }

    /// Goes on beside the clock of the `channel`, which this rendition `leads` or not.
    pub(super) fn agree(&mut self, channel: Option<StreamClock>, leads: bool) {
        self.role = if leads {
            Role::Leading
        } else {
            Role::Following(channel)
        };
    }

    /// The clock by which it dates now.
    pub(super) fn clock(&self) -> Option<StreamClock> {
        self.own
    }

    /// The number of its time base.
    pub(super) fn time_base(&self) -> u64 {
        self.own.map_or(0, |own| own.time_base())
    }

    /// The wall time of `pts`; that of 1970 before media began.
    pub(super) fn of(&self, pts: Pts) -> Wall {
        self.own.map_or_else(Wall::default, |own| own.of(pts))
    }

    /// Media begins at `pts`, received at `now`, in a time base that is known if it fits. Returns
    /// its wall time.
    pub(super) fn begin(&mut self, pts: Pts, now: Wall) -> Wall {
        let shared = self.shared().into_iter();
        let mut known = shared.chain(self.own).chain(self.channel());
        let fitting = known.find_map(|clock| clock.fitting(pts, now));
        self.date(fitting, pts, now)
    }

    /// A new time base begins with `pts`, received at `now`: the one that another rendition has
    /// come to, if it fits. Returns its wall time.
    pub(super) fn jump(&mut self, pts: Pts, now: Wall) -> Wall {
        let time_base = self.time_base();
        let others = self.channel().filter(|it| it.time_base > time_base);
        let fitting = others.and_then(|clock| clock.fitting(pts, now));
        self.date(fitting, pts, now)
    }

    /// Media goes on at `pts`, received at `now`. Returns its wall time.
    pub(super) fn go_on(&mut self, pts: Pts, now: Wall) -> Wall {
        let Some(own) = &mut self.own else {
            return self.begin(pts, now);
        };
        match self.role {
            Role::File => own.advance(pts),
            Role::Leading => own.follow(pts, now),
            Role::Following(channel) => {
                let shared = channel.filter(|it| it.time_base == own.time_base);
                match shared.and_then(|clock| clock.fitting(pts, now)) {
                    Some(shared) => *own = shared,
                    None => own.follow(pts, now),
                }
            }
        }
        own.of(pts)
    }

    /// The clock of the channel, as far as this rendition knows another than its own.
    fn channel(&self) -> Option<StreamClock> {
        match self.role {
            Role::File | Role::Leading => None,
            Role::Following(channel) => channel,
        }
    }

    /// The same if its time base is no older than the rendition's own.
    fn shared(&self) -> Option<StreamClock> {
        let time_base = self.time_base();
        self.channel().filter(|it| it.time_base >= time_base)
    }

    fn date(&mut self, fitting: Option<StreamClock>, pts: Pts, now: Wall) -> Wall {
        let last = self.channel().map_or(0, |clock| clock.time_base);
        let last = last.max(self.time_base());
        let clock = fitting.unwrap_or_else(|| StreamClock::anchor(last + 1, pts, now));
        self.own = Some(clock);
        clock.of(pts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole number of wraps of time stamps after 1970, and of grains.
    const START: Wall = Wall::from_nanos(1_610_612_740_000_000_000);

    fn at(milliseconds: i64) -> Wall {
        ticks::later(START, milliseconds * 90)
    }

    fn pts(milliseconds: i64) -> Pts {
        let ticks = (milliseconds * 90).rem_euclid(Pts::MODULUS.cast_signed());
        Pts::from_ticks(ticks.unsigned_abs())
    }

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
            clock.follow(pts(segment * 6_000), now);
            let off_90k = ticks::between(at(segment * 6_000), clock.of(pts(segment * 6_000)));
            let off_90k = off_90k - drift_90k;
            assert!((-900..2_700).contains(&off_90k), "{segment}: {off_90k}");
        }
    }

    #[test]
    fn a_burst_after_a_pause_leaves_the_dates_where_they_were() {
        let mut clock = StreamClock::anchor(1, pts(0), at(0));
        for segment in 1..200 {
            let late = if segment == 50 { 4_000 } else { 0 };
            clock.follow(pts(segment * 6_000), at(segment * 6_000 + late));
            assert!(off_ms(&clock, segment * 6_000).abs() <= 10, "{segment}");
        }
    }

    #[test]
    fn a_correction_holds_for_pictures_ahead_and_all_see_the_same() {
        let mut leading = StreamClock::anchor(1, pts(0), at(0));
        let mut corrected = 0;
        for segment in 1..100 {
            let before = leading;
            leading.follow(pts(segment * 2_000), at(segment * 2_000 + 100));
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
        clock.follow(pts(6_000), START);
        assert_eq!(clock.of(pts(6_000)), START);
        clock.follow(pts(12_000), Wall::from_nanos(5));
        assert_eq!(clock.of(pts(12_000)), Wall::from_nanos(0));
    }

    #[test]
    fn a_time_base_is_known_again_however_long_it_was_away() {
        let clock = StreamClock::anchor(1, pts(0), at(0));
        for hours in [0, 1, 7, 13, 14, 26, 27, 53, 1_000] {
            let milliseconds = hours * 3_600_000 + 9;
            let late = at(milliseconds + 700);
            let fitting = clock.fitting(pts(milliseconds), late).expect("it fits");
            let off_90k = ticks::between(fitting.of(pts(milliseconds)), late);
            assert!((off_90k - 63_000).abs() <= 1, "{hours} h: {off_90k}");
            assert_eq!(clock.fitting(pts(milliseconds + 9_000), late), None);
        }
    }

    #[test]
    fn renditions_of_one_channel_date_alike_though_one_is_delayed() {
        let (mut first, mut delayed) = (Timekeeping::new(true), Timekeeping::new(true));
        let date = first.begin(pts(0), at(0));
        delayed.agree(first.clock(), false);
        assert_eq!(delayed.begin(pts(0), at(800)), date);
        for segment in 1..500 {
            let (begin, now) = (pts(segment * 2_000), segment * 2_000 + segment / 5);
            let date = first.go_on(begin, at(now));
            delayed.agree(first.clock(), false);
            assert_eq!(delayed.go_on(begin, at(now + 800)), date);
        }
    }

    #[test]
    fn who_comes_to_a_new_time_base_second_dates_by_the_clock_of_the_first() {
        let (mut first, mut delayed) = (Timekeeping::new(true), Timekeeping::new(true));
        first.begin(pts(0), at(0));
        delayed.agree(first.clock(), false);
        delayed.begin(pts(0), at(800));
        let date = first.jump(pts(7_000_000), at(6_000));
        assert_eq!(date, at(6_000));
        delayed.agree(first.clock(), false);
        // It is still in the old one.
        assert_eq!(delayed.go_on(pts(4_000), at(4_800)), at(4_000));
        assert_eq!(delayed.jump(pts(7_000_000), at(6_800)), date);
        assert_eq!(first.jump(pts(7_000_000), at(20_000)), at(20_000));
    }

    #[test]
    fn who_is_in_another_time_base_than_its_channel_follows_reception() {
        let (mut newer, mut older) = (Timekeeping::new(true), Timekeeping::new(true));
        older.begin(pts(0), at(0));
        newer.agree(older.clock(), false);
        newer.begin(pts(0), at(60_000));
        assert!(newer.time_base() > older.time_base());
        // The wall clock was set in between.
        older.agree(newer.clock(), false);
        assert_eq!(older.go_on(pts(6_000), at(66_000)), at(66_000));
        // A crystal that is off is no reason to go on beside reception either.
        for segment in 2..10_000 {
            let now = at(60_000 + segment * 6_000 + segment);
            let off_90k = ticks::between(older.go_on(pts(segment * 6_000), now), now);
            assert!(off_90k.abs() < 90 * 40, "{segment}: {off_90k}");
        }
    }

    #[test]
    fn what_comes_back_after_a_pause_is_dated_as_before_unless_it_is_another_time_base() {
        let mut time = Timekeeping::new(true);
        time.begin(pts(0), at(0));
        assert_eq!(time.begin(pts(30_000), at(32_000)), at(30_000));
        assert_eq!(time.begin(pts(1_400), at(60_000)), at(60_000));
    }
}
