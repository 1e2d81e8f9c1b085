//! Two boxes on one group are one to players: the same lists, the same bytes.
//!
//! The second starts 14 s after the first, seven target durations; 40 s would be as many of 6 s.

use std::time::Duration;

use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    hls::{Entry, Version},
    http, in_phase,
    wait::until,
};

/// How late a sender without a processor of its own may have been while one of them joined: dates
/// are by the least delay of the first segment. On a quiet machine they are the same.
const APART_MS_MAX: u64 = 160;

/// Of segments, as configured below.
const TARGET: Duration = Duration::from_secs(2);

const LIST: &str = "/live/ch/ch_r.m3u8";

fn list(daemon: &Daemon) -> Option<Version> {
    let answer = http::get(&daemon.data(LIST)).ok()?;
    (answer.status == 200).then(|| Version::read(&answer.text()).expect("a sound list"))
}

fn list_of(daemon: &Daemon, segments: usize) -> Version {
    until("segments", Duration::from_mins(1), || {
        list(daemon).filter(|list| list.entries.len() >= segments)
    })
}

fn bytes(daemon: &Daemon, entry: &Entry) -> Vec<u8> {
    let answer = http::get(&daemon.data(&format!("/live/ch/{}", entry.uri)));
    let answer = answer.expect("a listed segment is there");
    assert_eq!(answer.status, 200, "{}", entry.uri);
    answer.body
}

/// # Panics
/// When the bytes of two boxes differ: says from which packet on.
fn assert_same(entry: &Entry, early: &[u8], late: &[u8]) {
    let mut pairs = early.chunks(188).zip(late.chunks(188));
    let differ = pairs.position(|(one, other)| one != other);
    let bytes = (early.len(), late.len());
    assert!(
        early == late,
        "{bytes:?} bytes, packet {differ:?}: {entry:?}"
    );
}

#[test]
fn a_box_that_starts_later_lists_the_same_numbers_and_serves_the_same_bytes() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("channel.ts");
    ffmpeg::make(Streams::H264Aac, 20, &file);
    let group = format!("239.255.83.9:{}", free_port());
    let configuration = format!(
        "[segment]\ntarget = \"2s\"\nwindow = 20\n[[channel]]\nid = \"ch\"\n\
         [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
    );
    let early = Daemon::start(&configuration);
    let _sender = in_phase::send(&file, &format!("udp://{group}"), TARGET);
    list_of(&early, 7);
    let late = Daemon::start(&configuration);
    let others = list_of(&late, 6);
    let ours = until("the same end", Duration::from_secs(10), || {
        list(&early).filter(|list| list.end() >= others.end())
    });
    assert_eq!(ours.target_s, others.target_s);
    // The first of the late box began when it joined.
    let skipped = usize::try_from(others.sequence + 1 - ours.sequence).expect("it is in the list");
    let (our_dates, dates) = (ours.dates_ms(), others.dates_ms());
    for (index, entry) in others.entries.iter().enumerate().skip(1) {
        let same = &ours.entries[skipped + index - 1];
        assert_eq!(same.undated(), entry.undated());
        assert_same(entry, &bytes(&early, same), &bytes(&late, entry));
        let apart_ms = our_dates[skipped + index - 1].abs_diff(dates[index]);
        assert!(
            apart_ms <= APART_MS_MAX,
            "{}: {apart_ms} ms apart",
            entry.uri
        );
    }
}
