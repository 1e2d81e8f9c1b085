//! Subtitles, claim by claim, out of segments made by hand.

use bytes::Bytes;
use proptest::prelude::*;
use weir_hal::Wall;

use crate::{
    demux::{
        PACKET_BYTES, Pts,
        fixtures::{Mux, h264_idr, h264_p, pat, pes, pmt},
    },
    segment::{
        Output, Segment, StreamPosition,
        track::{PageChoice, Subtitles, Track},
    },
    teletext::fixtures::{Controls, SUBTITLES, TeletextPacket, boxed, data_field, header},
};

const PMT: u16 = 0x100;
const VIDEO: u16 = 0x101;
const TELETEXT: u16 = 0x102;
const SECOND: u64 = 90_000;
const WRAP: u64 = 1 << 33;

/// Pictures are sent so long before they are shown.
const PICTURE_LEAD: u64 = 54_000;
/// And teletext so long.
const TEXT_LEAD: u64 = 9_000;

/// Two pages: 888 in German, for people who cannot hear well, and 150 in Greek.
const PAGES: [u8; 12] = [
    0x56,
    10,
    b'd',
    b'e',
    b'u',
    5 << 3,
    0x88,
    b'e',
    b'l',
    b'l',
    2 << 3 | 1,
    0x50,
];

/// Makes segments of a second of pictures, with teletext as it is asked for.
struct Broadcast {
    mux: Mux,
    /// Of the next picture.
    pts: u64,
    sequence: u64,
    descriptors: Vec<u8>,
    version: u8,
    /// What is to be shown, by its PTS.
    queue: Vec<(u64, Vec<TeletextPacket>)>,
    has_jumped: bool,
}

impl Broadcast {
    fn new(pts: u64) -> Self {
        Self {
            mux: Mux::new(),
            pts,
            sequence: 5,
            descriptors: PAGES.to_vec(),
            version: 0,
            queue: Vec::new(),
            has_jumped: false,
        }
    }

    /// Has `packets` shown `ticks` after the next picture.
    fn at(&mut self, ticks: u64, packets: &[TeletextPacket]) {
        self.queue.push((self.pts + ticks, packets.to_vec()));
    }

    /// Has `text` shown on page 888, or nothing.
    fn text(&mut self, ticks: u64, text: &[u8]) {
        let row = (!text.is_empty()).then(|| boxed(0, 20, text));
        let page = [header(0x888, SUBTITLES)].into_iter().chain(row);
        let page: Vec<_> = page.chain([header(0x8FF, SUBTITLES)]).collect();
        self.at(ticks, &page);
    }

    fn tables(&mut self) {
        let descriptors = self.descriptors.clone();
        let streams: [(u8, u16, &[u8]); 2] = [(0x1B, VIDEO, &[]), (0x06, TELETEXT, &descriptors)];
        self.mux
            .section(0, &pat(0, &[(1, PMT)]))
            .section(PMT, &pmt(1, self.version, VIDEO, &streams));
    }

    fn picture(&mut self, is_key: bool) {
        let clock = self.pts.wrapping_sub(PICTURE_LEAD) % WRAP;
        self.mux.packet(VIDEO, false, 0x10, &[]).spoil(|packet| {
            packet[3] &= 0xEF;
            packet[6..12].copy_from_slice(&(clock << 15 | 0x7E00).to_be_bytes()[2..]);
        });
        let unit = if is_key { h264_idr() } else { h264_p() };
        self.mux
            .payload(VIDEO, 0, &pes(0xE0, self.pts % WRAP, &unit));
        let now = self.pts - PICTURE_LEAD + TEXT_LEAD;
        let is_due = |at: &(u64, Vec<TeletextPacket>)| at.0 < now + 3_600;
        let due: Vec<_> = self.queue.extract_if(.., |it| is_due(it)).collect();
        for (at, packets) in due {
            self.teletext(at, &packets);
        }
        self.pts += 3_600;
    }

