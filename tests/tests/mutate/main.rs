//! Damaged streams: 10,000 mutated copies go through the code of `analyze` and `segment`.
//!
//! Goal: no panic and bounded memory on any damage. Method: each copy of a stream gets bit flips,
//! cuts, and duplicated and reordered packets, by a seed that the failure text names.
//! `WEIR_SAMPLES` may name a folder of captured streams to mutate besides the ones made here.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use weir::{
    demux::{self, Demux, PacketSync, Selection},
    measure::Analyzer,
    segment::{
        Output, Phase, Rules, Segmenter,
        track::{PageChoice, Sound, Subtitles, Track},
    },
};
use weir_hal::{Wall, sim::Generator};
use weir_tests::{
    ffmpeg::{self, Streams},
    stream::PACKET_BYTES,
    teletext::{self, Screen},
};

const COPIES: usize = 10_000;

/// Resident memory this process may ever reach, the originals included.
const RESIDENT_KIB_MAX: u64 = 256 * 1024;

/// A place in `0..bound`.
fn below(random: &mut Generator, bound: usize) -> usize {
    let bound = u64::try_from(bound.max(1)).expect("usize fits");
    usize::try_from(random.below(bound)).expect("below a usize")
}

/// At least one of each kind of damage, more in larger streams.
fn mutate(original: &[u8], random: &mut Generator) -> Vec<u8> {
    let mut bytes = original.to_vec();
    let packet = |random: &mut Generator, bytes: &[u8]| {
        below(random, bytes.len() / PACKET_BYTES) * PACKET_BYTES
    };
    for _ in 0..=below(random, bytes.len() / 4_096 + 8) {
        let place = below(random, bytes.len());
        bytes[place] ^= 1 << below(random, 8);
    }
    // Flips in headers, where they hurt most.
    for _ in 0..=below(random, 16) {
        let place = packet(random, &bytes) + below(random, 24);
        bytes[place] ^= 1 << below(random, 8);
    }
    for _ in 0..=below(random, 4) {
        let (from, to) = (packet(random, &bytes), packet(random, &bytes));
        let copy = bytes[from..from + PACKET_BYTES].to_vec();
        if below(random, 2) == 0 {
            bytes.splice(to..to, copy);
        } else {
            bytes.copy_within(to..to + PACKET_BYTES, from);
            bytes[to..to + PACKET_BYTES].copy_from_slice(&copy);
        }
    }
    let cut = below(random, bytes.len() - PACKET_BYTES);
    let length = below(random, 2_000).min(bytes.len() - cut - PACKET_BYTES);
    bytes.drain(cut..cut + length);
    bytes.truncate(bytes.len() - below(random, PACKET_BYTES));
    bytes
}

fn analyze(bytes: &[u8]) {
    let mut analyzer = Analyzer::new();
    let mut counters = demux::Counters::default();
    let mut sync = PacketSync::new();
    let mut position = 0;
    sync.push(bytes, &mut counters, |packet| {
        analyzer.push(packet, Duration::from_micros(position * 1_000));
        position += 1;
    });
    let report = serde_json::to_value(analyzer.report()).expect("a report is JSON");
    assert_eq!(report["packets"], position);
}

fn segment(bytes: &[u8]) {
    let rules = Rules {
        target: Duration::from_secs(1),
        slack: Duration::ZERO,
        duration_max: Duration::from_secs(2),
        bytes_max: 1 << 20,
        phase: Phase::First,
    };
    let (mut sync, mut counters) = (PacketSync::new(), demux::Counters::default());
    let (mut demux, mut segmenter) = (Demux::new(Selection::First), Segmenter::new(rules, 0));
    let (mut written, mut next) = (0_u64, 0);
    let mut tracks = [
        Track::Sound(Box::<Sound>::default()),
        Track::Subtitles(Box::new(Subtitles::new(PageChoice::Number(0x888)))),
    ];
    let mut take = |output: Output| {
        for track in &mut tracks {
            take_track(track, &output);
        }
        match output {
            Output::Begin { sequence } => {
                assert_eq!(sequence, next, "sequence numbers go up by one");
                next += 1;
            }
            Output::Bytes(bytes) => {
                assert!(bytes.len().is_multiple_of(PACKET_BYTES), "whole packets");
                written += u64::try_from(bytes.len()).expect("usize fits");
            }
            Output::End(segment) => assert!(segment.bytes <= (1 << 20) + (1 << 18), "{segment:?}"),
            Output::Gap(segment) => {
                panic!("a file has no clock by which a segment is late: {segment:?}")
            }
            Output::Cue(_) => {}
        }
    };
    let now = Wall::from_nanos(1_700_000_000_000_000_000);
    sync.push(bytes, &mut counters, |packet| {
        demux.push(packet, |event| segmenter.push(event, now, &mut take));
    });
    segmenter.finish(&mut take);
    // Passthrough: only PAT and PMT are added, and these only where units begin.
    assert!(
        written <= 4 * u64::try_from(bytes.len()).expect("usize fits"),
        "{written} bytes"
    );
}

