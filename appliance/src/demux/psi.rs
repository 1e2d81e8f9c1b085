//! Puts PSI sections together out of the packets of one PID.
//!
//! Source: ISO/IEC 13818-1 §2.4.4 (`pointer_field`, sections, stuffing), §2.4.4.11 (private
//! sections), §2.4.3.3 (`continuity_counter`, duplicates).
//!
//! Refuses: a section that misses a packet. It is dropped; tables repeat.

use heapless::Vec;

use crate::demux::crc::crc_32;
use crate::demux::{Counters, PACKET_BYTES, Packet};

/// Bytes of a PAT, CAT or PMT section at most (§2.4.4.4: `section_length` at most 1021).
pub const PSI_SECTION_BYTES_MAX: usize = 1_024;

/// Bytes of any other section at most (§2.4.4.11: `section_length` at most 4093).
pub const PRIVATE_SECTION_BYTES_MAX: usize = 4_096;

/// `table_id`, flags and `section_length`.
const SHORT_HEADER_BYTES: usize = 3;

/// The header of a section with `section_syntax_indicator`.
const LONG_HEADER_BYTES: usize = 8;

/// `CRC_32`.
pub(super) const CRC_BYTES: usize = 4;

/// Fills the rest of a payload behind the last section.
const STUFFING: u8 = 0xFF;

/// One whole section, from `table_id` to its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a>(&'a [u8]);

impl<'a> Section<'a> {
    /// Views `bytes` as a section; `None` when they are too short for the header they announce.
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let section = Self(bytes);
        let least = if section.has_long_header() {
            LONG_HEADER_BYTES + CRC_BYTES
        } else {
            SHORT_HEADER_BYTES
        };
        (bytes.len() >= least).then_some(section)
    }

    fn byte(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// All bytes, as received.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// `table_id`.
    pub fn table_id(self) -> u8 {
        self.byte(0)
    }

    /// `section_syntax_indicator`: the fields from [`Self::table_id_extension`] to
    /// [`Self::last_section_number`] mean something.
    pub fn has_long_header(self) -> bool {
        self.byte(1) & 0x80 != 0
    }

    /// `table_id_extension`: the `transport_stream_id` of a PAT, the `program_number` of a PMT.
    pub fn table_id_extension(self) -> u16 {
        u16::from_be_bytes([self.byte(3), self.byte(4)])
    }

    /// `version_number`, in `0..32`.
    pub fn version(self) -> u8 {
        self.byte(5) >> 1 & 0x1F
    }

    /// `current_next_indicator`: true when the table holds now.
    pub fn current_next(self) -> bool {
        self.byte(5) & 1 != 0
    }

    /// `section_number`.
    pub fn section_number(self) -> u8 {
        self.byte(6)
    }

    /// `last_section_number`.
    pub fn last_section_number(self) -> u8 {
        self.byte(7)
    }

    /// What stands between header and `CRC_32`; for a short header, all behind it.
    pub fn body(self) -> &'a [u8] {
        let body = if self.has_long_header() {
            let end = self.0.len().saturating_sub(CRC_BYTES);
            self.0.get(LONG_HEADER_BYTES..end)
        } else {
            self.0.get(SHORT_HEADER_BYTES..)
        };
        body.unwrap_or_default()
    }

    /// True when `CRC_32` is right, or when this kind of section carries none.
    pub fn crc_ok(self) -> bool {
        /// The two short-header tables that end in a CRC all the same.
        const TOT: u8 = 0x73;
        const SPLICE_INFO: u8 = 0xFC;
        let has_crc = self.has_long_header() || matches!(self.table_id(), TOT | SPLICE_INFO);
        !has_crc || crc_32(self.0) == 0
    }
}

/// Collects the sections of one PID.
///
/// # Limits
/// Holds one unfinished section of at most `BYTES_MAX` bytes; a longer one is counted in
/// `sections_malformed` and skipped.
#[derive(Debug, Clone)]
pub struct SectionAssembler<const BYTES_MAX: usize = PSI_SECTION_BYTES_MAX> {
    /// The beginning of a section whose end is still to come; empty between sections.
    partial: Vec<u8, BYTES_MAX>,
    last: Option<LastPacket>,
}

/// What is needed to know the next packet from a repetition.
#[derive(Debug, Clone)]
struct LastPacket {
    continuity_counter: u8,
    payload: Vec<u8, PACKET_BYTES>,
    repeated: bool,
}

/// How a packet follows the one before.
enum Order {
    Next,
    Duplicate,
    Broken,
}

impl<const BYTES_MAX: usize> Default for SectionAssembler<BYTES_MAX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES_MAX: usize> SectionAssembler<BYTES_MAX> {
    /// Waits for the first section of a PID.
    pub const fn new() -> Self {
        Self {
            partial: Vec::new(),
            last: None,
        }
    }

