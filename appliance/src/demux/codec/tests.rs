//! Heads of access units and parameter sets, as common encoders write them.

use proptest::prelude::*;

use crate::demux::codec::{audio_codec_name, examine, video_parameters};
use crate::demux::fixtures::{
    H264_I_SLICE, H264_IDR_SLICE, H264_P_SLICE, H264_PPS, H264_SPS, adts, byte_stream,
};
use crate::demux::{AudioCodec, StreamParameters, VideoCodec};

const HEVC_VPS: [u8; 24] = [
    0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x3C, 0x95, 0x94, 0x09,
];
const HEVC_SPS: [u8; 43] = [
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x3C, 0xA0, 0x0A, 0x08, 0x0C, 0x1F, 0x3E, 0x59, 0x59, 0x52, 0x93, 0x0B, 0xC0, 0x5A, 0x02,
    0x00, 0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x32, 0x10,
];
const HEVC_PPS: [u8; 6] = [0x44, 0x01, 0xC0, 0x73, 0xC1, 0x89];

/// 1920x1080 at 30000/1001, Main profile.
const MPEG2_SEQUENCE: [u8; 9] = [0xB3, 0x78, 0x04, 0x38, 0x34, 0xFF, 0xFF, 0xE0, 0x18];
const MPEG2_EXTENSION: [u8; 7] = [0xB5, 0x14, 0x4A, 0x00, 0x01, 0x00, 0x00];
const MPEG2_I_PICTURE: [u8; 5] = [0x00, 0x00, 0x0F, 0xFF, 0xF8];
const MPEG2_P_PICTURE: [u8; 5] = [0x00, 0x00, 0x17, 0xFF, 0xF8];

const CODECS: [VideoCodec; 3] = [VideoCodec::Mpeg2, VideoCodec::H264, VideoCodec::Hevc];

fn begins(codec: VideoCodec, units: &[&[u8]]) -> Option<bool> {
    examine(codec, &byte_stream(units)).random_access
}

/// A recovery point SEI whose `recovery_frame_cnt` is the ue(v) code in the top bits of `count`.
fn recovery_point(count: u8) -> [u8; 5] {
    [0x06, 0x06, 0x01, count, 0x80]
}

#[test]
fn h264_begins_at_idr_behind_parameter_sets() {
    let idr = &H264_IDR_SLICE[..];
    assert_eq!(
        begins(VideoCodec::H264, &[&H264_SPS, &H264_PPS, idr]),
        Some(true)
    );
    assert_eq!(
        begins(VideoCodec::H264, &[&[9, 0xF0], &H264_SPS, &H264_PPS, idr]),
        Some(true)
    );
    assert_eq!(begins(VideoCodec::H264, &[&H264_SPS, idr]), Some(false));
    assert_eq!(begins(VideoCodec::H264, &[idr]), Some(false));
}

#[test]
fn h264_begins_at_an_i_picture_that_needs_no_recovery_time() {
    let (sps, pps, i) = (&H264_SPS[..], &H264_PPS[..], &H264_I_SLICE[..]);
    let at_once = recovery_point(0x80);
    let after_one = recovery_point(0x40);
    assert_eq!(
        begins(VideoCodec::H264, &[sps, pps, &at_once, i]),
        Some(true)
    );
    assert_eq!(begins(VideoCodec::H264, &[sps, pps, i]), Some(true));
    assert_eq!(
        begins(VideoCodec::H264, &[sps, pps, &after_one, i]),
        Some(false)
    );
    assert_eq!(
        begins(VideoCodec::H264, &[sps, pps, &at_once, &H264_P_SLICE]),
        Some(false)
    );
    assert_eq!(begins(VideoCodec::H264, &[&at_once, i]), Some(false));
}

