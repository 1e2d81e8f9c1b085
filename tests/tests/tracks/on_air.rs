//! A daemon with all tracks on air: what it lists, what `weir validate` says of it, what hls.js
//! shows, and how it goes on after it was killed.

use std::{fs, path::Path, process::Command, process::Stdio, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    browser::Browser,
    daemon::{Daemon, free_port},
    ffmpeg,
    hls::Version,
    http,
    npm::HLS_JS,
    origin::{Origin, Reply},
    process::{Process, weir_binary},
    teletext::make_program_of_seconds,
    wait::until,
};

use crate::teletext::{cues, joined};

const PATIENCE: Duration = Duration::from_mins(1);

/// How long the channel is before it begins again.
const SECONDS: u64 = 40;

const MASTER: &str = "/live/ch/master.m3u8";

struct Rig {
    daemon: Daemon,
    _origin: Origin,
    _scratch: TempDir,
    _sender: Process,
}

impl Rig {
    /// On air, with segments of all tracks.
    fn start() -> Self {
        let scratch = TempDir::new().expect("a folder");
        let file = channel(scratch.path());
        let origin = Origin::start(|seen| match seen.target.split('?').next() {
            Some("/tracks.html") => page(),
            Some("/hls.js") => {
                let fields = [("Content-Type", "text/javascript")];
                Reply::new(200, &fields, HLS_JS.read())
            }
            _ => Reply::new(404, &[], ""),
        });
        let group = format!("239.255.87.1:{}", free_port());
        let daemon = Daemon::start(&format!(
            "[segment]\ntarget = \"2s\"\nlongest = \"4s\"\n[[channel]]\nid = \"ch\"\n\
             [[channel.rendition]]\nname = \"HD\"\nsources = [\"udp://{group}\"]\n\
             interface = \"lo\"\naudio_only = true\nteletext = [\"888\"]\n\
             [[origin]]\nname = \"o\"\nurls = [\"{}\"]\n\
             [[route]]\npath = \"/\"\norigin = [\"o\"]\n",
            origin.url()
        ));
        let url = format!("udp://{group}");
        let sender = Process::weir(["send", &file, &url, "--loop", "--interface", "lo"]);
        let rig = Self {
            daemon,
            _origin: origin,
            _scratch: scratch,
            _sender: sender,
        };
        until("segments of all tracks", PATIENCE, || {
            let count = |track| Some(rig.list(track)?.entries.len() >= 4);
            (count("HD")? && count("HD_audio")? && count("HD_888")?).then_some(())
        });
        rig
    }

    fn list(&self, track: &str) -> Option<Version> {
        let answer = http::get(&self.daemon.data(&format!("/live/ch/ch_{track}.m3u8"))).ok()?;
        (answer.status == 200).then(|| Version::read(&answer.text()).expect("a sound list"))
    }

    fn segment(&self, uri: &str) -> http::Response {
        let answer = http::get(&self.daemon.data(&format!("/live/ch/{uri}")));
        let answer = answer.expect("a listed segment is there");
        assert_eq!(answer.status, 200, "{uri}");
        answer
    }
}

/// A text each second, which tells the second.
fn channel(folder: &Path) -> String {
    let whole = make_program_of_seconds(folder, SECONDS);
    whole.to_str().expect("a plain path").to_owned()
}

fn page() -> Reply {
    let text = format!(
        "<!DOCTYPE html><html><head><link rel=\"icon\" href=\"data:,\"></head>\
         <body><video id=\"video\" muted></video><script src=\"/hls.js\"></script>\
         <script>{}</script></body></html>",
        include_str!("tracks_page.js")
    );
    let fields = [("Content-Type", "text/html"), ("Cache-Control", "no-store")];
    Reply::new(200, &fields, text)
}

/// The Media Sequence Number in the URI of a segment.
fn number(uri: &str) -> Option<u64> {
    let (_, number) = uri.split_once("segment-")?;
    number.split('.').next()?.parse().ok()
}

/// The second that a text tells.
fn second(text: &str) -> Option<u64> {
    text.strip_prefix("second ")?.parse().ok()
}

