//! The demultiplexer as a whole, on streams built by hand.

use crate::demux::fixtures::{
    DISCONTINUITY, Mux, RANDOM_ACCESS, Told, adts, byte_stream, h264_idr, h264_p, numbered_section,
    pat, pat_body, pes, pmt, programs, told, units,
};
use crate::demux::{AccessUnit, Demux, Event, Packet, Pts, Selection, StreamKind};

const PMT: u16 = 0x1000;
const VIDEO: u16 = 0x100;
const AUDIO: u16 = 0x101;
const H264: u8 = 0x1B;
const AAC: u8 = 0x0F;
const VIDEO_ID: u8 = 0xE0;
const AUDIO_ID: u8 = 0xC0;

/// PAT and PMT of one program with video and audio.
fn tables() -> Mux {
    let mut mux = Mux::new();
    let streams: [(u8, u16, &[u8]); 2] = [(H264, VIDEO, &[]), (AAC, AUDIO, b"\x0A\x04eng\0")];
    mux.section(0, &pat(0, &[(7, PMT)]));
    mux.section(PMT, &pmt(7, 0, VIDEO, &streams));
    mux
}

fn first() -> Demux {
    Demux::new(Selection::First)
}

fn unit(pts: u64, random_access: bool) -> AccessUnit {
    AccessUnit {
        pts: Some(Pts::from_ticks(pts)),
        dts: Some(Pts::from_ticks(pts)),
        random_access,
        time_base_changed: false,
        segment_boundary: false,
    }
}

fn started_pids(told: &[Told]) -> Vec<u16> {
    let pid = |told: &Told| match told {
        Told::Packet { pid, starts_unit } if *starts_unit => Some(*pid),
        Told::Packet { .. }
        | Told::Program(_)
        | Told::AccessUnit(_)
        | Told::Parameters(..)
        | Told::Splice(..) => None,
    };
    told.iter().filter_map(pid).collect()
}

fn passed_pids(told: &[Told]) -> Vec<u16> {
    let pid = |told: &Told| match told {
        Told::Packet { pid, .. } => Some(*pid),
        Told::Program(_) | Told::AccessUnit(_) | Told::Parameters(..) | Told::Splice(..) => None,
    };
    told.iter().filter_map(pid).collect()
}

#[test]
fn tells_program_packet_parameters_and_unit_in_order() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 9_000, &h264_idr()));
    mux.payload(AUDIO, 0, &pes(AUDIO_ID, 9_100, &adts()));
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 12_600, &h264_p()));
    let mut demux = first();
    let told = told(&mut demux, &mux.packets);

    let [Told::Program(program), rest @ ..] = told.as_slice() else {
        panic!("the program comes first: {told:?}");
    };
    assert_eq!((program.number, program.pmt_pid.value()), (7, PMT));
    assert_eq!(program.streams[1].language, Some(*b"eng"));
    let codec = |told: &Told| match told {
        Told::Parameters(pid, parameters) => Some((*pid, parameters.codec.clone())),
        Told::Program(_) | Told::AccessUnit(_) | Told::Packet { .. } | Told::Splice(..) => None,
    };
    let codecs: Vec<_> = rest.iter().filter_map(codec).collect();
    let due = [
        (VIDEO, "avc1.64001E".to_owned()),
        (AUDIO, "mp4a.40.2".to_owned()),
    ];
    assert_eq!(codecs, due);
    let start = |pid, starts_unit| Told::Packet { pid, starts_unit };
    let others: Vec<_> = rest
        .iter()
        .filter(|told| codec(told).is_none())
        .cloned()
        .collect();
    let due = [
        start(VIDEO, true),
        Told::AccessUnit(unit(9_000, true)),
        start(VIDEO, false),
        start(VIDEO, false),
        start(AUDIO, false),
        start(VIDEO, true),
        Told::AccessUnit(unit(12_600, false)),
    ];
    assert_eq!(others, due);
    assert_eq!(
        demux.parameters(program.streams[0].pid).unwrap().resolution,
        Some((320, 1_080))
    );
}

