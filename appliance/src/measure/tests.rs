//! Each test puts one fault into a clean stream and names every indicator it may raise.

use std::{iter::repeat_n, time::Duration};

use proptest::prelude::*;

use crate::{
    demux::{PACKET_BYTES, Packet},
    measure::{
        Analyzer,
        Indicator::{self, *},
        generator::{
            AUDIO_PID, PMT_PID, PROGRAM_NUMBER, Timed, VIDEO_PID, analyzed, clean, insert_sections,
            nth_of, null_packet, numbered_section, pmt, section, section_packet,
        },
    },
};

/// The indicators that were raised, with their counts.
fn raised(analyzer: &Analyzer) -> Vec<(Indicator, u64)> {
    let report = analyzer.report();
    let counts = report.tr_101_290.iter();
    counts
        .filter_map(|(indicator, count)| Some((indicator, count.filter(|&count| count > 0)?)))
        .collect()
}

fn raised_by(stream: &[Timed]) -> Vec<(Indicator, u64)> {
    raised(&analyzed(stream))
}

#[test]
fn a_clean_stream_raises_nothing_and_is_told_in_full() {
    let stream = clean(10_000);
    let report = analyzed(&stream).report();
    assert_eq!(raised_by(&stream), []);
    assert_eq!(report.packets, 5_000);
    assert_eq!(report.tr_101_290.count(PcrAccuracyError), Some(0));
    assert_eq!(report.tr_101_290.count(NitActualError), None);
    let [service] = &report.services[..] else {
        panic!("one service: {:?}", report.services);
    };
    assert_eq!(service.program_number, PROGRAM_NUMBER);
    assert_eq!(
        (service.pmt_pid, service.pcr_pid),
        (PMT_PID, Some(VIDEO_PID))
    );
    assert_eq!(service.streams, [VIDEO_PID, AUDIO_PID]);
    let video = report
        .pids
        .iter()
        .find(|row| row.pid == VIDEO_PID)
        .expect("video");
    assert_eq!(
        (video.codec, video.stream_type),
        (Some("H.264"), Some(0x1B))
    );
    assert_eq!(video.pts_interval_ms_max, Some(40.0));
    let pcr = video.pcr.expect("PCRs");
    assert_eq!(
        (pcr.constant_bitrate, pcr.jitter_ns_max),
        (Some(true), Some(0))
    );
    assert_eq!((pcr.count, pcr.interval_ms_max), (250, 40.0));
}

#[test]
fn a_lost_packet_is_one_continuity_count_error() {
    let mut stream = clean(3_000);
    stream.remove(nth_of(&stream, AUDIO_PID, 20));
    assert_eq!(raised_by(&stream), [(ContinuityCountError, 1)]);
    let report = analyzed(&stream).report();
    let audio = report
        .pids
        .iter()
        .find(|row| row.pid == AUDIO_PID)
        .expect("audio");
    assert_eq!(audio.continuity_count_error, 1);
}

#[test]
fn one_duplicate_is_counted_as_such_and_two_are_an_error() {
    let mut stream = clean(1_000);
    let at = nth_of(&stream, AUDIO_PID, 10);
    stream.insert(at, stream[at]);
    let analyzer = analyzed(&stream);
    assert_eq!(raised(&analyzer), []);
    let report = analyzer.report();
    let audio = report
        .pids
        .iter()
        .find(|row| row.pid == AUDIO_PID)
        .expect("audio");
    assert_eq!(audio.duplicates, 1);
    stream.insert(at, stream[at]);
    assert_eq!(raised_by(&stream), [(ContinuityCountError, 1)]);
}

#[test]
fn a_lost_packet_does_not_make_pcrs_inaccurate() {
    let mut stream = clean(20_000);
    let (before, _) = stream.split_at(nth_of(&stream, AUDIO_PID, 200));
    stream.remove(before.len());
    assert_eq!(raised_by(&stream), [(ContinuityCountError, 1)]);
}

