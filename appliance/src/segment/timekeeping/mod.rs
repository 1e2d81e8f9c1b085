//! The clock by which one rendition dates, beside those of its channel.
//!
//! Source: RFC 8216 §6.2.4 (renditions map media to dates alike). A channel has one
//! [clock](super::clock) for each time base: encoders of its renditions are delayed differently,
//! and the same PTS must have the same date in all of them. One rendition follows
//! [reception](super::reception), the others the clock.
//!
//! Refuses: to date before the end of what is listed, but for a wall clock that was set. What is
//! held for more than 20 s and then sent at once is dated anew all the same, and again when the
//! burst is over.

use std::ops::RangeInclusive;

use weir_hal::Wall;

use crate::{
    demux::{Packet, Pid, Pts},
    segment::{
        Clocks, StreamPosition,
        clock::{CORRECTION_90K_MAX, GRAIN_90K, OUTLIER_90K, STEP_90K_MIN, StreamClock},
        reception::Reception,
        ticks,
    },
};

/// How late what is received may be by the clock of its own time base: buffers hold it, or its
/// sender's clock runs ahead.
const LATE_90K: RangeInclusive<i64> = -STEP_90K_MIN..=STEP_90K_MIN;

/// How far renditions are apart at most.
const APART_90K_MAX: i64 = 5 * Pts::HZ.cast_signed();

/// How late it is by any clock whose time base it can be taken for without doubt.
const NEAR_90K: RangeInclusive<i64> = -APART_90K_MAX..=APART_90K_MAX;

/// How late it may be in a time base that only others are in.
const LATE_OF_OTHERS_90K: RangeInclusive<i64> = -APART_90K_MAX..=STEP_90K_MIN;

/// How much later at most a time base may have been dated by its first PCR than by all of a
/// segment, or than others date it, to be taken for the same: the jitter of reception.
const SETTLING_90K_MAX: i64 = OUTLIER_90K;

/// Dates may step forward by so much within a list that goes on: players look for a date, and
/// find what is a second off.
const STEP_SMALL_90K_MAX: i64 = Pts::HZ.cast_signed();

/// What is lost where ticks become nanoseconds, and back, and more.
const ROUNDING_90K: i64 = 9;

/// Weight of one observation of a lag among those before it, against the jitter of reception.
const WEIGHT: i64 = 16;

/// The clock of one rendition, beside those of its channel.
#[derive(Debug)]
pub(super) struct Timekeeping {
    own: Option<StreamClock>,
    /// Those of the channel.
    channel: Clocks,
    role: Role,
    reception: Reception,
    /// How its time base began, if the open segment is the first of it and is dated again when it
    /// ends.
    unsettled: Option<Beginning>,
    /// How much later it is received than its clock dates: its dates do not move when it comes to
    /// lead, or to another time base. Of who leads it gets less with each correction: whichever
    /// came first, in the end all boxes date by the first rendition that is on air.
    lag_90k: i64,
    /// How much later it dates than its clock, because it had listed more; less with each segment.
    overhang_90k: i64,
}