#[test]
fn takes_the_first_program_whose_video_begins() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, 0x30), (2, 0x31)]));
    mux.section(0x30, &pmt(1, 0, 0x40, &[(H264, 0x40, &[])]));
    mux.section(0x31, &pmt(2, 0, 0x41, &[(H264, 0x41, &[])]));
    mux.payload(0x41, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    mux.payload(0x40, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    let mut demux = first();
    let told = told(&mut demux, &mux.packets);
    assert_eq!(programs(&told)[0].number, 2);
    assert_eq!(started_pids(&told), [0x41]);
    assert_eq!(
        demux
            .programs()
            .map(|(number, _)| number)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn prefers_television_to_radio_that_begins_earlier() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, 0x30), (2, 0x31)]));
    mux.section(0x30, &pmt(1, 0, 0x40, &[(AAC, 0x40, &[])]));
    mux.payload(0x40, 0, &pes(AUDIO_ID, 0, &adts()));
    mux.section(0x31, &pmt(2, 0, 0x41, &[(H264, 0x41, &[])]));
    mux.payload(0x40, 0, &pes(AUDIO_ID, 0, &adts()));
    mux.payload(0x41, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    let told = told(&mut first(), &mux.packets);
    assert_eq!(programs(&told)[0].number, 2);
}

#[test]
fn takes_radio_where_no_program_has_video() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, 0x30), (2, 0x31)]));
    mux.section(0x30, &pmt(1, 0, 0x40, &[(AAC, 0x40, &[])]));
    mux.section(0x31, &pmt(2, 0, 0x41, &[(AAC, 0x41, &[])]));
    mux.payload(0x41, 0, &pes(AUDIO_ID, 900, &adts()));
    let told = told(&mut first(), &mux.packets);
    assert_eq!(programs(&told)[0].number, 2);
    assert_eq!(units(&told), [unit(900, true)]);
}

#[test]
fn takes_radio_at_last_where_television_never_begins() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, 0x30), (2, 0x31)]));
    mux.section(0x30, &pmt(1, 0, 0x40, &[(AAC, 0x40, &[])]));
    for _ in 0..129 {
        mux.payload(0x40, 0, &pes(AUDIO_ID, 0, &adts()));
    }
    let told = told(&mut first(), &mux.packets);
    assert_eq!((programs(&told)[0].number, units(&told).len()), (1, 1));
}

#[test]
fn counts_what_is_scrambled_while_no_program_is_in_the_clear() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, 0x30), (2, 0x31)]));
    mux.section(0x30, &pmt(1, 0, 0x40, &[(H264, 0x40, &[])]));
    for start in [true, false, true] {
        mux.packet(0x40, start, 0, &[0x5A; 180])
            .spoil(|packet| packet[3] |= 0x80);
    }
    let mut demux = first();
    assert_eq!(told(&mut demux, &mux.packets), []);
    assert_eq!(demux.counters().access_units_scrambled, 2);
}

#[test]
fn takes_the_program_asked_for_and_no_other() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, 0x30), (2, 0x31)]));
    mux.section(0x30, &pmt(1, 0, 0x40, &[(H264, 0x40, &[])]));
    mux.section(0x31, &pmt(2, 0, 0x41, &[(H264, 0x41, &[])]));
    mux.payload(0x40, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    mux.payload(0x41, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    let found = told(&mut Demux::new(Selection::Program(2)), &mux.packets);
    assert_eq!(
        (programs(&found)[0].number, started_pids(&found)),
        (2, vec![0x41])
    );
    let found = told(&mut Demux::new(Selection::Program(3)), &mux.packets);
    assert_eq!(found, []);
}

#[test]
fn reads_programs_that_share_a_pmt_pid() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, 0x30), (2, 0x30)]));
    let sections = [
        pmt(1, 0, 0x40, &[(H264, 0x40, &[])]),
        pmt(2, 0, 0x41, &[(H264, 0x41, &[])]),
    ]
    .concat();
    mux.section(0x30, &sections);
    mux.payload(0x41, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    let told = told(&mut first(), &mux.packets);
    assert_eq!(programs(&told)[0].number, 2);
}

