//! Cuts the packets of one program into Media Segments at random access points.
//!
//! Source: RFC 8216 §3.2, §4.3.3.1; ISO/IEC 13818-1 §2.4.3.5 (`random_access_indicator`).
//!
//! Nothing leaves before the first random access point behind a PCR, and nothing of a PES packet or
//! section that began before it. From there on every packet leaves once, in order, as it came; PAT
//! and PMT are added at the start of each segment, when they change, and every 100 ms of media.
//!
//! A cut is decided when a unit's head is understood, packets after the unit began; until then
//! the unit is held back. A unit whose time stamps leap is held back until the next one confirms
//! the leap, so that one damaged stamp makes no discontinuity.
//!
//! New tables that break with those before begin the next segment, and what only they name with
//! them. Until its random access point comes the open segment goes on under its own tables; if the
//! pictures are of another stream then, it takes nothing more.

mod absence;
mod agreement;
mod announcements;
mod hold;
mod joining;
mod seam;

use std::time::Duration;

use bytes::BytesMut;
use weir_hal::Wall;

use self::{announcements::Early, hold::HOLD_BACK_BYTES_MAX, joining::Joining, seam::Seams};
use crate::{
    demux::{AccessUnit, Event, PACKET_BYTES, Packet, Program, ProgramPacket},
    segment::{
        Counters, Output, Phase, Rules, Segment,
        boundaries::Boundaries,
        coding::Coding,
        cut::{Circumstances, OpenSegment, Reason},
        gap::Due,
        heard::Heard,
        mux::Tables,
        on_air::{Candidate, Cut, OnAir, Tally},
        pending::{CHUNK_BYTES, Mark, Pending},
        pid_set::PidSet,
        sequence::{Sequence, cut_from, grid_position, line_after},
        splice_points::SplicePoints,
        target_duration::TargetDuration,
        ticks,
        timekeeping::Timekeeping,
        timeline::{Stamps, Timeline, as_sent},
    },
};

/// The least `Rules::bytes_max` that is obeyed.
const BYTES_MAX_MIN: u64 = 256 * 1024;

/// Media between two repetitions of PAT and PMT: what TS 101 154 recommends.
const TABLES_INTERVAL_90K: u64 = 9_000;

/// Where the outputs go.
type Each<'a> = &'a mut dyn FnMut(Output);

/// Turns the events of one program into segments.
///
/// # Limits
/// Holds at most 1 MiB of undecided packets and 256 KiB of decided ones.
#[derive(Debug)]
pub struct Segmenter {
    rules: Rules,
    counters: Counters,
    tables: Tables,
    /// The tables of the next segment, while the open one ends under those before.
    program_next: Option<Box<Program>>,
    coding: Coding,
    target: TargetDuration,
    sequence: Sequence,
    time: Timekeeping,
    pending: Pending,
    seams: Seams,
    /// Where the newest unit of the primary stream begins, until it is understood.
    unit: Option<Mark>,
    /// PIDs of which a payload unit has started since the stream was joined, or broke off: what
    /// goes on with one is in a segment, as it is on boxes that have been on air for longer.
    started: PidSet,
    on_air: Option<OnAir>,
    early: Early,
    /// True when the next segment does not go on where the last one ended.
    is_interrupted: bool,
    /// Other renditions are in its channel: what is missing is told by whole cells.
    keeps_to_cells: bool,
    /// The first segment is still to begin, at a line of the grid.
    joining: Option<Joining>,
    /// The coding in which ended what an earlier life listed, until media goes on.
    resumes_coding: Option<u64>,
    /// Where the next segment belongs, while none is open and one was before.
    due: Option<Due>,
    /// Wall time at which ends what was listed.
    listed_until: Wall,
    /// Discontinuities that are to come though nothing here asks for them.
    breaks_owed: u64,
    /// Media Sequence Number from which on the next of them may come.
    break_sequence_min: u64,
}

