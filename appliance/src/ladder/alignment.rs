//! Whether the rungs of a channel are cut at the same pictures.
//!
//! Source: RFC 8216 §6.2.4 (matching content has matching time stamps in all Variant Streams).
//! Boundaries are compared by their PTS: numbers may differ (§6.3.4 forbids players to rely on
//! them), and dates carry the jitter of reception. Each boundary of one rung, the reference, owns
//! the time half-way to its neighbours; there every other rung must have one boundary, at the same
//! time. Where most rungs agree with one another and not with the reference, it is the one that is
//! off.
//!
//! One damaged boundary is counted and alarms nobody: a rung drifts when 3 of its last 10
//! boundaries were off, and is aligned again when none of its last 10 is.

use heapless::{Deque, Vec};
use weir_hal::{Monotonic, Wall};

use crate::{
    demux::Pts,
    ladder::{Deviation, RUNGS_MAX},
};

/// Boundaries remembered of each rung: as far as one may lag behind another.
const BOUNDARIES: usize = 16;

/// Half a picture of 25 Hz. Nearer boundaries are at the same picture.
const TOLERANCE_90K: i64 = 1_800;

/// Boundaries by which a rung is judged.
const JUDGED: u32 = 10;

/// How many of them may not be off.
const OFF_MAX: u32 = 3;

/// Target Durations after which a rung that lists nothing is not waited for.
const PATIENCE: u32 = 2;

/// Target Durations beyond which a segment does not follow the one before.
const SUCCESSION: i64 = 4;

/// Target Durations beyond which time stamps lie on different timelines.
const TIMELINE: i64 = 16;

/// What a rung lists of one segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boundary {
    pub(super) begin: Pts,
    /// True when it does not go on where the segment before ended: no boundary, but a start.
    pub(super) is_start: bool,
    pub(super) target_duration_s: u32,
}

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) segments: u64,
    pub(super) unaligned: u64,
}

/// Compares the boundaries of all rungs of a channel.
///
/// # Limits
/// 16 boundaries of each of 16 rungs.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    rungs: Vec<Rung, RUNGS_MAX>,
    /// The number of the rung that the others were compared with last.
    reference: usize,
    /// Its last boundary that was judged.
    judged: Option<Pts>,
}

#[derive(Debug, Default)]
struct Rung {
    start: Option<Pts>,
    boundaries: Deque<Pts, BOUNDARIES>,
    target_90k: i64,
    listed: Monotonic,
    verdict: Verdict,
}

/// How a rung has done lately.
#[derive(Debug, Clone, Copy, Default)]
struct Verdict {
    /// A bit for each boundary that was judged, set when it was off; the last is the lowest.
    history: u32,
    /// How the last one was off.
    deviation: Option<Deviation>,
    /// When the first one was off of those that count.
    since: Wall,
    is_drifting: bool,
}

/// One boundary of the reference and the time it owns.
#[derive(Debug, Clone, Copy)]
struct Cell {
    boundary: Pts,
    /// Ticks back to where it begins, and on to where it ends.
    before_90k: i64,
    after_90k: i64,
}

/// What a rung has in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It did not run by then.
    Nothing,
    /// It has not come so far yet.
    Later,
    /// One boundary, so many ticks from the reference's.
    One(i64),
    /// That.
    Else(Deviation),
}

/// What is said of one boundary of a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    None,
    Aligned,
    Off(Deviation),
}

impl Monitor {
    /// Compares so many rungs.
    pub(super) fn new(rungs: usize) -> Self {
        let rungs = (0..rungs.min(RUNGS_MAX)).map(|_| Rung::default());
        Self {
            rungs: rungs.collect(),
            reference: 0,
            judged: None,
        }
    }

    /// Puts the rung that was `other`'s number `from` in place of number `to`.
    pub(super) fn adopt(&mut self, to: usize, other: &mut Self, from: usize) {
        if let (Some(rung), Some(known)) = (self.rungs.get_mut(to), other.rungs.get_mut(from)) {
            *rung = std::mem::take(known);
        }
        self.judged = other.judged;
    }

