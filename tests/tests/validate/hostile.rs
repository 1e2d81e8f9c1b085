//! Answers that are meant to hurt, or are none: each ends soon, with one sentence and exit 69.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use weir_tests::{
    origin::{Origin, Reply},
    process::{Process, weir, weir_binary},
    wait::{timed, until},
};

/// Longest that a refusal may take: the deadline of a playlist, and something on top.
const WITHIN: Duration = Duration::from_secs(20);

/// Runs `weir validate` and returns its exit code and what it said.
fn refusal(url: &str) -> (Option<i32>, String) {
    refusal_within(url, 60)
}

/// The same of one that has so many seconds.
fn refusal_within(url: &str, seconds: u32) -> (Option<i32>, String) {
    let run = || {
        Command::new(weir_binary())
            .args(["validate", url, "--seconds", &seconds.to_string()])
            .output()
            .expect("weir runs")
    };
    let (output, took) = timed(run);
    assert!(took < WITHIN, "{url} took {took:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), told)
}

fn unavailable(url: &str, expected: &str) {
    let (code, told) = refusal(url);
    assert_eq!(code, Some(69), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains(expected), "{expected:?} in {told}");
}

#[test]
fn what_is_no_url_of_a_playlist_is_refused() {
    for url in ["ftp://host/a.m3u8", "/a.m3u8", "http://", "a b"] {
        assert_eq!(refusal(url).0, Some(64), "{url}");
    }
}

#[test]
fn a_service_that_is_not_there_is_told_of() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    unavailable(&format!("http://{address}/a.m3u8"), "cannot load http://");
    let origin = Origin::start(|_| Reply::new(404, &[], "no"));
    unavailable(&format!("{}/a.m3u8", origin.url()), "404 Not Found");
}

#[test]
fn what_is_no_playlist_is_told_of() {
    let origin = Origin::start(|_| Reply::new(200, &[], "<html>"));
    unavailable(&format!("{}/a.m3u8", origin.url()), "is no HLS playlist");
}

#[test]
fn redirects_end() {
    let origin = Origin::start(|_| Reply::new(302, &[("Location", "/again")], ""));
    unavailable(&format!("{}/a.m3u8", origin.url()), "5 redirects");
    let origin = Origin::start(|_| Reply::new(302, &[("Location", "file:///etc/passwd")], ""));
    unavailable(&format!("{}/a.m3u8", origin.url()), "file:///etc/passwd");
}

#[test]
fn a_playlist_without_end_ends_here() {
    let body = "#EXTM3U\n".repeat(700_000);
    let origin = Origin::start(move |_| Reply::new(200, &[], &body));
    unavailable(
        &format!("{}/a.m3u8", origin.url()),
        "more than 4194304 bytes",
    );
}

#[test]
fn a_playlist_that_unfolds_without_end_ends_here() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..8_000 {
        gzip.write_all(&[b'\n'; 8_192]).expect("memory takes it");
    }
    let body = gzip.finish().expect("memory takes it");
    let fields = [("Content-Encoding", "gzip")];
    let origin = Origin::start(move |_| Reply::new(200, &fields, &body));
    unavailable(
        &format!("{}/a.m3u8", origin.url()),
        "more than 4194304 bytes",
    );
}

#[test]
fn a_playlist_that_trickles_has_a_deadline() {
    let origin = Origin::start(|_| {
        let head = Reply::head(200, &[("Content-Length", "1000000")]).send("#EXTM3U\n");
        (0..60).fold(head, |reply, _| {
            reply.pause(Duration::from_millis(500)).send("\n")
        })
    });
    unavailable(&format!("{}/a.m3u8", origin.url()), "cannot load http://");
}

/// A service of which the first byte never comes.
fn silent() -> Origin {
    Origin::start(|_| Reply::default().pause(Duration::from_secs(30)))
}

#[test]
fn nobody_waits_for_the_first_answer_longer_than_asked_to() {
    let origin = silent();
    let url = format!("{}/a.m3u8", origin.url());
    let ((code, told), took) = timed(|| refusal_within(&url, 1));
    assert_eq!(code, Some(69), "{told}");
    assert!(told.contains("nothing had come before the end"), "{told}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn ctrl_c_ends_the_wait_for_the_first_answer() {
    let origin = silent();
    let process = Process::weir(["validate", &format!("{}/a.m3u8", origin.url())]);
    until("the request", Duration::from_secs(20), || {
        (!origin.seen().is_empty()).then_some(())
    });
    process.signal("INT");
    let ended = process.ended(Duration::from_secs(4));
    assert_eq!(ended.status.code(), Some(69), "{}", ended.output);
}

#[test]
fn date_ranges_cost_no_more_than_their_number() {
    let attributes: Vec<_> = (0..60).map(|name| format!(",X-{name}=1")).collect();
    let attributes = attributes.concat();
    let ranges = (0..1_000).map(|id| {
        format!("#EXT-X-DATERANGE:ID=\"{id}\",START-DATE=\"2026-01-01T00:00:00Z\"{attributes}\n")
    });
    let ranges: String = ranges.collect();
    let lines = "\n".repeat(3 << 20);
    let list = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n{lines}{ranges}\
         #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXTINF:6,\na.ts\n#EXT-X-ENDLIST\n"
    );
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/a.m3u8" => Reply::new(200, &[], &list),
        _ => Reply::new(404, &[], ""),
    });
    let url = format!("{}/a.m3u8", origin.url());
    let (ended, took) = timed(|| weir(["validate", &url], WITHIN));
    assert_eq!(ended.status.code(), Some(65), "{}", ended.output);
    assert!(took < WITHIN, "{took:?}");
}

/// Bytes of memory that the process had at the most.
fn memory_bytes_max(process: &Process) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}

#[test]
fn versions_are_forgotten_while_their_segments_stall() {
    let served = AtomicUsize::new(0);
    let words = "x".repeat(7 << 19);
    let origin = Origin::start(move |seen| {
        if seen.target != "/a.m3u8" {
            return Reply::default().pause(Duration::from_mins(1));
        }
        // Each answer has one segment more than the one before.
        let count = served.fetch_add(1, Ordering::Relaxed);
        let segments = (0..count + 4).map(|it| format!("#EXTINF:1,\n{it}.ts\n"));
        let segments = segments.collect::<Vec<_>>().concat();
        let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n# {words}\n{segments}");
        Reply::new(200, &[], list)
    });
    let process = Process::weir(["validate", &format!("{}/a.m3u8", origin.url())]);
    until("thirty versions", Duration::from_mins(1), || {
        let lists = origin.seen();
        let lists = lists.iter().filter(|seen| seen.target == "/a.m3u8");
        (lists.count() > 30).then_some(())
    });
    let bytes = memory_bytes_max(&process).expect("it runs");
    assert!(bytes < 80 << 20, "{} MiB", bytes >> 20);
}

#[test]
fn segments_that_lead_nowhere_are_findings_and_end() {
    let list = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nftp://host/a\n#EXTINF:6,\nb.ts\n\
        #EXTINF:6,\n/c\n#EXT-X-ENDLIST\n";
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/a.m3u8" => Reply::new(200, &[], list),
        "/b.ts" => Reply::head(200, &[("Content-Length", "1000")])
            .send("G")
            .close(),
        _ => Reply::new(302, &[("Location", "/c")], ""),
    });
    let output = Command::new(weir_binary())
        .args(["validate", "--json", &format!("{}/a.m3u8", origin.url())])
        .output()
        .expect("weir runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(65), "{text}");
    assert_eq!(text.matches("\"segment_breaks_off\"").count(), 3, "{text}");
}
