//! The selected program: passes its packets on and tells where its access units begin.
//!
//! Packets pass as they came, duplicates and damaged ones among them, so that a decoder reads
//! behind the appliance what it would have read before it. Scrambled ones alone do not: to who has
//! no key they are noise. If the primary stream is scrambled nothing begins or ends any more, and
//! so nothing is served; if another one is, what is left of the program goes on without it, under
//! the tables as they came.

use std::ops::RangeInclusive;

use crate::demux::continuity::Order;
use crate::demux::parameters::ParameterTable;
use crate::demux::splice::SpliceReader;
use crate::demux::unit::UnitHead;
use crate::demux::{
    AccessUnit, AdaptationField, Counters, Event, PACKET_BYTES, Packet, Pid, Program,
    ProgramPacket, Pts, StreamKind, StreamParameters,
};

/// The program whose packets are passed on.
#[derive(Debug)]
pub(super) struct Selected {
    number: u16,
    pcr_pid: Option<Pid>,
    primary: Option<Pid>,
    unit: UnitHead,
    /// `discontinuity_indicator` was seen on the PCR PID before the unit at hand began.
    unit_time_base_changed: bool,
    /// `discontinuity_indicator` was seen on the PCR PID since.
    time_base_changed: bool,
    /// When the last PCR came, on the timeline of the primary stream.
    clock_heard: Option<Pts>,
    /// When the last picture was decoded, and whether the one before it stood for long.
    picture: Option<(Pts, bool)>,
    /// A PCR has come since the last access unit.
    has_clock: bool,
    parameters: ParameterTable,
    splices: SpliceReader,
}

/// Media without a PCR that is counted: ten times what TR 101 290 (2.3.a) allows.
const CLOCK_PATIENCE_90K: i64 = 90_000;

/// How long a still stands: longer than encoders make a group of pictures, shorter than a jump.
const STILL_90K: RangeInclusive<i64> = 5 * 90_000..=60 * 90_000;

impl Selected {
    pub(super) fn new(program: &Program, counters: &mut Counters) -> Self {
        let primary = program.primary();
        let mut splices = SpliceReader::default();
        splices.follow(program, counters);
        let mut parameters = ParameterTable::default();
        parameters.follow(program);
        Self {
            number: program.number,
            pcr_pid: program.pcr_pid,
            primary: primary.map(|stream| stream.pid),
            unit: UnitHead::new(primary.map_or(StreamKind::Other, |stream| stream.kind)),
            unit_time_base_changed: false,
            time_base_changed: false,
            clock_heard: None,
            picture: None,
            has_clock: false,
            parameters,
            splices,
        }
    }

    /// `program_number`.
    pub(super) const fn number(&self) -> u16 {
        self.number
    }

    pub(super) fn parameters(&self, pid: Pid) -> Option<&StreamParameters> {
        self.parameters.of(pid)
    }

    /// Goes over to new tables of the same program. A unit of a primary stream that is no longer
    /// the primary one ends here.
    pub(super) fn follow(
        &mut self,
        program: &Program,
        counters: &mut Counters,
        each: &mut impl FnMut(Event<'_>),
    ) {
        let primary = program.primary().map(|stream| (stream.pid, stream.kind));
        if primary != self.primary.map(|pid| (pid, self.unit.kind())) {
            self.finish_unit(counters, each);
            self.primary = primary.map(|(pid, _)| pid);
            self.unit = UnitHead::new(primary.map_or(StreamKind::Other, |(_, kind)| kind));
        }
        self.pcr_pid = program.pcr_pid;
        self.parameters.follow(program);
        self.splices.follow(program, counters);
    }

    /// Passes on a packet of which no more can be told than that it `goes_on`, or not.
    pub(super) fn pass(packet: Packet<'_>, goes_on: bool, each: &mut impl FnMut(Event<'_>)) {
        each(Event::Packet(ProgramPacket {
            packet,
            starts_unit: false,
            goes_on,
        }));
    }

