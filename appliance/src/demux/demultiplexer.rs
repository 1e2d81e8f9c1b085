//! Takes transport packets one by one and tells what they mean for one program.
//!
//! Source: ISO/IEC 13818-1 §2.4; TR 101 290 §5.2 for what is counted.
//!
//! Passes on: every packet of the program's elementary streams and of its PCR PID. Keeps back:
//! PSI, SI, ECM, EMM, null packets, other programs, and what is scrambled: nobody behind has keys.

use std::collections::VecDeque;

use crate::demux::catalogue::Catalogue;
use crate::demux::continuity::{Continuity, Order};
use crate::demux::pid_table::PidTable;
use crate::demux::selected::Selected;
use crate::demux::unit::UnitHead;
use crate::demux::{
    Counters, Event, PACKET_BYTES, Packet, Pid, Program, StreamKind, StreamParameters,
};

/// Which program of a transport stream is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The first of which a clear video access unit begins. A program without video is taken when
    /// all tables are known and none names video; such a program, or one that is scrambled, also
    /// when it is the only one or when nothing better shows for `SECOND_CHOICE_UNITS` units.
    First,
    /// The one with this `program_number`.
    Program(u16),
}

/// Access units of programs that are second choice, seen in vain before one of them is taken:
/// about five seconds of video, or of the audio of four radio programs.
const SECOND_CHOICE_UNITS: u32 = 128;

/// Packets of splice information that wait for a program to be selected: two of the longest
/// sections, or one from each of many programs.
const SPLICE_PACKETS_MAX: usize = 46;

/// What the packets of one PID are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Unrelated,
    Pat,
    Pmt,
    /// Primary stream of a program that may be selected.
    Candidate,
    /// Splice information of a program that may be selected.
    Splice,
    /// Belongs to the selected program.
    Stream,
}

/// Demultiplexes one transport stream.
///
/// # Limits
/// About 30 KiB, 5 KiB more for each of at most four PIDs of splice information, and while
/// [`Selection::First`] is open 3 KiB for each of at most 256 programs, and 9 KiB.
/// Allocates when tables or stream parameters change, never per packet.
#[derive(Debug)]
pub struct Demux {
    selection: Selection,
    counters: Counters,
    continuity: Continuity,
    roles: PidTable<Role>,
    catalogue: Catalogue,
    selected: Option<Box<Selected>>,
    second_choice_units: u32,
    /// Splice information that came before a program was selected.
    splice_packets: VecDeque<[u8; PACKET_BYTES]>,
    /// Tables were learned ahead, and the stream itself has not begun.
    is_learning: bool,
}

impl Demux {
    /// Knows nothing of the stream yet.
    pub fn new(selection: Selection) -> Self {
        let mut demux = Self {
            selection,
            counters: Counters::default(),
            continuity: Continuity::new(),
            roles: PidTable::filled(Role::Unrelated),
            catalogue: Catalogue::new(selection.only()),
            selected: None,
            second_choice_units: 0,
            splice_packets: VecDeque::new(),
            is_learning: false,
        };
        demux.assign_roles();
        demux
    }

    /// The same where the PAT is to name this `transport_stream_id`, if any; another is counted.
    #[must_use]
    pub fn expecting(mut self, transport_stream_id: Option<u16>) -> Self {
        self.catalogue.expect_stream(transport_stream_id);
        self
    }

    /// Packets seen and damage found.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The selected program, once known.
    pub fn program(&self) -> Option<&Program> {
        self.catalogue.program(self.selected.as_ref()?.number())
    }

    /// `program_number` and `program_map_PID` of each program of the PAT, by number.
    pub fn programs(&self) -> impl Iterator<Item = (u16, Pid)> {
        self.catalogue.programs()
    }

    /// True when a PMT has come, though perhaps nothing of what it tells of.
    pub fn has_tables(&self) -> bool {
        self.catalogue.known().next().is_some()
    }

    /// The parameters of an elementary stream of the selected program, once known.
    pub fn parameters(&self, pid: Pid) -> Option<&StreamParameters> {
        self.selected.as_ref()?.parameters(pid)
    }