    /// Takes note that `rung` has listed a segment, and compares what can be compared by now.
    pub(super) fn listed(
        &mut self,
        rung: usize,
        boundary: Boundary,
        now: Monotonic,
        wall: Wall,
    ) -> Compared {
        let mut compared = Compared::default();
        let Some(noted) = self.rungs.get_mut(rung) else {
            return compared;
        };
        let is_start = noted.note(boundary, now);
        if is_start && rung == self.reference {
            self.judged = None;
        }
        while let Some(judgements) = self.judge_next(now) {
            for (rung, judgement) in self.rungs.iter_mut().zip(judgements) {
                let deviation = match judgement {
                    Judgement::None => continue,
                    Judgement::Aligned => None,
                    Judgement::Off(deviation) => Some(deviation),
                };
                rung.verdict.note(deviation, wall);
                compared.segments += 1;
                compared.unaligned += u64::from(deviation.is_some());
            }
        }
        compared
    }

    /// Forgets how `rung` has done: it lists nothing any more.
    pub(super) fn forgive(&mut self, rung: usize) {
        if let Some(rung) = self.rungs.get_mut(rung) {
            rung.verdict = Verdict::default();
        }
    }

    /// The rungs that drift, with how and since when.
    pub(super) fn drifting(&self) -> impl Iterator<Item = (usize, Deviation, Wall)> {
        let rungs = self.rungs.iter().enumerate();
        rungs.filter_map(|(index, rung)| {
            let verdict = rung.verdict;
            let deviation = verdict.deviation.filter(|_| verdict.is_drifting)?;
            Some((index, deviation, verdict.since))
        })
    }

    /// Judges the next boundary of the reference, if all have come so far.
    fn judge_next(&mut self, now: Monotonic) -> Option<[Judgement; RUNGS_MAX]> {
        let is_live = |rung: &Rung| rung.is_live(now);
        if self.rungs.iter().filter(|rung| is_live(rung)).count() < 2 {
            return None;
        }
        self.reference = self.rungs.iter().position(is_live)?;
        let cell = self.rungs.get(self.reference)?.next_cell(self.judged)?;
        let mut found = [Found::Nothing; RUNGS_MAX];
        for (found, rung) in found.iter_mut().zip(&self.rungs) {
            if rung.is_live(now) {
                *found = rung.found(cell);
            }
        }
        if found.contains(&Found::Later) {
            return None;
        }
        self.judged = Some(cell.boundary);
        let consensus_90k = consensus_90k(&found);
        Some(found.map(|found| match found {
            Found::Nothing | Found::Later => Judgement::None,
            Found::Else(deviation) => Judgement::Off(deviation),
            Found::One(ticks) if (ticks - consensus_90k).abs() <= TOLERANCE_90K => {
                Judgement::Aligned
            }
            Found::One(ticks) => Judgement::Off(Deviation::Off {
                off_90k: ticks - consensus_90k,
            }),
        }))
    }
}

/// The distance from the reference on which most rungs agree; of several the first rung's.
fn consensus_90k(found: &[Found]) -> i64 {
    let ticks = |found: &Found| match found {
        Found::One(ticks) => Some(*ticks),
        Found::Nothing | Found::Later | Found::Else(_) => None,
    };
    let mut consensus = (0, 0);
    for candidate in found.iter().filter_map(ticks) {
        let agree = |other: &i64| (other - candidate).abs() <= TOLERANCE_90K;
        let votes = found.iter().filter_map(ticks).filter(agree).count();
        if votes > consensus.0 {
            consensus = (votes, candidate);
        }
    }
    consensus.1
}

impl Rung {
    /// Takes note of its next segment; true when that does not follow on the one before.
    fn note(&mut self, boundary: Boundary, now: Monotonic) -> bool {
        self.target_90k = i64::from(boundary.target_duration_s.max(1)) * Pts::HZ.cast_signed();
        self.listed = now;
        let last = self.boundaries.back().copied().or(self.start);
        let follows = |last| {
            let ticks = boundary.begin.ticks_since(last);
            0 < ticks && ticks < SUCCESSION * self.target_90k
        };
        if boundary.is_start || !last.is_some_and(follows) {
            self.boundaries.clear();
            self.start = Some(boundary.begin);
            return true;
        }
        if self.boundaries.is_full() {
            self.start = self.boundaries.pop_front();
        }
        let pushed = self.boundaries.push_back(boundary.begin);
        pushed.expect("one was taken out if it was full");
        false
    }

