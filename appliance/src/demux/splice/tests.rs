//! Splice messages: the examples of SCTE 35 §14, and what other senders make of it.
//!
//! What is expected of an example was read out of it by threefive 3.1.5, an independent reader.

use proptest::prelude::*;

use super::{
    BreakDuration, InsertDetail, Segmentation, SegmentationDetail, SegmentationKind, SpliceCommand,
    SpliceFault, SpliceInfo, SpliceInsert, SpliceTime,
};
use crate::demux::{
    Counters, Demux, Pts, Selection, crc_32,
    fixtures::{Mux, Told, h264_idr, pat, pes, pmt, told},
};

const PMT: u16 = 0x1000;
const VIDEO: u16 = 0x100;
const SPLICE: u16 = 0x1F0;

/// §14.1: a placement opportunity of 307 s begins.
const PLACEMENT_START: &str = "FC3034000000000000FFFFF00506FE72BD0050001E021C435545494800008E7FCF\
    0001A599B00808000000002CA0A18A3402009AC9D17E";
/// §14.2: a break of 60.3 s begins.
const INSERT_OUT: &str = "FC302F000000000000FFFFF014054800008F7FEFFE7369C02EFE0052CCF50000000000\
    0A0008435545490000013562DBA30A";
/// §14.3: the placement opportunity ends.
const PLACEMENT_END: &str = "FC302F000000000000FFFFF00506FE746290A000190217435545494800008E7F9F08\
    08000000002CA0A18A350200A9CC6758";
/// §14.4: one program ends and another begins.
const PROGRAMS: &str = "FC3048000000000000FFFFF00506FE7A4D88B60032021743554549480000187F9F08080000\
    00002CCBC344110000021743554549480000197F9F0808000000002CA4DBA01000009972E343";

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("two digits")
    };
    digits.map(byte).collect()
}

/// A section of one command and a descriptor loop, with a right `CRC_32`.
fn section(adjustment: u64, command: &[u8], descriptors: &[u8]) -> Vec<u8> {
    let (command_type, command) = command.split_first().expect("a command has a type");
    let low = |number: usize| u8::try_from(number & 0xFF).expect("masked");
    let mut section = vec![0xFC, 0x30, low(command.len() + descriptors.len() + 17), 0];
    section.push(u8::try_from(adjustment >> 32 & 1).expect("one bit"));
    section.extend(
        u32::try_from(adjustment & 0xFFFF_FFFF)
            .expect("masked")
            .to_be_bytes(),
    );
    section.extend([0, 0xFF, 0xF0, low(command.len()), *command_type]);
    section.extend(command);
    section.extend([0, low(descriptors.len())]);
    section.extend(descriptors);
    section.extend(crc_32(&section).to_be_bytes());
    section
}

fn time(ticks: u64) -> SpliceTime {
    SpliceTime::At(Pts::from_ticks(ticks))
}

#[test]
fn an_insert_is_read() {
    let bytes = bytes(INSERT_OUT);
    let info = SpliceInfo::parse(&bytes).unwrap();
    let due = SpliceCommand::Insert(SpliceInsert {
        event_id: 1_207_959_695,
        detail: Some(InsertDetail {
            out_of_network: true,
            time: time(0x7369_C02E),
            break_duration: Some(BreakDuration {
                auto_return: true,
                duration_90k: 5_426_421,
            }),
            unique_program_id: 0,
            avail_num: 0,
            avails_expected: 0,
        }),
    });
    assert_eq!((info.command, info.tier), (due, 0xFFF));
    assert_eq!(info.segmentations().count(), 0, "an avail descriptor alone");
    assert_eq!(info.bytes(), bytes);
}

#[test]
fn time_signals_are_read_with_their_segmentations() {
    let placement = |type_id, duration_90k| Segmentation {
        event_id: 0x4800_008E,
        detail: Some(SegmentationDetail {
            type_id,
            duration_90k,
            upid_type: 8,
            segment_num: 2,
            segments_expected: 0,
        }),
    };
    let read = |hexadecimal: &str| {
        let bytes = bytes(hexadecimal);
        let info = SpliceInfo::parse(&bytes).unwrap();
        (info.command, info.segmentations().collect::<Vec<_>>())
    };
    let begin = SpliceCommand::TimeSignal(time(1_924_989_008));
    assert_eq!(
        read(PLACEMENT_START),
        (begin, vec![placement(0x34, Some(27_630_000))])
    );
    let end = SpliceCommand::TimeSignal(time(1_952_616_608));
    assert_eq!(read(PLACEMENT_END), (end, vec![placement(0x35, None)]));
    let (command, programs) = read(PROGRAMS);
    assert_eq!(command, SpliceCommand::TimeSignal(time(2_051_901_622)));
    let types = programs
        .iter()
        .map(|it| (it.event_id, it.detail.unwrap().type_id));
    assert_eq!(
        types.collect::<Vec<_>>(),
        [(0x4800_0018, 0x11), (0x4800_0019, 0x10)]
    );
}