    /// Calls `each` with all that is known of the selected program, for one who has not listened
    /// from the beginning.
    pub fn introduce(&self, mut each: impl FnMut(Event<'_>)) {
        let Some(program) = self.program() else {
            return;
        };
        each(Event::Program(program));
        for stream in &program.streams {
            if let Some(parameters) = self.parameters(stream.pid) {
                each(Event::Parameters(stream.pid, parameters));
            }
        }
    }

    /// Reads the first PAT and the first PMT of each program ahead of the stream, for a source
    /// that can be read again from its beginning: pictures that come before the tables are then
    /// not lost. Counts nothing. Returns true when no more can be learned.
    pub fn learn(&mut self, packet: Packet<'_>) -> bool {
        self.is_learning = true;
        let mut unheard = Counters::default();
        let changed = match *self.roles.at(packet.pid()) {
            Role::Pat if self.catalogue.programs().next().is_none() => {
                self.catalogue.push_pat(packet, &mut unheard)
            }
            Role::Pmt => self.catalogue.push_first_pmt(packet, &mut unheard),
            Role::Pat | Role::Unrelated | Role::Candidate | Role::Splice | Role::Stream => false,
        };
        if changed {
            self.assign_roles();
        }
        self.catalogue.is_complete()
    }

    /// Takes the next packet of the stream and calls `each` for all it means, in the order that
    /// [`Event`] tells.
    pub fn push(&mut self, packet: Packet<'_>, mut each: impl FnMut(Event<'_>)) {
        if self.is_learning {
            self.begin_learned(&mut each);
        }
        self.counters.packets += 1;
        let pid = packet.pid();
        let role = *self.roles.at(pid);
        if packet.transport_error() {
            self.counters.transport_error += 1;
            if role == Role::Stream && packet.scrambled() {
                self.counters.packets_withheld += 1;
            } else if role == Role::Stream {
                Selected::pass(packet, true, &mut each);
            }
            return;
        }
        if pid == Pid::NULL {
            self.counters.null_packets += 1;
            return;
        }
        self.counters.scrambled_packets += u64::from(packet.scrambled());
        let order = self.continuity.check(packet, &mut self.counters);
        match role {
            Role::Unrelated => {}
            Role::Pat => self.push_pat(packet, &mut each),
            Role::Pmt => self.push_pmt(packet, &mut each),
            Role::Candidate => self.consider(packet, order, &mut each),
            Role::Splice => self.keep_splice(packet),
            Role::Stream => self.push_stream(packet, order, &mut each),
        }
    }

    /// Ends the stream: tells of the access unit whose head was still open.
    pub fn finish(&mut self, mut each: impl FnMut(Event<'_>)) {
        if let Some(selected) = &mut self.selected {
            selected.finish_unit(&mut self.counters, &mut each);
        }
    }

    fn push_stream(&mut self, packet: Packet<'_>, order: Order, each: &mut impl FnMut(Event<'_>)) {
        if let Some(selected) = &mut self.selected {
            selected.push(packet, order, &mut self.counters, each);
        }
    }

