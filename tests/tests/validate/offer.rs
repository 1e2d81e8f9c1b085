//! What the master playlist offers may change while a service lives: it is judged by what is
//! declared now.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use weir_tests::origin::{Origin, Reply};

use crate::{
    failed, follow, found,
    rig::{PLAYLIST, boxes, live},
};

/// A live list of three segments, one more each second.
fn growing(begun: Instant) -> String {
    let first = begun.elapsed().as_secs();
    let segments = (first..first + 3).map(|number| format!("#EXTINF:1,\n{number}.m4s\n"));
    let segments: String = segments.collect();
    live(&format!("#EXT-X-MEDIA-SEQUENCE:{first}\n{segments}"))
}

fn master(rungs: &[(&str, u32)]) -> String {
    let line = |(name, bandwidth): &(&str, u32)| {
        format!("#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}\n{name}.m3u8\n")
    };
    let lines: String = rungs.iter().map(line).collect();
    format!("#EXTM3U\n{lines}")
}

#[test]
fn a_rung_that_is_withdrawn_and_a_bandwidth_that_changes_are_seen() {
    let (begun, masters) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let loaded = Arc::clone(&masters);
    let origin = Origin::start(move |seen| {
        let number = loaded.load(Ordering::Relaxed);
        match seen.target.as_str() {
            "/master.m3u8" => {
                loaded.fetch_add(1, Ordering::Relaxed);
                let (etag, list) = match number {
                    0 => ("\"1\"", master(&[("a", 100_000), ("b", 100_000)])),
                    _ => ("\"2\"", master(&[("a", 10), ("c", 100_000)])),
                };
                if seen.field("if-none-match") == Some(etag) {
                    return Reply::new(304, &[("ETag", etag)], "");
                }
                Reply::new(200, &[PLAYLIST[0], ("ETag", etag)], list)
            }
            "/b.m3u8" if number > 1 => Reply::new(404, &[], "withdrawn"),
            "/a.m3u8" | "/b.m3u8" | "/c.m3u8" => Reply::new(200, &PLAYLIST, growing(begun)),
            _ => boxes(),
        }
    });
    let (report, _) = found(follow(&format!("{}/master.m3u8", origin.url()), 24));
    let playlists = report["playlists"].as_array().expect("a list");
    let withdrawn: Vec<_> = playlists.iter().map(|it| &it["is_withdrawn"]).collect();
    assert_eq!(withdrawn, [false, false, true, false], "{report:#}");
    let whole = &playlists[0];
    assert_eq!(
        (&whole["loads"], &whole["versions"]),
        (&3.into(), &2.into())
    );
    assert_eq!(masters.load(Ordering::Relaxed), 3);
    let untrue: Vec<_> = report["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|it| it["check"] == "bandwidth_untrue")
        .filter_map(|it| it["message"].as_str())
        .collect();
    assert_eq!(untrue.len(), 1, "{report:#}");
    assert!(untrue[0].contains("BANDWIDTH of 10 bit/s"), "{untrue:?}");
    let told = failed(&report, "violation");
    assert!(!told.contains(&"playlist_absent"), "nobody is led there");
}
