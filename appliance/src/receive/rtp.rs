//! The RTP header, read in place.
//!
//! Source: RFC 3550 §5.1 (fixed header, CSRC list), §5.3.1 (extension); RFC 3551 §6 (payload type
//! 33 is MP2T; 96 to 127 are dynamic, and some senders use them for transport streams).

/// Bytes of the fixed header.
pub(super) const FIXED_BYTES: usize = 12;

/// Payload type of an MPEG-2 transport stream.
const MP2T: u8 = 33;

/// First dynamic payload type.
const DYNAMIC_MIN: u8 = 96;

/// One RTP packet, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader<'a> {
    /// All of it.
    pub packet: &'a [u8],
    /// What it holds: 33 for MP2T, or 96 to 127.
    pub payload_type: u8,
    /// Sequence number, modulo 2^16.
    pub sequence: u16,
    /// 90 kHz time stamp, modulo 2^32.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// What follows the header, without padding.
    pub payload: &'a [u8],
}

/// Why a datagram is no RTP packet with transport packets in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpMalformed {
    /// Shorter than its header says it is.
    #[error("datagram is shorter than its RTP header")]
    Short,
    /// Not version 2.
    #[error("RTP version is not 2")]
    Version,
    /// Neither MP2T nor dynamic.
    #[error("RTP payload type {0} is not MP2T")]
    PayloadType(u8),
}

impl<'a> RtpHeader<'a> {
    /// Reads the header of `datagram` and finds the payload behind CSRC list and extension.
    ///
    /// # Errors
    /// [`RtpMalformed`] when the datagram is not what the header promises.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpMalformed> {
        let Some((fixed, rest)) = datagram.split_first_chunk::<FIXED_BYTES>() else {
            return Err(RtpMalformed::Short);
        };
        let [
            flags,
            marker_and_type,
            s0,
            s1,
            t0,
            t1,
            t2,
            t3,
            i0,
            i1,
            i2,
            i3,
        ] = *fixed;
        if flags >> 6 != 2 {
            return Err(RtpMalformed::Version);
        }
        let payload_type = marker_and_type & 0x7F;
        if payload_type != MP2T && payload_type < DYNAMIC_MIN {
            return Err(RtpMalformed::PayloadType(payload_type));
        }
        let csrc_bytes = usize::from(flags & 0x0F) * 4;
        let mut payload = rest.get(csrc_bytes..).ok_or(RtpMalformed::Short)?;
        if flags & 0x10 != 0 {
            payload = behind_extension(payload)?;
        }
        if flags & 0x20 != 0 {
            payload = without_padding(payload)?;
        }
        Ok(Self {
            packet: datagram,
            payload_type,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            payload,
        })
    }
}

fn behind_extension(bytes: &[u8]) -> Result<&[u8], RtpMalformed> {
    let (&[_, _, high, low], rest) = bytes.split_first_chunk::<4>().ok_or(RtpMalformed::Short)?;
    let words = usize::from(u16::from_be_bytes([high, low]));
    rest.get(words * 4..).ok_or(RtpMalformed::Short)
}

fn without_padding(payload: &[u8]) -> Result<&[u8], RtpMalformed> {
    let padding = usize::from(*payload.last().ok_or(RtpMalformed::Short)?);
    let end = payload
        .len()
        .checked_sub(padding.max(1))
        .ok_or(RtpMalformed::Short)?;
    payload.get(..end).ok_or(RtpMalformed::Short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(flags: u8, payload_type: u8, sequence: u16, rest: &[u8]) -> Vec<u8> {
        let [high, low] = sequence.to_be_bytes();
        let mut bytes = vec![flags, payload_type, high, low, 0, 0, 0, 9, 0, 0, 0, 7];
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn payload_stands_behind_csrc_and_extension_and_before_padding() {
        let rest = [
            1, 1, 1, 1, 2, 2, 2, 2, // two CSRC
            0xBE, 0xDE, 0, 1, 9, 9, 9, 9, // extension of one word
            0x47, 0x00, // payload
            0, 2, // padding
        ];
        let bytes = packet(0x80 | 0x20 | 0x10 | 2, 0x80 | MP2T, 258, &rest);
        let header = RtpHeader::parse(&bytes).unwrap();
        assert_eq!(header.payload, [0x47, 0x00]);
        assert_eq!(
            (header.sequence, header.timestamp, header.ssrc),
            (258, 9, 7)
        );
    }

    #[test]
    fn refuses_what_is_not_rtp_with_a_transport_stream() {
        assert_eq!(RtpHeader::parse(&[0x80; 11]), Err(RtpMalformed::Short));
        assert_eq!(RtpHeader::parse(&[0x47; 188]), Err(RtpMalformed::Version));
        assert_eq!(
            RtpHeader::parse(&packet(0x80, 14, 0, &[])),
            Err(RtpMalformed::PayloadType(14))
        );
        assert_eq!(
            RtpHeader::parse(&packet(0x8F, 33, 0, &[0; 59])),
            Err(RtpMalformed::Short)
        );
        assert_eq!(
            RtpHeader::parse(&packet(0xA0, 33, 0, &[200])),
            Err(RtpMalformed::Short)
        );
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(header) = RtpHeader::parse(&bytes) {
                prop_assert!(header.payload.len() + FIXED_BYTES <= bytes.len());
            }
        }
    }
}