impl Segmenter {
    /// Makes a segmenter that waits for its first random access point.
    ///
    /// The first Media Sequence Number is `sequence_min` with [`Phase::First`]; with
    /// [`Phase::Grid`] it counts target durations since 1970, from `sequence_min` up.
    pub fn new(rules: Rules, sequence_min: u64) -> Self {
        let mut target = TargetDuration::new(&rules);
        if rules.phase == Phase::First {
            target.set_to_longest();
        }
        Self {
            rules,
            counters: Counters::default(),
            tables: Tables::default(),
            program_next: None,
            coding: Coding::default(),
            target,
            sequence: Sequence::at_least(sequence_min, &rules),
            time: Timekeeping::new(rules.phase == Phase::Grid),
            pending: Pending::default(),
            seams: Seams::default(),
            unit: None,
            started: PidSet::default(),
            on_air: None,
            early: Early::new(),
            is_interrupted: false,
            keeps_to_cells: false,
            joining: None,
            resumes_coding: None,
            due: None,
            listed_until: Wall::default(),
            breaks_owed: 0,
            break_sequence_min: 0,
        }
    }

    /// Takes the next event. `now` is when its packet was received; it dates segments, numbers the
    /// first one and tells how often time stamps have wrapped. It decides no cut, but whether media
    /// is taken that comes behind gaps.
    pub fn push(&mut self, event: Event<'_>, now: Wall, mut each: impl FnMut(Output)) {
        match event {
            Event::Program(program) => self.on_program(program, &mut each),
            Event::Parameters(pid, parameters) => {
                let is_break = self.coding.set_parameters(pid, parameters);
                self.counters.program_changes += u64::from(is_break);
            }
            Event::Packet(event) => {
                let restarts = self.time.receive(event.packet, now);
                self.counters.clock_restarts += u64::from(restarts);
                if restarts && !self.is_open() {
                    self.forget_early();
                }
                self.on_packet(event, now, &mut each);
            }
            Event::AccessUnit(unit) => self.on_unit(unit, now, &mut each),
            Event::Splice(splice) => self.on_splice(&splice, &mut each),
        }
    }

    /// True while a segment is open.
    pub fn is_filling(&self) -> bool {
        self.on_air.is_some()
    }

