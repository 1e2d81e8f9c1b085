//! Breaks announced by SCTE 35, from the stream to the playlist, as independent readers see them:
//! threefive reads messages, hls-parser (strict) and m3u8-parser read playlists.

use std::{fs, process::Command};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use weir::demux::{SpliceCommand, SpliceInfo, SpliceTime, crc_32};
use weir_tests::{
    parsers,
    process::{peer, weir_binary},
    pypi::THREEFIVE,
    splice::{bit, insert, low, section, segmentation},
    stream::{Encoder, PICTURE_90K},
};

/// Decodes each line of hexadecimal digits and prints what it says as one JSON array.
const READ: &str = "
import json, sys
import threefive
told = []
for line in open(sys.argv[1]):
    cue = threefive.Cue('0x' + line.strip())
    cue.decode()
    command = cue.command
    told.append({
        'name': command.name,
        'adjustment': round(cue.info_section.pts_adjustment * 90000),
        'pts': None if getattr(command, 'pts_time', None) is None
            else round(command.pts_time * 90000),
        'event': getattr(command, 'splice_event_id', None),
        'out': getattr(command, 'out_of_network_indicator', None),
        'duration': None if getattr(command, 'break_duration', None) is None
            else round(command.break_duration * 90000),
        'segmentations': [
            [int(it.segmentation_event_id, 16), it.segmentation_type_id]
            for it in cue.descriptors if it.tag == 2
        ],
    })
print(json.dumps(told))
";

const OUT_90K: u64 = 510 * PICTURE_90K;
const IN_90K: u64 = 910 * PICTURE_90K;
const START_90K: u64 = 900_000;

/// A minute of pictures with a break from 20.4 s to 36.4 s. Each message is sent three times,
/// from four seconds ahead.
fn stream_with_break(folder: &TempDir) -> String {
    let at = |ticks: u64| Some(START_90K + ticks);
    let out = section(
        0,
        5,
        &insert(7, true, at(OUT_90K), Some(IN_90K - OUT_90K)),
        &[],
    );
    let back = section(0, 5, &insert(7, false, at(IN_90K), None), &[]);
    let mut encoder = Encoder::new(START_90K, 2_000).with_splices();
    let mut bytes = Vec::new();
    for picture in 0..1_500 {
        let ticks = picture * PICTURE_90K;
        for (section, due) in [(&out, OUT_90K), (&back, IN_90K)] {
            if [100, 75, 50]
                .iter()
                .any(|ahead| ticks + ahead * PICTURE_90K == due)
            {
                bytes.extend(encoder.splice(section));
            }
            if ticks == due {
                encoder.ask_for_key_frame();
            }
        }
        bytes.extend(encoder.picture());
    }
    let path = folder.path().join("break.ts");
    fs::write(&path, bytes).expect("the temporary folder can be written");
    path.display().to_string()
}

/// What `weir segment` makes of a stream with a break, read by both parsers.
fn segmented(cues: &str) -> (String, Value) {
    let folder = TempDir::new().expect("a temporary folder");
    let input = stream_with_break(&folder);
    let directory = folder.path().join("hls");
    peer(
        Command::new(weir_binary())
            .args(["segment", &input, "--cues", cues, "--out"])
            .arg(&directory),
    );
    let text = fs::read_to_string(directory.join("media.m3u8")).expect("it was written");
    let told = parsers::read(&text);
    (text, told)
}

/// What threefive reads in each message.
fn threefive(messages: &[String]) -> Vec<Value> {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("messages");
    fs::write(&path, messages.join("\n")).expect("the temporary folder can be written");
    let told = THREEFIVE.run(READ, &path.display().to_string());
    serde_json::from_str(&told).expect("the script prints JSON")
}

#[test]
fn a_break_begins_and_ends_with_a_segment() {
    let (text, told) = segmented("both");
    assert_eq!(told["warnings"], json!([]), "{text}");
    let segments = told["segments"].as_array().expect("segments").iter();
    let durations = segments.map(|segment| segment["duration"].as_f64().expect("a number"));
    let ends = durations.scan(0.0, |end, duration| {
        *end += duration;
        Some((*end * 1_000.0).round())
    });
    let ends: Vec<f64> = ends.collect();
    assert!(
        ends.contains(&20_400.0) && ends.contains(&36_400.0),
        "{ends:?}"
    );
}

#[test]
fn a_break_is_one_date_range_with_the_messages_that_were_sent() {
    let (text, told) = segmented("both");
    let ranges = told["ranges"].as_array().expect("ranges");
    assert_eq!(ranges.len(), 2, "{text}");
    let (out, back) = (&ranges[0], &ranges[1]);
    assert_eq!(out["planned"], 16);
    assert_eq!(back["duration"], 16);
    assert_eq!((&out["id"], &out["start"]), (&back["id"], &back["start"]));
    assert_eq!(out["start"], "1970-01-01T00:00:20.400Z");
    let merged = told["merged"].as_array().map(Vec::len);
    assert_eq!(merged, Some(1), "one range of two lines: {told}");
    let messages = [&out["out"], &back["in"]].map(|it| it.as_str().expect("hex").to_owned());
    let read = threefive(&messages);
    for (read, is_out, at_90k) in [(&read[0], true, OUT_90K), (&read[1], false, IN_90K)] {
        assert_eq!((&read["event"], &read["out"]), (&json!(7), &json!(is_out)));
        assert_eq!(read["pts"], START_90K + at_90k);
    }
    assert_eq!(read[0]["duration"], IN_90K - OUT_90K);
}

