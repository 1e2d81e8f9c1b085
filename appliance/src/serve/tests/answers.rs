//! What players are answered.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt as _,
    task::yield_now,
    time::{advance, timeout},
};
use weir_hal::sim;

use super::rig::{Answer, Rig, SEGMENT_1, put, read_to_end, read_until, send, store};
use crate::{
    live::{Report, Served, State},
    serve::{Limits, segment_path},
};

#[tokio::test]
async fn serves_a_media_playlist_for_half_a_target_duration() {
    let rig = Rig::start();
    rig.publish("#EXTM3U\n");
    let answer = rig.get("/live/CH_1/CH_1_HD.m3u8").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "#EXTM3U\n"));
    for (name, value) in [
        ("content-type", "application/vnd.apple.mpegurl"),
        ("content-length", "8"),
        ("cache-control", "max-age=3"),
        ("accept-ranges", "bytes"),
        ("x-cache", "HIT from edge-1"),
        ("cache-status", "edge-1; hit"),
        ("access-control-allow-origin", "*"),
        ("timing-allow-origin", "*"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
    assert!(answer.field("date").is_some());
    assert!(answer.field("etag").is_some());
}

#[tokio::test]
async fn a_channel_that_is_not_on_air_tells_players_why_and_when_to_ask_again() {
    let rig = Rig::start();
    rig.live.channels()[0].renditions[0].tell(Report {
        state: State::NoRandomAccess,
        ..Report::default()
    });
    for path in ["/live/CH_1/master.m3u8", "/live/CH_1/CH_1_HD.m3u8"] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.field("retry-after"), Some("6"), "{path}");
        let told = "not on air yet: no key frame with a time stamp (PTS) comes";
        assert!(answer.body.contains(told), "{}", answer.body);
    }
    let reason = "the group 239.1.1.1 cannot be joined".to_owned();
    let state = State::NotJoined { reason };
    rig.live.channels()[0].renditions[0].tell(Report {
        state,
        ..Report::default()
    });
    let answer = rig.get("/live/CH_1/master.m3u8").await;
    assert!(!answer.body.contains("239."), "{}", answer.body);
}

#[tokio::test]
async fn serves_a_master_playlist_once_a_rendition_has_segments() {
    let rig = Rig::start();
    let early = rig.get("/live/CH_1/master.m3u8").await;
    rig.publish("#EXTM3U\n");
    let later = rig.get("/live/CH_1/master.m3u8").await;
    assert_eq!((early.status, later.status), (404, 200));
    assert_eq!(
        later.field("content-type"),
        Some("application/vnd.apple.mpegurl")
    );
}

#[tokio::test]
async fn a_client_that_has_no_more_to_ask_still_gets_the_whole_answer() {
    let rig = Rig::start();
    rig.put(1, "x".repeat(2 << 20));
    let mut pipe = rig.connect();
    send(
        &mut pipe,
        &format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n"),
    )
    .await;
    pipe.shutdown().await.expect("the sending side closes");
    let answer = Answer::parse(&read_to_end(&mut pipe).await);
    assert_eq!((answer.status, answer.body.len()), (200, 2 << 20));
}

#[tokio::test]
async fn serves_a_segment_that_may_be_kept_for_good() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let answer = rig.get(SEGMENT_1).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "0123456789"));
    for (name, value) in [
        ("content-type", "video/mp2t"),
        ("content-length", "10"),
        ("cache-control", "public, max-age=3600, immutable"),
        ("etag", "\"HD-1\""),
        ("x-cache", "HIT from edge-1"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn serves_one_range() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let part = rig.ask("GET", SEGMENT_1, "Range: bytes=2-4\r\n").await;
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(part.field("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part.field("content-length"), Some("3"));
    let beyond = rig.ask("GET", SEGMENT_1, "Range: bytes=10-\r\n").await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("content-range"), Some("bytes */10"));
    let near = rig.ask("GET", SEGMENT_1, "Range: bytes=0-1,4-5\r\n").await;
    assert_eq!((near.status, near.body.as_str()), (206, "012345"));
    let reversed = rig.ask("GET", SEGMENT_1, "Range: bytes=5-4\r\n").await;
    assert_eq!(
        (reversed.status, reversed.body.as_str()),
        (200, "0123456789")
    );
}

#[tokio::test]
async fn serves_several_ranges_in_one_body() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 300_000]);
    let ranges = "Range: bytes=299990-,0-9,500000-\r\n";
    let answer = rig.ask("GET", SEGMENT_1, ranges).await;
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("content-range"), None);
    let length = answer.field("content-length").expect("a length");
    assert_eq!(length, answer.body.len().to_string());
    let media_type = answer.field("content-type").expect("a media type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.expect("a boundary");
    let part = |range: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: video/mp2t\r\n\
             Content-Range: bytes {range}/300000\r\n\r\nxxxxxxxxxx"
        )
    };
    let (last, first) = (part("299990-299999"), part("0-9"));
    assert_eq!(answer.body, format!("{last}{first}\r\n--{boundary}--\r\n"));
}

