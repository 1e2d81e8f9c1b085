//! Audio: the `CODECS` element, from the first frame header of a PES packet.
//!
//! Source: ISO/IEC 14496-3 §1.A.2 (ADTS), §1.7.2 (LOAS), §1.7.3 (`StreamMuxConfig`);
//! ISO/IEC 11172-3 §2.4.1.3 (MPEG audio header);
//! ETSI TS 102 366 §4.4.2 and §E.1.2 (AC-3 bsid); RFC 6381 §3.3.
//!
//! MPEG audio is named by its MPEG-4 object types: 32, 33, 34 for layers I, II, III. Players know
//! `mp4a.40.34`; the older `mp4a.6B` for the same bytes is refused by some.

use crate::demux::AudioCodec;
use crate::demux::codec::bits::Bits;

/// What one PES packet tells of its audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demux) struct Reading {
    /// The `CODECS` element.
    pub codec: &'static str,
    /// The fields of the frame header that stay the same from frame to frame.
    pub fixed_header: u32,
    /// True when a frame begins right behind the PES header. Elsewhere the same bits may occur by
    /// chance, so such a reading counts only when its fixed header repeats.
    pub is_certain: bool,
}

/// `CODECS` element and fixed header of a frame.
type Frame = (&'static str, u32);

const AAC_LC: &str = "mp4a.40.2";

/// Finds the first frame in `payload`, which stands behind a PES header.
pub(super) fn read(codec: AudioCodec, payload: &[u8]) -> Option<Reading> {
    let frame: fn(&[u8]) -> Option<Frame> = match codec {
        // Streams exist whose PMT takes one for the other; the layer bits tell them apart.
        AudioCodec::AacAdts | AudioCodec::Mpeg => |bytes| adts(bytes).or_else(|| mpeg(bytes)),
        AudioCodec::AacLatm => latm,
        AudioCodec::Ac3 | AudioCodec::Eac3 => ac3,
        AudioCodec::Dts => dts,
    };
    (0..payload.len()).find_map(|at| {
        let (codec, fixed_header) = frame(payload.get(at..)?)?;
        Some(Reading {
            codec,
            fixed_header,
            is_certain: at == 0,
        })
    })
}

fn adts(bytes: &[u8]) -> Option<Frame> {
    const HEADER_BYTES: u32 = 7;
    const FIXED_HEADER_BITS: u32 = 28;
    let fixed_header = Bits::plain(bytes).unsigned(FIXED_HEADER_BITS)?;
    let mut bits = Bits::plain(bytes);
    let is_sync = bits.unsigned(12)? == 0xFFF;
    let _id = bits.flag()?;
    let layer = bits.unsigned(2)?;
    let _protection_absent = bits.flag()?;
    let profile = bits.unsigned(2)?;
    let sampling_frequency_index = bits.unsigned(4)?;
    bits.skip(1 + 3 + 4)?;
    let frame_bytes = bits.unsigned(13)?;
    if !is_sync || layer != 0 || sampling_frequency_index > 12 || frame_bytes < HEADER_BYTES {
        return None;
    }
    Some((aac(profile + 1)?, fixed_header))
}

/// An AAC stream by its audio object type.
fn aac(object_type: u32) -> Option<&'static str> {
    Some(match object_type {
        1 => "mp4a.40.1",
        2 => AAC_LC,
        3 => "mp4a.40.3",
        4 => "mp4a.40.4",
        5 => "mp4a.40.5",
        29 => "mp4a.40.29",
        _ => return None,
    })
}

fn latm(bytes: &[u8]) -> Option<Frame> {
    let mut bits = Bits::plain(bytes);
    if bits.unsigned(11)? != 0x2B7 {
        return None;
    }
    let _audio_mux_length_bytes = bits.unsigned(13)?;
    let fixed_header = bits.clone().unsigned(16)?;
    let use_same_stream_mux = bits.flag()?;
    let audio_mux_version = bits.flag()?;
    if use_same_stream_mux || audio_mux_version {
        // The configuration stands elsewhere, or in a form that broadcasters do not use.
        return Some((AAC_LC, fixed_header));
    }
    bits.skip(1 + 6 + 4 + 3)?;
    Some((aac(bits.unsigned(5)?)?, fixed_header))
}

fn mpeg(bytes: &[u8]) -> Option<Frame> {
    const RESERVED_VERSION: u32 = 1;
    const FIXED_HEADER_BITS: u32 = 22;
    let fixed_header = Bits::plain(bytes).unsigned(FIXED_HEADER_BITS)?;
    let mut bits = Bits::plain(bytes);
    let is_sync = bits.unsigned(11)? == 0x7FF;
    let version = bits.unsigned(2)?;
    let layer = bits.unsigned(2)?;
    let _protection = bits.flag()?;
    let bitrate_index = bits.unsigned(4)?;
    let sampling_frequency = bits.unsigned(2)?;
    if !is_sync || version == RESERVED_VERSION || bitrate_index == 15 || sampling_frequency == 3 {
        return None;
    }
    let codec = match layer {
        3 => "mp4a.40.32",
        2 => "mp4a.40.33",
        1 => "mp4a.40.34",
        _ => return None,
    };
    Some((codec, fixed_header))
}

fn ac3(bytes: &[u8]) -> Option<Frame> {
    let [0x0B, 0x77, _, _, rates, fifth, ..] = *bytes else {
        return None;
    };
    let codec = match fifth >> 3 {
        0..=10 => "ac-3",
        11..=16 => "ec-3",
        _ => return None,
    };
    Some((codec, u32::from_be_bytes([0x0B, 0x77, rates, fifth])))
}

fn dts(bytes: &[u8]) -> Option<Frame> {
    const SYNC: [u8; 4] = [0x7F, 0xFE, 0x80, 0x01];
    bytes
        .starts_with(&SYNC)
        .then_some(("dtsc", u32::from_be_bytes(SYNC)))
}
