//! `weir validate` as an oracle: of our own service it has nothing to forbid, of others it names
//! what they do, and hostile ones cost it nothing.

mod hostile;
mod late;
mod offer;
mod rig;
mod unseen;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    http,
    origin::{Origin, Reply},
    process::{Process, peer, weir, weir_binary},
    stream::Encoder,
    wait::until,
};

/// Begins to follow `url` for so many seconds.
fn follow(url: &str, seconds: u32) -> Child {
    Command::new(weir_binary())
        .args(["validate", url, "--json", "--seconds", &seconds.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("weir runs")
}

/// What was found, and the exit code.
fn found(following: Child) -> (Value, Option<i32>) {
    let Output {
        status,
        stdout,
        stderr,
    } = following.wait_with_output().expect("weir ends");
    let report = serde_json::from_slice(&stdout).unwrap_or_else(|error| {
        let told = String::from_utf8_lossy(&stderr);
        panic!("no JSON ({error}): {told}")
    });
    (report, status.code())
}

/// The checks that failed with `severity`.
fn failed<'a>(report: &'a Value, severity: &str) -> Vec<&'a str> {
    let findings = report["findings"].as_array().expect("a list of findings");
    findings
        .iter()
        .filter(|finding| finding["severity"] == severity)
        .filter_map(|finding| finding["check"].as_str())
        .collect()
}

/// Serves the files of `folder`.
fn serve(folder: &Path) -> Origin {
    let folder = folder.to_owned();
    Origin::start(move |seen| {
        let name = seen.target.trim_start_matches('/');
        let extension = Path::new(name).extension();
        let media_type = match extension.and_then(|extension| extension.to_str()) {
            Some("ts") => "video/mp2t",
            Some(_) | None => "application/vnd.apple.mpegurl",
        };
        match fs::read(folder.join(name)) {
            Ok(body) => Reply::new(200, &[("Content-Type", media_type)], body),
            Err(_absent) => Reply::new(404, &[], "not here"),
        }
    })
}

fn await_list(url: &str) {
    until("a playlist with a segment", Duration::from_mins(1), || {
        let response = http::get(url).ok()?;
        (response.status == 200 && response.text().contains("#EXTINF")).then_some(())
    });
}

/// A stream whose time stamps jump forward by an hour and more after `before` seconds, and whose
/// key frames come every 3 s from then on.
fn jumping(folder: &Path, before: u32, after: u32) -> String {
    let [one, two] = ["one.ts", "two.ts"].map(|name| folder.join(name));
    for (file, seconds, distance, offset) in [(&one, before, 25, 0), (&two, after, 75, 5_000)] {
        let line = format!(
            "-hide_banner -nostdin -loglevel error -y -f lavfi \
             -i testsrc2=size=320x180:rate=25:duration={seconds} -f lavfi \
             -i sine=frequency=440:sample_rate=48000:duration={seconds} -c:v libx264 \
             -preset veryfast -g {distance} -keyint_min {distance} -sc_threshold 0 -b:v 300k \
             -pix_fmt yuv420p -c:a aac -b:a 64k -output_ts_offset {offset} -f mpegts"
        );
        peer(
            Command::new("ffmpeg")
                .args(line.split_whitespace())
                .arg(file),
        );
    }
    let bytes = [one, two].map(|file| fs::read(file).expect("ffmpeg wrote it"));
    let whole = folder.join("jumping.ts");
    fs::write(&whole, bytes.concat()).expect("the temporary folder can be written");
    whole.to_str().expect("a plain path").to_owned()
}

/// ffmpeg, which makes HLS of what comes from `input` in `folder`.
fn ffmpeg_hls(arguments: &str, folder: &Path) -> Process {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(arguments.split_whitespace())
        .arg(folder.join("index.m3u8"));
    Process::start(command)
}

#[test]
fn of_the_demo_nothing_is_forbidden() {
    let demo = Process::weir(["demo"]);
    let line = demo.line_with("playlist ", Duration::from_secs(20));
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http"));
    let url = url.expect("the demo tells its playlist");
    until("three renditions", Duration::from_secs(30), || {
        let master = http::get(url).ok().filter(|it| it.status == 200)?;
        let variants = master.text().matches("#EXT-X-STREAM-INF").count();
        (variants == 3).then_some(())
    });
    let (report, code) = found(follow(url, 20));
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["violations"], 0, "{report:#}");
    let playlists = report["playlists"].as_array().expect("a list of playlists");
    assert_eq!(playlists.len(), 4, "{report:#}");
    for playlist in &playlists[1..] {
        let versions = playlist["versions"].as_u64();
        assert!(versions.is_some_and(|count| count >= 5), "{playlist:#}");
        let segments = playlist["segments_inspected"].as_u64();
        assert!(segments.is_some_and(|count| count >= 5), "{playlist:#}");
        assert_eq!(playlist["segments_failed"], 0, "{playlist:#}");
    }
}