    fn teletext(&mut self, at: u64, packets: &[TeletextPacket]) {
        let mut packet = pes(0xBD, at % WRAP, &data_field(packets));
        let length = u16::try_from(packet.len() - 6).expect("it is short");
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        self.mux.payload(TELETEXT, 0, &packet);
    }

    /// The outputs of the next segment of so many seconds.
    fn seconds(&mut self, seconds: u64) -> Vec<Output> {
        let begin = self.pts;
        self.tables();
        for picture in 0..25 * seconds {
            self.picture(picture == 0);
        }
        let bytes = Bytes::from(std::mem::take(&mut self.mux.packets).concat());
        let sequence = self.sequence;
        self.sequence += 1;
        let end = Output::End(Segment {
            sequence,
            duration_90k: self.pts - begin,
            target_duration_s: 6,
            bytes: bytes.len() as u64,
            discontinuity: std::mem::take(&mut self.has_jumped),
            independent: true,
            gap: false,
            date_time: Wall::from_nanos(sequence * 1_000_000_000),
            begin: Some(StreamPosition {
                pts: Pts::from_ticks(begin),
                time_base: 1,
                coding: 0,
            }),
        });
        vec![Output::Begin { sequence }, Output::Bytes(bytes), end]
    }
}

fn track(choice: PageChoice) -> Track {
    Track::Subtitles(Box::new(Subtitles::new(choice)))
}

/// Number and text of each segment; a gap has none.
fn made(track: &mut Track, outputs: &[Output]) -> Vec<(u64, String)> {
    let (mut made, mut open) = (Vec::new(), None);
    for output in outputs {
        track.push(output, |output| match output {
            Output::Begin { sequence } => open = Some((sequence, Vec::new())),
            Output::Bytes(bytes) => {
                let (_, text) = open.as_mut().expect("a segment is open");
                text.extend_from_slice(&bytes);
            }
            Output::End(segment) => {
                let (sequence, text) = open.take().expect("a segment is open");
                assert_eq!(
                    (segment.sequence, segment.bytes),
                    (sequence, text.len() as u64)
                );
                let text = String::from_utf8(text).expect("it is text");
                made.push((sequence, text));
            }
            Output::Gap(segment) => made.push((segment.sequence, String::new())),
            Output::Cue(cue) => panic!("breaks stand elsewhere: {cue:?}"),
        });
    }
    made
}

/// The segments without their headers, which must be right.
fn cues(made: &[(u64, String)], begins: &[u64]) -> Vec<String> {
    assert_eq!(made.len(), begins.len(), "{made:?}");
    let cues = made.iter().zip(begins).map(|((_, text), begin)| {
        let header = format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{begin},LOCAL:00:00:00.000\n\n");
        let cues = text.strip_prefix(&header);
        cues.unwrap_or_else(|| panic!("{text}")).to_owned()
    });
    cues.collect()
}

fn cue(begin: &str, end: &str, text: &str) -> String {
    format!("00:00:{begin} --> 00:00:{end}\n{text}\n\n")
}

#[test]
fn a_cue_that_spans_a_boundary_is_in_both_segments() {
    let mut broadcast = Broadcast::new(900_000);
    broadcast.text(45_000, b"Hello");
    broadcast.text(SECOND + 18_000, b"");
    let mut outputs = broadcast.seconds(1);
    outputs.extend(broadcast.seconds(1));
    outputs.extend(broadcast.seconds(1));
    let made = made(&mut track(PageChoice::First), &outputs);
    assert_eq!(
        made.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        [5, 6]
    );
    let due = [
        cue("00.500", "01.000", "Hello"),
        cue("00.000", "00.200", "Hello"),
    ];
    assert_eq!(cues(&made, &[900_000, 990_000]), due);
}