#[tokio::test]
async fn serves_a_range_of_a_playlist_too() {
    let rig = Rig::start();
    rig.publish("#EXTM3U\n");
    let path = "/live/CH_1/CH_1_HD.m3u8";
    let part = rig.ask("GET", path, "Range: bytes=-3\r\n").await;
    assert_eq!((part.status, part.body.as_str()), (206, "3U\n"));
}

#[tokio::test]
async fn spares_a_client_what_it_has() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let fields = "If-None-Match: \"HD-0\", \"HD-1\"\r\n";
    let answer = rig.ask("GET", SEGMENT_1, fields).await;
    assert_eq!((answer.status, answer.body.as_str()), (304, ""));
    assert_eq!(answer.field("etag"), Some("\"HD-1\""));
    assert_eq!(answer.field("content-length"), None);
}

#[tokio::test]
async fn answers_head_with_the_size_alone() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let answer = rig.ask("HEAD", SEGMENT_1, "Range: bytes=2-4\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.field("content-length"), Some("10"));
}

#[tokio::test]
async fn keeps_absence_for_one_target_duration_and_the_unknown_not_at_all() {
    let rig = Rig::start();
    for path in [
        "/live/CH_1/master.m3u8",
        "/live/CH_1/CH_1_HD.m3u8",
        SEGMENT_1,
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.field("cache-control"), Some("max-age=6"), "{path}");
        assert_eq!(answer.field("x-cache"), Some("MISS from edge-1"));
        assert_eq!(answer.field("cache-status"), Some("edge-1; fwd=uri-miss"));
    }
    for path in [
        "/",
        "/live/CH_2/master.m3u8",
        "/live/CH_1/CH_1_SD.m3u8",
        "/live/CH_1/CH_1_SD/segment-1.ts",
        "/vod/film.ts",
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    }
    assert_eq!((rig.counters().hits, rig.counters().misses), (0, 8));
}

#[tokio::test]
async fn counts_what_players_are_given_of_a_channel() {
    let rig = Rig::start();
    rig.publish("#EXTM3U\n");
    rig.put(1, "0123456789");
    for path in ["/live/CH_1/CH_1_HD.m3u8", SEGMENT_1, SEGMENT_1] {
        assert_eq!(rig.get(path).await.status, 200);
    }
    rig.ask("HEAD", SEGMENT_1, "").await;
    rig.ask("GET", SEGMENT_1, "Range: bytes=2-4\r\n").await;
    let absent = rig.get("/live/CH_1/CH_1_HD/segment-9.ts").await;
    rig.get("/live/CH_2/master.m3u8").await;
    let served = Served {
        hits: 5,
        misses: 1,
        responses_2xx: 5,
        responses_4xx: 1,
        bytes_sent: 8 + 10 + 10 + 3 + absent.body.len() as u64,
        ..Served::default()
    };
    assert_eq!(rig.live.channels()[0].served.read(), served);
}

#[tokio::test]
async fn does_not_serve_a_channel_that_was_taken_off() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    rig.live.set(vec![]);
    assert_eq!(rig.get(SEGMENT_1).await.status, 404);
}

#[tokio::test]
async fn allows_get_and_head_only() {
    let rig = Rig::start();
    let refused = rig.ask("POST", SEGMENT_1, "Content-Length: 2\r\n").await;
    assert_eq!(refused.status, 405);
    assert_eq!(refused.field("allow"), Some("GET, HEAD, OPTIONS"));
    let preflight = rig.ask("OPTIONS", SEGMENT_1, "Origin: http://tv\r\n").await;
    assert_eq!((preflight.status, preflight.body.as_str()), (204, ""));
    assert_eq!(preflight.field("access-control-allow-origin"), Some("*"));
    assert_eq!(
        preflight.field("access-control-allow-methods"),
        Some("GET, HEAD, OPTIONS")
    );
}

