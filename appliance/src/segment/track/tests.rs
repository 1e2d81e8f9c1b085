//! Tracks, claim by claim, out of segments made by hand.

use bytes::Bytes;
use proptest::prelude::*;
use weir_hal::Wall;

use crate::{
    demux::{
        AudioCodec, Demux, Event, PACKET_BYTES, Packet, Pid, Pts, Selection, StreamKind,
        VideoCodec,
        fixtures::{Mux, adts, h264_idr, h264_p, pat, pes, pmt},
    },
    segment::{Output, Phase, Segment, Segmenter, StreamPosition, fixture::rules, track::Track},
};

const PMT: u16 = 0x100;
const VIDEO: u16 = 0x101;
const AUDIO: u16 = 0x102;
const OTHER_AUDIO: u16 = 0x103;

/// Makes segments of a second: a picture, a frame of sound and a PCR every 40 ms, tables every
/// 120 ms.
struct Program {
    mux: Mux,
    pcr_pid: u16,
    /// Descriptors of the second audio stream.
    language: Vec<u8>,
    pts: u64,
}

impl Program {
    fn new(pcr_pid: u16) -> Self {
        Self {
            mux: Mux::new(),
            pcr_pid,
            language: vec![0x0A, 4, b'e', b'n', b'g', 0],
            pts: 900_000,
        }
    }

    fn tables(&mut self) {
        let language = self.language.clone();
        let streams: [(u8, u16, &[u8]); 3] = [
            (0x1B, VIDEO, &[]),
            (0x0F, AUDIO, &[]),
            (0x81, OTHER_AUDIO, &language),
        ];
        self.mux
            .section(0, &pat(0, &[(1, PMT)]))
            .section(PMT, &pmt(1, 0, self.pcr_pid, &streams));
    }

    fn pcr(&mut self) {
        let base = self.pts - 9_000;
        self.mux.packet(self.pcr_pid, false, 0x10, &[]);
        self.mux.spoil(|packet| {
            packet[3] &= 0xEF;
            let bits = base << 15 | 0x7E00;
            packet[6..12].copy_from_slice(&bits.to_be_bytes()[2..]);
        });
    }

    /// The packets of the next second.
    fn second(&mut self) -> Vec<[u8; PACKET_BYTES]> {
        for picture in 0..25 {
            if picture % 3 == 0 {
                self.tables();
            }
            self.pcr();
            let unit = if picture == 0 { h264_idr() } else { h264_p() };
            self.mux.payload(VIDEO, 0, &pes(0xE0, self.pts, &unit));
            self.mux.payload(AUDIO, 0, &pes(0xC0, self.pts, &adts()));
            self.mux
                .payload(OTHER_AUDIO, 0, &pes(0xBD, self.pts, &[0x0B, 0x77, 1, 2]));
            self.pts += 3_600;
        }
        std::mem::take(&mut self.mux.packets)
    }
}

fn segment(sequence: u64, begin: u64, bytes: usize) -> Segment {
    Segment {
        sequence,
        duration_90k: 90_000,
        target_duration_s: 1,
        bytes: bytes as u64,
        discontinuity: sequence == 7,
        independent: true,
        gap: false,
        date_time: Wall::from_nanos(sequence * 1_000_000_000),
        begin: Some(StreamPosition {
            pts: Pts::from_ticks(begin),
            time_base: 1,
            coding: 0,
        }),
    }
}

/// The outputs of one segment, its bytes in chunks of so many packets.
fn outputs(sequence: u64, begin: u64, packets: &[[u8; PACKET_BYTES]], chunk: usize) -> Vec<Output> {
    let bytes = packets.chunks(chunk);
    let bytes = bytes.map(|packets| Output::Bytes(Bytes::from(packets.concat())));
    let end = segment(sequence, begin, packets.len() * PACKET_BYTES);
    [Output::Begin { sequence }]
        .into_iter()
        .chain(bytes)
        .chain([Output::End(end)])
        .collect()
}

