//! `weir demo` as a newcomer meets it: it starts, ffprobe reads it, a browser plays it.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

use std::time::Duration;

use weir_tests::{
    browser::Browser,
    ffmpeg, http,
    process::Process,
    wait::{timed, until},
};

struct Demo {
    process: Process,
    player: String,
    playlist: String,
    status: String,
    health: String,
}

fn start() -> Demo {
    let process = Process::weir(["demo"]);
    let url = |label: &str| {
        let line = process.line_with(&format!("{label} "), Duration::from_secs(10));
        line.split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap_or_else(|| panic!("no URL in {line:?}"))
            .to_owned()
    };
    let (player, playlist) = (url("player"), url("playlist"));
    let (status, health) = (url("status"), url("health"));
    Demo {
        process,
        player,
        playlist,
        status,
        health,
    }
}

/// Waits until the first segment of every rendition can be fetched.
fn await_segments(playlist: &str) -> Vec<String> {
    let base = playlist.trim_end_matches("master.m3u8");
    until(
        "three renditions with a segment",
        Duration::from_secs(15),
        || {
            let master = http::get(playlist)
                .ok()
                .filter(|response| response.status == 200)?
                .text();
            let uris: Vec<String> = master
                .lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty())
                .map(|line| format!("{base}{line}"))
                .collect();
            let is_playable = |uri: &String| {
                let media = http::get(uri).ok()?.text();
                let segment = media
                    .lines()
                    .find(|line| !line.starts_with('#'))?
                    .to_owned();
                let response = http::get(&format!("{base}{segment}")).ok()?;
                (response.status == 200 && !response.body.is_empty()).then_some(())
            };
            (uris.len() == 3 && uris.iter().all(|uri| is_playable(uri).is_some())).then_some(uris)
        },
    )
}

/// The figure is for the reader: how long a machine takes says nothing of right or wrong.
#[test]
fn the_first_segment_of_every_rendition_is_playable() {
    let (renditions, elapsed) = timed(|| {
        let demo = start();
        await_segments(&demo.playlist)
    });
    println!("start of the binary to the first playable segment: {elapsed:?}");
    assert_eq!(renditions.len(), 3);
}

#[test]
fn ffprobe_reads_the_master_playlist_and_each_rendition() {
    let demo = start();
    let renditions = await_segments(&demo.playlist);
    let master = ffmpeg::probe(&demo.playlist);
    assert_eq!(
        master["programs"].as_array().map(Vec::len),
        Some(3),
        "{master}"
    );
    for rendition in &renditions {
        let streams = ffmpeg::probe(rendition)["streams"].take();
        let codecs: Vec<&str> = streams
            .as_array()
            .expect("a list of streams")
            .iter()
            .filter_map(|stream| stream["codec_name"].as_str())
            .collect();
        assert_eq!(codecs, ["h264", "aac"], "{rendition}");
    }
}

#[test]
fn hls_js_plays_twenty_seconds_without_an_error_or_a_stall() {
    let demo = start();
    let renditions = await_segments(&demo.playlist);
    // Nobody is to begin nearer to the end than three Target Durations (RFC 8216 §6.3.3).
    until(
        "three segments to begin with",
        Duration::from_secs(15),
        || {
            let list = http::get(&renditions[0]).ok()?.text();
            (list.matches("#EXTINF").count() >= 4).then_some(())
        },
    );
    let browser = Browser::start();
    browser.open(&demo.player);
    let number = |name: &str| browser.run(&format!("return window.weir.{name}")).as_f64();
    let playhead = || {
        browser
            .run("return document.querySelector('video').currentTime")
            .as_f64()
            .unwrap_or(0.0)
    };
    until("the first picture", Duration::from_secs(20), || {
        (browser.run("return window.weir.playing") == true && playhead() > 0.0).then_some(())
    });
    let from = playhead();
    until("20 s of play", Duration::from_secs(40), || {
        (playhead() - from >= 20.0).then_some(())
    });
    assert_eq!(number("errors"), Some(0.0), "{:?}", browser.console());
    assert_eq!(number("stalls"), Some(0.0), "{:?}", browser.console());
}

#[test]
fn status_and_health_say_that_all_is_well_and_interrupt_ends_it_cleanly() {
    let demo = start();
    await_segments(&demo.playlist);
    assert!(
        http::get(&demo.status)
            .expect("the status page answers")
            .text()
            .contains("demo")
    );
    let health = until("a healthy report", Duration::from_secs(5), || {
        let health = http::get(&demo.health).ok()?.json();
        (health["status"] == "ok").then_some(health)
    });
    assert_eq!(health["channels_active"], 1);
    for name in [
        "output_bitrate_mbps",
        "cpu_usage_percent",
        "disk_usage_percent",
    ] {
        assert!(health[name].is_number(), "{name}: {health}");
    }
    demo.process.signal("INT");
    let ended = demo.process.ended(Duration::from_secs(10));
    assert!(ended.status.success(), "{}", ended.output);
}

#[test]
fn two_demos_at_once_take_different_ports_and_do_not_mix() {
    let first = start();
    let second = start();
    assert_ne!(first.playlist, second.playlist);
    await_segments(&first.playlist);
    await_segments(&second.playlist);
    let health = http::get(&second.health)
        .expect("the health page answers")
        .json();
    let counters = health["channels"][0]["renditions"][0]["counters"].to_string();
    assert!(
        counters.contains("\"continuity_count_error\":0"),
        "{counters}"
    );
}
