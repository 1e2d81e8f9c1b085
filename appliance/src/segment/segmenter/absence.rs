//! While media is missing: what is open ends, gaps stand in, and media that comes back finds its
//! place.

use std::time::Duration;

use weir_hal::Wall;

use super::{Each, Segmenter};
use crate::segment::{
    MediaPlaylist, Output, Phase,
    gap::{Arrival, Due, Onset},
    sequence::GRID_TOLERANCE_90K,
    ticks,
    timekeeping::is_behind,
    timeline::as_sent,
};

impl Segmenter {
    /// Goes on after a restart, for a `playlist` that lives on: its Target Duration stays, and its
    /// numbers go on if it lists segments, with gaps for the cells that pass. Media goes on behind
    /// them if its time stamps and coding do: other boxes have no discontinuity there. Otherwise,
    /// and if it is not known where in the stream the list ends, it begins with one.
    pub fn resume(&mut self, playlist: &MediaPlaylist) {
        let stream_end = playlist.stream_end().filter(|_| !playlist.is_empty());
        self.is_interrupted |= playlist.sequence_next() > 0 && stream_end.is_none();
        self.resumes_coding = stream_end.map(|it| it.coding);
        if let Some((stream_end, end)) = stream_end.zip(playlist.end()) {
            self.time.resume(stream_end, end);
        }
        self.listed_until = playlist.end().unwrap_or_default();
        let Some(seconds) = playlist.target_duration_s() else {
            return;
        };
        self.target.set(seconds);
        if !playlist.is_empty() {
            self.sequence.set_next(playlist.sequence_next());
            let cell_90k = self.target.target_90k();
            let room_90k = self.target.limit_90k() - cell_90k;
            let due = Due::of(playlist, (cell_90k, room_90k));
            self.due = due.filter(|_| self.rules.phase == Phase::Grid);
        }
    }

    /// Whether what comes breaks with what is listed: media was missing for longer than its cells
    /// tell, or an earlier life listed what was of another coding.
    pub(super) fn breaks_with_listed(&self) -> bool {
        let before = self.resumes_coding;
        self.is_interrupted || before.is_some_and(|before| before != self.coding.hash())
    }

    /// Whether what comes back has its place in a cell of the grid, if its time stamps go on.
    fn returns_to_cell(&self) -> bool {
        self.keeps_to_cells || self.resumes_coding.is_some()
    }

    /// Ends the open segment with all that is of it for certain; the next one begins with a
    /// discontinuity.
    pub fn finish(&mut self, mut each: impl FnMut(Output)) {
        self.end_early(Tail::Cut, &mut each);
        self.stop();
    }

    /// Goes on without media, because a segment is due and cannot end: what is open ends with what
    /// it has, and while nothing is open a gap takes the place of the segment, if one came before.
    pub fn lapse(&mut self, mut each: impl FnMut(Output)) {
        if !self.is_filling() {
            self.make_gap(None, &mut each);
        } else if self.keeps_to_cells {
            self.end_early(Tail::Missing, &mut each);
            self.stop();
            self.is_interrupted = false;
        } else {
            self.finish(each);
        }
    }

    /// Forgets the open segment, because its bytes could not be kept. Its Media Sequence Number
    /// is used again by the next one, which begins at the next random access point with a
    /// discontinuity.
    pub fn abandon(&mut self) {
        if self.on_air.is_some() {
            self.counters.segments_abandoned += 1;
            self.pending.discard();
        }
        self.stop();
    }

    /// Media time that one gap stands for.
    pub fn gap(&self) -> Duration {
        ticks::span(self.target.target_90k().unsigned_abs())
    }

    fn end_early(&mut self, tail: Tail, each: Each<'_>) {
        let Some(air) = &self.on_air else { return };
        let end = match tail {
            Tail::Cut => air.timeline.end(),
            Tail::Missing => air.timeline.end().max(air.segment.line),
        };
        self.leave_out_held(each);
        self.round_off(tail == Tail::Cut, each);
        let Some(air) = &self.on_air else { return };
        let open = air.segment;
        let ended = self.end_segment(end, each);
        self.due = ended
            .filter(|_| self.rules.phase == Phase::Grid)
            .map(|segment| Due::after(&open, &segment, self.time.time_base()));
    }