#[tokio::test]
async fn answers_the_probes() {
    let rig = Rig::start();
    let alive = rig.get("/livez").await;
    assert_eq!((alive.status, alive.body.as_str()), (200, "ok\n"));
    let ready = rig.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (503, "no channel is on air\n")
    );
    assert_eq!(ready.field("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_probe_that_is_told_no_is_no_error_of_the_service() {
    let rig = Rig::start();
    for _ in 0..3 {
        assert_eq!(rig.get("/readyz").await.status, 503);
        assert_eq!(rig.get("/livez").await.status, 200);
    }
    rig.get("/nowhere").await;
    let counters = rig.counters();
    let answers = [
        counters.responses_2xx,
        counters.responses_4xx,
        counters.responses_5xx,
    ];
    assert_eq!(answers, [0, 1, 0]);
    assert_eq!((counters.requests, counters.probes), (7, 6));
}

#[tokio::test]
async fn serves_a_segment_while_it_is_being_written() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut pipe = rig.connect();
    send(
        &mut pipe,
        &format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\nRange: bytes=1-2\r\n\r\n"),
    )
    .await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    let head = read_until(&mut pipe, "first\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    writer.append(Bytes::from_static(b"then")).expect("room");
    assert_eq!(read_until(&mut pipe, "then\r\n").await, "4\r\nthen\r\n");
    writer.commit().expect("room");
    assert_eq!(read_until(&mut pipe, "0\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn breaks_the_connection_when_a_segment_is_given_up() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut pipe = rig.connect();
    send(
        &mut pipe,
        &format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n"),
    )
    .await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    read_until(&mut pipe, "first\r\n").await;
    writer.abort();
    assert_eq!(read_to_end(&mut pipe).await, "", "no last chunk");
    assert_eq!(rig.counters().bodies_broken, 1);
}

#[tokio::test(start_paused = true)]
async fn breaks_the_connection_when_a_segment_stops_growing() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    writer.append(Bytes::from_static(b"first")).expect("room");
    let answer = rig.get(SEGMENT_1).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "5\r\nfirst\r\n")
    );
    assert_eq!(rig.counters().bodies_broken, 1);
}

#[tokio::test]
async fn gives_clients_without_chunks_whole_segments_only() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    writer.append(Bytes::from_static(b"first")).expect("room");
    let request = format!("GET {SEGMENT_1} HTTP/1.0\r\n\r\n");
    let early = Answer::parse(&rig.exchange(&request).await);
    writer.commit().expect("room");
    let later = Answer::parse(&rig.exchange(&request).await);
    assert_eq!((early.status, later.status), (404, 200));
    assert_eq!(later.field("content-length"), Some("5"));
}

#[tokio::test]
async fn answers_pipelined_requests_in_order() {
    let rig = Rig::start();
    rig.put(1, "one");
    rig.put(2, "two");
    let ask = |method: &str, sequence: u64, more: &str| {
        let path = segment_path("CH_1", "HD", sequence);
        format!("{method} {path} HTTP/1.1\r\nHost: edge\r\n{more}\r\n")
    };
    let answers = rig
        .exchange(
            &[
                ask("GET", 1, ""),
                ask("HEAD", 1, ""),
                ask("GET", 3, ""),
                ask("GET", 2, "Connection: close\r\n"),
            ]
            .concat(),
        )
        .await;
    let statuses: Vec<_> = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|answer| answer.get(..3))
        .collect();
    assert_eq!(statuses, ["200", "200", "404", "200"]);
    assert!(answers.ends_with("\r\n\r\ntwo"), "{answers}");
}

#[tokio::test(start_paused = true)]
async fn answers_before_the_next_request_is_whole() {
    let rig = Rig::start();
    rig.put(1, "one");
    let mut pipe = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut pipe, &format!("{request}GET /live/CH")).await;
    let answer = timeout(Duration::from_secs(1), read_until(&mut pipe, "one")).await;
    assert!(answer.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_told_to_who_needs_it_and_nobody_else() {
    let disk = sim::Disk::new(1);
    let filled = store(&disk);
    put(&filled, 1, "at hand");
    put(&filled, 2, vec![b'x'; 300_000]);
    assert!(filled.flush(Duration::from_mins(1)));
    drop(filled);
    let rig = Rig::start_on(Limits::DATA, store(&disk));
    assert_eq!(rig.get(SEGMENT_1).await.body, "at hand");
    disk.forget();
    disk.hang();
    let cold = segment_path("CH_1", "HD", 2);
    let others = async {
        while rig.counters().requests < 2 {
            yield_now().await;
        }
        assert_eq!(rig.get(SEGMENT_1).await.body, "at hand");
        advance(Duration::from_secs(10)).await;
    };
    let (answer, ()) = tokio::join!(rig.get(&cold), others);
    disk.resume();
    assert_eq!(answer.status, 503);
    assert_eq!(rig.counters().lookups_timed_out, 1);
    assert_eq!(rig.get(&cold).await.body.len(), 300_000);
}
