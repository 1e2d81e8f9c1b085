//! HEVC: random access points, and the parameter sets.
//!
//! Source: H.265 §7.3.1.2 (NAL unit header), table 7-1 (types), §7.3.2.1 (VPS), §7.3.2.2 (SPS),
//! §7.3.3 (profile, tier and level), §E.2.1 (VUI); ISO/IEC 14496-15 Annex E (`hvc1`).
//!
//! Decoding can begin at an IRAP picture behind VPS, SPS and PPS of the same unit.
//!
//! Refuses: layers above the base layer.

use std::fmt::Write as _;

use crate::demux::StreamParameters;
use crate::demux::codec::bits::Bits;
use crate::demux::codec::nal::{Unit, begins_with_unit, units};
use crate::demux::codec::{Examination, millihertz};

const VCL_LAST: u8 = 31;
/// `BLA_W_LP` to `CRA_NUT`.
const IRAP: std::ops::RangeInclusive<u8> = 16..=21;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

const NAL_HEADER_BITS: u32 = 16;

pub(super) fn examine(head: &[u8]) -> Examination<'_> {
    let mut found = Examination::default();
    if begins_with_unit(head) == Some(false) {
        found.random_access = Some(false);
        return found;
    }
    let (mut vps_offset, mut has_pps) = (None, false);
    for unit in units(head) {
        match base_layer_type(unit) {
            Some(VPS) if unit.is_whole => vps_offset = Some(unit.offset.saturating_sub(3)),
            Some(SPS) if unit.is_whole => {
                let start = vps_offset.unwrap_or(unit.offset.saturating_sub(3));
                found.parameter_sets = head.get(start..unit.offset + unit.bytes.len());
            }
            Some(PPS) if unit.is_whole => has_pps = true,
            Some(kind @ 0..=VCL_LAST) => {
                found.random_access = Some(found.has_parameter_sets && IRAP.contains(&kind));
                break;
            }
            _ => {}
        }
        let is_preceded = vps_offset.is_some() && found.parameter_sets.is_some();
        found.has_parameter_sets = is_preceded && has_pps;
    }
    found
}

/// `nal_unit_type`; `None` for a unit of another layer or shorter than its header.
fn base_layer_type(unit: Unit<'_>) -> Option<u8> {
    let [first, second, ..] = *unit.bytes else {
        return None;
    };
    let nuh_layer_id = (first & 1) << 5 | second >> 3;
    (nuh_layer_id == 0).then_some(first >> 1 & 0x3F)
}

pub(super) fn parameters(parameter_sets: &[u8]) -> Option<StreamParameters> {
    let of_type = |kind| units(parameter_sets).find(|&unit| base_layer_type(unit) == Some(kind));
    let mut bits = Bits::of_nal(of_type(SPS)?.bytes);
    bits.skip(NAL_HEADER_BITS + 4)?;
    let max_sub_layers_minus1 = bits.unsigned(3)?;
    let _temporal_id_nesting = bits.flag()?;
    let codec = profile_tier_level(&mut bits, max_sub_layers_minus1)?;
    let _seq_parameter_set_id = bits.exp_golomb()?;
    let resolution = resolution(&mut bits)?;
    let of_vps = || of_type(VPS).and_then(|vps| vps_frame_rate(vps.bytes));
    Some(StreamParameters {
        codec,
        resolution: Some(resolution),
        frame_rate_millihertz: vui_frame_rate(&mut bits, max_sub_layers_minus1).or_else(of_vps),
    })
}

/// Reads `profile_tier_level`( 1, … ) as the `CODECS` element.
fn profile_tier_level(bits: &mut Bits<'_>, max_sub_layers_minus1: u32) -> Option<String> {
    let space = match bits.unsigned(2)? {
        0 => "",
        1 => "A",
        2 => "B",
        _ => "C",
    };
    let tier = if bits.flag()? { 'H' } else { 'L' };
    let profile_idc = bits.unsigned(5)?;
    let compatibility = bits.unsigned(32)?.reverse_bits();
    let constraints = [bits.unsigned(24)? << 8, bits.unsigned(24)? << 8];
    let level_idc = bits.unsigned(8)?;
    skip_sub_layers(bits, max_sub_layers_minus1)?;
    let mut codec = format!("hvc1.{space}{profile_idc}.{compatibility:X}.{tier}{level_idc}");
    let [high, low] = constraints.map(u64::from);
    let [bytes @ .., _, _] = (high << 32 | low << 8).to_be_bytes();
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    for byte in bytes.iter().take(used) {
        write!(codec, ".{byte:X}").ok()?;
    }
    Some(codec)
}

fn skip_sub_layers(bits: &mut Bits<'_>, max_sub_layers_minus1: u32) -> Option<()> {
    const PROFILE_BITS: u32 = 88;
    const LEVEL_BITS: u32 = 8;
    if max_sub_layers_minus1 == 0 {
        return Some(());
    }
    let mut present_bits = 0;
    for _ in 0..max_sub_layers_minus1 {
        present_bits += if bits.flag()? { PROFILE_BITS } else { 0 };
        present_bits += if bits.flag()? { LEVEL_BITS } else { 0 };
    }
    let reserved_bits = 2 * 8_u32.saturating_sub(max_sub_layers_minus1);
    bits.skip(reserved_bits + present_bits)
}