    /// Takes the next packet of the PID and calls `each` for every section it completes, whatever
    /// its `CRC_32`. Packets in error, scrambled or sent twice are passed over.
    pub fn push(
        &mut self,
        packet: Packet<'_>,
        counters: &mut Counters,
        mut each: impl FnMut(Section<'_>),
    ) {
        if packet.transport_error() || packet.scrambled() {
            return;
        }
        let Some(payload) = packet.payload() else {
            return;
        };
        match self.order(packet.continuity_counter(), payload) {
            Order::Next => {}
            Order::Duplicate => return,
            Order::Broken => self.partial.clear(),
        }
        if !packet.payload_unit_start() {
            self.resume(payload, counters, &mut each);
            return;
        }
        let split = payload
            .split_first()
            .and_then(|(&pointer_field, rest)| rest.split_at_checked(usize::from(pointer_field)));
        let Some((tail, sections)) = split else {
            counters.sections_malformed += 1;
            self.partial.clear();
            return;
        };
        self.resume(tail, counters, &mut each);
        if !self.partial.is_empty() {
            counters.sections_malformed += 1;
            self.partial.clear();
        }
        self.begin(sections, counters, &mut each);
    }

    /// Compares with the packet before; one repetition of the same payload is a duplicate.
    ///
    /// Behind that, a counter that never moves makes every packet [`Order::Broken`], so that its
    /// sections are still read: such multiplexers exist, and their tables are right.
    fn order(&mut self, continuity_counter: u8, payload: &[u8]) -> Order {
        let mut repeated = false;
        let order = match &mut self.last {
            None => Order::Next,
            Some(last) if last.continuity_counter == continuity_counter => {
                if !last.repeated && last.payload == payload {
                    last.repeated = true;
                    return Order::Duplicate;
                }
                repeated = last.payload == payload;
                Order::Broken
            }
            Some(last) if (last.continuity_counter + 1) & 0x0F == continuity_counter => Order::Next,
            Some(_) => Order::Broken,
        };
        self.last = Some(LastPacket {
            continuity_counter,
            payload: Vec::from_slice(payload).unwrap_or_default(),
            repeated,
        });
        order
    }

    /// Appends to the unfinished section until it is whole. What follows it is not looked at: the
    /// next section can only begin in a packet with `payload_unit_start_indicator`.
    fn resume(
        &mut self,
        bytes: &[u8],
        counters: &mut Counters,
        each: &mut impl FnMut(Section<'_>),
    ) {
        if self.partial.is_empty() {
            return;
        }
        let bytes = self.take(bytes, SHORT_HEADER_BYTES);
        let Some(section_bytes) = section_bytes(&self.partial) else {
            return;
        };
        if section_bytes > BYTES_MAX {
            counters.sections_malformed += 1;
            self.partial.clear();
            return;
        }
        self.take(bytes, section_bytes);
        if self.partial.len() == section_bytes {
            emit(&self.partial, counters, each);
            self.partial.clear();
        }
    }

    /// Moves bytes from the front of `bytes` until `partial` has `length`; returns the rest.
    fn take<'a>(&mut self, bytes: &'a [u8], length: usize) -> &'a [u8] {
        let missing = length.saturating_sub(self.partial.len());
        let (taken, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        self.partial
            .extend_from_slice(taken)
            .expect("callers keep `length` at or below BYTES_MAX");
        rest
    }

    /// Reads the sections that begin in this packet, straight from its payload.
    fn begin(
        &mut self,
        mut bytes: &[u8],
        counters: &mut Counters,
        each: &mut impl FnMut(Section<'_>),
    ) {
        while bytes.first().is_some_and(|&table_id| table_id != STUFFING) {
            let whole = section_bytes(bytes).and_then(|length| bytes.split_at_checked(length));
            let Some((section, rest)) = whole else {
                // `resume` appends to what is there, so the first byte goes in by hand.
                let first = self.take(bytes, 1);
                self.resume(first, counters, each);
                return;
            };
            emit(section, counters, each);
            bytes = rest;
        }
    }
}

/// Length of the section that begins with `bytes`; `None` while its header is incomplete.
fn section_bytes(bytes: &[u8]) -> Option<usize> {
    let [_, high, low, ..] = *bytes else {
        return None;
    };
    Some(SHORT_HEADER_BYTES + usize::from(u16::from_be_bytes([high & 0x0F, low])))
}

fn emit(bytes: &[u8], counters: &mut Counters, each: &mut impl FnMut(Section<'_>)) {
    match Section::new(bytes) {
        Some(section) => each(section),
        None => counters.sections_malformed += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{PRIVATE_SECTION_BYTES_MAX, SectionAssembler};
    use crate::demux::fixtures::{Mux, section};
    use crate::demux::{Counters, PACKET_BYTES, Packet};

    const PID: u16 = 0x20;

    fn body(bytes: u16) -> Vec<u8> {
        (0..bytes).map(|at| at.to_le_bytes()[0]).collect()
    }

    /// The sections that `packets` complete, and what was counted.
    fn sections(packets: &[[u8; PACKET_BYTES]]) -> (Vec<Vec<u8>>, Counters) {
        let mut assembler = SectionAssembler::<PRIVATE_SECTION_BYTES_MAX>::new();
        let (mut counters, mut found) = (Counters::default(), Vec::new());
        for packet in packets.iter().filter_map(Packet::new) {
            assembler.push(packet, &mut counters, |section| {
                assert!(section.crc_ok());
                found.push(section.bytes().to_vec());
            });
        }
        (found, counters)
    }

    #[test]
    fn reads_the_fields_of_a_section() {
        let mut mux = Mux::new();
        mux.section(PID, &section(0x42, 0xABCD, 21, &[1, 2, 3]));
        let mut assembler = SectionAssembler::<1_024>::new();
        let packet = Packet::new(&mux.packets[0]).expect("the sync byte is right");
        let mut seen = 0;
        assembler.push(packet, &mut Counters::default(), |section| {
            seen += 1;
            assert_eq!(
                (section.table_id(), section.table_id_extension()),
                (0x42, 0xABCD)
            );
            assert_eq!((section.version(), section.current_next()), (21, true));
            assert_eq!(
                (section.section_number(), section.last_section_number()),
                (0, 0)
            );
            assert_eq!(section.body(), [1, 2, 3]);
        });
        assert_eq!(seen, 1);
    }

    #[test]
    fn reads_several_sections_of_one_packet() {
        let (first, second) = (section(2, 1, 0, &body(20)), section(2, 2, 0, &body(30)));
        let mut mux = Mux::new();
        mux.section(PID, &[first.clone(), second.clone()].concat());
        assert_eq!(sections(&mux.packets).0, [first, second]);
    }

    #[test]
    fn reads_a_section_over_packets_and_the_next_behind_pointer_field() {
        let (first, second) = (section(2, 1, 0, &body(300)), section(2, 2, 0, &body(3_000)));
        for tail in [0, 1, 100, 120] {
            let cut = first.len() - tail;
            let mut mux = Mux::new();
            let mut start = vec![0];
            start.extend(&first[..183.min(cut)]);
            mux.packet(PID, true, 0, &start);
            for middle in first[start.len() - 1..cut].chunks(184) {
                mux.packet(PID, false, 0, middle);
            }
            let pointer = u8::try_from(tail).expect("below 184");
            let behind = second.len().min(50);
            let last = [&[pointer], &first[cut..], &second[..behind]].concat();
            mux.packet(PID, true, 0, &last);
            for rest in second[behind..].chunks(184) {
                mux.packet(PID, false, 0, rest);
            }
            let due = (vec![first.clone(), second.clone()], Counters::default());
            assert_eq!(
                sections(&mux.packets),
                due,
                "{tail} bytes before the next section"
            );
        }
    }

    #[test]
    fn reads_a_section_whose_header_is_split() {
        let whole = section(2, 1, 0, &body(40));
        for cut in 1..4 {
            let mut mux = Mux::new();
            mux.packet(PID, true, 0, &[&[0], &whole[..cut]].concat());
            mux.packet(PID, false, 0, &whole[cut..]);
            assert_eq!(sections(&mux.packets).0, std::slice::from_ref(&whole));
        }
    }

    #[test]
    fn drops_a_section_that_misses_a_packet() {
        let mut mux = Mux::new();
        let (lost, whole) = (section(2, 1, 0, &body(600)), section(2, 1, 0, &body(601)));
        mux.section(PID, &lost).section(PID, &whole);
        mux.packets.remove(1);
        assert_eq!(sections(&mux.packets).0, [whole]);
    }

    #[test]
    fn passes_over_duplicates() {
        let whole = section(2, 1, 0, &body(300));
        let mut mux = Mux::new();
        mux.section(PID, &whole);
        let [first, second] = *mux.packets else {
            panic!("300 bytes take two packets")
        };
        assert_eq!(sections(&[first, first, second, second]).0, [whole]);
    }

    #[test]
    fn reads_on_where_the_counter_never_moves() {
        let whole = section(2, 1, 0, &body(40));
        let mut mux = Mux::new();
        mux.section(PID, &whole);
        let found = sections(&[mux.packets[0]; 6]).0;
        assert_eq!(found.len(), 5, "only the second counts as a duplicate");
    }

    #[test]
    fn counts_lengths_that_contradict_each_other() {
        let mut mux = Mux::new();
        mux.packet(PID, true, 0, &[183]);
        mux.packet(PID, true, 0, &[0, 2, 0xB0, 4, 0, 0, 0, 0]);
        let (found, counters) = sections(&mux.packets);
        assert_eq!((found.len(), counters.sections_malformed), (0, 2));
        let mut too_long = Mux::new();
        too_long.packet(PID, true, 0, &[0, 2, 0xBF, 0xFF, 0]);
        assert_eq!(sections(&too_long.packets).1.sections_malformed, 1);
    }
}