#[test]
fn kinds_are_told_by_the_type() {
    let kind = |type_id| {
        let detail = SegmentationDetail {
            type_id,
            duration_90k: None,
            upid_type: 0,
            segment_num: 0,
            segments_expected: 0,
        };
        detail.kind()
    };
    for out in [0x22, 0x30, 0x32, 0x34, 0x36, 0x44, 0x46] {
        assert_eq!(
            (kind(out), kind(out + 1)),
            (SegmentationKind::Out, SegmentationKind::In)
        );
    }
    assert_eq!(kind(0x10), SegmentationKind::Other);
}

#[test]
fn adjustment_is_added_across_the_wrap() {
    let signal = [6, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0];
    let of = |adjustment| {
        SpliceInfo::parse(&section(adjustment, &signal, &[]))
            .unwrap()
            .command
    };
    assert_eq!(of(0), SpliceCommand::TimeSignal(time((1 << 33) - 16)));
    assert_eq!(of(90_016), SpliceCommand::TimeSignal(time(90_000)));
    assert_eq!(of(1 << 32), SpliceCommand::TimeSignal(time((1 << 32) - 16)));
}

#[test]
fn immediate_component_and_cancelled_inserts_are_read() {
    let detail = |command: &[u8]| {
        let SpliceCommand::Insert(insert) = SpliceInfo::parse(&section(0, command, &[]))
            .unwrap()
            .command
        else {
            panic!("it is an insert");
        };
        assert_eq!(insert.event_id, 7);
        insert.detail
    };
    let immediate = detail(&[5, 0, 0, 0, 7, 0x7F, 0x5F, 0, 9, 1, 2]).unwrap();
    assert_eq!(
        (immediate.time, immediate.out_of_network),
        (SpliceTime::Immediate, false)
    );
    let numbers = (
        immediate.unique_program_id,
        immediate.avail_num,
        immediate.avails_expected,
    );
    assert_eq!(numbers, (9, 1, 2));
    let components = [
        &[5, 0, 0, 0, 7, 0x7F, 0x8F, 2][..],
        &[1, 0xFE, 0, 1, 0x5F, 0x90],
        &[2, 0x7F, 0, 9, 1, 2],
    ];
    assert_eq!(detail(&components.concat()).unwrap().time, time(90_000));
    assert_eq!(detail(&[5, 0, 0, 0, 7, 0xFF]), None);
}

#[test]
fn a_command_without_a_length_is_read() {
    let mut old = section(0, &[6, 0xFE, 0, 1, 0x5F, 0x90], &[]);
    old[11] |= 0x0F;
    old[12] = 0xFF;
    let info = SpliceInfo::parse(&old).unwrap();
    assert_eq!(info.command, SpliceCommand::TimeSignal(time(90_000)));
}

#[test]
fn what_is_encrypted_unknown_or_cut_short_is_named() {
    let whole = bytes(INSERT_OUT);
    let changed = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        SpliceInfo::parse(&bytes).map(|info| info.command)
    };
    assert_eq!(changed(4, 0x80), Err(SpliceFault::Encrypted));
    assert_eq!(changed(3, 1), Err(SpliceFault::Unsupported));
    assert_eq!(changed(0, 0xFD), Err(SpliceFault::Malformed));
    assert_eq!(changed(13, 0x42), Ok(SpliceCommand::Reserved(0x42)));
    for length in 0..whole.len() {
        assert_eq!(
            SpliceInfo::parse(&whole[..length]),
            Err(SpliceFault::Malformed)
        );
    }
}

/// A program with pictures and a PID of splice information.
fn tables() -> Mux {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, PMT)]));
    mux.section(
        PMT,
        &pmt(1, 0, VIDEO, &[(0x1B, VIDEO, &[]), (0x86, SPLICE, &[])]),
    );
    mux.payload(VIDEO, 0, &pes(0xE0, 0, &h264_idr()));
    mux.payload(VIDEO, 0, &pes(0xE0, 3_600, &h264_idr()));
    mux
}

/// The messages that the sections bring, and what was counted.
fn heard(sections: &[&[u8]]) -> (Vec<Vec<u8>>, Counters) {
    let mut mux = tables();
    for section in sections {
        mux.section(SPLICE, section);
    }
    let mut demux = Demux::new(Selection::First);
    let told = told(&mut demux, &mux.packets).into_iter();
    let messages = told.filter_map(|told| match told {
        Told::Splice(SPLICE, section) => Some(section),
        Told::Splice(..)
        | Told::Program(_)
        | Told::Packet { .. }
        | Told::AccessUnit(_)
        | Told::Parameters(..) => None,
    });
    (messages.collect(), *demux.counters())
}

