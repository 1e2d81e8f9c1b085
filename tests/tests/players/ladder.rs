//! A channel of two renditions: players climb from one to the other, and live on when one dies.
//!
//! Both are sent with the same time stamps and key frames, as the encoders of a ladder do.

use std::{path::Path, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    browser::Browser,
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    http,
    origin::{Origin, Reply},
    parsers,
    process::Process,
    wait::until,
};

use crate::rig::{HLS_JS, LIVE, page};

const PATIENCE: Duration = Duration::from_mins(1);

/// How long a rendition is before it begins again, without a seam.
const SECONDS: u32 = 40;

/// The target duration.
const TARGET_S: f64 = 2.0;

/// A picture, in seconds.
const FRAME_S: f64 = 0.04;

struct Ladder {
    daemon: Daemon,
    _origin: Origin,
    _scratch: TempDir,
    high: Process,
    _low: Process,
}

impl Ladder {
    /// On air, with both renditions in the Master Playlist.
    fn start() -> Self {
        let scratch = TempDir::new().expect("a folder");
        let origin = Origin::start(|seen| match seen.target.split('?').next() {
            Some("/ladder.html") => page("/hls.js", include_str!("ladder_page.js")),
            Some("/hls.js") => Reply::new(200, &[("Content-Type", "text/javascript")], HLS_JS),
            _ => Reply::new(404, &[], ""),
        });
        let port = free_port();
        let groups = [3, 4].map(|last| format!("239.255.86.{last}:{port}"));
        let daemon = Daemon::start(&configuration(&groups, &origin.url()));
        let files = ["high.ts", "low.ts"].map(|name| scratch.path().join(name));
        make("600k", "640x360", &files[0]);
        make("300k", "320x180", &files[1]);
        let ladder = Self {
            daemon,
            _origin: origin,
            high: send(&files[0], &groups[0]),
            _low: send(&files[1], &groups[1]),
            _scratch: scratch,
        };
        until("both renditions with segments to play", PATIENCE, || {
            let is_playable = ladder.segments("HD")? >= 3 && ladder.segments("SD")? >= 3;
            (is_playable && ladder.uris().len() == 2).then_some(())
        });
        ladder
    }

    /// How many segments a rendition lists, if it has a list.
    fn segments(&self, rendition: &str) -> Option<usize> {
        let path = format!("/live/CH/CH_{rendition}.m3u8");
        let list = http::get(&self.daemon.data(&path)).ok()?;
        Some(list.text().matches("#EXTINF").count())
    }

    fn master(&self) -> String {
        let answer = http::get(&self.daemon.data(LIVE)).expect("the daemon listens");
        answer.text()
    }

    /// The URIs in the Master Playlist.
    fn uris(&self) -> Vec<String> {
        let master = self.master();
        let uris = master.lines().filter(|line| !line.starts_with('#'));
        uris.map(str::to_owned).collect()
    }

    fn play(&self, browser: &Browser) {
        browser.open(&self.daemon.data(&format!("/ladder.html?src={LIVE}")));
    }

    fn channel(&self) -> Value {
        self.daemon.health()["channels"][0].clone()
    }
}

fn configuration([high, low]: &[String; 2], origin: &str) -> String {
    let rendition = |name: &str, group: &str| {
        format!(
            "[[channel.rendition]]\nname = \"{name}\"\nsources = [\"udp://{group}\"]\n\
             interface = \"lo\"\n"
        )
    };
    format!(
        "[segment]\ntarget = \"2s\"\nlongest = \"4s\"\n[[channel]]\nid = \"CH\"\n{}{}\
         [[origin]]\nname = \"o\"\nurls = [\"{origin}\"]\n\
         [[route]]\npath = \"/\"\norigin = [\"o\"]\n",
        rendition("HD", high),
        rendition("SD", low),
    )
}

/// Makes a rendition: pictures of `size` with a key frame each second, at `bitrate`.
fn make(bitrate: &str, size: &str, file: &Path) {
    let arguments = Streams::H264Aac.arguments(SECONDS).into_iter();
    let arguments = arguments.map(|argument| {
        let argument = argument.replace("320x180", size);
        argument.replace("500k", bitrate)
    });
    ffmpeg::make_with(arguments.collect(), file);
}

fn send(file: &Path, group: &str) -> Process {
    let file = file.to_str().expect("a plain path");
    let url = format!("udp://{group}");
    Process::weir(["send", file, &url, "--loop", "--interface", "lo"])
}

/// What the page tells; nothing fatal may be in it.
fn told(browser: &Browser) -> Value {
    let told = browser.run("return window.told");
    let is_well = told["fatal"].as_array().is_some_and(Vec::is_empty);
    assert!(is_well, "{told} {:?}", browser.console());
    told
}

fn playhead(browser: &Browser) -> f64 {
    let seconds = browser.run("return document.getElementById('video').currentTime");
    seconds.as_f64().unwrap_or(0.0)
}

