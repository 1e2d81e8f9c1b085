//! Sources over HTTP: beside a group that dies, from an origin that fails in every way, and from
//! ffmpeg.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    http,
    origin::{Gate, Origin, Reply},
    process::Process,
    wait::until,
};

use crate::protection::await_state;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Seconds of a film.
const SECONDS: u32 = 90;

/// Pieces of a film in a second.
const PIECES_PER_S: u32 = 25;

fn film(folder: &Path) -> Vec<u8> {
    let file = folder.join("film.ts");
    ffmpeg::make(Streams::H264Aac, SECONDS, &file);
    std::fs::read(&file).expect("ffmpeg has made it")
}

/// An endless answer that sends `film` as fast as it is to be seen.
fn on_air(film: &[u8]) -> Reply {
    let pieces = usize::try_from(SECONDS * PIECES_PER_S).expect("few");
    let head = Reply::head(200, &[("Content-Type", "video/mp2t")]);
    film.chunks(film.len().div_ceil(pieces))
        .fold(head, |reply, piece| {
            reply
                .send(piece)
                .pause(Duration::from_secs(1) / PIECES_PER_S)
        })
        .close()
}

fn channel(sources: &[&str]) -> String {
    let sources: Vec<_> = sources.iter().map(|url| format!("{url:?}")).collect();
    format!(
        "[segment]\ntarget = \"1s\"\n[failover]\nhold = \"5s\"\n[[channel]]\nid = \"ch\"\n\
         [[channel.rendition]]\nname = \"r\"\ninterface = \"lo\"\nsources = [{}]\n",
        sources.join(", ")
    )
}

fn media_sequence(daemon: &Daemon) -> Option<u64> {
    let list = http::get(&daemon.data("/live/ch/ch_r.m3u8")).ok()?;
    let text = String::from_utf8_lossy(&list.body).into_owned();
    let mut lines = text.lines();
    let number = lines.find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
    number?.parse().ok()
}

fn count(told: &Value, path: &str) -> u64 {
    told.pointer(path).and_then(Value::as_u64).expect("a count")
}

#[test]
fn http_takes_over_from_a_group_that_dies_until_it_is_back() {
    let folder = TempDir::new().expect("a temporary folder");
    let bytes = film(folder.path());
    let film = folder.path().join("film.ts");
    let origin = Origin::start(move |_| on_air(&bytes));
    let group = format!("udp://239.255.87.1:{}", free_port());
    let send = || {
        let film = film.to_string_lossy();
        Process::weir(["send", &*film, &group, "--loop", "--interface", "lo"])
    };
    let url = format!("{}/ch.ts?token=hidden", origin.url());
    let first = send();
    let daemon = Daemon::start(&channel(&[&group, &url]));
    let told = await_state(&daemon, "on_air", 0);
    assert_eq!(told["sources"][1]["role"], "standby");

    drop(first);
    let told = await_state(&daemon, "on_air", 1);
    assert_eq!(told["source"], format!("{}/ch.ts?…", origin.url()));
    assert_eq!(told["sources"][0]["condition"], "unusable");
    assert!(!daemon.health().to_string().contains("hidden"));

    let _second = send();
    let told = await_state(&daemon, "on_air", 0);
    assert_eq!(count(&told, "/source_switches"), 2);
    assert_eq!(origin.seen()[0].target, "/ch.ts?token=hidden");
}

#[test]
fn an_origin_that_stops_stalls_or_sends_garbage_is_asked_again_and_its_list_goes_on() {
    let folder = TempDir::new().expect("a temporary folder");
    let bytes = film(folder.path());
    let whole = on_air(&bytes);
    let gate = Gate::default();
    let head = || Reply::head(200, &[("Content-Type", "video/mp2t")]);
    let garbage = vec![0xA5; 100_000];
    let replies = [
        // It stops behind five seconds of pictures.
        head()
            .then(Reply::default().send(&bytes[..bytes.len() / 18]))
            .close(),
        head().send(&garbage).close(),
        Reply::new(503, &[], "later"),
        head().wait(&gate).close(),
        Reply::new(302, &[("Location", "/moved.ts")], ""),
        whole,
    ];
    let asked = AtomicUsize::new(0);
    let origin = Origin::start(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        replies[number.min(replies.len() - 1)].clone()
    });
    let daemon = Daemon::start(&channel(&[&format!("{}/ch.ts", origin.url())]));
    let before = until("a first list", PATIENCE, || media_sequence(&daemon));
    origin.wait_for(6);
    gate.open();
    let told = await_state(&daemon, "on_air", 0);
    assert_eq!(count(&told, "/receive/http_answers"), 4);
    assert_eq!(count(&told, "/receive/http_failures"), 4);
    assert!(media_sequence(&daemon) >= Some(before));
    let targets: Vec<_> = origin.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets[4..6], ["/ch.ts", "/moved.ts"]);
}

#[test]
fn who_is_not_to_be_had_is_named_with_its_reason() {
    let dead = format!("http://127.0.0.1:{}/ch.ts", free_port());
    let daemon = Daemon::start(&channel(&[&dead]));
    let told = await_state(&daemon, "not_joined", 0);
    let reason = told["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with(&format!("cannot receive {dead}: ")),
        "{reason}"
    );
    assert!(reason.contains("refused"), "{reason}");
}

#[test]
fn what_ffmpeg_serves_is_received() {
    let url = format!("http://127.0.0.1:{}/ch.ts", free_port());
    let mut command = Command::new("ffmpeg");
    command
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(Streams::H264Aac.arguments(60))
        .args(["-f", "mpegts", "-listen", "1", &url]);
    let _encoder = Process::start(command);
    let daemon = Daemon::start(&channel(&[&url]));
    let told = await_state(&daemon, "on_air", 0);
    assert_eq!(count(&told, "/demux/continuity_count_error"), 0);
}