/// A segment is begun and ended, or given up for a gap, and what is text is text.
fn take_track(track: &mut Track, output: &Output) {
    let is_text = matches!(track, Track::Subtitles(_));
    track.push(output, |output| match output {
        Output::Bytes(bytes) if is_text => {
            let text = std::str::from_utf8(&bytes).expect("WebVTT is UTF-8");
            assert!(
                text.starts_with("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:"),
                "{text}"
            );
            assert!(bytes.len() < 1 << 17, "{} bytes", bytes.len());
        }
        Output::Bytes(bytes) => assert!(bytes.len().is_multiple_of(PACKET_BYTES)),
        Output::Begin { .. } | Output::End(_) | Output::Gap(_) | Output::Cue(_) => {}
    });
}

/// Pictures, two languages, and a page of subtitles each half second.
fn with_teletext(folder: &Path) -> PathBuf {
    let (text, whole) = (folder.join("text.ts"), folder.join("Teletext.ts"));
    let screens = (0..6_u64).map(|number| Screen {
        at_90k: number * 45_000,
        region: Some(0),
        rows: vec![
            (20, b"\x03Good evening,".to_vec()),
            (22, b"\x06number one".to_vec()),
        ],
        over: vec![(20, 6, 0x12, 0x65), (22, 7, 0x0F, 0x7B)],
        ..Screen::default()
    });
    let screens: Vec<Screen> = screens.collect();
    fs::write(&text, teletext::stream(&screens, 3)).expect("a temporary folder");
    teletext::make_program(&text, &whole, "ac3", 3);
    whole
}

fn resident_kib_max() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("Linux tells the peak");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number of KiB")
}

fn originals() -> Vec<(String, Vec<u8>)> {
    let folder = TempDir::new().expect("a temporary folder");
    let mut files: Vec<PathBuf> = Vec::new();
    for streams in Streams::ALL {
        let file = folder.path().join(format!("{streams:?}.ts"));
        ffmpeg::make(streams, 3, &file);
        files.push(file);
    }
    files.push(with_teletext(folder.path()));
    if let Some(samples) = std::env::var_os("WEIR_SAMPLES") {
        let entries = fs::read_dir(&samples).expect("WEIR_SAMPLES is a folder");
        let is_stream =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "ts");
        files.extend(
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(is_stream),
        );
    }
    let name = |file: &PathBuf| {
        file.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let read = |file: PathBuf| {
        (
            name(&file),
            fs::read(&file).expect("the stream can be read"),
        )
    };
    files.into_iter().map(read).collect()
}

#[test]
fn ten_thousand_damaged_copies_neither_panic_nor_grow() {
    let originals = originals();
    println!(
        "{COPIES} copies of {:?}",
        originals.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    for copy in 0..COPIES {
        let (name, original) = &originals[copy % originals.len()];
        let seed = u64::try_from(copy).expect("usize fits");
        let bytes = mutate(original, &mut Generator::new(seed));
        let outcome = std::panic::catch_unwind(|| {
            analyze(&bytes);
            segment(&bytes);
        });
        assert!(outcome.is_ok(), "seed {seed} of {name}");
    }
    let resident_kib = resident_kib_max();
    println!("peak resident memory: {resident_kib} KiB");
    assert!(resident_kib <= RESIDENT_KIB_MAX, "{resident_kib} KiB");
}
