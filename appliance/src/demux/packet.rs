//! A borrowed view of one transport packet: reads header fields in place, copies nothing.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.2 (transport packet), §2.4.3.4 (adaptation field).

use crate::demux::{Pcr, Pid};

/// Bytes of a transport packet.
pub const PACKET_BYTES: usize = 188;

/// The first byte of every transport packet.
pub const SYNC_BYTE: u8 = 0x47;

/// One transport packet whose `sync_byte` is right. Every field reads without failing; fields that
/// contradict the packet's length read as absent.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a>(&'a [u8; PACKET_BYTES]);

impl<'a> Packet<'a> {
    /// Views `bytes` as a packet; `None` when the `sync_byte` is wrong.
    pub fn new(bytes: &'a [u8; PACKET_BYTES]) -> Option<Self> {
        (bytes[0] == SYNC_BYTE).then_some(Self(bytes))
    }

    /// The 188 bytes as received.
    pub const fn bytes(self) -> &'a [u8; PACKET_BYTES] {
        self.0
    }

    /// PID.
    pub const fn pid(self) -> Pid {
        Pid::from_bits(u16::from_be_bytes([self.0[1], self.0[2]]))
    }

    /// `transport_error_indicator`.
    pub const fn transport_error(self) -> bool {
        self.0[1] & 0x80 != 0
    }

    /// `payload_unit_start_indicator`.
    pub const fn payload_unit_start(self) -> bool {
        self.0[1] & 0x40 != 0
    }

    /// True when `transport_scrambling_control` is not 00.
    pub const fn scrambled(self) -> bool {
        self.0[3] & 0xC0 != 0
    }

    /// `continuity_counter`, in `0..16`.
    pub const fn continuity_counter(self) -> u8 {
        self.0[3] & 0x0F
    }

    /// True when `adaptation_field_control` announces a payload.
    pub const fn has_payload(self) -> bool {
        self.0[3] & 0x10 != 0
    }

    /// The adaptation field behind its length byte; empty when the length is zero.
    pub fn adaptation_field(self) -> Option<AdaptationField<'a>> {
        if self.0[3] & 0x20 == 0 {
            return None;
        }
        let end = 5 + usize::from(self.0[4]);
        self.0.get(5..end).map(AdaptationField)
    }

    /// The payload; `None` without one, or when the adaptation field leaves no room for it.
    pub fn payload(self) -> Option<&'a [u8]> {
        if !self.has_payload() {
            return None;
        }
        let start = if self.0[3] & 0x20 == 0 {
            4
        } else {
            5 + usize::from(self.0[4])
        };
        self.0.get(start..).filter(|payload| !payload.is_empty())
    }
}

/// The adaptation field of one packet.
#[derive(Debug, Clone, Copy)]
pub struct AdaptationField<'a>(&'a [u8]);

impl<'a> AdaptationField<'a> {
    fn flag(self, mask: u8) -> bool {
        self.0.first().is_some_and(|flags| flags & mask != 0)
    }

    /// `discontinuity_indicator`.
    pub fn discontinuity(self) -> bool {
        self.flag(0x80)
    }

    /// `random_access_indicator`.
    pub fn random_access(self) -> bool {
        self.flag(0x40)
    }

    /// `program_clock_reference`, when the field carries one in full.
    pub fn pcr(self) -> Option<Pcr> {
        if !self.flag(0x10) {
            return None;
        }
        let field: &[u8; 6] = self.0.get(1..7)?.try_into().ok()?;
        let bits = field
            .iter()
            .fold(0, |bits, &byte| bits << 8 | u64::from(byte));
        let base = bits >> 15;
        let extension = bits & 0x1FF;
        Some(Pcr::from_ticks(base * 300 + extension))
    }

    /// `private_data_byte`, when the field carries them in full.
    pub fn private_data(self) -> Option<&'a [u8]> {
        if !self.flag(0x02) {
            return None;
        }
        // Flags, PCR, OPCR, splice_countdown.
        let before = [(0x10, 6), (0x08, 6), (0x04, 1)];
        let optional = before.iter().filter(|(mask, _)| self.flag(*mask));
        let start = 1 + optional.map(|(_, bytes)| bytes).sum::<usize>();
        let (&length, rest) = self.0.get(start..)?.split_first()?;
        rest.get(..usize::from(length))
    }
}