#[test]
fn hevc_begins_at_irap_behind_parameter_sets() {
    let sets = [&HEVC_VPS[..], &HEVC_SPS, &HEVC_PPS];
    for kind in 0..32 {
        let slice = [kind << 1, 1, 0xAF];
        let units = [&sets[..], &[&slice[..]]].concat();
        let due = Some((16..=21).contains(&kind));
        assert_eq!(
            begins(VideoCodec::Hevc, &units),
            due,
            "nal_unit_type {kind}"
        );
    }
    assert_eq!(
        begins(VideoCodec::Hevc, &[&HEVC_SPS, &HEVC_PPS, &[38, 1, 0xAF]]),
        Some(false)
    );
}

#[test]
fn mpeg2_begins_at_an_i_picture_behind_a_sequence_header() {
    let sequence = [&MPEG2_SEQUENCE[..], &MPEG2_EXTENSION];
    let with = |picture| [&sequence[..], &[picture]].concat();
    assert_eq!(
        begins(VideoCodec::Mpeg2, &with(&MPEG2_I_PICTURE)),
        Some(true)
    );
    assert_eq!(
        begins(VideoCodec::Mpeg2, &with(&MPEG2_P_PICTURE)),
        Some(false)
    );
    assert_eq!(begins(VideoCodec::Mpeg2, &[&MPEG2_I_PICTURE]), Some(false));
}

#[test]
fn a_head_is_undecided_until_its_first_slice_header() {
    let heads = [
        (
            VideoCodec::H264,
            byte_stream(&[&H264_SPS, &H264_PPS, &H264_I_SLICE]),
            2,
        ),
        (
            VideoCodec::Hevc,
            byte_stream(&[&HEVC_VPS, &HEVC_SPS, &HEVC_PPS, &[38, 1]]),
            2,
        ),
        (
            VideoCodec::Mpeg2,
            byte_stream(&[&MPEG2_SEQUENCE, &MPEG2_I_PICTURE]),
            3,
        ),
    ];
    for (codec, head, slice_header_bytes) in heads {
        let slice = head
            .windows(3)
            .rposition(|it| it == [0, 0, 1])
            .expect("there is a slice")
            + 3;
        for length in 0..slice + slice_header_bytes {
            assert_eq!(
                examine(codec, &head[..length]).random_access,
                None,
                "{codec:?} {length}"
            );
        }
        assert_eq!(examine(codec, &head).random_access, Some(true), "{codec:?}");
    }
}

#[test]
fn a_unit_that_begins_with_the_tail_of_another_is_no_beginning() {
    let head = [
        &[0x55; 9][..],
        &byte_stream(&[&H264_SPS, &H264_PPS, &H264_IDR_SLICE]),
    ]
    .concat();
    assert_eq!(examine(VideoCodec::H264, &head).random_access, Some(false));
}

fn parameters_of(codec: VideoCodec, units: &[&[u8]]) -> StreamParameters {
    let head = byte_stream(units);
    let sets = examine(codec, &head)
        .parameter_sets
        .expect("the sets are whole");
    video_parameters(codec, sets).expect("the sets make sense")
}

#[test]
fn reads_h264_parameters_of_an_interlaced_stream() {
    let due = StreamParameters {
        codec: "avc1.64001E".to_owned(),
        resolution: Some((320, 1_080)),
        frame_rate_millihertz: Some(25_000),
    };
    let units = [&H264_SPS[..], &H264_PPS, &H264_IDR_SLICE];
    assert_eq!(parameters_of(VideoCodec::H264, &units), due);
}

#[test]
fn reads_hevc_parameters_with_conformance_window_and_timing() {
    let due = StreamParameters {
        codec: "hvc1.1.6.L60.90".to_owned(),
        resolution: Some((320, 180)),
        frame_rate_millihertz: Some(25_000),
    };
    let units = [&HEVC_VPS[..], &HEVC_SPS, &HEVC_PPS, &[38, 1, 0xAF]];
    assert_eq!(parameters_of(VideoCodec::Hevc, &units), due);
}

