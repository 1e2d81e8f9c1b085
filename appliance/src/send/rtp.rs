//! Writes the RTP header in front of transport packets.
//!
//! Source: RFC 3550 §5.1 (fixed header), RFC 2250 §2 (MPEG-2 transport streams: 90 kHz, the
//! time the first byte is due), RFC 3551 §6 (payload type 33). Pure.

use crate::send::pace::Due;

/// Bytes of the header: no CSRC, no extension.
pub const RTP_HEADER_BYTES: usize = 12;

/// Version 2, no padding, no extension, no CSRC.
const VERSION: u8 = 0x80;
/// MP2T, marker clear.
const PAYLOAD_TYPE: u8 = 33;

/// One RTP stream.
#[derive(Debug, Clone)]
pub struct RtpStream {
    ssrc: u32,
    sequence: u16,
    timestamp_start: u32,
}

impl RtpStream {
    /// A stream whose SSRC, first sequence number and first time stamp follow from `seed`, so
    /// that streams of different seeds are told apart (RFC 3550 asks for random values).
    pub fn new(seed: u64) -> Self {
        let [i0, i1, i2, i3, t0, t1, t2, t3] = mix(seed).to_be_bytes();
        let [s0, s1, ..] = mix(seed.wrapping_add(1)).to_be_bytes();
        Self {
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp_start: u32::from_be_bytes([t0, t1, t2, t3]),
        }
    }

    /// The header of the next datagram, whose first packet is due at `due`.
    pub fn next_header(&mut self, due: Due) -> [u8; RTP_HEADER_BYTES] {
        #[expect(clippy::cast_possible_truncation, reason = "RTP time wraps at 2^32")]
        let elapsed = due.ticks_90k() as u32;
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp_start.wrapping_add(elapsed).to_be_bytes();
        let [i0, i1, i2, i3] = self.ssrc.to_be_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        [
            VERSION,
            PAYLOAD_TYPE,
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
        ]
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): neighbouring seeds give unrelated values.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}
