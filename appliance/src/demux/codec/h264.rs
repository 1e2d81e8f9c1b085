//! H.264: random access points, and the sequence parameter set.
//!
//! Source: H.264 §7.3.1 (NAL unit), §7.3.2.1 (SPS), §7.3.3 (slice header), §D.2.8 (recovery point
//! SEI), §E.2.1 (VUI timing); RFC 6381 §3.3 (`avc1`).
//!
//! Decoding can begin at an IDR picture, or at an I picture that needs no recovery time, as
//! broadcasters send with open GOPs; either way only behind SPS and PPS of the same unit.
//!
//! Refuses: gradual refresh (`recovery_frame_cnt` above zero). Pictures would be shown half grey.

use crate::demux::StreamParameters;
use crate::demux::codec::bits::Bits;
use crate::demux::codec::nal::{begins_with_unit, units};
use crate::demux::codec::{Examination, millihertz};

const SLICE: u8 = 1;
const SLICE_PARTITION_A: u8 = 2;
const SLICE_IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;

const SEI_RECOVERY_POINT: u32 = 6;

const NAL_TYPE_MASK: u8 = 0x1F;

pub(super) fn examine(head: &[u8]) -> Examination<'_> {
    let mut found = Examination::default();
    if begins_with_unit(head) == Some(false) {
        found.random_access = Some(false);
        return found;
    }
    let (mut has_pps, mut recovers_at_once) = (false, true);
    for unit in units(head) {
        let Some((header, rest)) = unit.bytes.split_first() else {
            continue;
        };
        match header & NAL_TYPE_MASK {
            SPS if unit.is_whole => found.parameter_sets = Some(unit.bytes),
            PPS if unit.is_whole => has_pps = true,
            SEI if unit.is_whole => recovers_at_once &= recovery_frames(rest).unwrap_or(0) == 0,
            SLICE_IDR => {
                found.random_access = Some(found.has_parameter_sets);
                break;
            }
            SLICE | SLICE_PARTITION_A => {
                let may_begin = found.has_parameter_sets && recovers_at_once;
                found.random_access = if may_begin {
                    is_intra_slice(rest).or(unit.is_whole.then_some(false))
                } else {
                    Some(false)
                };
                break;
            }
            _ => {}
        }
        found.has_parameter_sets = has_pps && found.parameter_sets.is_some();
    }
    found
}

/// Reads `slice_type`; `None` while the slice header is too short.
fn is_intra_slice(slice: &[u8]) -> Option<bool> {
    const I: u32 = 2;
    const SI: u32 = 4;
    let mut bits = Bits::of_nal(slice);
    let _first_mb_in_slice = bits.exp_golomb()?;
    let slice_type = bits.exp_golomb()?;
    Some(matches!(slice_type % 5, I | SI))
}

/// Reads `recovery_frame_cnt` of a recovery point among the messages of one SEI unit.
fn recovery_frames(messages: &[u8]) -> Option<u32> {
    let mut bits = Bits::of_nal(messages);
    loop {
        let kind = sei_number(&mut bits)?;
        let payload_bytes = sei_number(&mut bits)?;
        if kind == SEI_RECOVERY_POINT {
            return bits.exp_golomb();
        }
        bits.skip(payload_bytes.checked_mul(8)?)?;
    }
}

/// Reads payloadType or payloadSize: bytes of 255 add up until a smaller one ends the number.
fn sei_number(bits: &mut Bits<'_>) -> Option<u32> {
    let mut number: u32 = 0;
    loop {
        let byte = bits.unsigned(8)?;
        number = number.checked_add(byte)?;
        if byte != 255 {
            return Some(number);
        }
    }
}

pub(super) fn parameters(sps: &[u8]) -> Option<StreamParameters> {
    let mut bits = Bits::of_nal(sps);
    bits.skip(8)?;
    let profile_idc = bits.unsigned(8)?;
    let constraints = bits.unsigned(8)?;
    let level_idc = bits.unsigned(8)?;
    let _seq_parameter_set_id = bits.exp_golomb()?;
    let chroma_format_idc = chroma_format(&mut bits, profile_idc)?;
    skip_to_size(&mut bits)?;
    let resolution = resolution(&mut bits, chroma_format_idc)?;
    Some(StreamParameters {
        codec: format!("avc1.{profile_idc:02X}{constraints:02X}{level_idc:02X}"),
        resolution: Some(resolution),
        frame_rate_millihertz: frame_rate(&mut bits),
    })
}