/// How a rendition came to a time base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// No other was in it.
    Founded,
    /// It came to that of another.
    Joined,
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
            channel: Clocks::default(),
            role: if is_live { Role::Leading } else { Role::File },
            reception: Reception::default(),
            unsettled: None,
            lag_90k: 0,
            overhang_90k: 0,
        }
    }

    /// Goes on beside the clocks of the `channel`; this rendition `leads` that of its time base or
    /// not.
    pub(super) fn agree(&mut self, channel: &Clocks, leads: bool) {
        self.channel.clone_from(channel);
        if leads && self.role == Role::Following {
            // Its own is from its last cut.
            let shared = self.shared();
            self.own = self
                .own
                .map(|own| shared.unwrap_or(own).at_position_of(own));
        }
        self.role = if leads {
            Role::Leading
        } else {
            Role::Following
        };
        if leads {
            self.settle_ahead();
        }
    }

    /// Until the first segment of its time base is told of, who leads there dates by all PCRs that
    /// it has received, whoever began the time base: boxes that receive the same date the same.
    fn settle_ahead(&mut self) {
        let (Some(own), Some(beginning)) = (self.own, self.unsettled) else {
            return;
        };
        let settled = self.shared().filter(StreamClock::is_settled);
        let ahead = match settled {
            Some(shared) => Some(shared.at_position_of(own)),
            None => self.by_all_pcrs(own, own.pts(), beginning),
        };
        self.own = ahead.or(self.own);
        if settled.is_some() || beginning == Beginning::Joined {
            self.move_lag(own);
        }
    }

    /// It dates by the clock of another rendition now, not by that `before`; or by its own, which
    /// it takes for that of another.
    fn move_lag(&mut self, before: StreamClock) {
        if let Some(own) = self.own {
            self.lag_90k -= ticks::between(before.of(own.pts()), own.of(own.pts()));
        }
    }

    /// Goes on from an earlier life, whose list ended at `end` of the stream and at `date_time`.
    pub(super) fn resume(&mut self, end: StreamPosition, date_time: Wall) {
        let clock = || StreamClock::anchor(end.time_base, end.pts, date_time).settled();
        self.own.get_or_insert_with(clock);
    }

    /// Its PCRs are those of `pid`, if it has any.
    pub(super) fn set_pcr_pid(&mut self, pid: Option<Pid>) {
        self.reception
            .set_pcr_pid(pid.filter(|_| self.role != Role::File));
    }

    /// Whose PCRs count.
    pub(super) fn pcr_pid(&self) -> Option<Pid> {
        self.reception.pcr_pid()
    }

    /// Takes note of the PCR of `packet`, which was received at `now`; true if it does not follow
    /// those before it.
    pub(super) fn receive(&mut self, packet: Packet<'_>, now: Wall) -> bool {
        self.reception.receive(packet, now)
    }

    /// True while the first PCR is still to come: until then nothing tells how long before it is
    /// shown a picture is received, and it would be dated, and numbered, seconds too early.
    pub(super) fn awaits_clock(&self, now: Wall) -> bool {
        self.reception.is_awaited(now)
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
        let dated = self
            .own
            .map(|own| ticks::later(own.of(pts), self.overhang_90k));
        dated.unwrap_or_default()
    }

    /// Media begins at `pts`, received at `now`, in a time base that is known if it fits; otherwise
    /// it is dated behind what is `listed_until` then. Returns its wall time.
    pub(super) fn begin(&mut self, pts: Pts, now: Wall, listed_until: Wall) -> Wall {
        let (time_base, now) = (self.time_base(), self.shown_at(pts, now));
        let known = self.channel.iter().rev().chain(&self.own);
        let own = known.clone().filter(|it| it.time_base() == time_base);
        let fitting = first_fitting(known.clone(), pts, now, NEAR_90K)
            .or_else(|| first_fitting(own, pts, now, LATE_90K))
            .or_else(|| first_fitting(known, pts, now, LATE_OF_OTHERS_90K));
        if let Some(clock) = fitting.filter(|clock| clock.time_base() != time_base) {
            let late_90k = ticks::between(clock.of(pts), now);
            // More is what a buffer has held, which does not stay.
            self.lag_90k += if NEAR_90K.contains(&late_90k) {
                late_90k
            } else {
                0
            };
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
        let others = newest_first.filter(|it| it.time_base() != time_base);
        let fitting = first_fitting(others.clone(), pts, now, NEAR_90K)
            .or_else(|| first_fitting(others, pts, now, LATE_OF_OTHERS_90K));
        let fitting = fitting.filter(|it| overhang_90k(*it, pts, listed_until) <= SETTLING_90K_MAX);
        self.date(fitting, pts, (now, listed_until))
    }

    /// Media goes on at `pts`, received at `now`, behind a hole. Time stamps that leap, though not
    /// so much time has passed, are of another time base. Returns its wall time.
    pub(super) fn go_on_behind_hole(&mut self, pts: Pts, now: Wall, listed_until: Wall) -> Wall {
        let shown_at = self.shown_at(pts, now);
        let clock = self.own.map(|own| own.of(pts));
        if clock.is_some_and(|date| ticks::between(shown_at, date) > APART_90K_MAX) {
            self.jump(pts, now, listed_until)
        } else {
            self.go_on(pts, now, listed_until)
        }
    }

    /// Media goes on at `pts`, received at `now`, behind what is `listed_until` then. Returns its
    /// wall time.
    pub(super) fn go_on(&mut self, pts: Pts, now: Wall, listed_until: Wall) -> Wall {
        let Some(mut own) = self.own else {
            return self.begin(pts, now, Wall::default());
        };
        let (shared, now) = (self.shared(), self.shown_at(pts, now));
        match self.role {
            Role::File => own.advance(pts),
            Role::Leading => {
                let before = own;
                own.follow(pts, ticks::later(now, self.lag_90k), self.lag_90k);
                self.lag_90k = less(self.lag_90k, ticks::between(before.of(pts), own.of(pts)));
            }
            Role::Following => {
                match shared.and_then(|clock| clock.fitting(pts, now, LATE_90K)) {
                    Some(shared) => {
                        own = shared;
                        // By as much as the other is off, the wall clock was set.
                        let off_90k = ticks::between(own.of(pts), now) - shared.off_90k();
                        self.lag_90k += off_90k.clamp(-OUTLIER_90K, OUTLIER_90K) / WEIGHT;
                    }
                    None => own.follow(pts, now, 0),
                }
            }
        }
        // The clock may have gone back too: in all, it is a correction at most.
        let listed_until = ticks::later(believed(listed_until, now), -ROUNDING_90K);
        let left_90k = self.overhang_90k - CORRECTION_90K_MAX;
        self.overhang_90k = left_90k.max(overhang_90k(own, pts, listed_until));
        self.own = Some(own);
        self.of(pts)
    }

    /// Whether dates step forward from a segment, which began at a time stamp and a date, to one
    /// that goes on at `pts`, by more than a list may without a discontinuity.
    pub(super) fn steps(&self, begun: (Pts, Wall), pts: Pts) -> bool {
        let shared = self.shared().filter(|_| self.role == Role::Following);
        let clock = shared.or(self.own).filter(|_| self.unsettled.is_none());
        clock.is_some_and(|clock| {
            let passed_90k = ticks::between(begun.1, clock.of(pts));
            passed_90k - pts.ticks_since(begun.0) > STEP_SMALL_90K_MAX
        })
    }

    /// The segment that began at `pts` ends. If it was the first of a time base, which began by a
    /// single PCR, it is dated by all that have come since to the rendition that began it. Returns
    /// its wall time if it is dated anew, never before `listed_until` but for a correction.
    pub(super) fn settle(&mut self, pts: Pts, listed_until: Wall) -> Option<Wall> {
        let beginning = self.unsettled.take()?;
        let own = self.own?;
        let listed_until = believed(listed_until, own.of(pts));
        let is_final = |shared: &StreamClock| shared.is_settled() || self.role == Role::Following;
        let shared = self.shared().filter(is_final);
        let settled = match shared {
            Some(shared) => shared.fitting(pts, own.of(pts), NEAR_90K),
            None => self.by_all_pcrs(own, pts, beginning),
        };
        let Some(settled) = settled.map(StreamClock::settled) else {
            self.keep();
            return None;
        };
        let date_time = self.take(settled, pts, overhang_90k(settled, pts, listed_until));
        if shared.is_some() || beginning == Beginning::Joined {
            self.move_lag(own);
        }
        Some(date_time)
    }

    /// The open segment was told of as it is dated now.
    pub(super) fn keep(&mut self) {
        self.unsettled = None;
        self.own = self.own.map(StreamClock::settled);
    }

    /// `own`, which came to its time base by `beginning`, as all PCRs want it that came since
    /// `pts`; `None` without any, or if they are so far off that they are of the next time base.
    fn by_all_pcrs(&self, own: StreamClock, pts: Pts, beginning: Beginning) -> Option<StreamClock> {
        let (lag_90k, off_90k_max) = match beginning {
            Beginning::Founded => (self.lag_90k, SETTLING_90K_MAX),
            Beginning::Joined => (0, APART_90K_MAX),
        };
        let shown_at = ticks::later(self.reception.was_shown_at(pts)?, -lag_90k);
        let is_of_it = ticks::between(own.of(pts), shown_at).abs() <= off_90k_max;
        is_of_it.then(|| StreamClock::anchor(own.time_base(), pts, shown_at))
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
        self.unsettled = match fitting {
            None => Some(Beginning::Founded),
            Some(it) if it.time_base() != time_base => Some(Beginning::Joined),
            Some(_) => self.unsettled,
        };
        let known = self.channel.iter().chain(&self.own);
        let last = known.map(StreamClock::time_base).max().unwrap_or(0);
        // Up to the jitter of reception the clock is true, and only this rendition dates later.
        let is_ahead = ticks::between(now, listed_until) > SETTLING_90K_MAX;
        let begin = if is_ahead { listed_until } else { now };
        let clock = fitting.unwrap_or_else(|| StreamClock::anchor(last + 1, pts, begin));
        // Farther back, it is to be seen whether what comes is late, or of another time base.
        let overhang_90k = overhang_90k(clock, pts, listed_until);
        let is_jitter = overhang_90k <= SETTLING_90K_MAX;
        self.take(clock, pts, if is_jitter { overhang_90k } else { 0 })
    }

    /// Goes on by `clock` with `pts`, dated so much later. Returns its wall time.
    fn take(&mut self, clock: StreamClock, pts: Pts, overhang_90k: i64) -> Wall {
        (self.own, self.overhang_90k) = (Some(clock), overhang_90k);
        self.of(pts)
    }
}