    /// Lists a gap of `length_90k`, or of what is left of its cell.
    fn make_gap(&mut self, length_90k: Option<i64>, each: Each<'_>) {
        let Some(due) = &mut self.due else { return };
        let length_90k = length_90k.unwrap_or(due.length_90k(self.target.target_90k()));
        let target_duration_s = self.target.fix(self.target.target_90k());
        let gap = due.take(length_90k, target_duration_s, self.listed_until);
        self.listed_until = gap.end();
        self.sequence.set_next(gap.sequence + 1);
        self.counters.gap_segments += 1;
        self.counters.discontinuities += u64::from(gap.discontinuity);
        self.pay_break(gap.discontinuity);
        each(Output::Gap(gap));
    }

    fn stop(&mut self) {
        if let Some(mut air) = self.on_air.take() {
            self.is_interrupted = true;
            self.counters.splices_missed += air.splice_points.clear();
        }
        self.take_up_tables();
        self.discard();
        self.started.clear();
    }

    /// Where media begins at `pts`, received at `now`; `None` if its cell is listed as a gap
    /// already.
    pub(super) fn admitted_at(&mut self, pts: i64, now: Wall) -> Option<Onset> {
        let pts = as_sent(pts);
        let date_time = self.time.begin(pts, now, self.listed_until);
        let mut onset = Onset {
            pts,
            time_base: self.time.time_base(),
            date_time,
        };
        let cell_90k = self.target.target_90k();
        let room_90k = self.target.behind_line_90k_max();
        let room_90k = room_90k.filter(|_| self.returns_to_cell() && !self.breaks_with_listed());
        let due = self.due.as_mut();
        match due.map(|due| due.arrival(&onset, now, (cell_90k, room_90k))) {
            None | Some(Arrival::InTime) => {}
            Some(Arrival::Late) => return None,
            Some(Arrival::Delayed) => {
                onset.date_time = self.time.jump(pts, now, self.listed_until);
                onset.time_base = self.time.time_base();
            }
        }
        Some(onset)
    }

    /// Makes gaps of the cells that lie between the last segment and one that begins at `onset`,
    /// received at `now`. Returns its wall time, which is not before the last of them ends, and
    /// whether time goes on there.
    pub(super) fn fill_up(&mut self, onset: &Onset, now: Wall, each: Each<'_>) -> (Wall, bool) {
        let Some(due) = self.due else {
            return (onset.date_time, true);
        };
        let cell_90k = self.target.target_90k();
        let missing = due.missing(onset, cell_90k);
        for left in (0..missing).rev() {
            let is_last = left == 0 && self.returns_to_cell();
            let until_90k = self.due.and_then(|due| due.until_stamp(onset));
            let length_90k = self.due.map_or(cell_90k, |due| due.length_90k(cell_90k));
            let lengths = length_90k - GRID_TOLERANCE_90K..=self.target.limit_90k();
            let is_within = |ticks: &i64| lengths.contains(ticks);
            self.make_gap(until_90k.filter(|ticks| is_last && is_within(ticks)), each);
        }
        let due = self.due.take();
        if is_behind(onset.date_time, self.listed_until) {
            let until_90k = due.and_then(|due| due.until_stamp(onset));
            let is_next = until_90k.is_some_and(|ticks| ticks.abs() <= GRID_TOLERANCE_90K);
            (onset.date_time, is_next && !self.coding.is_broken())
        } else {
            let date_time = self.time.jump(onset.pts, now, self.listed_until);
            (date_time, false)
        }
    }
}

/// How a segment ends whose media has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// With its last picture: what comes next begins with a discontinuity.
    Cut,
    /// At its line, as in the other renditions of its channel: what is not there is missing.
    Missing,
}
