//! The state of the segmenter while segments come out, and what each access unit means in it.

use weir_hal::Wall;

use crate::segment::{
    cut::{Circumstances, Cuttable, OpenSegment, Reason},
    date_time::DateTime,
    pending::Mark,
    target_duration::TargetDuration,
    timeline::{Stamps, Step, Timeline},
};

/// The open segment and the timeline it lies on.
#[derive(Debug)]
pub(super) struct OnAir {
    pub(super) segment: OpenSegment,
    pub(super) timeline: Timeline,
    pub(super) date_time: DateTime,
    /// A unit whose stamps leap, until the next one tells whether to believe it.
    pub(super) suspect: Option<Candidate>,
    /// Unwrapped PTS of the last random access point.
    pub(super) random_access_pts: Option<i64>,
    /// Unwrapped PTS when PAT and PMT were last written.
    pub(super) tables_pts: i64,
}

/// An understood access unit, before which a cut may fall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Where it begins; `None` when it was too large to be held back.
    pub(super) mark: Option<Mark>,
    pub(super) stamps: Stamps,
    pub(super) random_access: bool,
    pub(super) time_base_changed: bool,
    /// When it was understood.
    pub(super) now: Wall,
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
        let reason = self
            .segment
            .reason(&self.cuttable(unit, circumstances), target)?;
        let end = if reason.breaks_timeline() { end } else { begin };
        Some(Cut { reason, end, begin })
    }

    /// The last unit, as the rules of cutting see it.
    fn cuttable(&self, unit: &Candidate, circumstances: Circumstances) -> Cuttable {
        Cuttable {
            pts: self.timeline.pts(),
            pts_next_max: self.timeline.pts_next_max(),
            random_access: unit.random_access && unit.mark.is_some(),
            has_gap: self.timeline.has_gap(),
            circumstances,
        }
    }
}