#[test]
fn of_a_stream_that_jumps_it_forbids_what_ffmpeg_makes_and_nothing_of_ours() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = jumping(folder.path(), 12, 28);
    let lists = TempDir::new().expect("a temporary folder");
    let group = format!("239.255.91.1:{}", free_port());
    let daemon = Daemon::start(&format!(
        "[segment]\ntarget = \"2s\"\nwindow = 5\n[[channel]]\nid = \"ch\"\n\
         [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
    ));
    let _peer = ffmpeg_hls(
        &format!(
            "-copyts -i udp://{group}?localaddr=127.0.0.1 -c copy -f hls -hls_time 2 \
             -hls_list_size 5 -hls_flags delete_segments"
        ),
        lists.path(),
    );
    let served = serve(lists.path());
    let url = format!("udp://{group}");
    let _sender = Process::weir(["send", &file, &url, "--interface", "lo"]);
    let (ours, theirs) = (
        daemon.data("/live/ch/ch_r.m3u8"),
        format!("{}/index.m3u8", served.url()),
    );
    await_list(&ours);
    await_list(&theirs);
    let (ours, theirs) = (follow(&ours, 28), follow(&theirs, 28));
    let (ours, our_code) = found(ours);
    let (theirs, their_code) = found(theirs);
    assert_eq!(failed(&ours, "violation"), [""; 0], "{ours:#}");
    assert_eq!(our_code, Some(0));
    let segments = ours["playlists"][0]["segments_inspected"].as_u64();
    assert!(segments.is_some_and(|count| count >= 6), "{ours:#}");
    let forbidden = failed(&theirs, "violation");
    for check in [
        "target_duration_changed",
        "window_too_short",
        "removed_too_early",
        "timestamps_jump",
    ] {
        assert!(forbidden.contains(&check), "{check} is missing: {theirs:#}");
    }
    assert_eq!(their_code, Some(65));
}

#[test]
fn a_change_is_proved_by_the_lines_of_both_versions() {
    let lists = [("6", 0), ("7", 0)].map(|(target, sequence)| {
        format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{target}\n\
             #EXT-X-MEDIA-SEQUENCE:{sequence}\n#EXT-X-GAP\n#EXTINF:1.0,\na.ts\n"
        )
    });
    let served = AtomicUsize::new(0);
    let origin = Origin::start(move |_| {
        // The first answer is looked at to tell what it is, the second is the first version.
        let count = served.fetch_add(1, Ordering::Relaxed);
        let list = &lists[usize::from(count >= 2)];
        Reply::new(200, &[("Content-Type", "audio/mpegurl")], list)
    });
    let (report, code) = found(follow(&format!("{}/live", origin.url()), 8));
    assert_eq!(code, Some(65), "{report:#}");
    assert_eq!(failed(&report, "violation"), ["target_duration_changed"]);
    let finding = report["findings"]
        .as_array()
        .and_then(|all| all.iter().find(|it| it["severity"] == "violation"))
        .expect("one");
    assert_eq!(finding["rule"], "R1");
    assert_eq!(finding["clause"], "RFC 8216 §6.2.1");
    let [before, after] = [&finding["evidence"][0], &finding["evidence"][1]];
    assert_eq!(
        (&before["version"], &before["line"]),
        (&1.into(), &3.into())
    );
    assert_eq!(before["text"], "#EXT-X-TARGETDURATION:6");
    assert_eq!((&after["version"], &after["line"]), (&2.into(), &3.into()));
    assert_eq!(after["text"], "#EXT-X-TARGETDURATION:7");
    assert!(before["loaded_at"].as_str() < after["loaded_at"].as_str());
}

