//! Reads and shifts the clock fields of a transport packet in place: PCR, OPCR, PTS, DTS.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.4 (adaptation field), §2.4.3.6 (PES packet). Every field is 33
//! bits of 90 kHz; a shift by whole ticks leaves the 27 MHz extension, marker and reserved bits
//! as they are.
//!
//! Refuses: ESCR and `DTS_next_AU`, which no receiver of ours reads, and the splice times of
//! SCTE 35: the breaks of a file that is sent in a loop are announced in its first round only.

use crate::demux::{PACKET_BYTES, Packet, Pcr, Pts, has_optional_header};

/// Bytes of a PES header from `packet_start_code_prefix` to the end of the DTS.
pub(super) const PES_HEAD_BYTES: usize = 19;

/// Where the PTS begins in a PES header.
const PTS_OFFSET: usize = 9;
/// Where the DTS begins in a PES header that has one.
const DTS_OFFSET: usize = 14;
/// Bytes of a PTS or DTS.
const STAMP_BYTES: usize = 5;
/// The 33 bits of time in those bytes; between them stand prefix and marker bits.
const STAMP_BITS: u64 = 0x0E_FFFE_FFFE;
/// Where the PCR, or the OPCR if there is no PCR, begins in a packet.
const PCR_OFFSET: usize = 6;
/// Bytes of a PCR or OPCR.
const PCR_BYTES: usize = 6;
/// Bits of a PCR below its 90 kHz base: 6 reserved, 9 of extension.
const PCR_BASE_SHIFT: u32 = 15;

/// What the front of a PES packet tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PesHead {
    /// The header, so far as it is there, does not reach to its stamps.
    Incomplete,
    /// No PES packet, or one without time stamps.
    Unstamped,
    /// A PTS.
    Pts,
    /// A PTS and a DTS.
    PtsDts,
}

impl PesHead {
    /// Judges the first bytes of a payload that starts a unit.
    pub(super) fn judge(head: &[u8]) -> Self {
        let prefix = [0, 0, 1];
        if !prefix.iter().zip(head).all(|(due, byte)| due == byte) {
            return Self::Unstamped;
        }
        let Some(&stream_id) = head.get(3) else {
            return Self::Incomplete;
        };
        if !has_optional_header(stream_id) {
            return Self::Unstamped;
        }
        let (Some(&marker), Some(&flags), Some(&length)) = (head.get(6), head.get(7), head.get(8))
        else {
            return Self::Incomplete;
        };
        let (kind, end) = match flags >> 6 {
            0b10 => (Self::Pts, DTS_OFFSET),
            0b11 => (Self::PtsDts, PES_HEAD_BYTES),
            _ => return Self::Unstamped,
        };
        if marker >> 6 != 0b10 || usize::from(length) + PTS_OFFSET < end {
            return Self::Unstamped;
        }
        if head.len() < end {
            Self::Incomplete
        } else {
            kind
        }
    }

    /// The decoding time of a unit with this head: its DTS, or its PTS when it has only that.
    pub(super) fn dts(self, head: &[u8]) -> Option<Pts> {
        match self {
            Self::Incomplete | Self::Unstamped => None,
            Self::Pts => stamp(head, PTS_OFFSET),
            Self::PtsDts => stamp(head, DTS_OFFSET),
        }
    }

    /// Moves the stamps of `head` by `shift_90k`, which is below 2^33.
    pub(super) fn shift(self, head: &mut [u8], shift_90k: u64) {
        if matches!(self, Self::Pts | Self::PtsDts) {
            shift_stamp(head, PTS_OFFSET, shift_90k);
        }
        if self == Self::PtsDts {
            shift_stamp(head, DTS_OFFSET, shift_90k);
        }
    }
}

/// The PCR of `packet`, unless its `transport_error_indicator` warns of it.
pub(super) fn undamaged_pcr(packet: Packet<'_>) -> Option<Pcr> {
    let field = packet.adaptation_field()?;
    field.pcr().filter(|_| !packet.transport_error())
}

/// Moves PCR and OPCR of `packet` by `shift_90k`, which is below 2^33.
pub(super) fn shift_clock_references(packet: &mut [u8; PACKET_BYTES], shift_90k: u64) {
    let has_adaptation_field = packet[3] & 0x20 != 0;
    let end = 5 + usize::from(packet[4]);
    if !has_adaptation_field || end == 5 || end > PACKET_BYTES {
        return;
    }
    let present = [packet[5] & 0x10 != 0, packet[5] & 0x08 != 0];
    let mut offset = PCR_OFFSET;
    for _ in present.iter().filter(|is_present| **is_present) {
        let field = packet
            .get_mut(offset..end)
            .and_then(|rest| rest.first_chunk_mut());
        if let Some(field) = field {
            shift_clock_reference(field, shift_90k);
        }
        offset += PCR_BYTES;
    }
}

fn stamp(head: &[u8], offset: usize) -> Option<Pts> {
    let field: &[u8; STAMP_BYTES] = head.get(offset..)?.first_chunk()?;
    let bits = number(field);
    Some(Pts::from_ticks(
        (bits >> 33 & 0x7) << 30 | (bits >> 17 & 0x7FFF) << 15 | bits >> 1 & 0x7FFF,
    ))
}

fn shift_stamp(head: &mut [u8], offset: usize, shift_90k: u64) {
    let Some(old) = stamp(head, offset) else {
        return;
    };
    let ticks = Pts::from_ticks(old.ticks() + shift_90k).ticks();
    let bits = (ticks >> 30) << 33 | (ticks >> 15 & 0x7FFF) << 17 | (ticks & 0x7FFF) << 1;
    let field: Option<&mut [u8; STAMP_BYTES]> = head
        .get_mut(offset..)
        .and_then(|rest| rest.first_chunk_mut());
    if let Some(field) = field {
        let kept = number(field) & !STAMP_BITS;
        write_number(field, kept | bits);
    }
}

fn shift_clock_reference(field: &mut [u8; PCR_BYTES], shift_90k: u64) {
    let bits = number(field);
    let base = ((bits >> PCR_BASE_SHIFT) + shift_90k) % Pts::MODULUS;
    let kept = bits % (1 << PCR_BASE_SHIFT);
    write_number(field, base << PCR_BASE_SHIFT | kept);
}

/// `field` as a big-endian number.
fn number(field: &[u8]) -> u64 {
    field
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Writes the low bits of `number` into `field`, big-endian.
fn write_number(field: &mut [u8], number: u64) {
    let bytes = number.to_be_bytes();
    let places = field.iter_mut().rev();
    places
        .zip(bytes.iter().rev())
        .for_each(|(place, byte)| *place = *byte);
}