/// Reads width and height with the conformance window; `None` for a picture of no size.
fn resolution(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let chroma_format_idc = bits.exp_golomb()?;
    if chroma_format_idc == 3 {
        let _separate_colour_plane = bits.flag()?;
    }
    let width = bits.exp_golomb()?;
    let height = bits.exp_golomb()?;
    let (mut cropped_x, mut cropped_y) = (0, 0);
    if bits.flag()? {
        let unit_x = if matches!(chroma_format_idc, 1 | 2) {
            2
        } else {
            1
        };
        let unit_y = if chroma_format_idc == 1 { 2 } else { 1 };
        let mut margin = || bits.exp_golomb();
        let (left, right, top, bottom) = (margin()?, margin()?, margin()?, margin()?);
        cropped_x = left.checked_add(right)?.checked_mul(unit_x)?;
        cropped_y = top.checked_add(bottom)?.checked_mul(unit_y)?;
    }
    let size = (
        width.checked_sub(cropped_x)?,
        height.checked_sub(cropped_y)?,
    );
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// Reads the SPS from `bit_depth_luma_minus8` to the timing of the VUI.
fn vui_frame_rate(bits: &mut Bits<'_>, max_sub_layers_minus1: u32) -> Option<u32> {
    let _bit_depth_luma = bits.exp_golomb()?;
    let _bit_depth_chroma = bits.exp_golomb()?;
    let poc_lsb_bits = bits
        .exp_golomb()?
        .checked_add(4)
        .filter(|&width| width <= 16)?;
    skip_sub_layer_ordering(bits, max_sub_layers_minus1)?;
    for _block_sizes_and_transform_depths in 0..6 {
        bits.exp_golomb()?;
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    let _amp_and_sao = bits.unsigned(2)?;
    if bits.flag()? {
        let _pcm_bit_depths = bits.unsigned(8)?;
        let _pcm_block_size = bits.exp_golomb()?;
        let _pcm_block_size_difference = bits.exp_golomb()?;
        let _pcm_loop_filter_disabled = bits.flag()?;
    }
    skip_short_term_sets(bits)?;
    if bits.flag()? {
        let long_term_pictures = bits.exp_golomb()?;
        bits.skip(long_term_pictures.checked_mul(poc_lsb_bits + 1)?)?;
    }
    let _temporal_mvp_and_intra_smoothing = bits.unsigned(2)?;
    if !bits.flag()? {
        return None;
    }
    vui_timing(bits)
}

fn skip_sub_layer_ordering(bits: &mut Bits<'_>, max_sub_layers_minus1: u32) -> Option<()> {
    let layers = if bits.flag()? {
        max_sub_layers_minus1 + 1
    } else {
        1
    };
    for _ in 0..layers * 3 {
        bits.exp_golomb()?;
    }
    Some(())
}

fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4_u32 {
        let matrices = if size == 3 { 2 } else { 6 };
        for _ in 0..matrices {
            if !bits.flag()? {
                let _reference = bits.exp_golomb()?;
                continue;
            }
            let coefficients = 64.min(1 << (4 + 2 * size));
            let dc = u32::from(size > 1);
            for _ in 0..coefficients + dc {
                bits.signed_exp_golomb()?;
            }
        }
    }
    Some(())
}

fn skip_short_term_sets(bits: &mut Bits<'_>) -> Option<()> {
    const SETS_MAX: u32 = 64;
    let sets = bits.exp_golomb()?;
    if sets > SETS_MAX {
        return None;
    }
    let mut pictures = 0;
    for set in 0..sets {
        pictures = skip_short_term_set(bits, set, pictures)?;
    }
    Some(())
}

/// Passes over `st_ref_pic_set(set)`; returns how many pictures it holds (`NumDeltaPocs`), which
/// the next set may need. `before` is that number of the set before.
fn skip_short_term_set(bits: &mut Bits<'_>, set: u32, before: u32) -> Option<u32> {
    const PICTURES_MAX: u32 = 32;
    if set > 0 && bits.flag()? {
        let _delta_rps_sign = bits.flag()?;
        let _abs_delta_rps = bits.exp_golomb()?;
        let mut pictures = 0;
        for _ in 0..=before {
            let used_by_curr_pic = bits.flag()?;
            pictures += u32::from(used_by_curr_pic || bits.flag()?);
        }
        return Some(pictures);
    }
    let pictures = bits.exp_golomb()?.checked_add(bits.exp_golomb()?)?;
    if pictures > PICTURES_MAX {
        return None;
    }
    for _ in 0..pictures {
        let _delta_poc = bits.exp_golomb()?;
        let _used_by_curr_pic = bits.flag()?;
    }
    Some(pictures)
}

fn vui_timing(bits: &mut Bits<'_>) -> Option<u32> {
    const EXTENDED_SAR: u32 = 255;
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
    let _neutral_chroma_field_seq_and_frame_field_info = bits.unsigned(3)?;
    if bits.flag()? {
        for _default_display_window in 0..4 {
            bits.exp_golomb()?;
        }
    }
    timing(bits)
}

/// Reads `timing_info_present_flag` and what it announces; one tick makes a picture.
fn timing(bits: &mut Bits<'_>) -> Option<u32> {
    if !bits.flag()? {
        return None;
    }
    let num_units_in_tick = u64::from(bits.unsigned(32)?);
    let time_scale = u64::from(bits.unsigned(32)?);
    millihertz(time_scale, num_units_in_tick)
}

fn vps_frame_rate(vps: &[u8]) -> Option<u32> {
    let mut bits = Bits::of_nal(vps);
    bits.skip(NAL_HEADER_BITS + 12)?;
    let max_sub_layers_minus1 = bits.unsigned(3)?;
    bits.skip(1 + 16)?;
    profile_tier_level(&mut bits, max_sub_layers_minus1)?;
    skip_sub_layer_ordering(&mut bits, max_sub_layers_minus1)?;
    let max_layer_id = bits.unsigned(6)?;
    let layer_sets_minus1 = bits.exp_golomb()?;
    bits.skip(layer_sets_minus1.checked_mul(max_layer_id + 1)?)?;
    timing(&mut bits)
}