#[test]
fn cue_tags_stand_at_the_segments_of_the_break() {
    let (text, told) = segmented("cue");
    assert_eq!(
        (&told["warnings"], &told["ranges"]),
        (&json!([]), &json!([])),
        "{text}"
    );
    let markers: Vec<_> = told["segments"]
        .as_array()
        .expect("segments")
        .iter()
        .filter_map(|segment| segment["markers"][0].as_str())
        .collect();
    let due = ["OUT", "EXT-X-CUE-OUT-CONT", "EXT-X-CUE-OUT-CONT", "IN"];
    assert_eq!(markers, due, "{text}");
    assert!(text.contains("#EXT-X-CUE-OUT:16.000\n"), "{text}");
    assert!(
        text.contains("#EXT-X-CUE-OUT-CONT:6.600/16.000\n"),
        "{text}"
    );
}

#[test]
fn a_break_that_is_not_to_be_told_of_is_cut_at_all_the_same() {
    let (text, told) = segmented("off");
    assert_eq!((&told["ranges"], text.contains("CUE")), (&json!([]), false));
    assert!(text.contains("#EXTINF:2.400000,"), "18 s to 20.4 s: {text}");
}

#[test]
fn the_reader_agrees_with_threefive() {
    let number = || prop::option::of(0..1_u64 << 33);
    let inserts = (any::<u32>(), any::<bool>(), number(), number());
    let inserts = inserts
        .prop_map(|(event, out, pts, duration)| (5, insert(event, out, pts, duration), Vec::new()));
    let types = prop::collection::vec((any::<u32>(), 0x10..0x30_u8, number()), 0..4);
    let signals = (0..1_u64 << 33, types).prop_map(|(pts, types)| {
        let command = [&[0xFE | bit(pts)][..], &low(pts)].concat();
        let of = |(event, type_id, duration): (u32, u8, Option<u64>)| {
            segmentation(event, type_id, duration)
        };
        (6, command, types.into_iter().flat_map(of).collect())
    });
    let messages = (0..1_u64 << 33, prop_oneof![inserts, signals]);
    let generator = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), generator);
    let mut sections = Vec::new();
    for _ in 0..400 {
        let tree = messages.new_tree(&mut runner).expect("nothing is rejected");
        let (adjustment, (command_type, command, descriptors)) = tree.current();
        let mut message = section(adjustment, command_type, &command, &descriptors);
        message.extend(crc_32(&message).to_be_bytes());
        sections.push(message);
    }
    let digits = |section: &Vec<u8>| -> String {
        section.iter().fold(String::new(), |digits, byte| {
            digits + &format!("{byte:02X}")
        })
    };
    let theirs = threefive(&sections.iter().map(digits).collect::<Vec<_>>());
    assert_eq!(theirs.len(), sections.len());
    for (section, theirs) in sections.iter().zip(&theirs) {
        compare(&SpliceInfo::parse(section).unwrap(), theirs);
    }
}

fn compare(ours: &SpliceInfo<'_>, theirs: &Value) {
    let time = match ours.command {
        SpliceCommand::TimeSignal(time) => {
            assert_eq!(theirs["name"], "Time Signal");
            time
        }
        SpliceCommand::Insert(insert) => {
            let detail = insert.detail.expect("none is cancelled");
            assert_eq!(theirs["event"], insert.event_id);
            assert_eq!(theirs["out"], detail.out_of_network);
            let duration = detail.break_duration.map(|it| it.duration_90k);
            assert_eq!(theirs["duration"], json!(duration));
            detail.time
        }
        other @ (SpliceCommand::Null
        | SpliceCommand::Schedule
        | SpliceCommand::BandwidthReservation
        | SpliceCommand::Private
        | SpliceCommand::Reserved(_)) => panic!("none is made of {other:?}"),
    };
    let ticks = |name: &str| theirs[name].as_u64();
    let adjusted = ticks("pts").map(|pts| (pts + ticks("adjustment").unwrap_or(0)) % (1 << 33));
    match time {
        SpliceTime::Immediate => assert_eq!(adjusted, None),
        SpliceTime::At(pts) => assert_eq!(adjusted, Some(pts.ticks())),
    }
    let segmentations: Vec<_> = ours
        .segmentations()
        .map(|it| json!([it.event_id, it.detail.expect("none is cancelled").type_id]))
        .collect();
    assert_eq!(theirs["segmentations"], json!(segmentations));
}
