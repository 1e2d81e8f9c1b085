//! Sound as ffprobe and ffmpeg read it: in the rendition's own segments and alone.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use weir::{
    demux::{self, Demux, PacketSync, Selection},
    segment::{Output, Phase, Rules, Segmenter, track::Track},
};
use weir_hal::Wall;
use weir_tests::{
    ffmpeg,
    process::weir,
    teletext::{Screen, make_program, stream},
};

/// Codec and language of each stream.
fn streams(file: &Path) -> Vec<(String, String)> {
    let probed = ffmpeg::probe(file.to_str().expect("a plain path"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let streams = probed["streams"].as_array().expect("a list").iter();
    let row = |it: &Value| (text(&it["codec_name"]), text(&it["tags"]["language"]));
    streams.map(row).collect()
}

fn program(folder: &Path) -> String {
    let (text, whole) = (folder.join("teletext.ts"), folder.join("program.ts"));
    let screen = Screen {
        at_90k: 90_000,
        rows: vec![(20, b"Hello".to_vec())],
        ..Screen::default()
    };
    fs::write(&text, stream(&[screen], 12)).expect("the folder can be written");
    make_program(&text, &whole, "ac3", 12);
    whole.to_str().expect("a plain path").to_owned()
}

fn row(codec: &str, language: &str) -> (String, String) {
    (codec.to_owned(), language.to_owned())
}

#[test]
fn languages_codecs_and_teletext_stay_in_the_segments_of_the_rendition() {
    let folder = TempDir::new().expect("a folder");
    let file = program(folder.path());
    let out = folder.path().join("out");
    let made = weir(
        [
            "segment",
            &file,
            "--out",
            out.to_str().expect("a plain path"),
            "--target",
            "2s",
        ],
        Duration::from_mins(1),
    );
    assert!(made.status.success(), "{}", made.output);
    assert_eq!(
        streams(&out.join("segment-2.ts")),
        [
            row("h264", ""),
            row("aac", "deu"),
            row("ac3", "eng"),
            row("dvb_teletext", "deu"),
        ]
    );
}

#[test]
fn sound_alone_is_two_languages_and_their_clock() {
    let folder = TempDir::new().expect("a folder");
    let file = program(folder.path());
    let rules = Rules {
        target: Duration::from_secs(2),
        slack: Duration::ZERO,
        duration_max: Duration::from_secs(4),
        bytes_max: 1 << 24,
        phase: Phase::First,
    };
    let (mut sync, mut counters) = (PacketSync::new(), demux::Counters::default());
    let (mut demux, mut segmenter) = (Demux::new(Selection::First), Segmenter::new(rules, 0));
    let mut track = Track::Sound(Box::default());
    let mut sound = Vec::new();
    let mut whole_bytes = 0;
    let mut take = |output: Output| {
        if let Output::End(segment) = &output {
            whole_bytes += segment.bytes;
        }
        track.push(&output, |output| match output {
            Output::Bytes(bytes) => sound.extend_from_slice(&bytes),
            Output::Gap(gap) => panic!("there is sound throughout: {gap:?}"),
            Output::Begin { .. } | Output::End(_) | Output::Cue(_) => {}
        });
    };
    let now = Wall::from_nanos(1_700_000_000_000_000_000);
    let bytes = fs::read(&file).expect("it was made");
    sync.push(&bytes, &mut counters, |packet| {
        demux.push(packet, |event| segmenter.push(event, now, &mut take));
    });
    segmenter.finish(&mut take);
    let alone = folder.path().join("sound.ts");
    fs::write(&alone, &sound).expect("the folder can be written");
    assert_eq!(streams(&alone), [row("aac", "deu"), row("ac3", "eng")]);
    let complaints = ffmpeg::complaints(alone.to_str().expect("a plain path"));
    assert_eq!(complaints, "");
    // The writer of this stream sends a clock with each picture, and the sound is all there.
    let analysis = weir(
        ["analyze", alone.to_str().expect("a plain path"), "--json"],
        Duration::from_mins(1),
    );
    let report: Value = serde_json::from_str(&analysis.output).expect("JSON");
    let damage = &report["tr_101_290"];
    for check in [
        "PCR_error",
        "PCR_discontinuity_indicator_error",
        "Continuity_count_error",
    ] {
        assert!(
            damage[check].as_u64().unwrap_or_default() == 0,
            "{check}: {damage:#}"
        );
    }
    assert!(
        (sound.len() as u64) < whole_bytes * 2 / 3,
        "{} of {whole_bytes}",
        sound.len()
    );
}