    /// How far apart random access points are, if that is more than the target: boxes that begin
    /// at different moments then number segments apart.
    pub fn overlong_group(&self) -> Option<Duration> {
        let group_90k = self.target.overlong_group_90k()?;
        Some(ticks::span(group_90k.unsigned_abs()))
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts on from what another one has counted.
    pub fn count_on(&mut self, counters: &Counters) {
        self.counters = self.counters.plus(counters);
    }

    fn on_program(&mut self, program: &Program, each: Each<'_>) {
        self.time.set_pcr_pid(program.pcr_pid);
        let primary = self.coding.primary();
        let is_break = self.coding.set_program(program);
        self.counters.program_changes += u64::from(is_break);
        if self.on_air.is_none() || !self.coding.is_broken() {
            self.tables.set(program);
            return;
        }
        self.program_next = Some(Box::new(program.clone()));
        if self.coding.primary() != primary {
            self.close(each);
        }
    }

    fn take_up_tables(&mut self) {
        if let Some(program) = self.program_next.take() {
            self.tables.set(&program);
        }
    }

    fn on_packet(&mut self, next: ProgramPacket<'_>, now: Wall, each: Each<'_>) {
        let (packet, starts_unit) = (next.packet, next.starts_unit);
        let is_seam = self.seams.lies_before(next, self.time.pcr_pid());
        if !self.is_open() {
            self.on_packet_waiting(packet, starts_unit, now);
            return;
        }
        if self.coding.is_of_next(packet.pid()) {
            self.started.remove(packet.pid());
            self.counters.packets_left_out += 1;
            return;
        }
        if !self.admits(packet) {
            return;
        }
        self.bound_size(now, each);
        if starts_unit {
            self.unit = None;
        }
        // Never behind a mark at which a cut may still write its own: counters would step back.
        if self.held_from().is_none() && self.tables_are_due() {
            self.write_tables();
        }
        if starts_unit {
            let position = self.pending.end();
            self.unit = Some(Mark { position, now });
        }
        self.watch_overhang(packet, is_seam);
        self.pending.push(packet);
        self.bound_hold_back(each);
        let settled = self.held_from().unwrap_or(self.pending.end());
        if settled - self.pending.start() >= CHUNK_BYTES as u64 {
            self.hand_on(settled, each);
        }
    }

    /// Keeps what may turn out to be the first random access point, and nothing else.
    fn on_packet_waiting(&mut self, packet: Packet<'_>, starts_unit: bool, now: Wall) {
        if starts_unit {
            self.discard();
            let position = self.pending.end();
            self.unit = Some(Mark { position, now });
        }
        if self.unit.is_none() {
            self.note_start(packet);
            self.counters.packets_before_random_access += 1;
            return;
        }
        if !self.admits(packet) {
            return;
        }
        self.pending.push(packet);
        if self.held_bytes() > HOLD_BACK_BYTES_MAX {
            self.counters.hold_back_overflows += 1;
            self.discard();
        }
    }

    fn note_start(&mut self, packet: Packet<'_>) {
        if packet.payload_unit_start() {
            self.started.insert(packet.pid());
        }
    }

    /// True unless the packet goes on with a payload unit whose start did not come.
    fn admits(&mut self, packet: Packet<'_>) -> bool {
        self.note_start(packet);
        let admits = !packet.has_payload() || self.started.contains(packet.pid());
        self.counters.packets_before_payload_start += u64::from(!admits);
        admits
    }

    /// Drops what was held back and proved to be no random access point.
    fn discard(&mut self) {
        self.unit = None;
        self.counters.packets_before_random_access += self.pending.discard();
    }

    fn tables_are_due(&self) -> bool {
        let is_old =
            |air: &OnAir| air.timeline.pts().abs_diff(air.tables_pts) >= TABLES_INTERVAL_90K;
        self.tables.is_stale() || self.on_air.as_ref().is_some_and(is_old)
    }

    /// Appends PAT and PMT to the pending bytes.
    fn write_tables(&mut self) {
        self.tables.write(self.pending.writer());
        if let Some(air) = &mut self.on_air {
            air.tables_pts = air.timeline.pts();
        }
    }

    /// Bytes of the open segment if it were cut at `position`.
    fn bytes_until(&self, position: u64) -> u64 {
        let handed_on = self.on_air.as_ref().map_or(0, |air| air.segment.bytes);
        handed_on + (position - self.pending.start())
    }

    fn bytes_max(&self) -> u64 {
        self.rules.bytes_max.max(BYTES_MAX_MIN)
    }

    /// Cuts before the next packet, wherever that is, when the segment would grow too large.
    fn bound_size(&mut self, now: Wall, each: Each<'_>) {
        let position = self.pending.end();
        let more = self.tables.bytes() * Tables::ROUND + PACKET_BYTES;
        let bytes = self.bytes_until(position) + more as u64;
        let bytes_max = self.bytes_max();
        let Some(air) = self.on_air.as_mut().filter(|_| bytes > bytes_max) else {
            return;
        };
        air.suspect = None;
        air.overhang = None;
        let pts = air.timeline.end().max(air.segment.pts);
        let mark = Mark { position, now };
        let cut = Cut {
            reason: Reason::Size,
            end: pts,
            begin: pts,
        };
        self.cut(mark, cut, false, each);
    }

    fn on_unit(&mut self, unit: AccessUnit, now: Wall, each: Each<'_>) {
        let mark = self.unit.take();
        let stamps = Stamps::of(&unit);
        self.counters.units_untimed += u64::from(unit.pts.is_none());
        self.counters.timestamps_ignored += u64::from(stamps.is_none() && unit.pts.is_some());
        let candidate = stamps.map(|stamps| Candidate {
            mark,
            stamps,
            random_access: unit.random_access,
            segment_boundary: unit.segment_boundary,
            time_base_changed: unit.time_base_changed,
            now,
        });
        let is_lie = unit.segment_boundary && !unit.random_access;
        self.counters.boundaries_refused += u64::from(is_lie);
        match candidate {
            Some(candidate) if self.is_open() => self.judge(candidate, each),
            Some(candidate) if candidate.random_access => {
                self.begin_at(&candidate, each);
                self.announce_early(each);
            }
            _ => self.pass_over(mark),
        }
    }

    /// Begins a segment where none is open that takes what comes.
    fn begin_at(&mut self, unit: &Candidate, each: Each<'_>) {
        if self.on_air.is_none() {
            self.start(unit, each);
        } else if unit.mark.is_some() {
            self.accept(unit, each);
        } else {
            self.discard();
        }
    }

    /// Takes note of a unit at `mark` before which nothing can be cut.
    fn pass_over(&mut self, mark: Option<Mark>) {
        match &mut self.on_air {
            Some(air) if !air.is_closed => air.pass_over(mark),
            Some(_) | None => self.discard(),
        }
    }

    /// Settles the unit before, if it was suspect, and then this one, unless it is suspect.
    fn judge(&mut self, candidate: Candidate, each: Each<'_>) {
        let Some(air) = &mut self.on_air else { return };
        if let Some(mut suspect) = air.suspect.take() {
            if air.timeline.confirms(suspect.stamps, candidate.stamps) {
                suspect.mark = suspect.mark.or(candidate.mark);
                self.accept(&suspect, each);
            } else {
                self.counters.timestamps_ignored += 1;
            }
        }
        let Some(air) = &mut self.on_air else { return };
        if candidate.time_base_changed || air.timeline.is_credible(candidate.stamps) {
            self.accept(&candidate, each);
        } else {
            air.suspect = Some(candidate);
        }
    }

    /// Takes a unit whose stamps are believed, and cuts before it if the rules say so.
    fn accept(&mut self, unit: &Candidate, each: Each<'_>) {
        let position = unit.mark.map_or(self.pending.end(), |mark| mark.position);
        let circumstances = Circumstances {
            coding_changed: self.coding.is_broken(),
            is_large: self.bytes_until(position) >= self.bytes_max() / 8 * 7,
        };
        let Some(air) = &mut self.on_air else { return };
        let cut = air.advance(unit, circumstances, &mut self.target);
        let tally = std::mem::take(&mut air.tally);
        let overhang = air.overhang.take();
        air.untimed = 0;
        self.counters.splices_missed += tally.splices_missed;
        self.counters.boundaries_missed += tally.boundaries_missed;
        let Some(cut) = cut else {
            let is_early = unit.segment_boundary && unit.random_access;
            self.counters.boundaries_passed_over += u64::from(is_early);
            return;
        };
        if cut.reason.breaks_timeline() {
            self.leave_out(overhang, position, each);
        }
        let now = unit.now;
        let here = Mark { position, now };
        let is_independent = unit.random_access && unit.mark.is_some();
        self.cut(unit.mark.unwrap_or(here), cut, is_independent, each);
    }

    /// Begins the first segment after a start or an interruption.
    fn start(&mut self, unit: &Candidate, each: Each<'_>) {
        let is_ready = |mark: &Mark| !self.tables.is_empty() && !self.time.awaits_clock(mark.now);
        let Some(mark) = unit.mark.filter(is_ready) else {
            self.discard();
            return;
        };
        let timeline = Timeline::start(unit.stamps);
        let pts = timeline.pts();
        let joins = self.joins_at(as_sent(pts), mark.now);
        let Some(onset) = joins.then(|| self.admitted_at(pts, mark.now)).flatten() else {
            self.discard();
            return;
        };
        let (date_time, goes_on) = self.fill_up(&onset, mark.now, each);
        let frame_90k = timeline.frame_90k();
        let wraps_90k = grid_position(onset.pts, date_time) - pts;
        let sequence = self.sequence.number(pts + wraps_90k, date_time);
        let line = line_after(&self.rules, &self.target, self.sequence, (pts, wraps_90k));
        let segment = OpenSegment {
            sequence,
            pts,
            time_base: self.time.time_base(),
            coding: self.coding.hash(),
            line,
            cut_from: cut_from(&self.rules, line, frame_90k),
            discontinuity: self.breaks_with_listed() || !goes_on,
            independent: true,
            date_time,
            bytes: 0,
        };
        self.on_air = Some(OnAir {
            segment,
            timeline,
            wraps_90k,
            suspect: None,
            overhang: None,
            untimed: 0,
            is_closed: false,
            random_access_pts: Some(pts),
            tables_pts: pts,
            heard: Heard::default(),
            splice_points: SplicePoints::default(),
            boundaries: Boundaries::starting(unit.segment_boundary.then_some(pts)),
            tally: Tally::default(),
        });
        self.tables.begin_anew();
        self.begin_segment(each);
    }

    /// Ends the open segment at `mark` and begins the next one there.
    fn cut(&mut self, mark: Mark, cut: Cut, independent: bool, each: Each<'_>) {
        self.hand_on(mark.position, each);
        // A change of coding without a key frame: what is cut off one is told of it all the same.
        let discontinuity =
            cut.reason.is_discontinuity() || self.coding.is_broken() || self.steps_before(cut);
        self.round_off(discontinuity, each);
        let discontinuity = discontinuity || self.claim_break(independent);
        self.end_segment(cut.end, each);
        self.count(cut.reason);
        self.unit = self.unit.filter(|unit| unit.position >= mark.position);
        let date_time = self.date(&cut, mark.now);
        let Some(air) = &mut self.on_air else { return };
        air.unwrap_anew(&cut, date_time);
        let begin = (cut.begin, air.wraps_90k);
        let sequence = self.sequence.number(begin.0 + begin.1, date_time);
        let line = line_after(&self.rules, &self.target, self.sequence, begin);
        let frame_90k = air.timeline.frame_90k();
        air.segment = OpenSegment {
            sequence,
            pts: cut.begin,
            time_base: self.time.time_base(),
            coding: self.coding.hash(),
            line,
            cut_from: cut_from(&self.rules, line, frame_90k),
            discontinuity,
            independent,
            date_time,
            bytes: 0,
        };
        self.begin_segment(each);
    }

    /// Whether what begins behind `cut` is dated well behind what ends there.
    fn steps_before(&self, cut: Cut) -> bool {
        let Some(air) = self.on_air.as_ref() else {
            return false;
        };
        let begun = (as_sent(air.segment.pts), air.segment.date_time);
        self.rules.phase == Phase::Grid && self.time.steps(begun, as_sent(cut.begin))
    }

    /// The wall time of what begins behind `cut`, received at `now`.
    fn date(&mut self, cut: &Cut, now: Wall) -> Wall {
        let begin = as_sent(cut.begin);
        let end = self.listed_until;
        match (cut.reason, self.rules.phase) {
            (Reason::Jump, Phase::Grid) => self.time.jump(begin, now, end),
            (Reason::Hole, Phase::Grid) => self.time.go_on_behind_hole(begin, now, end),
            // A file was never received: its pictures follow one another.
            (Reason::Jump | Reason::Hole, Phase::First) => self.time.jump(begin, end, end),
            _ => self.time.go_on(begin, now, end),
        }
    }

    /// Repeats PAT and PMT until their counters have come round, so that every segment begins with
    /// the same: segments of boxes that joined at different moments are the same byte for byte.
    fn round_off(&mut self, discontinuity: bool, each: Each<'_>) {
        if discontinuity {
            self.tables.begin_anew();
            return;
        }
        let mut bytes = BytesMut::new();
        self.tables.write_to_round(&mut bytes);
        let Some(air) = self.on_air.as_mut().filter(|_| !bytes.is_empty()) else {
            return;
        };
        air.segment.bytes += bytes.len() as u64;
        each(Output::Bytes(bytes.freeze()));
    }

    fn begin_segment(&mut self, each: Each<'_>) {
        self.take_up_tables();
        let Some(air) = &mut self.on_air else { return };
        each(Output::Begin {
            sequence: air.segment.sequence,
        });
        self.sequence.set_next(air.segment.sequence);
        self.coding.settle();
        self.is_interrupted = false;
        self.resumes_coding = None;
        air.is_closed = false;
        air.tables_pts = air.segment.pts;
        let mut bytes = BytesMut::with_capacity(self.tables.bytes());
        self.tables.write(&mut bytes);
        air.segment.bytes += bytes.len() as u64;
        let discontinuity = air.segment.discontinuity;
        self.pay_break(discontinuity);
        each(Output::Bytes(bytes.freeze()));
    }

    fn end_segment(&mut self, end: i64, each: Each<'_>) -> Option<Segment> {
        let air = self.on_air.as_mut()?;
        let settled = self
            .time
            .settle(as_sent(air.segment.pts), self.listed_until);
        air.segment.date_time = settled.unwrap_or(air.segment.date_time);
        let segment = air.segment.complete(end, &mut self.target);
        self.sequence.set_next(segment.sequence + 1);
        self.listed_until = segment.end();
        self.counters.segments += 1;
        self.counters.bytes += segment.bytes;
        self.counters.discontinuities += u64::from(segment.discontinuity);
        each(Output::End(segment));
        Some(segment)
    }

    fn hand_on(&mut self, position: u64, each: Each<'_>) {
        let Some(air) = &mut self.on_air else { return };
        while let Some(bytes) = self.pending.take_before(position) {
            air.segment.bytes += bytes.len() as u64;
            each(Output::Bytes(bytes));
        }
    }

    fn count(&mut self, reason: Reason) {
        match reason {
            Reason::Early => self.counters.early_cuts += 1,
            Reason::Overrun => self.counters.target_overruns += 1,
            Reason::Size => self.counters.size_overruns += 1,
            Reason::Splice => self.counters.splice_cuts += 1,
            Reason::Unmarked => self.counters.boundaries_missed += 1,
            Reason::RandomAccess | Reason::Change | Reason::Hole | Reason::Jump => {}
        }
    }
}
