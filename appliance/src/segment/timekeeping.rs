//! The clock by which one rendition dates, beside those of its channel.
//!
//! Source: RFC 8216 §6.2.4 (renditions map media to dates alike). A channel has one
//! [clock](super::clock) for each time base: encoders of its renditions are delayed differently,
//! and the same PTS must have the same date in all of them. One rendition follows
//! [reception](super::reception), the others the clock.
//!
//! Refuses: to date before the end of what is listed, but for a wall clock that was set.

use weir_hal::Wall;

use crate::{
    demux::{Packet, Pid, Pts},
    segment::{
        clock::{CORRECTION_90K_MAX, OUTLIER_90K, STEP_90K_MIN, StreamClock, WEIGHT},
        reception::Reception,
        ticks,
    },
};

/// How far renditions are apart at most in a time base that only others are in.
const APART_90K_MAX: u64 = 5 * Pts::HZ;

/// The clock of one rendition, beside those of its channel.
#[derive(Debug)]
pub(super) struct Timekeeping {
    own: Option<StreamClock>,
    /// Those of the channel, one for each time base, the newest last.
    channel: Vec<StreamClock>,
    role: Role,
    reception: Reception,
    /// The open segment is its first of a time base, and is dated again when it ends.
    is_unsettled: bool,
    /// It began its time base, and did not come to that of another rendition.
    has_founded: bool,
    /// How much later it is received than the rendition by whose clock it dated last: its dates do
    /// not move when it comes to lead, or to another time base.
    lag_90k: i64,
}

/// By what a rendition dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// By media time alone: it is not received.
    File,
    /// By reception.
    Leading,
    /// By the clock of the channel for its time base, and by reception if there is none.
    Following,
}

impl Timekeeping {
    /// A rendition alone; `is_live`: it is dated by when it is received.
    pub(super) fn new(is_live: bool) -> Self {
        Self {
            own: None,
            channel: Vec::new(),
            role: if is_live { Role::Leading } else { Role::File },
            reception: Reception::default(),
            is_unsettled: false,
            has_founded: false,
            lag_90k: 0,
        }
    }

    /// Goes on beside the clocks of the `channel`; this rendition `leads` that of its time base or
    /// not.
    pub(super) fn agree(&mut self, channel: &[StreamClock], leads: bool) {
        self.channel.clear();
        self.channel.extend_from_slice(channel);
        if leads && self.role == Role::Following {
            // Its own is from its last cut.
            let shared = self.shared();
            self.own = self.own.map(|own| shared.unwrap_or(own).where_is(own));
        }
        self.role = if leads {
            Role::Leading
        } else {
            Role::Following
        };
    }

    /// Its PCRs are those of `pid`, if it has any.
    pub(super) fn set_pcr_pid(&mut self, pid: Option<Pid>) {
        self.reception
            .set_pcr_pid(pid.filter(|_| self.role != Role::File));
    }