#[test]
fn a_segment_waits_for_the_subtitles_of_its_end_and_no_longer() {
    let mut broadcast = Broadcast::new(900_000);
    // Sent behind the first picture of the next segment.
    broadcast.text(80_000, b"late");
    let mut track = track(PageChoice::Number(0x888));
    assert_eq!(made(&mut track, &broadcast.seconds(1)), []);
    let next = broadcast.seconds(1);
    let whole = made(&mut track, &next[..2]);
    assert_eq!(cues(&whole, &[900_000]), [cue("00.889", "01.000", "late")]);
    assert_eq!(made(&mut track, &next[2..]), [], "its end is not over");
    assert_eq!(made(&mut track, &broadcast.seconds(2)).len(), 1);
}

#[test]
fn the_map_is_right_at_every_wrap() {
    let mut broadcast = Broadcast::new(WRAP - 135_000);
    broadcast.text(SECOND, b"over");
    broadcast.text(2 * SECOND - 9_000, b"");
    broadcast.text(2 * SECOND + 9_000, b"after");
    let mut outputs = Vec::new();
    for _ in 0..4 {
        outputs.extend(broadcast.seconds(1));
    }
    let made = made(&mut track(PageChoice::First), &outputs);
    let due = [
        String::new(),
        cue("00.000", "00.900", "over"),
        cue("00.100", "01.000", "after"),
    ];
    assert_eq!(cues(&made, &[WRAP - 135_000, WRAP - 45_000, 45_000]), due);
}

#[test]
fn a_jump_of_the_clock_clears_the_screen() {
    let mut broadcast = Broadcast::new(900_000);
    broadcast.text(45_000, b"old");
    let mut outputs = broadcast.seconds(1);
    outputs.extend(broadcast.seconds(1));
    broadcast.pts = 500_000_000;
    broadcast.has_jumped = true;
    broadcast.text(45_000, b"new");
    outputs.extend(broadcast.seconds(1));
    outputs.extend(broadcast.seconds(1));
    let made = made(&mut track(PageChoice::First), &outputs);
    let begins = [900_000, 990_000, 500_000_000];
    let cues = cues(&made, &begins);
    assert_eq!(cues[0], cue("00.500", "01.000", "old"));
    // Of the second, what came before the clock leapt.
    assert_eq!(cues[1], cue("00.000", "00.360", "old"));
    assert_eq!(cues[2], cue("00.500", "01.000", "new"));
}

#[test]
fn text_that_nobody_repeats_goes_and_what_is_repeated_stays() {
    let on = |repeats: u64| {
        let mut broadcast = Broadcast::new(900_000);
        for repeat in 0..repeats {
            broadcast.text(repeat * 20 * SECOND, b"still");
        }
        let outputs: Vec<_> = (0..45).flat_map(|_| broadcast.seconds(1)).collect();
        let made = made(&mut track(PageChoice::First), &outputs);
        made.iter()
            .filter(|(_, text)| text.contains("still"))
            .count()
    };
    assert_eq!(on(1), 30);
    assert_eq!(on(3), 44);
}

#[test]
fn pages_are_chosen_by_number_by_language_and_by_themselves() {
    let mut broadcast = Broadcast::new(900_000);
    let greek = Controls {
        national: 7,
        ..SUBTITLES
    };
    let pages = [
        header(0x888, SUBTITLES),
        boxed(0, 20, b"eight"),
        header(0x8FF, SUBTITLES),
        header(0x150, greek),
        boxed(1, 20, b"Ema"),
        header(0x1FF, greek),
    ];
    broadcast.at(0, &pages);
    let outputs = [broadcast.seconds(1), broadcast.seconds(1)].concat();
    for (choice, text, language) in [
        (PageChoice::First, "eight", *b"deu"),
        (PageChoice::Number(0x888), "eight", *b"deu"),
        (PageChoice::Number(0x150), "Ενα", *b"ell"),
        (PageChoice::Language(*b"ell"), "Ενα", *b"ell"),
    ] {
        let mut track = track(choice);
        let made = made(&mut track, &outputs);
        assert_eq!(cues(&made, &[900_000]), [cue("00.000", "01.000", text)]);
        let Track::Subtitles(subtitles) = &track else {
            panic!("they are subtitles")
        };
        assert_eq!(subtitles.page().map(|page| page.language), Some(language));
    }
    for absent in [PageChoice::Number(0x777), PageChoice::Language(*b"fra")] {
        assert_eq!(cues(&made(&mut track(absent), &outputs), &[900_000]), [""]);
    }
}

