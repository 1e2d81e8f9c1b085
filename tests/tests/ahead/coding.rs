//! Playlists compressed, as curl reads them, and as a cache in between must.

use std::{process::Command, time::Duration};

use weir_tests::{
    edge::Edge,
    http::Response,
    origin::{Origin, Reply},
    process::{Process, peer},
    wait::until,
};

use crate::rig::{PLAYLIST, Result, live_playlist};

/// A playlist long enough to be worth it.
fn long_playlist() -> String {
    let segments = (0..200).map(|number| format!("#EXTINF:4.0,\nsegment-{number}.ts\n"));
    let segments: String = segments.collect();
    format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n{segments}#EXT-X-ENDLIST\n")
}

fn origin(fields: &'static [(&'static str, &'static str)]) -> Origin {
    Origin::start(move |seen| match seen.target.as_str() {
        "/a.ts" => Reply::new(200, &[("Content-Type", "video/mp2t")], vec![0; 5_000]),
        "/a.mpd" => {
            let periods = "<Period><AdaptationSet/></Period>".repeat(50);
            let body = format!("<MPD type=\"static\">{periods}</MPD>");
            Reply::new(200, &[("Content-Type", "application/dash+xml")], body)
        }
        _ => {
            let own = [("Content-Type", PLAYLIST), ("ETag", "\"v1\"")];
            Reply::new(200, &[&own, fields].concat(), long_playlist())
        }
    })
}

fn ask(edge: &Edge, path: &str, fields: &[(&str, &str)]) -> Result<Response> {
    edge.ask("GET", path, fields)
}

/// What curl makes of `url` when it takes `coding`: the head, and the decoded body.
fn curl(url: &str, coding: &str) -> (String, String) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--compressed", "--include"]);
    if !coding.is_empty() {
        command.args(["--header", &format!("Accept-Encoding: {coding}")]);
    }
    let text = peer(command.arg(url));
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn curl_reads_the_same_playlist_in_every_coding_and_the_origin_gives_it_once() {
    let origin = origin(&[("Cache-Control", "max-age=600")]);
    let edge = Edge::before(&[&origin]);
    let url = edge.url("/a.m3u8");
    for (coding, told) in [
        ("", "br"),
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("br;q=0.1, gzip;q=0.9", "gzip"),
        ("br;q=0, *", "zstd"),
    ] {
        let (head, body) = curl(&url, coding);
        assert!(
            head.contains(&format!("\r\ncontent-encoding: {told}")),
            "{coding}: {head}"
        );
        assert!(head.contains("\r\nvary: accept-encoding"), "{head}");
        assert!(body == long_playlist(), "{coding}: {} bytes", body.len());
    }
    let (head, body) = curl(&url, "gzip;q=0");
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(head.contains("\r\nvary: accept-encoding"), "{head}");
    assert!(body == long_playlist());
    let seen = origin.seen();
    assert_eq!(seen.len(), 1, "one variant is fetched and stored");
    assert_eq!(seen[0].field("accept-encoding"), None);
    edge.counted("coding", "lists_coded", 3);
    edge.counted("coding", "answers_coded", 5);
}