#[test]
fn from_a_packet_in_error_nothing_else_is_derived() {
    let mut stream = clean(3_000);
    let at = nth_of(&stream, 0x1FFF, 20);
    // A damaged packet with a PID, a scrambling_control and a counter that mean nothing.
    stream[at].bytes[..4].copy_from_slice(&[0x47, 0x80 | 0x0A, 0x33, 0xD7]);
    let analyzer = analyzed(&stream);
    assert_eq!(raised(&analyzer), [(TransportError, 1)]);
    let report = analyzer.report();
    let row = report
        .pids
        .iter()
        .find(|row| row.pid == 0x0A33)
        .expect("the PID");
    assert_eq!((row.transport_error, row.scrambled), (1, 0));
}

#[test]
fn a_section_with_a_wrong_crc_is_one_crc_error_and_says_nothing_else() {
    let mut stream = clean(2_000);
    let at = nth_of(&stream, PMT_PID, 5);
    stream[at].bytes[5 + 10] ^= 0x01;
    let analyzer = analyzed(&stream);
    assert_eq!(raised(&analyzer), [(CrcError, 1)]);
    assert_eq!(
        analyzer.report().services[0].streams,
        [VIDEO_PID, AUDIO_PID]
    );
}

#[test]
fn at_variable_bitrate_pcr_accuracy_does_not_apply() {
    let mut variable = Vec::new();
    for (index, timed) in clean(10_000).into_iter().enumerate() {
        variable.push(timed);
        if timed.bytes[3] & 0x30 == 0x20 {
            let bytes = null_packet();
            let null = Timed { bytes, ..timed };
            variable.extend(repeat_n(null, index * 7 % 40));
        }
    }
    let report = analyzed(&variable).report();
    assert_eq!(report.tr_101_290.count(PcrAccuracyError), None);
    let video = report
        .pids
        .iter()
        .find(|row| row.pid == VIDEO_PID)
        .expect("video");
    let pcr = video.pcr.expect("PCRs");
    assert_eq!(
        (pcr.constant_bitrate, pcr.jitter_ns_max),
        (Some(false), None)
    );
}

#[test]
fn names_come_from_the_sdt_without_their_control_characters() {
    let descriptor = b"\x48\x0F\x01\x05Pro\x86v\x07Ne\x1b[1ms";
    let mut body = vec![0, 1, 0xFF, 0, 7, 0xFC, 0x80, 0];
    body[7] = u8::try_from(descriptor.len()).expect("short");
    body.extend(descriptor);
    let mut stream = clean(2_000);
    insert_sections(&mut stream, 0x11, &[500, 1_500], &section(0x42, 1, &body));
    let report = analyzed(&stream).report();
    assert_eq!(report.services[0].name, "Ne[1ms");
    assert_eq!(report.services[0].provider, "Prov");
}

#[test]
fn a_new_version_of_the_tables_takes_the_place_of_the_old() {
    let mut stream = clean(3_000);
    let entries = [0, 9, 0xF0, 0];
    for timed in stream
        .iter_mut()
        .filter(|it| it.pid() == 0 && it.millis() >= 1_000)
    {
        let counter = timed.bytes[3];
        timed.bytes = section_packet(0, &section(0x00, 1, &entries));
        timed.bytes[3] = counter;
    }
    let report = analyzed(&stream).report();
    let numbers: Vec<u16> = report.services.iter().map(|it| it.program_number).collect();
    assert_eq!(numbers, [9]);
}

#[test]
fn without_time_nothing_is_said_of_intervals() {
    let mut analyzer = Analyzer::without_time();
    let mut stream = clean(3_000);
    let nit = section(0x40, 1, &[0xF0, 0, 0xF0, 0]);
    insert_sections(&mut stream, 0x10, &[1_000, 1_010, 1_020], &nit);
    for timed in &stream {
        let packet = Packet::new(&timed.bytes).expect("the sync byte is right");
        analyzer.push(packet, Duration::ZERO);
    }
    assert_eq!(raised(&analyzer), []);
    let report = analyzer.report();
    assert_eq!((report.duration_s, report.bitrate_bps), (None, None));
    assert_eq!(report.tr_101_290.count(SiRepetitionError), None);
}

