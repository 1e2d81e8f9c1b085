//! Finds teletext packets in the data field of a PES packet.
//!
//! Source: EN 300 472 §4.3, §4.4: `data_identifier`, then data units of `data_unit_id`,
//! `data_unit_length`, field and line, `framing_code` and 42 bytes, each byte with the bit
//! transmitted first on top.

use crate::teletext::TELETEXT_PACKET_BYTES;

/// `data_unit_id` of teletext, without and with subtitles.
const EBU_TELETEXT: [u8; 2] = [0x02, 0x03];

/// `data_unit_length` of both.
const UNIT_BYTES: usize = 0x2C;

/// `framing_code`.
const FRAMING_CODE: u8 = 0xE4;

/// Calls `each` for the 42 bytes of each teletext packet in `field`, bit 0 transmitted first. Tells
/// how many units contradict the standard.
pub(super) fn teletext_packets(
    field: &[u8],
    mut each: impl FnMut(&[u8; TELETEXT_PACKET_BYTES]),
) -> u64 {
    let [0x10..=0x1F, units @ ..] = field else {
        return 1;
    };
    let (mut rest, mut malformed) = (units, 0);
    while let [id, length, behind @ ..] = rest {
        let Some((unit, behind)) = behind.split_at_checked(usize::from(*length)) else {
            // Stuffing may be cut off.
            return malformed + u64::from(EBU_TELETEXT.contains(id));
        };
        rest = behind;
        if !EBU_TELETEXT.contains(id) {
            continue;
        }
        let packet = match unit {
            [_, FRAMING_CODE, packet @ ..] if unit.len() == UNIT_BYTES => packet.first_chunk(),
            _ => None,
        };
        match packet {
            Some(packet) => each(&packet.map(u8::reverse_bits)),
            None => malformed += 1,
        }
    }
    malformed
}