#[test]
fn a_message_is_told_as_often_as_it_is_sent_and_a_sign_of_life_is_not() {
    let out = bytes(INSERT_OUT);
    let alive = section(0, &[0], &[]);
    let (told, counters) = heard(&[&alive, &out, &alive, &out]);
    assert_eq!(told, [out.clone(), out]);
    assert_eq!(counters.splice_sections, 4);
}

#[test]
fn messages_before_the_first_picture_are_told_behind_the_program() {
    let message = bytes(INSERT_OUT);
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, PMT)]));
    let streams: [(u8, u16, &[u8]); 2] = [(0x1B, VIDEO, &[]), (0x86, SPLICE, &[])];
    mux.section(PMT, &pmt(1, 0, VIDEO, &streams));
    mux.section(SPLICE, &message);
    mux.payload(VIDEO, 0, &pes(0xE0, 0, &h264_idr()));
    let told = told(&mut Demux::new(Selection::First), &mux.packets);
    assert!(matches!(told[0], Told::Program(_)), "{told:?}");
    let is_ours = |it: &Told| *it == Told::Splice(SPLICE, message.clone());
    assert_eq!(told.iter().filter(|it| is_ours(it)).count(), 1);
}

#[test]
fn of_splice_information_before_the_first_picture_the_newest_is_kept() {
    let message = bytes(INSERT_OUT);
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, PMT)]));
    let streams: [(u8, u16, &[u8]); 2] = [(0x1B, VIDEO, &[]), (0x86, SPLICE, &[])];
    mux.section(PMT, &pmt(1, 0, VIDEO, &streams));
    for _ in 0..60 {
        mux.section(SPLICE, &message);
    }
    mux.payload(VIDEO, 0, &pes(0xE0, 0, &h264_idr()));
    let mut demux = Demux::new(Selection::First);
    let told = told(&mut demux, &mux.packets);
    let is_splice = |it: &&Told| matches!(it, Told::Splice(..));
    assert_eq!(told.iter().filter(is_splice).count(), 46);
    assert_eq!(demux.counters().splice_packets_dropped, 14);
}

#[test]
fn damage_is_counted_by_its_kind() {
    let whole = bytes(INSERT_OUT);
    let altered = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        let end = bytes.len() - 4;
        let crc = crc_32(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_be_bytes());
        bytes
    };
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    let short = section(0, &[5, 0, 0, 0, 7, 0x7F, 0xFF], &[]);
    let (told, counters) = heard(&[&flipped, &altered(4, 0x80), &altered(3, 7), &short]);
    assert_eq!(told.len(), 0);
    let counts = [
        counters.splice_crc_errors,
        counters.splice_encrypted,
        counters.splice_unsupported,
        counters.splice_malformed,
    ];
    assert_eq!((counts, counters.crc_error), ([1; 4], 0));
}

#[test]
fn streams_beyond_the_fourth_are_counted() {
    let pids = [0x1F0, 0x1F1, 0x1F2, 0x1F3, 0x1F4];
    let mut streams = vec![(0x1B, VIDEO, &[][..])];
    streams.extend(pids.map(|pid| (0x86, pid, &[][..])));
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, PMT)]));
    mux.section(PMT, &pmt(1, 0, VIDEO, &streams));
    mux.payload(VIDEO, 0, &pes(0xE0, 0, &h264_idr()));
    let mut demux = Demux::new(Selection::First);
    told(&mut demux, &mux.packets);
    assert_eq!(demux.counters().splice_pids_dropped, 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        if let Ok(info) = SpliceInfo::parse(&bytes) {
            info.segmentations().count();
        }
    }

    #[test]
    fn no_damage_makes_it_panic(
        which in 0..4_usize,
        changes in prop::collection::vec((4..80_usize, any::<u8>()), 0..6),
        length in 0..90_usize,
    ) {
        let examples = [PLACEMENT_START, INSERT_OUT, PLACEMENT_END, PROGRAMS];
        let mut bytes = bytes(examples[which]);
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(length);
        if let Ok(info) = SpliceInfo::parse(&bytes) {
            prop_assert!(info.segmentations().count() <= 255);
        }
    }

    #[test]
    fn every_time_is_read_back(ticks in 0..1_u64 << 33, adjustment in 0..1_u64 << 33) {
        let [a, b, c, d] = u32::try_from(ticks & 0xFFFF_FFFF).expect("masked").to_be_bytes();
        let first = 0xFE | u8::try_from(ticks >> 32).expect("one bit");
        let section = section(adjustment, &[6, first, a, b, c, d], &[]);
        let info = SpliceInfo::parse(&section).expect("it is sound");
        prop_assert_eq!(info.command, SpliceCommand::TimeSignal(time(ticks + adjustment)));
    }
}