    /// Takes note of the PCR of `packet`, which was received at `now`.
    pub(super) fn receive(&mut self, packet: Packet<'_>, now: Wall) {
        self.reception.receive(packet, now);
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

    /// Media begins at `pts`, received at `now`, in a time base that is known if it fits; otherwise
    /// it is dated behind what is `listed_until` then. Returns its wall time.
    pub(super) fn begin(&mut self, pts: Pts, now: Wall, listed_until: Wall) -> Wall {
        let (time_base, now) = (self.time_base(), self.shown_at(pts, now));
        let mut known = self.channel.iter().rev().copied().chain(self.own);
        let fitting = known.find_map(|clock| {
            let is_own = clock.time_base() == time_base;
            let distance_90k = if is_own { STEP_90K_MIN } else { APART_90K_MAX };
            clock.fitting(pts, now, distance_90k)
        });
        if let Some(clock) = fitting.filter(|clock| clock.time_base() != time_base) {
            self.lag_90k += ticks::between(clock.of(pts), now);
        }
        self.date(fitting, pts, (now, believed(listed_until, now)))
    }

    /// Another time base begins with `pts`, received at `now`: one that another rendition is in, if
    /// it fits and dates that behind what is `listed_until` then. Returns its wall time.
    pub(super) fn jump(&mut self, pts: Pts, now: Wall, listed_until: Wall) -> Wall {
        let now = self.shown_at(pts, now);
        let listed_until = believed(listed_until, now);
        let time_base = self.time_base();
        let newest_first = self.channel.iter().rev();
        let mut others = newest_first.filter(|it| it.time_base() != time_base);
        let fitting = others.find_map(|clock| clock.fitting(pts, now, APART_90K_MAX));
        let fitting = fitting.filter(|clock| is_behind(clock.of(pts), listed_until));
        self.date(fitting, pts, (now, listed_until))
    }

    /// Media goes on at `pts`, received at `now`. Returns its wall time.
    pub(super) fn go_on(&mut self, pts: Pts, now: Wall) -> Wall {
        let Some(mut own) = self.own else {
            return self.begin(pts, now, Wall::default());
        };
        let (shared, now) = (self.shared(), self.shown_at(pts, now));
        match self.role {
            Role::File => own.advance(pts),
            Role::Leading => own.follow(pts, now),
            Role::Following => {
                match shared.and_then(|clock| clock.fitting(pts, now, STEP_90K_MIN)) {
                    Some(shared) => {
                        own = shared;
                        // By as much as the other is off, the wall clock was set.
                        let off_90k = ticks::between(own.of(pts), now) - shared.off_90k();
                        self.lag_90k += off_90k.clamp(-OUTLIER_90K, OUTLIER_90K) / WEIGHT;
                    }
                    None => own.follow(pts, now),
                }
            }
        }
        self.own = Some(own);
        own.of(pts)
    }

    /// The segment that began at `pts` ends. If it was the first of a time base, which began by a
    /// single PCR, returns its wall time by all that have come since to the rendition that began
    /// it. That is not before `listed_until`.
    pub(super) fn settle(&mut self, pts: Pts, listed_until: Wall) -> Option<Wall> {
        if !std::mem::take(&mut self.is_unsettled) {
            return None;
        }
        let own = self.own?;
        let listed_until = believed(listed_until, own.of(pts));
        let shared = self.shared().filter(StreamClock::is_settled);
        let settled = match shared {
            Some(shared) => shared.fitting(pts, own.of(pts), OUTLIER_90K.unsigned_abs())?,
            None if self.has_founded => self.settled(own, pts, listed_until)?,
            None => return None,
        };
        if !self.has_founded {
            self.lag_90k -= ticks::between(own.of(pts), settled.of(pts));
        }
        self.own = Some(settled);
        Some(settled.of(pts).max(listed_until))
    }

    /// The open segment was told of as it is dated now.
    pub(super) fn keep(&mut self) {
        self.is_unsettled = false;
        self.own = self.own.map(StreamClock::settled);
    }

    /// `own` as all PCRs want it that came since `pts`; `None` without any.
    fn settled(&self, own: StreamClock, pts: Pts, listed_until: Wall) -> Option<StreamClock> {
        let shown_at = self.reception.was_shown_at(pts)?;
        let shown_at = ticks::later(shown_at, -self.lag_90k).max(listed_until);
        let off_90k = ticks::between(own.of(pts), shown_at).abs();
        // Farther off, the last PCRs are of the next time base.
        let settled = || StreamClock::anchor(own.time_base(), pts, shown_at).settled();
        (off_90k <= OUTLIER_90K).then(settled)
    }

    /// When `pts`, received at `now`, is shown by whoever receives the rendition by whose clock
    /// this one dates.
    fn shown_at(&mut self, pts: Pts, now: Wall) -> Wall {
        ticks::later(self.reception.shown_at(pts, now), -self.lag_90k)
    }

    /// The clock of the channel for the time base of this rendition.
    fn shared(&self) -> Option<StreamClock> {
        let time_base = self.own?.time_base();
        let mut clocks = self.channel.iter().copied();
        clocks.find(|it| it.time_base() == time_base)
    }

    /// Goes on by the `fitting` clock; without one a time base begins with `pts` at `now`, or
    /// behind what is `listed_until` then.
    fn date(
        &mut self,
        fitting: Option<StreamClock>,
        pts: Pts,
        (now, listed_until): (Wall, Wall),
    ) -> Wall {
        let time_base = self.time_base();
        let is_new = fitting.is_none_or(|it| it.time_base() != time_base);
        self.is_unsettled |= is_new;
        self.has_founded = fitting.is_none() || self.has_founded && !is_new;
        let known = self.channel.iter().chain(&self.own);
        let last = known.map(StreamClock::time_base).max().unwrap_or(0);
        let begin = now.max(listed_until);
        let clock = fitting.unwrap_or_else(|| StreamClock::anchor(last + 1, pts, begin));
        self.own = Some(clock);
        clock.of(pts)
    }
}

/// True when what is dated so lies behind what is `listed_until` then, but for a correction.
pub(super) fn is_behind(date_time: Wall, listed_until: Wall) -> bool {
    ticks::between(listed_until, date_time) >= -CORRECTION_90K_MAX
}

/// Wall time at which the list ends; that of 1970 if it is so far ahead of `now` that it was dated
/// before the wall clock was set.
fn believed(listed_until: Wall, now: Wall) -> Wall {
    if ticks::between(now, listed_until) > STEP_90K_MIN.cast_signed() {
        Wall::default()
    } else {
        listed_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::fixture::{at, pts};

    const LISTED_NOTHING: Wall = Wall::from_nanos(0);

    /// The clocks that a channel has of these renditions.
    fn clocks(renditions: &[&Timekeeping]) -> Vec<StreamClock> {
        renditions.iter().filter_map(|it| it.clock()).collect()
    }

    /// A packet with nothing but a PCR.
    fn pcr_packet(milliseconds: i64) -> [u8; 188] {
        let mut bytes = [0xFF; 188];
        bytes[..6].copy_from_slice(&[0x47, 0x01, 0x00, 0x20, 183, 0x10]);
        let field = pts(milliseconds).ticks() << 15 | 0x7E00;
        bytes[6..12].copy_from_slice(&field.to_be_bytes()[2..]);
        bytes
    }

    #[test]
    fn who_began_a_time_base_settles_its_date_for_all() {
        let mut renditions = [false, true].map(|_| {
            let mut it = Timekeeping::new(true);
            it.set_pcr_pid(Some(Pid::from_bits(0x100)));
            it
        });
        let receive = |it: &mut Timekeeping, due: i64, late: i64| {
            let bytes = pcr_packet(due);
            let packet = Packet::new(&bytes).expect("sync byte");
            it.receive(packet, at(due + late));
        };
        let listed = Wall::default();
        let [first, second] = &mut renditions;
        // The first PCR of the one that founds the time base is late.
        receive(first, 0, 50);
        assert_eq!(first.begin(pts(500), at(50), listed), at(550));
        let mut channel = vec![first.clock().expect("it has begun")];
        second.agree(&channel, false);
        receive(second, 0, 3);
        assert_eq!(second.begin(pts(500), at(3), listed), at(550));
        for due in (40..6_000).step_by(40) {
            receive(first, due, 3);
            receive(second, due, 3);
        }
        assert_eq!(first.settle(pts(500), listed), Some(at(500)));
        channel[0] = first.clock().expect("it has begun");
        assert!(channel[0].is_settled());
        second.agree(&channel, true);
        assert_eq!(second.settle(pts(500), listed), Some(at(500)));
        assert_eq!(first.go_on(pts(6_500), at(6_003)), at(6_500));
        assert_eq!(second.go_on(pts(6_500), at(6_003)), at(6_500));
    }

    #[test]
    fn renditions_of_one_channel_date_alike_though_one_is_delayed() {
        let (mut first, mut delayed) = (Timekeeping::new(true), Timekeeping::new(true));
        let date = first.begin(pts(0), at(0), LISTED_NOTHING);
        delayed.agree(&clocks(&[&first]), false);
        assert_eq!(delayed.begin(pts(0), at(800), LISTED_NOTHING), date);
        for segment in 1..500 {
            let (begin, now) = (pts(segment * 2_000), segment * 2_000 + segment / 5);
            let date = first.go_on(begin, at(now));
            delayed.agree(&clocks(&[&first]), false);
            assert_eq!(delayed.go_on(begin, at(now + 800)), date);
        }
    }

    #[test]
    fn who_comes_to_a_new_time_base_second_dates_by_the_clock_of_the_first() {
        let (mut first, mut delayed) = (Timekeeping::new(true), Timekeeping::new(true));
        first.begin(pts(0), at(0), LISTED_NOTHING);
        delayed.agree(&clocks(&[&first]), false);
        delayed.begin(pts(0), at(800), LISTED_NOTHING);
        let date = first.jump(pts(7_000_000), at(6_000), LISTED_NOTHING);
        assert_eq!(date, at(6_000));
        delayed.agree(&clocks(&[&first]), false);
        // It is still in the old one.
        assert_eq!(delayed.go_on(pts(4_000), at(4_800)), at(4_000));
        assert_eq!(
            delayed.jump(pts(7_000_000), at(6_800), LISTED_NOTHING),
            date
        );
        assert_eq!(
            first.jump(pts(7_000_000), at(20_000), LISTED_NOTHING),
            at(20_000)
        );
    }

    #[test]
    fn who_is_in_another_time_base_than_its_channel_follows_reception() {
        let (mut newer, mut older) = (Timekeeping::new(true), Timekeeping::new(true));
        older.begin(pts(0), at(0), LISTED_NOTHING);
        newer.agree(&clocks(&[&older]), false);
        newer.begin(pts(0), at(60_000), LISTED_NOTHING);
        assert!(newer.time_base() > older.time_base());
        // The wall clock was set in between.
        older.agree(&clocks(&[&newer]), false);
        assert_eq!(older.go_on(pts(6_000), at(66_000)), at(66_000));
        // A crystal that is off is no reason to go on beside reception either.
        for segment in 2..10_000 {
            let now = at(60_000 + segment * 6_000 + segment);
            let off_90k = ticks::between(older.go_on(pts(segment * 6_000), now), now);
            assert!(off_90k.abs() < 90 * 40, "{segment}: {off_90k}");
        }
    }

    #[test]
    fn who_comes_back_to_the_time_base_of_the_others_dates_as_they_do() {
        let (mut one, mut other) = (Timekeeping::new(true), Timekeeping::new(true));
        one.begin(pts(0), at(0), LISTED_NOTHING);
        let before = clocks(&[&one]);
        other.agree(&before, false);
        other.begin(pts(0), at(800), LISTED_NOTHING);
        one.jump(pts(7_000_000), at(6_000), LISTED_NOTHING);
        // Now the other keeps the clock of the time base that both were in.
        other.agree(&clocks(&[&one, &other]), true);
        for segment in 1..200 {
            other.go_on(pts(segment * 6_000), at(segment * 6_001 + 800));
        }
        let date = other.of(pts(1_200_000));
        assert_ne!(date, at(1_200_000), "it follows reception");
        one.agree(&clocks(&[&one, &other]), true);
        assert_eq!(one.jump(pts(1_200_000), at(1_200_000), at(1_200_000)), date);
        assert_eq!(one.time_base(), other.time_base());
    }

    #[test]
    fn who_comes_to_lead_goes_on_by_the_clock_of_who_led() {
        let (mut first, mut second) = (Timekeeping::new(true), Timekeeping::new(true));
        first.begin(pts(0), at(0), LISTED_NOTHING);
        second.agree(&clocks(&[&first]), false);
        second.begin(pts(0), at(0), LISTED_NOTHING);
        for segment in 1..200 {
            first.go_on(pts(segment * 6_000), at(segment * 6_000 + 100));
        }
        let expected = first.of(pts(1_200_000));
        second.agree(&clocks(&[&first]), true);
        assert_eq!(second.of(pts(1_200_000)), expected);
    }

    #[test]
    fn what_jumps_is_never_dated_before_what_is_listed() {
        let (mut one, mut other) = (Timekeeping::new(true), Timekeeping::new(true));
        one.begin(pts(0), at(0), LISTED_NOTHING);
        // Time stamps ran ahead of reception.
        assert_eq!(one.jump(pts(7_000_000), at(4_000), at(6_000)), at(6_000));
        other.agree(&clocks(&[&one]), false);
        assert_eq!(other.begin(pts(0), at(0), LISTED_NOTHING), at(0));
        assert_eq!(other.jump(pts(7_000_000), at(4_800), at(6_000)), at(6_000));
        assert_eq!(other.jump(pts(0), at(9_000), at(9_100)), at(9_100));
        // But for a wall clock that was set.
        assert_eq!(one.jump(pts(30_000), at(9_000), at(60_000)), at(9_000));
    }

    #[test]
    fn what_comes_back_after_a_pause_is_dated_as_before_unless_it_is_another_time_base() {
        let mut time = Timekeeping::new(true);
        time.begin(pts(0), at(0), LISTED_NOTHING);
        assert_eq!(
            time.begin(pts(30_000), at(32_000), LISTED_NOTHING),
            at(30_000)
        );
        assert_eq!(
            time.begin(pts(60_000), at(79_000), LISTED_NOTHING),
            at(60_000)
        );
        assert_eq!(
            time.begin(pts(1_400), at(90_000), LISTED_NOTHING),
            at(90_000)
        );
    }
}
