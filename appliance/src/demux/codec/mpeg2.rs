//! MPEG-1 and MPEG-2 video: random access points, and the sequence header.
//!
//! Source: H.262 §6.2.1 (start codes), §6.2.2.1 (sequence header), §6.2.2.3 (sequence extension),
//! §6.2.3 (picture header); RFC 6381 §3.3 and ISO/IEC 14496-1 table 5 (`mp4v` with the object type
//! of the profile: 0x6A is MPEG-1, 0x60 to 0x65 are the profiles of MPEG-2).
//!
//! Decoding can begin at an I picture behind a sequence header of the same unit.

use crate::demux::StreamParameters;
use crate::demux::codec::bits::Bits;
use crate::demux::codec::nal::{begins_with_unit, units};
use crate::demux::codec::{Examination, millihertz};

const PICTURE: u8 = 0x00;
const SEQUENCE_HEADER: u8 = 0xB3;
const EXTENSION: u8 = 0xB5;
const SEQUENCE_EXTENSION: u32 = 1;

pub(super) fn examine(head: &[u8]) -> Examination<'_> {
    let mut found = Examination::default();
    if begins_with_unit(head) == Some(false) {
        found.random_access = Some(false);
        return found;
    }
    let mut sequence_offset = None;
    for unit in units(head) {
        match unit.bytes.first() {
            Some(&SEQUENCE_HEADER) => sequence_offset = Some(unit.offset.saturating_sub(3)),
            Some(&PICTURE) => {
                found.has_parameter_sets = sequence_offset.is_some();
                found.parameter_sets =
                    sequence_offset.and_then(|start| head.get(start..unit.offset));
                found.random_access = match unit.bytes {
                    _ if sequence_offset.is_none() => Some(false),
                    [_, _, third, ..] => Some(is_intra(*third)),
                    _ => unit.is_whole.then_some(false),
                };
                break;
            }
            _ => {}
        }
    }
    found
}

/// `picture_coding_type` stands behind ten bits of `temporal_reference`.
fn is_intra(third: u8) -> bool {
    const I: u8 = 1;
    third >> 3 & 7 == I
}

pub(super) fn parameters(parameter_sets: &[u8]) -> Option<StreamParameters> {
    let of_code = |code| {
        units(parameter_sets)
            .map(|unit| unit.bytes)
            .filter(move |bytes| bytes.first() == Some(&code))
    };
    let mut bits = Bits::plain(of_code(SEQUENCE_HEADER).next()?.get(1..)?);
    let (mut width, mut height) = (bits.unsigned(12)?, bits.unsigned(12)?);
    let _aspect_ratio_information = bits.unsigned(4)?;
    let (mut pictures, mut seconds) = frame_rate(bits.unsigned(4)?)?;
    let mut object_type = 0x6A;
    let extension = of_code(EXTENSION)
        .filter_map(|bytes| bytes.get(1..).map(Bits::plain))
        .find_map(|mut bits| (bits.unsigned(4) == Some(SEQUENCE_EXTENSION)).then_some(bits));
    if let Some(mut bits) = extension {
        object_type = object_type_of(bits.unsigned(8)?);
        let _progressive_and_chroma_format = bits.unsigned(3)?;
        width += bits.unsigned(2)? << 12;
        height += bits.unsigned(2)? << 12;
        bits.skip(12 + 1 + 8 + 1)?;
        pictures *= u64::from(bits.unsigned(2)? + 1);
        seconds *= u64::from(bits.unsigned(5)? + 1);
    }
    (width > 0 && height > 0).then(|| StreamParameters {
        codec: format!("mp4v.{object_type:02X}"),
        resolution: Some((width, height)),
        frame_rate_millihertz: millihertz(pictures, seconds),
    })
}

/// `frame_rate_code` (table 6-4) as a ratio.
fn frame_rate(code: u32) -> Option<(u64, u64)> {
    Some(match code {
        1 => (24_000, 1_001),
        2 => (24, 1),
        3 => (25, 1),
        4 => (30_000, 1_001),
        5 => (30, 1),
        6 => (50, 1),
        7 => (60_000, 1_001),
        8 => (60, 1),
        _ => return None,
    })
}

/// The object type of `profile_and_level_indication` (tables 8-2 and 8-3).
fn object_type_of(profile_and_level: u32) -> u8 {
    const ESCAPE: u32 = 0x80;
    let profile = profile_and_level >> 4 & 7;
    match profile {
        _ if profile_and_level & ESCAPE != 0 => 0x65,
        1 => 0x64,
        2 => 0x63,
        3 => 0x62,
        5 => 0x60,
        _ => 0x61,
    }
}
