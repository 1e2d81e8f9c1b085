//! `openssl`, ffmpeg and `GStreamer` read an encrypted channel over changes of its key, and
//! `weir validate` forbids none of it. hls.js is in `players`.

use std::{fs, process::Command};

use weir_tests::{
    certificate::Certificate,
    daemon::Daemon,
    ffmpeg, gstreamer,
    process::{peer, weir_binary},
    wait::until,
};

use crate::rig::{LIST, PATIENCE, SECRET, Stream, get, hex, key, keys, list_when, read_all};

#[test]
fn every_segment_can_be_read_by_the_key_in_its_list_and_by_no_other_word() {
    let stream = Stream::send("239.255.93.1");
    let daemon = Daemon::start(&stream.sealed_channel());
    let list = list_when(&daemon, |list| keys(list).len() >= 4);
    let plain = read_all(&daemon, &list);
    let file = stream.folder.path().join("plain.ts");
    fs::write(&file, plain).expect("the folder can be written");
    let found = ffmpeg::probe(file.to_str().expect("a plain path"));
    let streams = found["streams"].as_array().expect("a list");
    let codecs: Vec<_> = streams.iter().map(|it| &it["codec_name"]).collect();
    assert_eq!(codecs, ["h264", "aac"], "{found}");

    let newest = keys(&list).pop().expect("a key");
    let answer = get(&daemon, &format!("/live/ch/{newest}"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(
        answer.field("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    assert_eq!((answer.field("etag"), answer.field("age")), (None, None));
    let digits = hex(&answer.body);
    let absent = get(&daemon, "/live/ch/0123456789abcdef.key");
    assert_eq!(absent.status, 404);
    assert_eq!(absent.field("cache-control"), Some("no-store"));
    let health = until("a key that is counted", PATIENCE, || {
        let health = daemon.health();
        let served = health["channels"][0]["counters"]["keys_served"].as_u64();
        (served >= Some(1)).then_some(health)
    });
    let told = daemon.process().output();
    let told = format!("{told}{health}{}", get(&daemon, LIST).text());
    assert!(!told.contains(&digits) && !told.contains(SECRET), "{told}");
}

#[test]
fn ffmpeg_and_gstreamer_play_on_over_changes_of_the_key() {
    let stream = Stream::send("239.255.93.2");
    let daemon = Daemon::start(&stream.sealed_channel());
    list_when(&daemon, |list| list.entries.len() >= 4);
    let url = daemon.data(LIST);
    let said = peer(
        Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-v", "error", "-xerror"])
            .args(["-i", &url, "-t", "8", "-f", "null", "-progress", "-", "-"]),
    );
    let mut pictures = said.lines().filter_map(|line| line.strip_prefix("frame="));
    let pictures = pictures
        .next_back()
        .and_then(|count| count.trim().parse().ok());
    assert!(pictures >= Some(150), "{pictures:?} of {said}");
    let root = stream.folder.path().join("root.pem");
    fs::write(&root, Certificate::issue(&["localhost"]).certificate).expect("a folder");
    let pictures = gstreamer::play(&url, &root, Some(150));
    assert!(pictures >= 150, "{pictures}");
}

#[test]
fn validate_forbids_none_of_it() {
    let stream = Stream::send("239.255.93.3");
    let daemon = Daemon::start(&stream.sealed_channel());
    list_when(&daemon, |list| list.entries.len() >= 4);
    let output = Command::new(weir_binary())
        .args(["validate", &daemon.data(LIST), "--json", "--seconds", "12"])
        .output()
        .expect("weir runs");
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("validate writes JSON");
    assert_eq!(report["violations"], 0, "{report:#}");
    assert_eq!(output.status.code(), Some(0));
    let playlist = &report["playlists"][0];
    assert!(
        playlist["segments_inspected"].as_u64() >= Some(6),
        "{report:#}"
    );
    assert_eq!(playlist["segments_not_inspected"], 0, "{report:#}");
}

#[test]
fn a_signed_channel_gives_its_keys_to_who_has_a_token_alone() {
    let stream = Stream::send("239.255.93.4");
    let links = stream.put("links", b"k1 00112233445566778899aabbccddeeff\n");
    let secret = stream.put("secret", SECRET.as_bytes());
    let daemon = Daemon::start(&stream.channel(&format!(
        "sign_keys = \"{}\"\n[channel.encryption]\nkeys = \"{}\"",
        links.display(),
        secret.display()
    )));
    let signed = peer(Command::new(weir_binary()).args([
        "sign",
        &daemon.data(LIST),
        "--keys",
        links.to_str().expect("a plain path"),
        "--for",
        "1h",
        "--folders",
        "2",
    ]));
    let signed = signed.trim();
    let list = until("a signed list", PATIENCE, || {
        let answer = weir_tests::http::get(signed).ok()?;
        (answer.status == 200).then(|| answer.text())
    });
    let uri = list
        .split("URI=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let uri = uri.expect("a key");
    assert_eq!(get(&daemon, &format!("/live/ch/{uri}")).status, 403);
    let (folder, _) = signed.rsplit_once('/').expect("a path");
    let opened = weir_tests::http::get(&format!("{folder}/{uri}")).expect("an answer");
    assert_eq!((opened.status, opened.body.len()), (200, 16));
}

#[test]
fn a_box_serves_no_keys_that_players_get_elsewhere() {
    let stream = Stream::send("239.255.93.5");
    let secret = stream.put("secret", SECRET.as_bytes());
    let daemon = Daemon::start(&stream.channel(&format!(
        "[channel.encryption]\nkeys = \"{}\"\nrotate = \"2s\"\n\
         uri = \"https://keys.example/{{channel}}/{{key}}\"",
        secret.display()
    )));
    let list = list_when(&daemon, |list| keys(list).len() >= 2);
    for entry in &list.entries {
        let number = crate::rig::sequence(entry) / 2;
        let uri = format!("https://keys.example/ch/{number}");
        assert_eq!(entry.key, Some(uri));
    }
    // By its own formula, with the fingerprint it would have here.
    let own = Daemon::start(&stream.sealed_channel());
    let uri = keys(&list_when(&own, |list| !list.entries.is_empty())).pop();
    let uri = uri.expect("a key");
    key(&own, &uri);
    assert_eq!(get(&daemon, &format!("/live/ch/{uri}")).status, 404);
}