#[test]
fn reads_a_pat_of_several_sections_in_any_order() {
    let mut mux = Mux::new();
    mux.section(
        0,
        &numbered_section(0, 1, 0, [1, 1], &pat_body(&[(7, PMT)])),
    );
    mux.section(PMT, &pmt(7, 0, VIDEO, &[(H264, VIDEO, &[])]));
    mux.section(
        0,
        &numbered_section(0, 1, 0, [0, 1], &pat_body(&[(0, 0x10), (3, 0x30)])),
    );
    mux.section(PMT, &pmt(7, 0, VIDEO, &[(H264, VIDEO, &[])]));
    let mut demux = Demux::new(Selection::Program(7));
    assert_eq!(programs(&told(&mut demux, &mux.packets)).len(), 1);
    assert_eq!(
        demux
            .programs()
            .map(|(number, _)| number)
            .collect::<Vec<_>>(),
        [3, 7]
    );
    assert_eq!(demux.counters().pat_changes, 1);
}

#[test]
fn another_transport_stream_is_counted_by_its_change_and_against_the_expected_one() {
    let mut mux = Mux::new();
    for stream in [1, 1, 2, 2, 1] {
        let body = pat_body(&[(7, PMT)]);
        mux.section(0, &numbered_section(0, stream, 0, [0, 0], &body));
    }
    for (expected, errors) in [(None, 0), (Some(1), 2), (Some(2), 3)] {
        let mut demux = first().expecting(expected);
        told(&mut demux, &mux.packets);
        let counters = demux.counters();
        assert_eq!(counters.transport_stream_id_changes, 2);
        assert_eq!(counters.transport_stream_id_errors, errors, "{expected:?}");
    }
}

#[test]
fn reads_a_pmt_over_several_packets() {
    let descriptor = [&[0x0E, 200][..], &[0; 200]].concat();
    let streams: Vec<_> = (0..4)
        .map(|at| (H264, VIDEO + at, descriptor.as_slice()))
        .collect();
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(7, PMT)]));
    mux.section(PMT, &pmt(7, 0, VIDEO, &streams));
    assert!(mux.packets.len() > 5);
    let told = told(&mut Demux::new(Selection::Program(7)), &mux.packets);
    assert_eq!(programs(&told)[0].streams.len(), 4);
}

#[test]
fn announces_a_changed_pmt_once_and_ignores_a_damaged_one() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    let changed = pmt(7, 1, VIDEO, &[(H264, VIDEO, &[]), (0x86, 0x102, &[])]);
    let mut damaged = changed.clone();
    damaged[20] ^= 1;
    mux.section(PMT, &damaged)
        .section(PMT, &changed)
        .section(PMT, &changed);
    let mut demux = first();
    let told = told(&mut demux, &mux.packets);
    let kinds: Vec<_> = programs(&told)
        .iter()
        .map(|program| program.streams[1].kind)
        .collect();
    assert_eq!(kinds.len(), 2);
    assert_eq!(kinds[1], StreamKind::Scte35);
    assert_eq!(
        (demux.counters().crc_error, demux.counters().pmt_changes),
        (1, 1)
    );
}

#[test]
fn ignores_tables_not_yet_in_force() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 0, &h264_idr()));
    let mut next = pmt(7, 1, VIDEO, &[(H264, 0x200, &[])]);
    let without_crc = next.len() - 4;
    next.truncate(without_crc);
    next[5] &= 0xFE;
    next.extend(crate::demux::crc_32(&next).to_be_bytes());
    mux.section(PMT, &next);
    assert_eq!(programs(&told(&mut first(), &mux.packets)).len(), 1);
}

