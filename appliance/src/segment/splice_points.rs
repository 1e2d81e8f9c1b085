//! The points at which the stream asks for a cut.
//!
//! Source: ANSI/SCTE 35 §9.7.3: a splice takes place at the first access unit at or after its time
//! where decoding can begin. An encoder that heard of it puts one there.

use heapless::Vec;

use crate::{
    demux::Pts,
    segment::cue::{CueKind, Notice},
};

/// Points that wait at most: eight breaks that are announced together. Of more the farthest is
/// missed.
const POINTS_MAX: usize = 16;

/// How far behind its point a cut may fall. One that comes later has nothing to do with it.
const REACH_90K: i64 = 2 * Pts::HZ.cast_signed();

/// Points that have not been reached.
#[derive(Debug, Default)]
pub(super) struct SplicePoints {
    points: Vec<Point, POINTS_MAX>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    /// Number and kind of the event, and whether it begins there.
    event: (u32, u8, bool),
    /// Unwrapped PTS.
    pts: i64,
}

/// What an access unit means to the points before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// The segment is to be cut before the unit.
    pub(super) is_due: bool,
    /// Points that were passed without a random access point.
    pub(super) missed: u64,
}

impl SplicePoints {
    /// Waits for the unwrapped `pts`, at which `notice` has something happen. The same event may
    /// have been announced for another time. Tells whether there was room for all.
    pub(super) fn expect(&mut self, notice: &Notice, pts: i64) -> bool {
        let begins = notice.kind != CueKind::In;
        self.replace((notice.number, notice.break_kind, begins), pts)
    }

    /// Waits for the end of the break of `notice`, which comes by itself.
    pub(super) fn expect_return(&mut self, notice: &Notice, pts: i64) -> bool {
        self.replace((notice.number, notice.break_kind, false), pts)
    }

    /// Forgets the points of all events that have this number.
    pub(super) fn cancel(&mut self, number: u32) {
        self.points.retain(|point| point.event.0 != number);
    }

    /// Forgets all points, because their timeline has ended; tells how many there were.
    pub(super) fn clear(&mut self) -> u64 {
        let count = self.points.len() as u64;
        self.points.clear();
        count
    }

    /// Takes the unit at `pts`, in a stream of pictures `frame_90k` apart.
    pub(super) fn pass(&mut self, pts: i64, frame_90k: i64, random_access: bool) -> Reached {
        let mut reached = Reached::default();
        self.points.retain(|point| {
            if pts + frame_90k / 2 < point.pts {
                return true;
            }
            let is_in_reach = pts <= point.pts + REACH_90K;
            reached.is_due |= is_in_reach && random_access;
            reached.missed += u64::from(!is_in_reach);
            is_in_reach && !random_access
        });
        reached
    }

    fn replace(&mut self, event: (u32, u8, bool), pts: i64) -> bool {
        self.points.retain(|point| point.event != event);
        let Err(nearest) = self.points.push(Point { event, pts }) else {
            return true;
        };
        let farthest = self.points.iter_mut().max_by_key(|point| point.pts);
        if let Some(farthest) = farthest.filter(|point| point.pts > nearest.pts) {
            *farthest = nearest;
        }
        false
    }
}
