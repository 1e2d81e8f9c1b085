//! Reads the head of a PES packet.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.6, §2.4.3.7.
//!
//! Refuses: MPEG-1 packet headers. Their time stamps read as absent.

use crate::demux::Pts;

/// `packet_start_code_prefix`.
const PREFIX: [u8; 3] = [0, 0, 1];

/// From `packet_start_code_prefix` to `PES_packet_length`.
const SHORT_HEADER_BYTES: usize = 6;

/// From `packet_start_code_prefix` to `PES_header_data_length`.
const FIXED_HEADER_BYTES: usize = 9;

const PADDING_STREAM: u8 = 0xBE;

/// What `segment` and the codecs need of a PES header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PesHeader {
    /// PTS.
    pub pts: Option<Pts>,
    /// DTS; equal to `pts` when only that is sent.
    pub dts: Option<Pts>,
    /// Where the elementary stream begins.
    pub payload_offset: usize,
}

/// What the first bytes of a PES packet are so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PesHead {
    /// More bytes are needed.
    Incomplete,
    /// The bytes are no PES packet with a header of MPEG-2.
    Invalid,
    /// The header is there, though not necessarily a byte behind it.
    Complete(PesHeader),
}

/// Tells whether `payload` may be the beginning of a PES packet with content, as far as it goes.
pub(super) fn may_begin(payload: &[u8]) -> bool {
    let agrees = payload.iter().zip(PREFIX).all(|(&byte, due)| byte == due);
    agrees && payload.get(PREFIX.len()) != Some(&PADDING_STREAM)
}

/// Reads the header from the first bytes of a PES packet.
pub(super) fn head(bytes: &[u8]) -> PesHead {
    if !may_begin(bytes) {
        return PesHead::Invalid;
    }
    let Some(&stream_id) = bytes.get(PREFIX.len()) else {
        return PesHead::Incomplete;
    };
    if !has_optional_header(stream_id) {
        return PesHead::Complete(PesHeader {
            pts: None,
            dts: None,
            payload_offset: SHORT_HEADER_BYTES,
        });
    }
    let Some(&[.., marks, flags, header_data_length]) = bytes.first_chunk::<FIXED_HEADER_BYTES>()
    else {
        return PesHead::Incomplete;
    };
    if marks & 0xC0 != 0x80 {
        return PesHead::Invalid;
    }
    let payload_offset = FIXED_HEADER_BYTES + usize::from(header_data_length);
    let Some(data) = bytes.get(FIXED_HEADER_BYTES..payload_offset) else {
        return PesHead::Incomplete;
    };
    let pts = (flags & 0x80 != 0).then(|| time_stamp(data)).flatten();
    let own_dts = data
        .get(5..)
        .filter(|_| flags & 0xC0 == 0xC0)
        .and_then(time_stamp);
    PesHead::Complete(PesHeader {
        pts,
        dts: own_dts.or(pts),
        payload_offset,
    })
}

/// A whole PES packet behind its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PesPayload<'a> {
    /// PTS.
    pub pts: Option<Pts>,
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> PesPayload<'a> {
    /// Reads a whole PES packet; `None` when it is none with a header of MPEG-2.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        match head(bytes) {
            PesHead::Complete(header) => Some(Self {
                pts: header.pts,
                payload: bytes.get(header.payload_offset..)?,
            }),
            PesHead::Incomplete | PesHead::Invalid => None,
        }
    }
}

/// False for the `stream_ids` whose packets carry no optional header (table 2-21).
pub(crate) fn has_optional_header(stream_id: u8) -> bool {
    !matches!(
        stream_id,
        0xBC | 0xBE | 0xBF | 0xF0 | 0xF1 | 0xF2 | 0xF8 | 0xFF
    )
}

/// Reads PTS or DTS; its marker bits are not insisted on.
fn time_stamp(bytes: &[u8]) -> Option<Pts> {
    let field = bytes.first_chunk::<5>()?;
    let bits = field
        .iter()
        .fold(0, |bits, &byte| bits << 8 | u64::from(byte));
    let (high, middle, low) = (bits >> 33 & 0x7, bits >> 17 & 0x7FFF, bits >> 1 & 0x7FFF);
    Some(Pts::from_ticks(high << 30 | middle << 15 | low))
}

#[cfg(test)]
mod tests {
    use super::{PesHead, PesHeader, head, may_begin};
    use crate::demux::Pts;

    /// A header with both time stamps, and one byte behind it.
    const BOTH: [u8; 20] = [
        0, 0, 1, 0xE0, 0, 0, 0x80, 0xC0, 10, 0x31, 0x00, 0x09, 0x07, 0x4D, 0x11, 0x00, 0x07, 0xEF,
        0xD7, 0x55,
    ];

    #[test]
    fn reads_pts_and_dts() {
        let due = PesHeader {
            pts: Some(Pts::from_ticks(4 << 15 | 0x03A6)),
            dts: Some(Pts::from_ticks(3 << 15 | 0x77EB)),
            payload_offset: 19,
        };
        assert_eq!(head(&BOTH), PesHead::Complete(due));
    }

    #[test]
    fn waits_for_a_header_split_over_packets() {
        assert!((0..19).all(|length| head(&BOTH[..length]) == PesHead::Incomplete));
    }

    #[test]
    fn reads_all_33_bits() {
        let bytes = [
            0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5, 0x2F, 0xFF, 0xFF, 0xFF, 0xFF,
        ];
        let pts = Some(Pts::from_ticks((1 << 33) - 1));
        let PesHead::Complete(header) = head(&bytes) else {
            panic!("the header is complete");
        };
        assert_eq!((header.pts, header.dts), (pts, pts));
    }

    #[test]
    fn tells_other_bytes_from_a_start() {
        assert!(may_begin(&[0]) && may_begin(&[0, 0, 1]) && may_begin(&BOTH));
        assert!(!may_begin(&[0, 0, 2]) && !may_begin(&[0, 0, 1, 0xBE]));
        assert_eq!(head(&[0, 0, 1, 0xE0, 0, 0, 0x21, 0, 1]), PesHead::Invalid);
    }
}