    fn push_pat(&mut self, packet: Packet<'_>, each: &mut impl FnMut(Event<'_>)) {
        let identity = |program: &Program| (program.transport_stream_id, program.pmt_pid);
        let before = self.program().map(identity);
        if !self.catalogue.push_pat(packet, &mut self.counters) {
            return;
        }
        let after = self.program().map(identity);
        if let Some(selected) = &mut self.selected {
            if after.is_none() {
                // The program has left the stream.
                selected.finish_unit(&mut self.counters, each);
                self.selected = None;
                self.second_choice_units = 0;
                self.catalogue.listen(self.selection.only());
            } else if after != before {
                self.announce(each);
            }
        }
        self.assign_roles();
    }

    fn push_pmt(&mut self, packet: Packet<'_>, each: &mut impl FnMut(Event<'_>)) {
        if !self.catalogue.push_pmt(packet, &mut self.counters) {
            return;
        }
        match (&mut self.selected, self.selection) {
            (Some(selected), _) => {
                self.counters.pmt_changes += 1;
                if let Some(program) = self.catalogue.program(selected.number()) {
                    selected.follow(program, &mut self.counters, each);
                }
                self.announce(each);
            }
            (None, Selection::Program(number)) => self.select(number, each),
            (None, Selection::First) => {}
        }
        self.assign_roles();
    }

    /// Takes a packet of a program's primary stream while no program is selected.
    fn consider(&mut self, packet: Packet<'_>, order: Order, each: &mut impl FnMut(Event<'_>)) {
        if !packet.payload_unit_start() || !UnitHead::can_begin_with(packet) {
            return;
        }
        if let Some(number) = self.choose(packet) {
            self.select(number, each);
            self.push_stream(packet, order, each);
        } else {
            self.counters.access_units_scrambled += u64::from(packet.scrambled());
        }
    }

    /// Keeps splice information until a program is selected; the oldest makes room.
    fn keep_splice(&mut self, packet: Packet<'_>) {
        if self.splice_packets.len() == SPLICE_PACKETS_MAX {
            self.splice_packets.pop_front();
            self.counters.splice_packets_dropped += 1;
        }
        self.splice_packets.push_back(*packet.bytes());
    }

    /// Decides whether the program whose primary stream begins a unit with `packet` is taken.
    fn choose(&mut self, packet: Packet<'_>) -> Option<u16> {
        let is_video = |program: &Program| {
            let kind = program.primary().map(|stream| stream.kind);
            matches!(kind, Some(StreamKind::Video(_)))
        };
        let pid = packet.pid();
        let program = self
            .catalogue
            .known()
            .find(|program| program.primary().is_some_and(|stream| stream.pid == pid))?;
        let no_video = || self.catalogue.is_complete() && !self.catalogue.known().any(is_video);
        let is_first_choice = !packet.scrambled() && (is_video(program) || no_video());
        let is_only_one = self.catalogue.programs().count() == 1;
        if !is_first_choice && !is_only_one && self.second_choice_units < SECOND_CHOICE_UNITS {
            self.second_choice_units += 1;
            return None;
        }
        Some(program.number)
    }

    fn select(&mut self, number: u16, each: &mut impl FnMut(Event<'_>)) {
        self.catalogue.listen(Some(number));
        let program = self.catalogue.program(number);
        self.selected = program.map(|it| Box::new(Selected::new(it, &mut self.counters)));
        self.assign_roles();
        self.announce(each);
        let early = std::mem::take(&mut self.splice_packets);
        for packet in early.iter().filter_map(Packet::new) {
            if *self.roles.at(packet.pid()) == Role::Stream {
                self.push_stream(packet, Order::Next, each);
            }
        }
    }

    fn announce(&self, each: &mut impl FnMut(Event<'_>)) {
        if let Some(program) = self.program() {
            each(Event::Program(program));
        }
    }

    /// Starts over at the beginning of the stream, with the tables that were learned.
    fn begin_learned(&mut self, each: &mut impl FnMut(Event<'_>)) {
        self.is_learning = false;
        self.catalogue.restart();
        if let Selection::Program(number) = self.selection {
            self.select(number, each);
        }
    }

    fn assign_roles(&mut self) {
        self.roles.fill(Role::Unrelated);
        *self.roles.at(Pid::PAT) = Role::Pat;
        for pid in self.catalogue.pmt_pids() {
            *self.roles.at(pid) = Role::Pmt;
        }
        let mut assign = |pid, role| {
            let row = self.roles.at(pid);
            if *row == Role::Unrelated && pid != Pid::NULL {
                *row = role;
            }
        };
        let selected = self.selected.as_ref().map(|selected| selected.number());
        for program in self.catalogue.known() {
            if selected.is_none() {
                program
                    .primary()
                    .into_iter()
                    .for_each(|stream| assign(stream.pid, Role::Candidate));
                let splices = program.streams.iter();
                splices
                    .filter(|stream| stream.kind == StreamKind::Scte35)
                    .for_each(|stream| assign(stream.pid, Role::Splice));
            } else if selected == Some(program.number) {
                program
                    .streams
                    .iter()
                    .for_each(|stream| assign(stream.pid, Role::Stream));
                program
                    .pcr_pid
                    .into_iter()
                    .for_each(|pid| assign(pid, Role::Stream));
            }
        }
    }
}

impl Selection {
    /// The program whose PMT alone is of interest.
    const fn only(self) -> Option<u16> {
        match self {
            Self::First => None,
            Self::Program(number) => Some(number),
        }
    }
}
