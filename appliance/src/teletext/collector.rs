//! Puts the PES packets of one PID together.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.6; EN 300 472 §4.2: a PES packet of teletext has a length, and
//! most fit a few transport packets.
//!
//! Refuses: a PES packet that misses a transport packet. What it carried is dropped; subtitles
//! are repeated.

use crate::demux::{Packet, PesPayload, Pts};

/// Bytes of a PES packet at most: `PES_packet_length` has 16 bits.
const PES_BYTES_MAX: usize = 6 + 0xFFFF;

/// Collects PES packets.
///
/// # Limits
/// Holds one that is not whole, of at most 64 KiB; all others are handed on at once.
#[derive(Debug, Default)]
pub(super) struct Collector {
    bytes: Vec<u8>,
    /// The last packet with payload.
    continuity_counter: Option<u8>,
    malformed: u64,
}

impl Collector {
    /// PES packets that contradict the standards.
    pub(super) const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Takes the next packet of the PID and calls `each` for the PTS and the payload of a PES
    /// packet that is whole now.
    pub(super) fn push(&mut self, packet: Packet<'_>, each: impl FnMut(Option<Pts>, &[u8])) {
        let Some(payload) = packet.payload().filter(|_| is_readable(packet)) else {
            return;
        };
        let counter = packet.continuity_counter();
        let before = self.continuity_counter.replace(counter);
        if before == Some(counter) {
            return;
        }
        let is_next = before.is_none_or(|before| (before + 1) % 16 == counter);
        if packet.payload_unit_start() {
            self.malformed += u64::from(!self.bytes.is_empty() && is_next);
            self.bytes.clear();
        } else if self.bytes.is_empty() {
            return;
        } else if !is_next {
            self.bytes.clear();
            return;
        }
        let room = PES_BYTES_MAX.saturating_sub(self.bytes.len());
        let taken = payload.get(..room).unwrap_or(payload);
        self.bytes.extend_from_slice(taken);
        self.hand_on(each);
    }

    fn hand_on(&mut self, mut each: impl FnMut(Option<Pts>, &[u8])) {
        let Some([_, _, _, _, high, low]) = self.bytes.first_chunk() else {
            return;
        };
        let bytes = 6 + usize::from(u16::from_be_bytes([*high, *low]));
        let Some(whole) = self.bytes.get(..bytes) else {
            return;
        };
        match PesPayload::read(whole) {
            Some(PesPayload { pts, payload }) => each(pts, payload),
            None => self.malformed += 1,
        }
        self.bytes.clear();
    }
}

fn is_readable(packet: Packet<'_>) -> bool {
    !packet.transport_error() && !packet.scrambled()
}