#[test]
fn a_page_that_moves_to_another_number_is_followed() {
    let mut broadcast = Broadcast::new(900_000);
    broadcast.text(9_000, b"before");
    let mut outputs = broadcast.seconds(1);
    broadcast.descriptors[6] = 0x89;
    broadcast.version = 1;
    let page = [
        header(0x889, SUBTITLES),
        boxed(0, 20, b"after"),
        header(0x8FF, SUBTITLES),
    ];
    broadcast.at(45_000, &page);
    outputs.extend(broadcast.seconds(1));
    outputs.extend(broadcast.seconds(1));
    let made = made(&mut track(PageChoice::Language(*b"deu")), &outputs);
    let cues = cues(&made, &[900_000, 990_000]);
    let both = cue("00.000", "00.360", "before") + &cue("00.500", "01.000", "after");
    assert_eq!(cues, [cue("00.100", "01.000", "before"), both]);
}

#[test]
fn gaps_are_gaps_and_a_segment_given_up_leaves_the_one_before_whole() {
    let mut broadcast = Broadcast::new(900_000);
    broadcast.text(9_000, b"text");
    let first = broadcast.seconds(1);
    let torn = broadcast.seconds(1);
    let mut track = track(PageChoice::First);
    assert_eq!(made(&mut track, &first), []);
    assert_eq!(made(&mut track, &torn[..1]), []);
    let mut handed_on = 0;
    track.abandon(|output| handed_on += usize::from(matches!(output, Output::End(_))));
    assert_eq!(handed_on, 1);
    let Some(Output::End(end)) = torn.last() else {
        panic!("it ends")
    };
    let gap = [Output::Gap(end.as_gap())];
    assert_eq!(made(&mut track, &gap), [(6, String::new())]);
    assert_eq!(track.counters().track_gaps, 1);
}

#[test]
fn a_program_without_teletext_makes_segments_without_cues() {
    let mut broadcast = Broadcast::new(900_000);
    broadcast.descriptors.clear();
    let outputs = [broadcast.seconds(1), broadcast.seconds(1)].concat();
    assert_eq!(
        cues(&made(&mut track(PageChoice::First), &outputs), &[900_000]),
        [""]
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        seed in prop::collection::vec((any::<usize>(), any::<u8>()), 0..200),
        packets in prop::collection::vec(any::<[u8; 42]>(), 0..30),
        times in prop::collection::vec(0_u64..400_000, 0..30),
    ) {
        let mut broadcast = Broadcast::new(900_000);
        broadcast.at(10, &packets);
        for time in times {
            broadcast.text(time, &time.to_be_bytes().map(|byte| byte & 0x7F));
        }
        let mut outputs = Vec::new();
        for _ in 0..4 {
            outputs.extend(broadcast.seconds(1));
        }
        for output in &mut outputs {
            if let Output::Bytes(bytes) = output {
                let mut spoilt = bytes.to_vec();
                for (place, byte) in &seed {
                    let place = place % spoilt.len();
                    spoilt[place] = *byte;
                }
                *bytes = Bytes::from(spoilt);
            }
        }
        let made = made(&mut track(PageChoice::First), &outputs);
        prop_assert!(made.len() >= 3);
        for (_, text) in made {
            prop_assert!(text.starts_with("WEBVTT\n"));
            prop_assert!(text.len() < 128 * 1024);
        }
        prop_assert!(PACKET_BYTES == 188);
    }
}
