//! Encoder Boundary Points: where the encoder wants segments to begin.
//!
//! Source: OC-SP-EBP-I01-130118 §5 (`EBP_info`, tag 0xDF with a format identifier, and the older
//! form of the same flags, tag 0xA9 without); ISO/IEC 13818-1 §2.4.3.5 (`private_data_byte`);
//! ETSI TS 101 154 Annex D (tags and lengths in it).
//!
//! Refuses: fragments, groups, and the encoder's own time. Points on a PID of their own are not
//! looked for.

use crate::demux::AdaptationField;

const TAG: u8 = 0xDF;
const FORMAT_IDENTIFIER: &[u8; 4] = b"EBP0";
const TAG_LEGACY: u8 = 0xA9;

/// `EBP_segment_flag`
const SEGMENT_FLAG: u8 = 0x40;

/// True when `field` says that a segment begins with the access unit that begins in its packet.
pub(super) fn begins_segment(field: AdaptationField<'_>) -> bool {
    let mut rest = field.private_data().unwrap_or_default();
    while let [tag, length, behind @ ..] = rest {
        let Some((content, next)) = behind.split_at_checked(usize::from(*length)) else {
            return false;
        };
        let flags = match *tag {
            TAG => content.strip_prefix(FORMAT_IDENTIFIER),
            TAG_LEGACY => Some(content),
            _ => None,
        };
        if let Some([flags, ..]) = flags {
            return flags & SEGMENT_FLAG != 0;
        }
        rest = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::begins_segment;
    use crate::demux::{PACKET_BYTES, Packet};

    /// Tells of a packet whose adaptation field has `flags` and `fields` behind them.
    fn tells(flags: u8, fields: &[u8]) -> bool {
        let mut bytes = [0xFF; PACKET_BYTES];
        bytes[..4].copy_from_slice(&[0x47, 0x41, 0, 0x30]);
        bytes[4] = u8::try_from(fields.len() + 1).expect("it fits a packet");
        bytes[5] = flags;
        bytes[6..6 + fields.len()].copy_from_slice(fields);
        let packet = Packet::new(&bytes).expect("the sync byte is right");
        packet.adaptation_field().is_some_and(begins_segment)
    }

    #[test]
    fn both_forms_are_read() {
        assert!(tells(
            0x02,
            &[9, 0xDF, 7, b'E', b'B', b'P', b'0', 0x60, 0x20, 0]
        ));
        assert!(
            !tells(0x02, &[7, 0xDF, 5, b'E', b'B', b'P', b'0', 0x80]),
            "a fragment"
        );
        assert!(tells(0x02, &[3, 0xA9, 1, 0xC8]));
        assert!(
            !tells(0x02, &[7, 0xDF, 5, b'O', b'T', b'H', b'R', 0x40]),
            "another format"
        );
    }

    #[test]
    fn it_is_found_behind_other_fields() {
        let pcr_opcr_countdown = [0; 13];
        let private = [8, 0x01, 3, 0xA9, 1, 0x40, 0xA9, 1, 0x40];
        assert!(tells(0x1E, &[&pcr_opcr_countdown[..], &private].concat()));
        assert!(!tells(
            0x1E,
            &[&pcr_opcr_countdown[..], &[5, 0x01, 3, 0xA9, 1, 0x40]].concat()
        ));
    }

    #[test]
    fn what_is_cut_short_is_none() {
        assert!(!tells(0x00, &[3, 0xA9, 1, 0x40]), "no private data");
        assert!(!tells(0x02, &[200, 0xA9, 1, 0x40]));
        assert!(!tells(0x02, &[3, 0xA9, 9, 0x40]));
        assert!(!tells(0x02, &[2, 0xA9, 0]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body: [u8; 31]) {
            let mut bytes = [0x40; PACKET_BYTES];
            bytes[0] = 0x47;
            bytes[3..34].copy_from_slice(&body);
            if let Some(field) = Packet::new(&bytes).and_then(Packet::adaptation_field) {
                begins_segment(field);
            }
        }
    }
}