#[test]
fn chooses_again_when_the_program_leaves() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 0, &h264_p()));
    mux.section(0, &pat(1, &[(8, 0x30)]));
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &h264_p()));
    mux.section(0x30, &pmt(8, 0, 0x40, &[(H264, 0x40, &[])]));
    mux.payload(0x40, 0, &pes(VIDEO_ID, 2, &h264_p()));
    let told = told(&mut first(), &mux.packets);
    let numbers: Vec<_> = programs(&told)
        .iter()
        .map(|program| program.number)
        .collect();
    assert_eq!(
        (numbers, units(&told)),
        (vec![7, 8], vec![unit(0, false), unit(2, false)])
    );
}

#[test]
fn passes_what_belongs_to_the_program_and_nothing_else() {
    const PCR: u16 = 0x1F0;
    const SCTE_35: u16 = 0x1F1;
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(7, PMT)]));
    mux.section(
        PMT,
        &pmt(7, 0, PCR, &[(H264, VIDEO, &[]), (0x86, SCTE_35, &[])]),
    );
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 0, &h264_p()));
    for pid in [PCR, 0x11, SCTE_35, 0x1FFF, 0x300] {
        mux.packet(pid, false, 0, &[1; 100]);
    }
    mux.section(0, &pat(0, &[(7, PMT)]));
    let mut demux = first();
    assert_eq!(
        passed_pids(&told(&mut demux, &mux.packets)),
        [VIDEO, PCR, SCTE_35]
    );
    assert_eq!(demux.counters().null_packets, 1);
}

#[test]
fn passes_duplicates_without_starting_a_unit_twice() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &h264_p())).repeat();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 2, &h264_p())).repeat();
    let mut demux = first();
    let told = told(&mut demux, &mux.packets);
    assert_eq!(passed_pids(&told).len(), 4);
    assert_eq!(units(&told), [unit(1, false), unit(2, false)]);
    assert_eq!(demux.counters().duplicate_packets, 2);
}

#[test]
fn starts_every_unit_though_the_counter_stands_still() {
    let mut mux = tables();
    for pts in 0..4 {
        mux.payload(VIDEO, 0, &pes(VIDEO_ID, pts, &h264_p()));
        mux.spoil(|packet| packet[3] &= 0xF0);
    }
    let told = told(&mut first(), &mux.packets);
    assert_eq!(units(&told).len(), 4);
}

#[test]
fn passes_damaged_packets_and_derives_nothing_from_them() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &h264_p()));
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 2, &h264_p()))
        .spoil(|packet| packet[1] |= 0x80);
    let mut demux = first();
    let told = told(&mut demux, &mux.packets);
    assert_eq!((passed_pids(&told).len(), units(&told).len()), (2, 1));
    assert_eq!(demux.counters().transport_error, 1);
}

#[test]
fn does_not_believe_random_access_indicator_alone() {
    let mut mux = tables();
    mux.payload(VIDEO, RANDOM_ACCESS, &pes(VIDEO_ID, 1, &h264_p()));
    assert_eq!(units(&told(&mut first(), &mux.packets)), [unit(1, false)]);
}

#[test]
fn passes_nothing_on_that_is_scrambled() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &h264_p()));
    for damage in [0, 0x80] {
        mux.packet(VIDEO, true, RANDOM_ACCESS, &[0x5A; 180])
            .spoil(|packet| {
                packet[1] |= damage;
                packet[3] |= 0x80;
            });
    }
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 2, &h264_p()));
    let mut demux = first();
    let told = told(&mut demux, &mux.packets);
    assert_eq!(passed_pids(&told), [VIDEO, VIDEO]);
    assert_eq!(units(&told), [unit(1, false), unit(2, false)]);
    let counters = demux.counters();
    assert_eq!((counters.packets_withheld, counters.access_units), (2, 2));
    assert_eq!(
        counters.access_units_scrambled, 1,
        "of the other nothing is derived"
    );
}

