//! A player in a browser while what is sent changes under it: a break begins and ends, another
//! source comes on the same group, the pictures are scrambled for a while.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;
use weir_tests::{
    browser::Browser,
    edited::{AUDIO_PID, Edited, VIDEO_PID},
    hls::Version,
    http,
    process::peer,
    wait::until,
};

use crate::{
    browsers::{PATIENCE, open, playhead},
    rig::{LIVE, Protocol, Rig},
};

const LIST: &str = "/live/CH/CH_HD.m3u8";

/// The second of the file at which a break begins, and at which it ends.
const BREAK: (u64, u64) = (18, 26);

/// The same of the scrambling.
const SCRAMBLED: (u64, u64) = (12, 20);

fn list(rig: &Rig) -> String {
    let answer = http::get(&rig.url(Protocol::Plain, LIST)).expect("the daemon answers");
    answer.text()
}

/// What the page tells; nothing fatal may be in it.
fn told(browser: &Browser) -> Value {
    let told = browser.run("return window.told");
    let is_well = told["fatal"].as_array().is_some_and(Vec::is_empty);
    assert!(is_well, "{told} {:?}", browser.console());
    told
}

fn play(rig: &Rig) -> Browser {
    let browser = Browser::start();
    open(&browser, rig, Protocol::Plain, "/hls.html", LIVE);
    until("2 s of play", PATIENCE, || {
        told(&browser);
        (playhead(&browser) >= 2.0).then_some(())
    });
    browser
}

/// The date of the picture that is seen, in seconds since 1970.
fn date(browser: &Browser) -> f64 {
    let seconds = browser.run("return (window.hls.playingDate ?? 0) / 1000");
    seconds.as_f64().unwrap_or(0.0)
}

fn go_on(browser: &Browser, seconds: f64) {
    let from = playhead(browser);
    until("play that goes on", PATIENCE, || {
        told(browser);
        (playhead(browser) - from >= seconds).then_some(())
    });
}

#[test]
fn hls_js_plays_through_a_break_and_knows_when_it_is() {
    let rig = Rig::start_on_air_with("cues = \"both\"\n", &|file| {
        Edited::read(file).with_break(BREAK.0, BREAK.1).write(file);
    });
    let browser = play(&rig);
    let (start, seconds) = until("the break in the list", PATIENCE, || {
        let told = told(&browser);
        let range = told["ranges"].as_object()?.values().next()?;
        Some((range["start"].as_f64()?, range["seconds"].as_f64()?))
    });
    assert!((seconds - 8.0).abs() < 0.1, "{seconds}");
    let mut tags = (false, false);
    until("a picture behind the break", PATIENCE, || {
        told(&browser);
        let list = list(&rig);
        tags.0 |= list.contains("#EXT-X-CUE-OUT:");
        tags.1 |= list.contains("#EXT-X-CUE-IN");
        (date(&browser) > start + seconds + 3.0).then_some(())
    });
    assert_eq!(tags, (true, true), "{}", list(&rig));
    let told = told(&browser);
    assert_eq!(told["stalls"], 0, "{told}");
}

/// Another encoder: larger pictures, other PIDs, another time, another sound.
fn make_another(file: &Path) {
    let line = "-hide_banner -nostdin -loglevel error -y -f lavfi \
         -i testsrc2=size=640x360:rate=25:duration=40 -f lavfi \
         -i sine=frequency=880:sample_rate=44100:duration=40 -c:v libx264 -preset veryfast \
         -g 25 -keyint_min 25 -sc_threshold 0 -b:v 600k -pix_fmt yuv420p -c:a aac -b:a 96k \
         -mpegts_pmt_start_pid 0x900 -mpegts_start_pid 0x300 -mpegts_service_id 7 \
         -output_ts_offset 50000 -f mpegts";
    peer(
        Command::new("ffmpeg")
            .args(line.split_whitespace())
            .arg(file),
    );
}

#[test]
fn hls_js_plays_on_when_another_source_comes() {
    let mut rig = Rig::start_on_air();
    let browser = play(&rig);
    let width = "return document.getElementById('video').videoWidth";
    assert_eq!(browser.run(width), 320);
    rig.switch(make_another);
    until("pictures of the other source", PATIENCE, || {
        told(&browser);
        (browser.run(width) == 640).then_some(())
    });
    go_on(&browser, 6.0);
}

#[test]
fn hls_js_comes_back_when_pictures_were_scrambled_for_a_while() {
    let rig = Rig::start_on_air_with("", &|file| {
        let edited = Edited::read(file);
        let pids = [VIDEO_PID, AUDIO_PID];
        edited
            .scrambled(&pids, SCRAMBLED.0, SCRAMBLED.1)
            .write(file);
    });
    let browser = play(&rig);
    until("the state", PATIENCE, || {
        told(&browser);
        let health = rig.daemon.health();
        let state = &health["channels"][0]["renditions"][0]["state"];
        (state == "scrambled").then_some(())
    });
    let back = until("media behind gaps", PATIENCE, || {
        told(&browser);
        let list = Version::read(&list(&rig)).expect("a sound list");
        let gap = list.entries.iter().rposition(|entry| entry.is_gap)?;
        let back = list.entries.get(gap + 1)?;
        assert!(back.is_discontinuity, "{list:?}");
        back.date_ms
    });
    let back = Duration::from_millis(back.unsigned_abs()).as_secs_f64();
    until("a picture of it", PATIENCE, || {
        told(&browser);
        (date(&browser) > back + 2.0).then_some(())
    });
    go_on(&browser, 3.0);
}