#[test]
fn json_is_keyed_by_the_names_of_the_standard() {
    let json = serde_json::to_value(analyzed(&clean(3_000)).report()).expect("JSON");
    assert_eq!(json["tr_101_290"]["Continuity_count_error"], 0);
    assert_eq!(json["tr_101_290"]["PAT_error_2"], 0);
    assert!(json["tr_101_290"]["SDT_actual_error"].is_null());
    assert_eq!(json["pids"][0]["pid"], 0);
    assert_eq!(json["pids"][0]["continuity_count_error"], 0);
    assert_eq!(json["services"][0]["program_number"], 7);
    assert_eq!(json["services"][0]["streams"][1], 0x101);
}

#[test]
fn a_flood_of_programs_and_pids_is_bounded_and_told_of() {
    let mut analyzer = Analyzer::new();
    let mut at = 0;
    for number in 0..30_u16 {
        let entries: Vec<u8> = (1..=40)
            .flat_map(|entry| {
                let program = number * 40 + entry;
                [program.to_be_bytes(), (0xE020 + program).to_be_bytes()].concat()
            })
            .collect();
        let mut bytes = section_packet(0, &numbered_section(0x00, number, 0, &entries));
        bytes[3] |= u8::try_from(number & 0x0F).expect("masked");
        let packet = Packet::new(&bytes).expect("the sync byte is right");
        analyzer.push(packet, Duration::from_millis(at));
        at += 1;
    }
    assert!(analyzer.report().services.len() <= 256);
    for pid in 0..0x1FFF_u16 {
        let mut bytes = section_packet(pid, &pmt());
        bytes[3] |= 0x20;
        bytes[4..6].copy_from_slice(&[100, 0x10]);
        let packet = Packet::new(&bytes).expect("the sync byte is right");
        analyzer.push(packet, Duration::from_millis(at));
    }
    let report = analyzer.report();
    assert_eq!(report.pids.len(), 0x1FFF);
    assert_eq!(report.limits.pcrs_dropped, 0x1FFF - 256);
}

#[test]
fn tables_that_are_gone_make_room_for_others_and_those_that_may_come_back_do_not() {
    for (minutes, untimed) in [(4, 1_024), (6, 0)] {
        let mut analyzer = Analyzer::new();
        // Of each sub-table the one section and the whole are timed: there is room for 512.
        for number in 0..1_024_u16 {
            let mut bytes = section_packet(0x11, &section(0x46, number, &[]));
            bytes[3] |= u8::try_from(number & 0x0F).expect("masked");
            let packet = Packet::new(&bytes).expect("the sync byte is right");
            let later = if number < 512 { 0 } else { minutes * 60_000 };
            analyzer.push(packet, Duration::from_millis(later + u64::from(number)));
        }
        let report = analyzer.report();
        assert_eq!(report.limits.si_sections_untimed, untimed, "{minutes} min");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_measured_without_a_panic(
        packets in prop::collection::vec(
            prop::collection::vec(any::<u8>(), PACKET_BYTES - 1),
            1..40,
        ),
        millis in prop::collection::vec(0_u64..3_000, 40),
    ) {
        let mut analyzer = Analyzer::new();
        for (tail, millis) in packets.iter().zip(millis) {
            let mut bytes = [0x47; PACKET_BYTES];
            bytes[1..].copy_from_slice(tail);
            // Half of them where tables are read.
            if bytes[9] & 1 == 0 {
                bytes[1] &= 0xE0;
                bytes[2] &= 0x17;
            }
            let packet = Packet::new(&bytes).expect("the sync byte is right");
            analyzer.push(packet, Duration::from_millis(millis));
        }
        let report = analyzer.report();
        prop_assert_eq!(report.packets, packets.len() as u64);
    }

    #[test]
    fn any_body_of_a_table_is_read_without_a_panic(
        table in 0_usize..4,
        body in prop::collection::vec(any::<u8>(), 0..150),
    ) {
        let (pid, table_id) = [(0, 0x00), (1, 0x01), (PMT_PID, 0x02), (0x11, 0x42)][table];
        let extension = if pid == PMT_PID { PROGRAM_NUMBER } else { 1 };
        let mut stream = clean(600);
        insert_sections(&mut stream, pid, &[250, 350], &section(table_id, extension, &body));
        prop_assert_eq!(analyzed(&stream).report().packets, 300);
    }
}
