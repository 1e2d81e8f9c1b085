//! The state of the segmenter while segments come out, and what each access unit means in it.

use bytes::Bytes;
use weir_hal::Wall;

use crate::{
    demux::{Pts, SpliceTime},
    segment::{
        Cue, CueKind, EventId,
        boundaries::Boundaries,
        cue::Notice,
        cut::{Circumstances, Cuttable, OpenSegment, Reason, Wish},
        heard::Heard,
        pending::Mark,
        sequence::grid_position,
        splice_points::SplicePoints,
        target_duration::TargetDuration,
        timekeeping::Timekeeping,
        timeline::{Stamps, Step, Timeline, as_sent},
    },
};

/// How far away an event is believed to be: an hour. Farther ones are damage, or of another clock.
const DISTANCE_MAX_90K: u64 = 3_600 * Pts::HZ;

/// How long a break is believed to last: four hours, which is as long as one is listed that has no
/// end. A longer plan is damage, and as good as none.
const BREAK_MAX_90K: u64 = 4 * 3_600 * Pts::HZ;

/// Pictures in a row that say not when they are shown, and are of the segment all the same: of 50 a
/// second, those of 1.3 s, which is twice as long as time stamps may be apart (ISO 13818-1 §2.7.4).
const UNTIMED_MAX: u32 = 64;

/// The open segment and the timeline it lies on.
#[derive(Debug)]
pub(super) struct OnAir {
    pub(super) segment: OpenSegment,
    pub(super) timeline: Timeline,
    /// What is added to an unwrapped PTS for its position on the grid.
    pub(super) wraps_90k: i64,
    /// A unit whose stamps leap, until the next one tells whether to believe it.
    pub(super) suspect: Option<Candidate>,
    /// What lies beyond the last picture, until the next one tells whether they go on.
    pub(super) overhang: Option<Overhang>,
    /// Pictures in a row that say not when they are shown.
    pub(super) untimed: u32,
    /// The open segment takes nothing more: its pictures have ended.
    pub(super) is_closed: bool,
    /// Unwrapped PTS of the last random access point.
    pub(super) random_access_pts: Option<i64>,
    /// Unwrapped PTS when PAT and PMT were last written.
    pub(super) tables_pts: i64,
    /// The splice messages that were obeyed.
    pub(super) heard: Heard,
    pub(super) splice_points: SplicePoints,
    pub(super) boundaries: Boundaries,
    /// What came of them since it was last taken.
    pub(super) tally: Tally,
}

/// Payload units of other streams that are shown well after the last picture, or what lies behind a
/// seam of the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overhang {
    /// Where the first of them begins.
    pub(super) position: u64,
    /// One of them is shown so late that the segment cannot last until then.
    pub(super) is_past_limit: bool,
    /// Only the next picture tells whether they go on: the rest of one may be of another stream.
    pub(super) is_behind_seam: bool,
}

/// Wishes of the stream that were not granted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) splices_missed: u64,
    pub(super) boundaries_missed: u64,
}

/// An understood access unit, before which a cut may fall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Where it begins; `None` when it was too large to be held back.
    pub(super) mark: Option<Mark>,
    pub(super) stamps: Stamps,
    pub(super) random_access: bool,
    /// The encoder marked it as the beginning of a segment.
    pub(super) segment_boundary: bool,
    pub(super) time_base_changed: bool,
    /// When it was understood.
    pub(super) now: Wall,
}

/// An event that has found its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) cue: Cue,
    /// Its time was over when it came.
    pub(super) is_late: bool,
    /// It is not cut at, because too many others wait.
    pub(super) is_crowded_out: bool,
}

/// The cut that a unit brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) reason: Reason,
    /// Unwrapped PTS at which the segment before it ends.
    pub(super) end: i64,
    /// Unwrapped PTS at which the next one begins.
    pub(super) begin: i64,
}

impl OnAir {
    /// Takes a unit at `mark` that says not when it is shown. After many of them nobody knows how
    /// long the segment lasts, and it cannot wait for all that may come.
    pub(super) fn pass_over(&mut self, mark: Option<Mark>) {
        self.untimed = self.untimed.saturating_add(1);
        if let Some(mark) = mark.filter(|_| self.untimed > UNTIMED_MAX) {
            let here = Overhang {
                position: mark.position,
                is_past_limit: true,
                is_behind_seam: false,
            };
            self.overhang.get_or_insert(here).is_past_limit = true;
        }
    }