/// The levels and ends of what was put into the buffer. Where it begins is told by the sound, which
/// the multiplex carries ahead of its pictures.
fn pieces(told: &Value) -> Vec<(u64, f64)> {
    let pieces = told["pieces"].as_array().expect("a list").iter();
    let piece = |piece: &Value| Some((piece["level"].as_u64()?, piece["to"].as_f64()?));
    pieces.filter_map(piece).collect()
}

fn wait_for_play(browser: &Browser, seconds: f64) {
    let from = playhead(browser);
    until("play", PATIENCE, || {
        told(browser);
        (playhead(browser) - from >= seconds).then_some(())
    });
}

/// Plays until the last piece in the buffer is one of the upper level.
fn climb(browser: &Browser) {
    browser.run("window.hls.loadLevel = 1");
    until("the upper rendition", PATIENCE, || {
        let pieces = pieces(&told(browser));
        let is_up = pieces.iter().rev().take(2).all(|piece| piece.0 == 1);
        (pieces.len() > 2 && is_up).then_some(())
    });
}

#[test]
fn hls_js_climbs_at_a_boundary_that_both_renditions_have() {
    let ladder = Ladder::start();
    let browser = Browser::start();
    ladder.play(&browser);
    wait_for_play(&browser, 3.0);
    climb(&browser);
    wait_for_play(&browser, 6.0);
    let told = told(&browser);
    assert_eq!(told["levels"], 2, "{told}");
    assert_eq!(told["stalls"], 0, "{told}");
    let pieces = pieces(&told);
    // The first ends at the first line of the grid, each other one at the next. What was under way
    // as the player climbed may come in both renditions.
    for pair in pieces.windows(2) {
        let ((lower, end_before), (upper, end)) = (pair[0], pair[1]);
        let is_after = |span_s: f64| (end - end_before - span_s).abs() <= FRAME_S;
        let is_on_grid = is_after(TARGET_S) || lower != upper && is_after(0.0);
        assert!(is_on_grid, "from level {lower} to {upper}: {pieces:?}");
    }
    assert!(
        pieces
            .windows(2)
            .any(|pair| (pair[0].0, pair[1].0) == (0, 1)),
        "{pieces:?}"
    );
    let alignment = &ladder.channel()["alignment"];
    assert_eq!(alignment["state"], "aligned", "{alignment}");
    assert_eq!(ladder.channel()["counters"]["segments_unaligned"], 0);
}

#[test]
fn hls_js_plays_on_when_the_rendition_it_is_on_is_withdrawn() {
    let mut ladder = Ladder::start();
    let browser = Browser::start();
    ladder.play(&browser);
    wait_for_play(&browser, 3.0);
    climb(&browser);
    browser.run("window.hls.loadLevel = -1");
    ladder.high.kill();
    until(
        "the master playlist without it",
        Duration::from_secs(10),
        || (ladder.uris() == ["CH_SD.m3u8"]).then_some(()),
    );
    until("the other rendition", PATIENCE, || {
        let pieces = pieces(&told(&browser));
        let is_down = pieces.iter().rev().take(2).all(|piece| piece.0 == 0);
        is_down.then_some(())
    });
    // More than was in the buffer.
    wait_for_play(&browser, 10.0);
    until("a finding", Duration::from_secs(15), || {
        let findings = &ladder.channel()["findings"];
        (findings[0]["name"] == "rung_missing").then_some(())
    });
}

#[test]
fn strict_parsers_take_every_master_playlist_from_the_first_to_the_last() {
    let mut ladder = Ladder::start();
    let both = parsers::read(&ladder.master());
    assert_eq!(both["warnings"], serde_json::json!([]), "{both}");
    assert_eq!(both["isMaster"], true, "{both}");
    for (variant, (uri, height)) in [("CH_HD.m3u8", 360), ("CH_SD.m3u8", 180)]
        .iter()
        .enumerate()
        .map(|(index, told)| (&both["variants"][index], told))
    {
        assert_eq!(variant["uri"], *uri, "{both}");
        assert_eq!(variant["height"], *height, "{both}");
        assert_eq!(variant["rate"], 25, "{both}");
        let codecs = variant["codecs"].as_str().unwrap_or_default();
        assert!(
            codecs.starts_with("avc1.") && codecs.ends_with(",mp4a.40.2"),
            "{both}"
        );
        assert!(
            variant["average"].as_u64() <= variant["bandwidth"].as_u64(),
            "{both}"
        );
    }
    let bandwidths = &both["merged"];
    assert!(
        bandwidths[0][1].as_u64() > bandwidths[1][1].as_u64(),
        "{both}"
    );
    ladder.high.kill();
    until(
        "the master playlist without it",
        Duration::from_secs(10),
        || {
            let master = parsers::read(&ladder.master());
            assert_eq!(master["warnings"], serde_json::json!([]), "{master}");
            (master["variants"].as_array()?.len() == 1).then_some(())
        },
    );
}