/// The first of `clocks` by which `pts` is as `late_90k` when it is received at `now`.
fn first_fitting<'a>(
    mut clocks: impl Iterator<Item = &'a StreamClock>,
    pts: Pts,
    now: Wall,
    late_90k: RangeInclusive<i64>,
) -> Option<StreamClock> {
    clocks.find_map(|clock| clock.fitting(pts, now, late_90k.clone()))
}

/// True when what is dated so lies behind what is `listed_until` then, but for a correction.
pub(super) fn is_behind(date_time: Wall, listed_until: Wall) -> bool {
    ticks::between(listed_until, date_time) >= -CORRECTION_90K_MAX
}

/// How much later than by `clock` the picture of `pts` is dated, so that it lies behind what is
/// `listed_until` then, but for a correction: as much as dates are rounded to, or more of these.
fn overhang_90k(clock: StreamClock, pts: Pts, listed_until: Wall) -> i64 {
    let overhang_90k = ticks::between(clock.of(pts), listed_until) - CORRECTION_90K_MAX;
    (overhang_90k.max(0) + GRAIN_90K - 1) / GRAIN_90K * GRAIN_90K
}

/// What is left of `lag_90k` when the clock has moved by `correction_90k` towards who has it; less
/// than a grain is none.
fn less(lag_90k: i64, correction_90k: i64) -> i64 {
    let left = (lag_90k - correction_90k).clamp(lag_90k.min(0), lag_90k.max(0));
    if left.abs() < GRAIN_90K { 0 } else { left }
}

/// Wall time at which the list ends; that of 1970 if it is so far ahead of `now` that it was dated
/// before the wall clock was set.
fn believed(listed_until: Wall, now: Wall) -> Wall {
    if ticks::between(now, listed_until) > STEP_90K_MIN {
        Wall::default()
    } else {
        listed_until
    }
}

#[cfg(test)]
mod tests;