    /// Takes `unit` as the next one and tells whether the segment ends before it.
    pub(super) fn advance(
        &mut self,
        unit: &Candidate,
        circumstances: Circumstances,
        target: &mut TargetDuration,
    ) -> Option<Cut> {
        let end = self.timeline.end();
        if self.timeline.step(unit.stamps, unit.time_base_changed) == Step::Jump {
            self.timeline = Timeline::start(unit.stamps);
            let begin = self.timeline.pts();
            self.random_access_pts = unit.random_access.then_some(begin);
            self.boundaries = Boundaries::default();
            self.note_boundary(unit, target);
            self.tally.splices_missed += self.splice_points.clear();
            self.heard.clear();
            return Some(Cut {
                reason: Reason::Jump,
                end,
                begin,
            });
        }
        let begin = self.timeline.advance(unit.stamps);
        if unit.random_access
            && let Some(before) = self.random_access_pts.replace(begin)
        {
            target.observe(begin - before);
        }
        let cuttable = self.cuttable(unit, circumstances, target);
        let reason = if self.is_closed {
            reason_closed(&cuttable)
        } else {
            self.segment.reason(&cuttable, target)?
        };
        let end = if reason.breaks_timeline() { end } else { begin };
        Some(Cut { reason, end, begin })
    }

    /// Places what begins behind `cut`, and is of `date_time`, on the grid: anew in another time
    /// base, and when the wall clock was set.
    pub(super) fn unwrap_anew(&mut self, cut: &Cut, date_time: Wall) {
        let wraps_90k = grid_position(as_sent(cut.begin), date_time) - cut.begin;
        // By no more than a wrap, rounding may differ.
        let is_set = wraps_90k.abs_diff(self.wraps_90k) > Pts::MODULUS;
        if cut.reason == Reason::Jump || is_set {
            self.wraps_90k = wraps_90k;
        }
    }

    /// Finds the place of `notice` on the timeline, and waits for it if it is still to come; `None`
    /// when it lies too far away to be believed.
    pub(super) fn place(
        &mut self,
        notice: &Notice,
        section: &Bytes,
        time: &Timekeeping,
    ) -> Option<Placed> {
        let next = self.timeline.end();
        let pts = match notice.time {
            SpliceTime::Immediate => next,
            SpliceTime::At(pts) => self.timeline.unwrap(pts),
        };
        if pts.abs_diff(next) > DISTANCE_MAX_90K {
            return None;
        }
        let is_late = pts < next - self.timeline.frame_90k() / 2;
        let mut is_crowded_out = false;
        if notice.kind == CueKind::Cancel {
            self.splice_points.cancel(notice.number);
        } else if !is_late {
            is_crowded_out = !self.splice_points.expect(notice, pts);
        }
        let planned = notice.planned;
        let planned = planned.filter(|planned| planned.duration_90k <= BREAK_MAX_90K);
        let returns = planned.filter(|planned| planned.auto_return);
        let end = returns.map(|planned| pts.saturating_add_unsigned(planned.duration_90k));
        if let Some(end) = end.filter(|end| *end > next) {
            is_crowded_out |= !self.splice_points.expect_return(notice, end);
        }
        let as_sent = as_sent(pts);
        let date_time = time.of(as_sent);
        let cue = Cue {
            event: EventId::new(notice.number, notice.break_kind, (as_sent, date_time)),
            kind: notice.kind,
            date_time,
            planned_90k: planned.map(|planned| planned.duration_90k),
            auto_return: returns.is_some(),
            section: section.clone(),
        };
        Some(Placed {
            cue,
            is_late: is_late && notice.kind != CueKind::Cancel,
            is_crowded_out,
        })
    }

    /// The last unit, as the rules of cutting see it.
    fn cuttable(
        &mut self,
        unit: &Candidate,
        circumstances: Circumstances,
        target: &mut TargetDuration,
    ) -> Cuttable {
        let random_access = unit.random_access && unit.mark.is_some();
        Cuttable {
            pts: self.timeline.pts(),
            pts_next_max: self.timeline.pts_next_max(),
            random_access,
            wish: self.wish(unit, random_access, target),
            has_gap: self.timeline.has_gap(),
            circumstances,
        }
    }

    fn wish(&mut self, unit: &Candidate, random_access: bool, target: &mut TargetDuration) -> Wish {
        let (pts, frame_90k) = (self.timeline.pts(), self.timeline.frame_90k());
        let reached = self.splice_points.pass(pts, frame_90k, random_access);
        self.tally.splices_missed += reached.missed;
        self.note_boundary(unit, target);
        let interval_90k = target.boundary_interval_90k();
        if !self.boundaries.are_expected(pts, interval_90k) && self.boundaries.give_up() {
            target.forget_boundaries();
            self.tally.boundaries_missed += 1;
        }
        let by_boundaries =
            self.boundaries.are_expected(pts, interval_90k) && target.reaches_boundaries();
        Wish {
            is_splice_point: reached.is_due,
            is_unmarked: by_boundaries && !unit.segment_boundary,
            by_boundaries,
        }
    }

    fn note_boundary(&mut self, unit: &Candidate, target: &mut TargetDuration) {
        if unit.random_access
            && unit.segment_boundary
            && let Some(interval_90k) = self.boundaries.note(self.timeline.pts())
        {
            target.observe_boundary(interval_90k);
        }
    }
}

/// Why a segment that takes nothing more ends before `unit`.
fn reason_closed(unit: &Cuttable) -> Reason {
    if unit.has_gap {
        Reason::Hole
    } else {
        Reason::Change
    }
}