#[test]
fn passes_the_clock_of_a_scrambled_packet_on() {
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &h264_p()));
    mux.packet(VIDEO, true, 0x10, &[0x5A; 170])
        .spoil(|packet| packet[3] |= 0xC0);
    let mut passed = Vec::new();
    let mut demux = first();
    for bytes in &mux.packets {
        let packet = Packet::new(bytes).expect("a sync byte");
        demux.push(packet, |event| {
            if let Event::Packet(event) = event {
                passed.push(*event.packet.bytes());
            }
        });
    }
    let bare = Packet::new(&passed[1]).expect("a sync byte");
    let field = bare.adaptation_field().expect("the whole packet");
    assert!(!bare.scrambled() && !bare.has_payload() && !bare.payload_unit_start());
    assert!(field.pcr().is_some() && passed[1][13..].iter().all(|byte| *byte == 0xFF));
}

#[test]
fn tells_of_an_undecided_unit_before_the_next_begins() {
    let no_slice = byte_stream(&[&[0x09, 0xF0]]);
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &no_slice));
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 2, &no_slice));
    let mut demux = first();
    let told = told(&mut demux, &mux.packets);
    let start = Told::Packet {
        pid: VIDEO,
        starts_unit: true,
    };
    assert_eq!(
        told[1..],
        [start.clone(), Told::AccessUnit(unit(1, false)), start]
    );
    let mut rest = Vec::new();
    demux.finish(|event| rest.push(Told::from(event)));
    assert_eq!(rest, [Told::AccessUnit(unit(2, false))]);
    assert_eq!(demux.counters().heads_undecided, 2);
}

#[test]
fn reads_a_pes_header_split_over_packets() {
    let bytes = pes(VIDEO_ID, 77, &h264_idr());
    let mut mux = tables();
    mux.packet(VIDEO, true, 0, &bytes[..2]);
    mux.packet(VIDEO, false, 0, &bytes[2..11]);
    mux.packet(VIDEO, false, 0, &bytes[11..100]);
    assert_eq!(units(&told(&mut first(), &mux.packets)), [unit(77, true)]);
}

#[test]
fn tells_of_a_new_time_base_with_the_next_unit_alone() {
    let mut mux = tables();
    for (pts, flags) in [(1, 0), (2, DISCONTINUITY), (3, 0)] {
        mux.payload(VIDEO, flags, &pes(VIDEO_ID, pts, &h264_p()));
    }
    let found = units(&told(&mut first(), &mux.packets));
    let changed: Vec<_> = found.iter().map(|unit| unit.time_base_changed).collect();
    assert_eq!(changed, [false, true, false]);
}

#[test]
fn claims_no_random_access_when_the_head_misses_a_packet() {
    let with_long_sei = byte_stream(&[&[0x06, 0x05, 0xC8], &[0x55; 200], &h264_idr()]);
    let mut mux = tables();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &with_long_sei));
    mux.packets.remove(3);
    assert_eq!(units(&told(&mut first(), &mux.packets)), [unit(1, false)]);
}

#[test]
fn loses_no_picture_before_the_tables_when_they_were_learned() {
    let mut mux = Mux::new();
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 1, &h264_idr()));
    mux.packets.extend(tables().packets);
    mux.payload(VIDEO, 0, &pes(VIDEO_ID, 2, &h264_p()));
    for selection in [Selection::First, Selection::Program(7)] {
        let mut demux = Demux::new(selection);
        let learned = mux
            .packets
            .iter()
            .filter_map(Packet::new)
            .any(|it| demux.learn(it));
        assert!(learned);
        let told = told(&mut demux, &mux.packets);
        assert_eq!(units(&told), [unit(1, true), unit(2, false)]);
        assert_eq!(programs(&told).len(), 1);
    }
}