#[test]
fn the_master_playlist_lists_subtitles_first_and_sound_alone_last() {
    let rig = Rig::start();
    let master = http::get(&rig.daemon.data(MASTER))
        .expect("it answers")
        .text();
    let lines: Vec<&str> = master.lines().collect();
    assert_eq!(
        lines[1],
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"HD\",NAME=\"Deutsch\",LANGUAGE=\"de\",\
         DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"ch_HD_888.m3u8\""
    );
    assert_eq!(
        [lines[3], lines[5]],
        ["ch_HD.m3u8", "ch_HD_audio.m3u8"],
        "{master}"
    );
    assert!(lines[2].contains(",RESOLUTION=320x180,") && lines[2].ends_with(",SUBTITLES=\"HD\""));
    assert!(
        lines[4].contains("CODECS=\"mp4a.40.2\",SUBTITLES=\"HD\""),
        "{master}"
    );
    assert_eq!(lines.len(), 6, "{master}");
    let bandwidth = |line: &str| {
        let digits = line.split("BANDWIDTH=").nth(1)?.split(',').next()?;
        digits.parse::<u64>().ok()
    };
    assert!(bandwidth(lines[4]) < bandwidth(lines[2]), "{master}");
    assert!(bandwidth(lines[4]) < Some(300_000), "{master}");
}

#[test]
fn the_lists_of_tracks_are_cut_as_the_rendition_is() {
    let rig = Rig::start();
    let lists = ["HD", "HD_audio", "HD_888"].map(|track| rig.list(track).expect("it is there"));
    let [whole, tracks @ ..] = &lists;
    for track in tracks {
        assert_eq!(track.target_s, whole.target_s);
        for entry in &track.entries {
            let mut entries = whole.entries.iter();
            if let Some(same) = entries.find(|it| number(&it.uri) == number(&entry.uri)) {
                assert_eq!(same.duration_us, entry.duration_us);
                assert_eq!(same.is_discontinuity, entry.is_discontinuity);
                assert_eq!(same.is_gap, entry.is_gap);
            }
        }
    }
    let health = rig.daemon.health();
    let counters = &health["channels"][0]["renditions"][0]["counters"]["tracks"];
    assert_eq!(counters["track_gaps"], 0, "{counters}");
    assert!(counters["cues_written"].as_u64() >= Some(5), "{counters}");
    assert_eq!(health["channels"][0]["findings"], serde_json::json!([]));
}

#[test]
fn segments_are_sound_alone_and_the_text_of_each_second() {
    let rig = Rig::start();
    let [sound, text] = ["HD_audio", "HD_888"].map(|track| rig.list(track).expect("it is there"));
    let answer = rig.segment(&sound.entries.last().expect("it has some").uri);
    assert_eq!(answer.field("content-type"), Some("video/mp2t"));
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("sound.ts");
    fs::write(&file, &answer.body).expect("the folder can be written");
    let probed = ffmpeg::probe(file.to_str().expect("a plain path"));
    let streams = probed["streams"].as_array().expect("a list").iter();
    let kinds: Vec<_> = streams.filter_map(|it| it["codec_type"].as_str()).collect();
    assert_eq!(kinds, ["audio", "audio"]);
    let mut told = Vec::new();
    for entry in &text.entries[1..] {
        let answer = rig.segment(&entry.uri);
        assert_eq!(answer.field("content-type"), Some("text/vtt"));
        told.extend(cues(&answer.text()));
    }
    let told = joined(told);
    assert!(told.len() >= 5, "{told:?}");
    for pair in told.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|cue| second(&cue.1));
        assert_eq!(before.map(|it| (it + 1) % SECONDS), after, "{told:?}");
        // At the seam of the loop the first text stands as long as the last picture does.
        let apart = pair[1].0.wrapping_sub(pair[0].0);
        assert!(apart.abs_diff(1_000) <= 100 || after == Some(0), "{told:?}");
    }
}

