//! Reads what players must know of a stream, and where decoding can begin, from its first bytes.
//!
//! Source: H.264, H.265, H.262 (headers); RFC 6381 and ISO/IEC 14496-15 Annex E (`CODECS`).
//! Every reader takes as many bytes as there are and says "not yet" rather than guess.
//!
//! Refuses: to decode. Nothing behind the first slice header of an access unit is looked at.

mod audio;
mod bits;
mod h264;
mod hevc;
mod mpeg2;
mod nal;
#[cfg(test)]
mod tests;

use crate::demux::{AudioCodec, StreamParameters, VideoCodec};

pub(in crate::demux) use audio::Reading;

/// What the head of a video access unit tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::demux) struct Examination<'a> {
    /// Whether decoding can begin at this unit; `None` while the head is too short to tell.
    pub random_access: Option<bool>,
    /// True when all that a decoder must have before the first picture stood in the head so far.
    pub has_parameter_sets: bool,
    /// The bytes that [`video_parameters`] reads, once they are whole.
    pub parameter_sets: Option<&'a [u8]>,
}

/// Examines the head of an access unit, from the first byte behind the PES header.
pub(in crate::demux) fn examine(codec: VideoCodec, head: &[u8]) -> Examination<'_> {
    match codec {
        VideoCodec::Mpeg2 => mpeg2::examine(head),
        VideoCodec::H264 => h264::examine(head),
        VideoCodec::Hevc => hevc::examine(head),
    }
}

/// Reads [`Examination::parameter_sets`]; `None` when they make no sense.
pub(in crate::demux) fn video_parameters(
    codec: VideoCodec,
    parameter_sets: &[u8],
) -> Option<StreamParameters> {
    match codec {
        VideoCodec::Mpeg2 => mpeg2::parameters(parameter_sets),
        VideoCodec::H264 => h264::parameters(parameter_sets),
        VideoCodec::Hevc => hevc::parameters(parameter_sets),
    }
}

/// Reads the `CODECS` element of an audio stream from the payload of a PES packet.
pub(in crate::demux) fn audio_codec_name(codec: AudioCodec, payload: &[u8]) -> Option<Reading> {
    audio::read(codec, payload)
}

/// Pictures a second in thousandths, rounded; `None` for what no display shows.
fn millihertz(pictures: u64, seconds: u64) -> Option<u32> {
    const MILLIHERTZ_MAX: u64 = 1_000_000;
    let rounded = (pictures.checked_mul(1_000)?.checked_add(seconds / 2)?).checked_div(seconds)?;
    let rate = u32::try_from(rounded).ok()?;
    (1..=MILLIHERTZ_MAX).contains(&rounded).then_some(rate)
}