    /// True unless it has not listed for long.
    fn is_live(&self, now: Monotonic) -> bool {
        let patience_90k = self.target_90k.unsigned_abs() * u64::from(PATIENCE);
        self.start.is_some() && now.since(self.listed).as_micros() * 9 / 100 < patience_90k.into()
    }

    /// Its first boundary behind `judged` that has a neighbour on both sides.
    fn next_cell(&self, judged: Option<Pts>) -> Option<Cell> {
        let begins = || self.start.iter().chain(self.boundaries.iter());
        let mut triples = begins().zip(begins().skip(1)).zip(begins().skip(2));
        let is_next = |boundary: Pts| {
            judged.is_none_or(|judged| {
                let ticks = boundary.ticks_since(judged);
                // A jump back makes another timeline.
                ticks > 0 || ticks < -TIMELINE * self.target_90k
            })
        };
        let ((before, boundary), after) = triples.find(|((_, boundary), _)| is_next(**boundary))?;
        Some(Cell {
            boundary: *boundary,
            before_90k: boundary.ticks_since(*before) / 2,
            after_90k: after.ticks_since(*boundary) / 2,
        })
    }

    fn found(&self, cell: Cell) -> Found {
        let from_cell = |begin: Pts| begin.ticks_since(cell.boundary);
        let (Some(start), Some(last)) = (self.start, self.boundaries.back()) else {
            return Found::Nothing;
        };
        if from_cell(*last).abs() > TIMELINE * self.target_90k {
            return Found::Else(Deviation::OtherTimeline);
        }
        if from_cell(start) > -cell.before_90k {
            return Found::Nothing;
        }
        if from_cell(*last) < cell.after_90k {
            return Found::Later;
        }
        let begins = self.boundaries.iter().copied().map(from_cell);
        let mut inside = begins.filter(|ticks| (-cell.before_90k..cell.after_90k).contains(ticks));
        match (inside.next(), inside.next()) {
            (Some(ticks), None) => Found::One(ticks),
            (None, _) => Found::Else(Deviation::Missing),
            (Some(_), Some(_)) => Found::Else(Deviation::Extra),
        }
    }
}

