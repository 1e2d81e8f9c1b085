//! The stream's own clock: one 64-bit timeline of the primary stream's access units.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.7 (PTS, DTS); RFC 8216 §3 (segment durations).
//! The 33-bit wrap is arithmetic here and nothing else. DTS tells whether time goes on, because
//! it never steps back inside one time base; PTS tells where a segment begins and ends.

use crate::demux::{AccessUnit, Pts};

/// A step back beyond this is a new time base. Streams that leave out DTS step back by a few
/// pictures at every B picture, which stays below it.
const STEP_BACK_MAX_90K: i64 = Pts::HZ.cast_signed() / 2;

/// A step forward beyond this is believed only when the next unit goes on from there.
const STEP_FORWARD_CREDIBLE_90K: i64 = 2 * Pts::HZ.cast_signed();

/// A step forward beyond this is a new time base; below it, pictures are missing.
const STEP_FORWARD_MAX_90K: i64 = 10 * Pts::HZ.cast_signed();

/// Assumed distance of pictures until two were seen: 1/25 s.
const FRAME_DEFAULT_90K: i64 = 3_600;

/// Longest distance of two pictures that is believed before others were seen: two a second.
const FRAME_MAX_90K: i64 = Pts::HZ.cast_signed() / 2;

/// Shortest distance of two pictures that is believed: 1 ms.
const FRAME_MIN_90K: i64 = 90;

/// The PTS whose unwrapped count is `pts`.
pub(super) fn as_sent(pts: i64) -> Pts {
    Pts::from_ticks(pts.rem_euclid(Pts::MODULUS.cast_signed()).unsigned_abs())
}

/// The time stamps of one access unit, as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) pts: Pts,
    pub(super) dts: Pts,
}

impl Stamps {
    /// Takes the stamps of `unit`; `None` without PTS, or with one that its DTS contradicts.
    pub(super) fn of(unit: &AccessUnit) -> Option<Self> {
        let pts = unit.pts?;
        let dts = unit.dts.unwrap_or(pts);
        let is_sane = (-STEP_BACK_MAX_90K..STEP_FORWARD_MAX_90K).contains(&pts.ticks_since(dts));
        is_sane.then_some(Self { pts, dts })
    }

    /// Ticks from the decoding of `earlier` to the decoding of this one.
    fn since(self, earlier: Self) -> i64 {
        self.dts.ticks_since(earlier.dts)
    }
}

/// What the stamps of a unit mean after those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Time goes on, perhaps with pictures missing.
    Onward,
    /// A new time base begins.
    Jump,
}

/// One time base, from its first access unit on.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    last: Stamps,
    /// PTS of the last unit, unwrapped.
    pts: i64,
    /// Highest PTS so far, unwrapped.
    pts_highest: i64,
    /// Smallest distance of two units in decoding order.
    frame_90k: Option<i64>,
    /// Largest advance of the highest PTS between two adjacent pictures: the depth of reordering.
    pts_advance_max_90k: i64,
    /// True when pictures are missing before the last unit.
    has_gap: bool,
}

impl Timeline {
    /// Starts a time base at `stamps`; its unwrapped PTS is the PTS as sent.
    pub(super) fn start(stamps: Stamps) -> Self {
        let pts = i64::try_from(stamps.pts.ticks()).expect("33 bits");
        Self {
            last: stamps,
            pts,
            pts_highest: pts,
            frame_90k: None,
            pts_advance_max_90k: 0,
            has_gap: false,
        }
    }

    /// Tells what `stamps` would mean as the next unit. `announced`: the stream itself says that
    /// a new time base begins, so that a small step is believed too.
    pub(super) fn step(&self, stamps: Stamps, announced: bool) -> Step {
        let forward_max = if announced {
            STEP_BACK_MAX_90K
        } else {
            STEP_FORWARD_MAX_90K
        };
        if (-STEP_BACK_MAX_90K..=forward_max).contains(&stamps.since(self.last)) {
            Step::Onward
        } else {
            Step::Jump
        }
    }

    /// True when `stamps` follows so closely that no second witness is needed.
    pub(super) fn is_credible(&self, stamps: Stamps) -> bool {
        (-STEP_BACK_MAX_90K..=STEP_FORWARD_CREDIBLE_90K).contains(&stamps.since(self.last))
    }

    /// True when `witness`, the unit after `suspect`, goes on from `suspect` rather than from the
    /// units before it.
    pub(super) fn confirms(&self, suspect: Stamps, witness: Stamps) -> bool {
        let goes_on = -STEP_BACK_MAX_90K..=STEP_FORWARD_MAX_90K;
        !self.is_credible(witness) && goes_on.contains(&witness.since(suspect))
    }

    /// Takes `stamps` as the next unit and returns its unwrapped PTS.
    pub(super) fn advance(&mut self, stamps: Stamps) -> i64 {
        let step = stamps.since(self.last);
        self.pts += stamps.pts.ticks_since(self.last.pts);
        self.last = stamps;
        let is_far = self.frame_90k.is_none() && step > FRAME_MAX_90K;
        if step >= FRAME_MIN_90K {
            self.frame_90k = Some(self.frame_90k.map_or(step, |frame| frame.min(step)));
        }
        self.has_gap = is_far || step > self.frame_90k() * 3 / 2;
        if !self.has_gap {
            let advance = self.pts - self.pts_highest;
            self.pts_advance_max_90k = self.pts_advance_max_90k.max(advance);
        }
        self.pts_highest = self.pts_highest.max(self.pts);
        self.pts
    }

    /// PTS of the last unit, unwrapped.
    pub(super) fn pts(&self) -> i64 {
        self.pts
    }

    /// The unwrapped PTS of what is sent as `pts`, taken as near to the last unit as it can be.
    pub(super) fn unwrap(&self, pts: Pts) -> i64 {
        self.pts + pts.ticks_since(self.last.pts)
    }

    /// True when pictures are missing between the last unit and the one before.
    pub(super) fn has_gap(&self) -> bool {
        self.has_gap
    }

    /// Distance of two pictures, in `90..`.
    pub(super) fn frame_90k(&self) -> i64 {
        self.frame_90k.unwrap_or(FRAME_DEFAULT_90K)
    }

    /// Where the last picture shown so far ends.
    pub(super) fn end(&self) -> i64 {
        self.pts_highest + self.frame_90k()
    }

    /// The highest PTS the next unit can have if no picture is missing.
    pub(super) fn pts_next_max(&self) -> i64 {
        self.pts_highest + self.pts_advance_max_90k.max(self.frame_90k())
    }
}