#[test]
fn of_ffmpeg_that_begins_again_it_misses_the_discontinuity_sequence() {
    let folder = TempDir::new().expect("a temporary folder");
    let lists = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("one.ts");
    let mut encoder = Encoder::new(90_000, 1_000);
    let pictures = (0..10 * 25).flat_map(|_| encoder.picture());
    fs::write(&file, pictures.collect::<Vec<u8>>()).expect("the temporary folder can be written");
    let run = format!(
        "-re -i {} -c copy -f hls -hls_time 1 -hls_list_size 4 \
         -hls_flags append_list+omit_endlist+delete_segments",
        file.display()
    );
    let served = serve(lists.path());
    let url = format!("{}/index.m3u8", served.url());
    let first = ffmpeg_hls(&run, lists.path());
    await_list(&url);
    let following = follow(&url, 18);
    let ended = first.ended(Duration::from_secs(30));
    assert!(ended.status.success(), "{}", ended.output);
    let _second = ffmpeg_hls(&run, lists.path());
    let (report, code) = found(following);
    let forbidden = failed(&report, "violation");
    for check in ["discontinuity_sequence_missing", "removed_too_early"] {
        assert!(forbidden.contains(&check), "{check} is missing: {report:#}");
    }
    assert_eq!(code, Some(65));
}

#[test]
fn a_list_that_has_ended_is_looked_into_once_and_no_longer() {
    let folder = TempDir::new().expect("a temporary folder");
    let (file, out) = (folder.path().join("a.ts"), folder.path().join("out"));
    let mut encoder = Encoder::new(90_000, 2_000);
    let pictures = (0..40 * 25).flat_map(|_| encoder.picture());
    fs::write(&file, pictures.collect::<Vec<u8>>()).expect("the temporary folder can be written");
    let plain = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let made = weir(
        ["segment", &plain(&file), "--out", &plain(&out)],
        Duration::from_mins(1),
    );
    assert!(made.status.success(), "{}", made.output);
    let served = serve(&out);
    let url = format!("{}/media.m3u8", served.url());
    let (report, code) = found(follow(&url, 600));
    assert_eq!(code, Some(0), "{report:#}");
    let playlist = &report["playlists"][0];
    assert_eq!(playlist["segments_inspected"], 7, "{report:#}");
    assert!(
        report["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds < 60.0)
    );
}

#[test]
fn people_read_a_table_the_findings_and_a_verdict() {
    let list = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4.684,\na.ts\n#EXT-X-ENDLIST\n";
    let origin = Origin::start(move |seen| {
        if seen.target == "/a.m3u8" {
            return Reply::new(200, &[("Content-Type", "audio/mpegurl")], list);
        }
        Reply::new(404, &[], "")
    });
    let url = format!("{}/a.m3u8", origin.url());
    let ended = weir(["validate", &url], Duration::from_mins(1));
    assert_eq!(ended.status.code(), Some(65), "{}", ended.output);
    for told in [
        "R1 violation: duration_above_target (RFC 8216 §4.3.3.1)",
        "segment 0 lasts 4.684 s, which rounds to more than the Target Duration of 4 s",
        ", line 3: #EXTINF:4.684,",
        "R13 violation: version_too_low (RFC 8216 §7)",
        "R15 violation: segment_absent",
        "3 violations",
        "breaks rules of HLS",
    ] {
        assert!(ended.output.contains(told), "{told:?} in\n{}", ended.output);
    }
}

#[test]
fn a_list_that_changes_after_its_end_is_found_out() {
    let loads = AtomicUsize::new(0);
    let origin = Origin::start(move |seen| {
        if seen.target != "/a.m3u8" {
            return Reply::new(404, &[], "");
        }
        // The first answer tells what kind it is, the second is what was said to have ended.
        let is_grown = loads.fetch_add(1, Ordering::Relaxed) >= 2;
        let more = if is_grown { "#EXTINF:2,\nb.ts\n" } else { "" };
        let list =
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n{more}#EXT-X-ENDLIST\n");
        Reply::new(200, &[("Content-Type", "audio/mpegurl")], list)
    });
    let (report, code) = found(follow(&format!("{}/a.m3u8", origin.url()), 600));
    assert_eq!(code, Some(65), "{report:#}");
    let violations = failed(&report, "violation");
    assert!(violations.contains(&"changed_after_end"), "{violations:?}");
}

#[test]
fn a_terminal_is_told_how_far_it_is() {
    let list = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n#EXT-X-ENDLIST\n";
    let origin = Origin::start(move |seen| {
        if seen.target == "/a.m3u8" {
            return Reply::new(200, &[("Content-Type", "audio/mpegurl")], list);
        }
        let head = Reply::head(200, &[("Content-Length", "1")]);
        head.pause(Duration::from_secs(1)).send("x")
    });
    let command = format!(
        "stty cols 100; {} validate {}/a.m3u8",
        weir_binary().display(),
        origin.url()
    );
    let output = Command::new("script")
        .args(["--quiet", "--command", &command, "/dev/null"])
        .output()
        .expect("script (Debian package bsdutils) is installed");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("1 version, 0 segments"), "{told}");
    assert!(told.contains("format_unknown"), "{told}");
}