/// Reads `chroma_format_idc` and passes over the fields of the high profiles that follow it.
fn chroma_format(bits: &mut Bits<'_>, profile_idc: u32) -> Option<u32> {
    const FOUR_TWO_ZERO: u32 = 1;
    const FOUR_FOUR_FOUR: u32 = 3;
    let is_high = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
    if !is_high.contains(&profile_idc) {
        return Some(FOUR_TWO_ZERO);
    }
    let chroma_format_idc = bits.exp_golomb()?;
    let mut lists = 8;
    if chroma_format_idc == FOUR_FOUR_FOUR {
        let _separate_colour_plane = bits.flag()?;
        lists = 12;
    }
    let _bit_depth_luma = bits.exp_golomb()?;
    let _bit_depth_chroma = bits.exp_golomb()?;
    let _qpprime_y_zero_transform_bypass = bits.flag()?;
    if bits.flag()? {
        for list in 0..lists {
            skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
        }
    }
    Some(chroma_format_idc)
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    if !bits.flag()? {
        return Some(());
    }
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed_exp_golomb()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// Passes over `log2_max_frame_num` to `gaps_in_frame_num_value_allowed_flag`.
fn skip_to_size(bits: &mut Bits<'_>) -> Option<()> {
    let _log2_max_frame_num = bits.exp_golomb()?;
    let pic_order_cnt_type = bits.exp_golomb()?;
    if pic_order_cnt_type == 0 {
        let _log2_max_pic_order_cnt_lsb = bits.exp_golomb()?;
    } else if pic_order_cnt_type == 1 {
        let _delta_pic_order_always_zero = bits.flag()?;
        let _offset_for_non_ref_pic = bits.signed_exp_golomb()?;
        let _offset_for_top_to_bottom_field = bits.signed_exp_golomb()?;
        let cycle = bits.exp_golomb()?;
        for _ in 0..cycle {
            bits.signed_exp_golomb()?;
        }
    }
    let _max_num_ref_frames = bits.exp_golomb()?;
    let _gaps_in_frame_num_value_allowed = bits.flag()?;
    Some(())
}

/// Reads width and height with cropping; `None` for a picture of no size.
fn resolution(bits: &mut Bits<'_>, chroma_format_idc: u32) -> Option<(u32, u32)> {
    let width = bits.exp_golomb()?.checked_add(1)?.checked_mul(16)?;
    let map_units = bits.exp_golomb()?.checked_add(1)?;
    let frame_mbs_only = bits.flag()?;
    let fields = if frame_mbs_only { 1 } else { 2 };
    let height = map_units.checked_mul(16 * fields)?;
    if !frame_mbs_only {
        let _mb_adaptive_frame_field = bits.flag()?;
    }
    let _direct_8x8_inference = bits.flag()?;
    if !bits.flag()? {
        return Some((width, height));
    }
    let unit_x = if matches!(chroma_format_idc, 1 | 2) {
        2
    } else {
        1
    };
    let unit_y = if chroma_format_idc == 1 { 2 } else { 1 } * fields;
    let mut margin = || bits.exp_golomb();
    let (left, right, top, bottom) = (margin()?, margin()?, margin()?, margin()?);
    let cropped_x = left.checked_add(right)?.checked_mul(unit_x)?;
    let cropped_y = top.checked_add(bottom)?.checked_mul(unit_y)?;
    let size = (
        width.checked_sub(cropped_x)?,
        height.checked_sub(cropped_y)?,
    );
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// Reads the VUI up to its timing; two ticks make a frame.
fn frame_rate(bits: &mut Bits<'_>) -> Option<u32> {
    const EXTENDED_SAR: u32 = 255;
    if !bits.flag()? {
        return None;
    }
    if bits.flag()? && bits.unsigned(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.flag()? {
        let _overscan_appropriate = bits.flag()?;
    }
    if bits.flag()? {
        let _video_format_and_full_range = bits.unsigned(4)?;
        if bits.flag()? {
            let _colour_description = bits.unsigned(24)?;
        }
    }
    if bits.flag()? {
        let _chroma_sample_loc_top = bits.exp_golomb()?;
        let _chroma_sample_loc_bottom = bits.exp_golomb()?;
    }
    if !bits.flag()? {
        return None;
    }
    let num_units_in_tick = u64::from(bits.unsigned(32)?);
    let time_scale = u64::from(bits.unsigned(32)?);
    millihertz(time_scale, 2 * num_units_in_tick)
}