#[test]
fn each_coding_has_an_entity_tag_of_its_own_and_is_validated_by_it() -> Result {
    let origin = origin(&[("Cache-Control", "max-age=600")]);
    let edge = Edge::before(&[&origin]);
    let tag = |coding| {
        let response = ask(&edge, "/a.m3u8", &[("Accept-Encoding", coding)])?;
        let tag = response.field("etag").expect("an entity tag").to_owned();
        Result::Ok((tag, response.body.len()))
    };
    let (plain, plain_bytes) = tag("identity")?;
    assert_eq!(
        (plain.as_str(), plain_bytes),
        ("\"v1\"", long_playlist().len())
    );
    let mut known = vec![plain];
    for coding in ["gzip", "br", "zstd"] {
        let (mine, bytes) = tag(coding)?;
        assert!(bytes * 4 < plain_bytes, "{coding}: {bytes}");
        assert!(!known.contains(&mine), "{mine}");
        let asked = [
            ("Accept-Encoding", coding),
            ("If-None-Match", mine.as_str()),
        ];
        let again = ask(&edge, "/a.m3u8", &asked)?;
        assert_eq!((again.status, again.body.len()), (304, 0), "{coding}");
        assert_eq!(again.field("etag"), Some(mine.as_str()));
        assert_eq!(again.field("vary"), Some("Accept-Encoding"));
        // The tag of another coding is not that of this one.
        let other = mine.replace("v1", "v0");
        let asked = [
            ("Accept-Encoding", coding),
            ("If-None-Match", other.as_str()),
        ];
        assert_eq!(ask(&edge, "/a.m3u8", &asked)?.status, 200);
        let crossed = [
            ("Accept-Encoding", "identity"),
            ("If-None-Match", mine.as_str()),
        ];
        let crossed = ask(&edge, "/a.m3u8", &crossed)?;
        assert_eq!((crossed.status, crossed.body.len()), (200, plain_bytes));
        known.push(mine);
    }
    let head = edge.ask("HEAD", "/a.m3u8", &[("Accept-Encoding", "br")])?;
    assert_eq!(head.field("etag"), Some(known[2].as_str()));
    assert_eq!(head.field("content-encoding"), Some("br"));
    Ok(())
}

#[test]
fn ranges_are_of_the_plain_playlist() -> Result {
    let origin = origin(&[("Cache-Control", "max-age=600")]);
    let edge = Edge::before(&[&origin]);
    ask(&edge, "/a.m3u8", &[])?;
    let asked = [("Accept-Encoding", "gzip"), ("Range", "bytes=0-6")];
    let part = ask(&edge, "/a.m3u8", &asked)?;
    assert_eq!((part.status, part.text().as_str()), (206, "#EXTM3U"));
    assert_eq!(part.field("content-encoding"), None);
    assert_eq!(part.field("etag"), Some("\"v1\""));
    Ok(())
}

#[test]
fn manifests_are_compressed_and_media_are_not() -> Result {
    let origin = origin(&[]);
    let edge = Edge::before(&[&origin]);
    let manifest = ask(&edge, "/a.mpd", &[("Accept-Encoding", "gzip")])?;
    assert_eq!(manifest.field("content-encoding"), Some("gzip"));
    let media = ask(&edge, "/a.ts", &[("Accept-Encoding", "gzip")])?;
    assert_eq!(
        (media.field("content-encoding"), media.field("vary")),
        (None, None)
    );
    assert_eq!(media.body.len(), 5_000);
    Ok(())
}

#[test]
fn what_must_not_be_transformed_is_not() -> Result {
    let origin = origin(&[("Cache-Control", "max-age=600, no-transform")]);
    let edge = Edge::before(&[&origin]);
    for _ in 0..2 {
        let response = ask(&edge, "/a.m3u8", &[("Accept-Encoding", "gzip, br")])?;
        assert_eq!(response.field("content-encoding"), None);
        assert_eq!(response.field("etag"), Some("\"v1\""));
        assert_eq!(response.text(), long_playlist());
    }
    edge.counted("coding", "lists_coded", 0);
    Ok(())
}

#[test]
fn a_new_version_is_compressed_anew() {
    let (origin, newest) = crate::rig::station(100);
    let edge = Edge::with(&[&origin], "prefetch = false");
    let read = |number| {
        let (head, body) = curl(&edge.url("/ch/live.m3u8"), "gzip");
        assert!(head.contains("content-encoding: gzip"), "{head}");
        assert!(body == live_playlist(number), "{body}");
    };
    read(100);
    newest.store(101, std::sync::atomic::Ordering::SeqCst);
    read(101);
    edge.counted("coding", "lists_coded", 2);
}

#[test]
fn the_playlists_of_our_own_channels_are_compressed_too() {
    let demo = Process::weir(["demo"]);
    let line = demo.line_with("playlist ", Duration::from_secs(10));
    let mut words = line.split_whitespace();
    let master = words
        .find(|word| word.starts_with("http://"))
        .expect("a URL");
    // With its first rendition alone it is too short to be worth it.
    until("a compressed playlist", Duration::from_secs(15), || {
        let (head, body) = curl(master, "gzip");
        let is_coded = head.contains("\r\ncontent-encoding: gzip");
        (is_coded && body.starts_with("#EXTM3U")).then_some(())
    });
}