#[test]
fn validate_finds_nothing_to_forbid() {
    let rig = Rig::start();
    let following = Command::new(weir_binary())
        .args([
            "validate",
            &rig.daemon.data(MASTER),
            "--json",
            "--seconds",
            "16",
        ])
        .stdin(Stdio::null())
        .output();
    let output = following.expect("weir runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["violations"], 0, "{report:#}");
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    // Each cue is in the segment of its time: that is advice, and not forbidden.
    let findings = report["findings"].as_array().expect("a list of findings");
    let mut of_subtitles = findings.iter().filter(|finding| finding["rule"] == "R16");
    assert_eq!(of_subtitles.next(), None, "{report:#}");
    let playlists = report["playlists"].as_array().expect("a list of playlists");
    assert_eq!(playlists.len(), 4, "{report:#}");
    for playlist in &playlists[1..] {
        let segments = playlist["segments_inspected"].as_u64();
        assert!(segments.is_some_and(|count| count >= 5), "{playlist:#}");
    }
}

#[test]
fn a_box_that_was_killed_goes_on_in_the_same_lists() {
    let mut rig = Rig::start();
    let before = ["HD_audio", "HD_888"].map(|track| rig.list(track).expect("it is there"));
    rig.daemon.kill();
    rig.daemon.restart();
    for (track, before) in ["HD_audio", "HD_888"].into_iter().zip(before) {
        let after = until("a segment behind the restart", PATIENCE, || {
            rig.list(track).filter(|list| list.end() > before.end() + 2)
        });
        assert!(after.sequence >= before.sequence, "{track}: {after:?}");
        let whole = rig.list("HD").expect("it is there");
        assert_eq!(after.target_s, whole.target_s);
        let apart = after.end().abs_diff(whole.end());
        assert!(apart <= 2, "{track}: {apart} segments apart");
    }
}

/// What the page tells; nothing fatal may be in it.
fn told(browser: &Browser) -> Value {
    let told = browser.run("return window.told");
    let is_well = told["fatal"].as_array().is_some_and(Vec::is_empty);
    assert!(is_well, "{told} {:?}", browser.console());
    told
}

#[test]
fn hls_js_shows_the_subtitles_of_the_moment() {
    let rig = Rig::start();
    let browser = Browser::start();
    browser.open(&rig.daemon.data(&format!("/tracks.html?src={MASTER}")));
    until("subtitle lists", PATIENCE, || {
        let told = told(&browser);
        (told["texts"].as_array()?.len() >= 3).then_some(())
    });
    let told = until("subtitles", PATIENCE, || {
        let told = told(&browser);
        let cues = told["cues"].as_array()?.len();
        (cues >= 5).then_some(told)
    });
    assert_eq!(
        told["subtitles"],
        serde_json::json!([["Deutsch", "de"]]),
        "{told}"
    );
    let cues = told["cues"].as_array().expect("a list");
    let spans: Vec<(f64, f64)> = cues
        .iter()
        .filter_map(|cue| Some((cue["at"].as_f64()?, cue["begin"].as_f64()?)))
        .collect();
    // They came on while they were to be seen, a second each.
    for (at, begin) in &spans[1..] {
        assert!(*at >= begin - 0.05 && at - begin < 1.3, "{told}");
    }
    for pair in cues.windows(2) {
        let [before, after] = [0, 1].map(|place| second(pair[place]["text"].as_str()?));
        assert_eq!(before.map(|it| (it + 1) % SECONDS), after, "{told}");
    }
}

#[test]
fn hls_js_plays_the_sound_alone() {
    let rig = Rig::start();
    let browser = Browser::start();
    // Out of a Master Playlist that has pictures too it never would.
    browser.open(
        &rig.daemon
            .data("/tracks.html?src=/live/ch/ch_HD_audio.m3u8"),
    );
    let from = until("sound", PATIENCE, || {
        let told = told(&browser);
        let sound = told["pieces"].as_array()?.len();
        let at = browser.run("return document.getElementById('video').currentTime");
        (sound >= 2).then(|| at.as_f64())?
    });
    until("5 s of it", PATIENCE, || {
        told(&browser);
        let at = browser.run("return document.getElementById('video').currentTime");
        (at.as_f64()? >= from + 5.0).then_some(())
    });
    let width = browser.run("return document.getElementById('video').videoWidth");
    assert_eq!(width, 0, "there are no pictures");
}