/// What a track makes, segment by segment; a gap has no bytes.
fn made(track: &mut Track, outputs: &[Output]) -> Vec<(Segment, Vec<u8>)> {
    let (mut made, mut open) = (Vec::new(), Vec::new());
    let mut is_open = false;
    for output in outputs {
        track.push(output, |output| match output {
            Output::Begin { .. } => {
                assert!(!is_open, "one segment at a time");
                is_open = true;
            }
            Output::Bytes(bytes) => {
                assert!(is_open && !bytes.is_empty());
                open.extend_from_slice(&bytes);
            }
            Output::End(segment) => {
                assert!(is_open);
                is_open = false;
                made.push((segment, std::mem::take(&mut open)));
            }
            Output::Gap(segment) => {
                is_open = false;
                open.clear();
                made.push((segment, Vec::new()));
            }
            Output::Cue(_) => {}
        });
    }
    made
}

fn sound() -> Track {
    Track::Sound(Box::default())
}

fn packets(bytes: &[u8]) -> Vec<Packet<'_>> {
    let (packets, rest) = bytes.as_chunks::<PACKET_BYTES>();
    assert!(rest.is_empty(), "whole packets");
    let packets = packets.iter().map(Packet::new);
    packets
        .collect::<Option<_>>()
        .expect("each has a sync byte")
}