    /// Takes a packet of the program, which follows the one before on its PID in `order`.
    pub(super) fn push(
        &mut self,
        packet: Packet<'_>,
        order: Order,
        counters: &mut Counters,
        each: &mut impl FnMut(Event<'_>),
    ) {
        if self.pcr_pid == Some(packet.pid())
            && let Some(field) = packet.adaptation_field()
        {
            self.time_base_changed |= field.discontinuity();
            self.has_clock |= field.pcr().is_some();
        }
        if packet.scrambled() {
            self.withhold(packet, order, counters, each);
            return;
        }
        match packet.payload() {
            Some(payload) if self.primary == Some(packet.pid()) => {
                // A duplicate counts as one only where it repeats what stood at the start of a
                // unit: some multiplexers never move the counter.
                let repeats = order == Order::Duplicate
                    && (!packet.payload_unit_start() || self.unit.began_with(payload));
                if repeats {
                    Self::pass(packet, goes_on(packet, order), each);
                } else {
                    self.push_primary(packet, order, counters, each);
                }
            }
            Some(_) | None => {
                Self::pass(packet, goes_on(packet, order), each);
                self.read_audio(packet, each);
                self.splices.push(packet, counters, each);
            }
        }
    }

    /// Ends the unit at hand: tells what is known of it, if that has not been told.
    pub(super) fn finish_unit(
        &mut self,
        counters: &mut Counters,
        each: &mut impl FnMut(Event<'_>),
    ) {
        self.tell(true, counters, each);
    }

    /// Takes a scrambled packet, and passes on its clock alone, if it carries one.
    fn withhold(
        &mut self,
        packet: Packet<'_>,
        order: Order,
        counters: &mut Counters,
        each: &mut impl FnMut(Event<'_>),
    ) {
        counters.packets_withheld += 1;
        let is_primary = self.primary == Some(packet.pid());
        if is_primary && packet.payload_unit_start() && order != Order::Duplicate {
            self.finish_unit(counters, each);
            counters.access_units_scrambled += 1;
        }
        if self.pcr_pid == Some(packet.pid())
            && let Some(bytes) = without_payload(packet)
            && let Some(packet) = Packet::new(&bytes)
        {
            Self::pass(packet, goes_on(packet, order), each);
        }
    }

    fn push_primary(
        &mut self,
        packet: Packet<'_>,
        order: Order,
        counters: &mut Counters,
        each: &mut impl FnMut(Event<'_>),
    ) {
        if packet.payload_unit_start() {
            self.finish_unit(counters, each);
        }
        let starts_unit = packet.payload_unit_start() && UnitHead::can_begin_with(packet);
        each(Event::Packet(ProgramPacket {
            packet,
            starts_unit,
            goes_on: goes_on(packet, order),
        }));
        if starts_unit {
            counters.access_units += 1;
            self.unit_time_base_changed = std::mem::take(&mut self.time_base_changed);
            self.unit.begin(packet);
            self.read_audio(packet, each);
        } else if packet.payload_unit_start() {
            counters.pes_start_errors += 1;
        } else if order == Order::Broken {
            // What is missing may have been the parameter sets.
            self.finish_unit(counters, each);
        } else {
            self.unit.extend(packet);
        }
        self.tell(false, counters, each);
    }

    /// Tells of the unit at hand once its head is understood, or now when `is_last`.
    fn tell(&mut self, is_last: bool, counters: &mut Counters, each: &mut impl FnMut(Event<'_>)) {
        let finding = if is_last {
            self.unit.last_finding()
        } else {
            self.unit.finding()
        };
        let Some(finding) = finding else { return };
        if let (Some(pid), Some(sets)) = (self.primary, finding.parameter_sets)
            && let Some(parameters) = self.parameters.note_video(pid, sets)
        {
            each(Event::Parameters(pid, parameters));
        }
        counters.random_access_points += u64::from(finding.random_access);
        counters.heads_undecided += u64::from(!finding.is_decided);
        let unit = AccessUnit {
            pts: finding.header.and_then(|header| header.pts),
            dts: finding.header.and_then(|header| header.dts),
            random_access: finding.random_access,
            time_base_changed: self.unit_time_base_changed,
            segment_boundary: self.unit.is_segment_boundary(),
        };
        self.unit.close();
        self.watch_clock(unit.dts, counters);
        self.watch_pictures(unit.dts, counters);
        each(Event::AccessUnit(unit));
    }

    /// Counts a PCR that does not come, by the time stamps of access units.
    fn watch_clock(&mut self, dts: Option<Pts>, counters: &mut Counters) {
        let Some(dts) = dts.filter(|_| self.pcr_pid.is_some()) else {
            return;
        };
        let heard = self.clock_heard.get_or_insert(dts);
        let since = dts.ticks_since(*heard);
        let has_clock = std::mem::take(&mut self.has_clock);
        if has_clock || !(0..CLOCK_PATIENCE_90K).contains(&since) {
            counters.pcr_missing += u64::from(!has_clock && since > 0);
            *heard = dts;
        }
    }

    /// Counts a picture that stood for long, when the next one comes, if the one before it did so
    /// too: a single one stood because pictures, or their time stamps, were missing.
    fn watch_pictures(&mut self, dts: Option<Pts>, counters: &mut Counters) {
        let is_video = matches!(self.unit.kind(), StreamKind::Video(_));
        let Some(dts) = dts.filter(|_| is_video) else {
            return;
        };
        let before = self.picture;
        let stood_90k = before.map_or(0, |(before, _)| dts.ticks_since(before));
        let has_stood = STILL_90K.contains(&stood_90k);
        let has_before = before.is_some_and(|(_, has_stood)| has_stood);
        counters.stills += u64::from(has_stood && has_before);
        self.picture = Some((dts, has_stood));
    }

    fn read_audio(&mut self, packet: Packet<'_>, each: &mut impl FnMut(Event<'_>)) {
        if packet.payload_unit_start()
            && let Some(parameters) = self.parameters.note_audio(packet)
        {
            each(Event::Parameters(packet.pid(), parameters));
        }
    }
}

/// Whether `packet`, which follows the one before on its PID in `order`, goes on from there.
fn goes_on(packet: Packet<'_>, order: Order) -> bool {
    let field = packet.adaptation_field();
    order != Order::Broken && !field.is_some_and(AdaptationField::discontinuity)
}

/// The packet with its adaptation field alone, which is never scrambled; `None` if that has no PCR.
fn without_payload(packet: Packet<'_>) -> Option<[u8; PACKET_BYTES]> {
    packet.adaptation_field()?.pcr()?;
    let mut bytes = *packet.bytes();
    let end = 5 + usize::from(bytes[4]);
    bytes[1] &= 0xBF; // payload_unit_start_indicator
    bytes[3] = 0x20 | bytes[3] & 0x0F;
    bytes[4] = 183;
    bytes.get_mut(end..)?.fill(0xFF);
    Some(bytes)
}