#[test]
fn reads_mpeg2_parameters_with_and_without_extension() {
    let mut due = StreamParameters {
        codec: "mp4v.61".to_owned(),
        resolution: Some((1_920, 1_080)),
        frame_rate_millihertz: Some(29_970),
    };
    let units = [&MPEG2_SEQUENCE[..], &MPEG2_EXTENSION, &MPEG2_I_PICTURE];
    assert_eq!(parameters_of(VideoCodec::Mpeg2, &units), due);
    due.codec = "mp4v.6A".to_owned();
    assert_eq!(
        parameters_of(VideoCodec::Mpeg2, &[&MPEG2_SEQUENCE, &MPEG2_I_PICTURE]),
        due
    );
}

#[test]
fn names_audio_by_its_frame_header() {
    let cases: [(AudioCodec, &[u8], &str); 8] = [
        (AudioCodec::AacAdts, &adts(), "mp4a.40.2"),
        (AudioCodec::Mpeg, &adts(), "mp4a.40.2"),
        (AudioCodec::Mpeg, &[0xFF, 0xFD, 0x84, 0x04], "mp4a.40.33"),
        (AudioCodec::Mpeg, &[0xFF, 0xFB, 0x94, 0x64], "mp4a.40.34"),
        (
            AudioCodec::AacLatm,
            &[0x56, 0xE1, 0x3C, 0x20, 0x00, 0x11, 0x90],
            "mp4a.40.2",
        ),
        (
            AudioCodec::Ac3,
            &[0x0B, 0x77, 0x3B, 0x0E, 0x14, 0x40],
            "ac-3",
        ),
        (
            AudioCodec::Ac3,
            &[0x0B, 0x77, 0x01, 0xFF, 0x34, 0x87],
            "ec-3",
        ),
        (AudioCodec::Dts, &[0x7F, 0xFE, 0x80, 0x01, 0xFC], "dtsc"),
    ];
    for (codec, frame, name) in cases {
        let reading = audio_codec_name(codec, frame).expect("a frame begins at the front");
        assert_eq!(
            (reading.codec, reading.is_certain),
            (name, true),
            "{codec:?}"
        );
        let behind = [&[0x11; 5], frame].concat();
        let reading = audio_codec_name(codec, &behind).expect("a frame is there");
        assert_eq!(
            (reading.codec, reading.is_certain),
            (name, false),
            "{codec:?}"
        );
    }
}

proptest! {
    #[test]
    fn never_panics_on_any_bytes(bytes: Vec<u8>, start in 0..9_usize) {
        let starts = [H264_SPS[0], HEVC_SPS[0], MPEG2_SEQUENCE[0], 0x06, 0x41, 0x40, 0x65, 0, 0xB5];
        let mut head = vec![0, 0, 1, starts[start]];
        head.extend(&bytes);
        for codec in CODECS {
            prop_assert!(examine(codec, &bytes).parameter_sets.is_none_or(|it| !it.is_empty()));
            if let Some(sets) = examine(codec, &head).parameter_sets {
                drop(video_parameters(codec, sets));
            }
            drop(video_parameters(codec, &head[3..]));
        }
    }

    #[test]
    fn never_panics_on_damaged_parameter_sets(at in 0..64_usize, mask: u8, cut in 0..64_usize) {
        for (codec, mut sets) in [
            (VideoCodec::H264, H264_SPS.to_vec()),
            (VideoCodec::Hevc, byte_stream(&[&HEVC_VPS, &HEVC_SPS])),
            (VideoCodec::Mpeg2, byte_stream(&[&MPEG2_SEQUENCE, &MPEG2_EXTENSION])),
        ] {
            if let Some(byte) = sets.get_mut(at) {
                *byte ^= mask;
            }
            sets.truncate(sets.len().saturating_sub(cut));
            let found = video_parameters(codec, &sets);
            prop_assert!(found.is_none_or(|it| it.resolution.is_some_and(|(w, h)| w > 0 && h > 0)));
        }
    }
}