impl Verdict {
    fn note(&mut self, deviation: Option<Deviation>, wall: Wall) {
        const MASK: u32 = (1 << JUDGED) - 1;
        if deviation.is_some() {
            if self.history == 0 {
                self.since = wall;
            }
            self.deviation = deviation;
        }
        self.history = (self.history << 1 | u32::from(deviation.is_some())) & MASK;
        if self.history.count_ones() >= OFF_MAX {
            self.is_drifting = true;
        } else if self.history == 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 90_000;
    const MODULUS: i64 = 1 << 33;

    struct Bench {
        monitor: Monitor,
        wall: Wall,
        now: Monotonic,
        compared: Compared,
    }

    impl Bench {
        fn new(rungs: usize) -> Self {
            Self {
                monitor: Monitor::new(rungs),
                wall: Wall::from_nanos(1_700_000_000_000_000_000),
                now: Monotonic::ZERO + Duration::from_mins(1),
                compared: Compared::default(),
            }
        }

        fn list(&mut self, rung: usize, ticks: i64, is_start: bool) {
            let boundary = Boundary {
                begin: Pts::from_ticks(ticks.rem_euclid(MODULUS).unsigned_abs()),
                is_start,
                target_duration_s: 6,
            };
            let compared = self.monitor.listed(rung, boundary, self.now, self.wall);
            self.compared.segments += compared.segments;
            self.compared.unaligned += compared.unaligned;
        }

        /// Lists the segments `cells` of rungs that are off by so many ticks.
        fn play(&mut self, cells: std::ops::Range<i64>, off: &[i64]) {
            for cell in cells {
                self.now = self.now + Duration::from_secs(6);
                self.wall = self.wall + Duration::from_secs(6);
                for (rung, off) in off.iter().enumerate() {
                    self.list(rung, cell * 6 * SECOND + off, false);
                }
            }
        }

        fn drifting(&self) -> std::vec::Vec<(usize, Deviation)> {
            let drifting = self.monitor.drifting();
            drifting.map(|(rung, how, _)| (rung, how)).collect()
        }
    }

    #[test]
    fn rungs_that_are_cut_alike_are_aligned_across_the_wrap() {
        let mut bench = Bench::new(3);
        let wrap = MODULUS / (6 * SECOND);
        bench.play(wrap - 20..wrap, &[0, 900, -900]);
        // As the segmenter counts on: 33 bits are not a multiple of a target.
        bench.play(wrap..wrap + 20, &[0, 900, -900]);
        assert!(bench.compared.segments > 100, "{:?}", bench.compared);
        assert_eq!(bench.compared.unaligned, 0);
    }

    #[test]
    fn a_rung_that_is_off_is_named_with_how_far_and_forgiven_after_ten() {
        let mut bench = Bench::new(2);
        let off = 48 * SECOND / 100;
        bench.play(0..10, &[0, 0]);
        let before = bench.wall;
        bench.play(10..12, &[0, off]);
        bench.play(12..13, &[0, 0]);
        assert_eq!(bench.drifting(), [], "two are no drift");
        bench.play(13..16, &[0, off]);
        assert_eq!(bench.drifting(), [(1, Deviation::Off { off_90k: off })]);
        let since = bench.monitor.drifting().next().expect("it drifts").2;
        assert!(since > before && since < before + Duration::from_secs(30));
        bench.play(16..26, &[0, 0]);
        assert_eq!(bench.drifting().len(), 1);
        bench.play(26..28, &[0, 0]);
        assert_eq!(bench.drifting(), []);
        assert_eq!(bench.compared.unaligned, 5);
    }

    #[test]
    fn the_one_that_differs_from_most_is_off_even_if_it_is_the_first() {
        let mut bench = Bench::new(3);
        bench.play(0..10, &[-9_000, 0, 0]);
        assert_eq!(bench.drifting(), [(0, Deviation::Off { off_90k: -9_000 })]);
    }

    #[test]
    fn a_cut_too_many_and_one_too_few_are_one_each() {
        let mut bench = Bench::new(2);
        for cell in 0..12 {
            bench.now = bench.now + Duration::from_secs(6);
            bench.list(0, cell * 6 * SECOND, false);
            if cell != 5 {
                bench.list(1, cell * 6 * SECOND, false);
            }
            if cell == 8 {
                bench.list(1, (cell * 6 + 2) * SECOND, false);
            }
        }
        assert_eq!(bench.compared.unaligned, 2);
    }

    #[test]
    fn time_stamps_of_another_timeline_are_told() {
        let mut bench = Bench::new(2);
        bench.play(0..10, &[0, 1 << 31]);
        assert_eq!(bench.drifting(), [(1, Deviation::OtherTimeline)]);
    }

    #[test]
    fn a_start_is_no_boundary_and_the_dead_are_not_waited_for() {
        let mut bench = Bench::new(3);
        bench.play(0..5, &[0, 0, 0]);
        let compared = bench.compared.segments;
        bench.play(5..12, &[0, 0]);
        assert!(bench.compared.segments >= compared + 10);
        bench.now = bench.now + Duration::from_secs(2);
        bench.list(2, 12 * 6 * SECOND - 3 * SECOND, true);
        bench.play(12..20, &[0, 0, 0]);
        assert_eq!(bench.compared.unaligned, 0);
    }

    #[test]
    fn a_jump_of_all_leaves_them_aligned() {
        let mut bench = Bench::new(2);
        bench.play(1_000..1_010, &[0, 0]);
        for base in [10, 100_000, 90_000] {
            bench.now = bench.now + Duration::from_secs(6);
            bench.list(0, base * 6 * SECOND + 5, true);
            bench.list(1, base * 6 * SECOND + 5, true);
            let compared = bench.compared.segments;
            bench.play(base + 1..base + 10, &[0, 0]);
            assert!(bench.compared.segments > compared + 10, "from {base}");
        }
        assert_eq!(bench.compared.unaligned, 0);
    }

    proptest! {
        #[test]
        fn whatever_is_listed_nothing_panics_and_no_more_is_off_than_compared(
            listed in prop::collection::vec((0_usize..4, any::<i64>(), any::<bool>()), 1..300),
        ) {
            let mut bench = Bench::new(3);
            for (rung, ticks, is_start) in listed {
                bench.now = bench.now + Duration::from_secs(1);
                bench.list(rung, ticks, is_start);
            }
            prop_assert!(bench.compared.unaligned <= bench.compared.segments);
        }
    }
}