fn of(packets: &[Packet<'_>], pid: u16) -> Vec<[u8; PACKET_BYTES]> {
    let of_pid = packets.iter().filter(|packet| packet.pid().value() == pid);
    of_pid.map(|packet| *packet.bytes()).collect()
}

#[test]
fn sound_is_passed_on_as_it_came_under_tables_that_name_nothing_else() {
    let mut program = Program::new(VIDEO);
    let sent = program.second();
    let made = made(&mut sound(), &outputs(3, 900_000, &sent, 50));
    let (segment, bytes) = &made[0];
    assert_eq!(segment.bytes, bytes.len() as u64);
    let (sent, kept) = (sent.concat(), packets(bytes));
    for pid in [AUDIO, OTHER_AUDIO] {
        assert_eq!(of(&kept, pid), of(&packets(&sent), pid));
    }
    assert_eq!(kept[0].pid(), Pid::PAT);
    assert_eq!(kept[1].pid().value(), PMT);
    let mut demux = Demux::new(Selection::First);
    let mut read = None;
    for packet in kept {
        demux.push(packet, |event| {
            if let Event::Program(program) = event {
                read = Some(program.clone());
            }
        });
    }
    let read = read.expect("there are tables");
    let streams: Vec<_> = read
        .streams
        .iter()
        .map(|stream| stream.pid.value())
        .collect();
    assert_eq!(streams, [AUDIO, OTHER_AUDIO]);
    assert!(
        read.streams
            .iter()
            .all(|it| matches!(it.kind, StreamKind::Audio(_)))
    );
    assert_eq!(read.streams[1].language, Some(*b"eng"));
    assert_eq!(read.pcr_pid, Some(Pid::from_bits(VIDEO)));
    assert_eq!(demux.counters().crc_error, 0);
}

#[test]
fn every_language_codec_and_subtitle_stays_in_the_segments_of_the_rendition() {
    let mut mux = Mux::new();
    let teletext = [0x56, 5, b'd', b'e', b'u', 0x10, 0x88];
    let subtitles = [0x59, 8, b'f', b'r', b'a', 0x10, 0, 1, 0, 1];
    let streams: [(u8, u16, &[u8]); 5] = [
        (0x1B, VIDEO, &[]),
        (0x0F, AUDIO, &[0x0A, 4, b'd', b'e', b'u', 0]),
        (0x81, OTHER_AUDIO, &[0x0A, 4, b'e', b'n', b'g', 0]),
        (0x06, 0x104, &teletext),
        (0x06, 0x105, &subtitles),
    ];
    mux.section(0, &pat(0, &[(1, PMT)]))
        .section(PMT, &pmt(1, 0, VIDEO, &streams));
    let tables = mux.packets.len();
    for picture in 0..50 {
        let pts = 900_000 + picture * 3_600;
        let unit = if picture % 25 == 0 {
            h264_idr()
        } else {
            h264_p()
        };
        mux.payload(VIDEO, 0, &pes(0xE0, pts, &unit));
        for pid in [AUDIO, OTHER_AUDIO, 0x104, 0x105] {
            mux.payload(pid, 0, &pes(0xBD, pts, &picture.to_be_bytes()));
        }
    }
    let (mut demux, rules) = (Demux::new(Selection::First), rules(Phase::First));
    let mut segmenter = Segmenter::new(rules, 0);
    let mut out = Vec::new();
    let mut take = |output| {
        if let Output::Bytes(bytes) = output {
            out.extend_from_slice(&bytes);
        }
    };
    for packet in mux.packets.iter().filter_map(Packet::new) {
        demux.push(packet, |event| {
            segmenter.push(event, Wall::default(), &mut take);
        });
    }
    demux.finish(|event| segmenter.push(event, Wall::default(), &mut take));
    segmenter.finish(&mut take);
    let passed: Vec<_> = packets(&out)
        .into_iter()
        .filter(|packet| ![0, PMT].contains(&packet.pid().value()))
        .map(|packet| *packet.bytes())
        .collect();
    assert!(passed == mux.packets[tables..]);
    let languages: Vec<_> = demux
        .program()
        .expect("there is one")
        .streams
        .iter()
        .map(|it| (it.kind, it.language))
        .collect();
    let due = [
        (StreamKind::Video(VideoCodec::H264), None),
        (StreamKind::Audio(AudioCodec::AacAdts), Some(*b"deu")),
        (StreamKind::Audio(AudioCodec::Ac3), Some(*b"eng")),
        (StreamKind::Teletext, Some(*b"deu")),
        (StreamKind::DvbSubtitle, Some(*b"fra")),
    ];
    assert_eq!(languages, due);
}

#[test]
fn the_clock_goes_on_without_the_pictures_it_came_with() {
    let mut program = Program::new(VIDEO);
    let made = made(&mut sound(), &outputs(3, 900_000, &program.second(), 1_000));
    let all = packets(&made[0].1);
    let clock = all.iter().filter(|packet| packet.pid().value() == VIDEO);
    let mut times = Vec::new();
    for packet in clock {
        assert!(!packet.has_payload() && !packet.payload_unit_start());
        assert_eq!(packet.continuity_counter(), 0);
        let field = packet.adaptation_field().expect("it is nothing else");
        assert!(!field.random_access());
        times.push(field.pcr().expect("it is nothing else").ticks());
    }
    assert_eq!(times[0], (900_000 - 9_000) * 300);
    let intervals: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Every second one of those 40 ms apart.
    assert!(
        intervals.iter().all(|interval| *interval == 80 * 27_000),
        "{intervals:?}"
    );
    assert_eq!(times.len(), 13);
}

#[test]
fn sound_of_the_next_time_base_is_not_in_the_segment_that_the_jump_of_pictures_ends() {
    let mut program = Program::new(VIDEO);
    let mut packets = program.second();
    program
        .mux
        .payload(AUDIO, 0, &pes(0xC0, 90_000_000, &adts()));
    packets.append(&mut program.mux.packets);
    let mut track = sound();
    let outputs = outputs(7, 900_000, &packets, 40);
    let bytes = &made(&mut track, &outputs)[0].1;
    let stays = of(&self::packets(bytes), AUDIO);
    assert_eq!(stays.len(), 25);
    assert_eq!(track.counters().sound_ahead, 1);
}

#[test]
fn a_damaged_time_stamp_costs_its_own_unit_and_no_other_stream() {
    for (damaged, lost) in [(0, 0), (1, 0), (2, 1), (12, 1), (24, 1)] {
        let mut program = Program::new(VIDEO);
        let mut packets = program.second();
        let starts = |packet: &[u8; PACKET_BYTES]| {
            let packet = Packet::new(packet).expect("sync byte");
            packet.pid().value() == AUDIO && packet.payload_unit_start()
        };
        let mut units = packets.iter_mut().filter(|packet| starts(packet));
        let unit = units.nth(damaged).expect("25 units");
        let start = unit.windows(4).position(|bytes| bytes == [0, 0, 1, 0xC0]);
        unit[start.expect("a start code") + 10] ^= 0x40;
        let mut track = sound();
        let bytes = &made(&mut track, &outputs(7, 900_000, &packets, 40))[0].1;
        let kept = self::packets(bytes);
        assert_eq!(of(&kept, AUDIO).len(), 25 - lost, "{damaged}");
        assert_eq!(of(&kept, OTHER_AUDIO).len(), 25, "{damaged}");
    }
}

#[test]
fn a_clock_that_comes_with_the_sound_stays_where_it_is() {
    let mut program = Program::new(AUDIO);
    let mut track = sound();
    let made = made(&mut track, &outputs(3, 900_000, &program.second(), 1_000));
    let all = packets(&made[0].1);
    assert_eq!(of(&all, VIDEO), [[0; PACKET_BYTES]; 0]);
    let clocks = all.iter().filter_map(|it| it.adaptation_field()?.pcr());
    assert_eq!(clocks.count(), 25);
    assert_eq!(track.counters().clock_references, 0);
}

#[test]
fn numbers_durations_dates_discontinuities_and_gaps_are_those_of_the_rendition() {
    let mut program = Program::new(VIDEO);
    let mut track = sound();
    let mut sent = outputs(6, 900_000, &program.second(), 40);
    sent.extend(outputs(7, 990_000, &program.second(), 40));
    sent.push(Output::Gap(segment(8, 0, 0).as_gap()));
    let mut mute = program.second();
    mute.retain(|bytes| {
        let pid = Packet::new(bytes).expect("a packet").pid().value();
        pid != AUDIO && pid != OTHER_AUDIO
    });
    let made = made(&mut track, &sent);
    let same = |segment: &Segment| Segment {
        bytes: 0,
        ..*segment
    };
    let due = [
        segment(6, 900_000, 0),
        segment(7, 990_000, 0),
        segment(8, 0, 0).as_gap(),
    ];
    assert_eq!(made.iter().map(|(it, _)| same(it)).collect::<Vec<_>>(), due);
    let silent = self::made(&mut track, &outputs(9, 1_080_000, &mute, 40));
    assert_eq!(silent, [(segment(9, 1_080_000, 0).as_gap(), Vec::new())]);
    let counters = track.counters();
    assert_eq!((counters.track_segments, counters.track_gaps), (2, 1));
}

#[test]
fn segments_join_without_a_break_and_are_the_same_for_who_joins_later() {
    let mut program = Program::new(VIDEO);
    let seconds: Vec<_> = (0..6).map(|_| program.second()).collect();
    let mut sent = Vec::new();
    for (sequence, packets) in (10..).zip(&seconds) {
        sent.push(outputs(sequence, sequence * 90_000, packets, 33));
    }
    let early = made(&mut sound(), &sent.concat());
    let late = made(&mut sound(), &sent[2..].concat());
    assert!(early[2..] == late);
    let whole: Vec<u8> = early.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let mut demux = Demux::new(Selection::First);
    for packet in packets(&whole) {
        demux.push(packet, |_| {});
    }
    assert_eq!(demux.counters().continuity_count_error, 0);
}

#[test]
fn a_segment_given_up_comes_again_with_its_number() {
    let mut program = Program::new(VIDEO);
    let mut track = sound();
    let torn = outputs(3, 900_000, &program.second(), 40);
    let begun = made(&mut track, &torn[..2]);
    assert_eq!(begun, []);
    track.abandon(|output| panic!("nothing is told: {output:?}"));
    let whole = outputs(3, 990_000, &program.second(), 40);
    assert_eq!(made(&mut track, &whole)[0].0.sequence, 3);
}

proptest! {
    #[test]
    fn it_does_not_matter_how_bytes_are_handed_on(chunk in 1_usize..200) {
        let mut program = Program::new(VIDEO);
        let packets = program.second();
        let whole = made(&mut sound(), &outputs(3, 900_000, &packets, 10_000));
        prop_assert!(made(&mut sound(), &outputs(3, 900_000, &packets, chunk)) == whole);
    }

    #[test]
    fn no_bytes_make_sound_panic(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        let mut track = sound();
        let mut program = Program::new(VIDEO);
        let mut sent = outputs(3, 900_000, &program.second(), 40);
        sent.insert(2, Output::Bytes(Bytes::from(bytes)));
        let made = made(&mut track, &sent);
        prop_assert!(made.iter().all(|(_, bytes)| bytes.len() % PACKET_BYTES == 0));
    }
}
