//! What comes slowly, or was asked for late, is judged by when it was asked for.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use weir_tests::origin::{Origin, Reply};

use crate::{
    failed,
    rig::{PLAYLIST, asked, boxes, judged, live, service},
};

/// A service whose list is answered as `list` says to the request of that number, from 0: the
/// first is to find out what is there. A segment comes after `pause`.
fn answering(pause: Duration, list: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Origin {
    let served = AtomicUsize::new(0);
    Origin::start(move |seen| match seen.target.as_str() {
        "/a.m3u8" => list(served.fetch_add(1, Ordering::Relaxed)),
        _ => Reply::default().pause(pause).then(boxes()),
    })
}

#[test]
fn a_segment_that_came_while_the_playlist_is_awaited_is_not_on_its_way() {
    let list = live("#EXTINF:1,\n0.m4s\n");
    let origin = answering(Duration::from_millis(1_300), move |number| {
        let list = Reply::new(200, &PLAYLIST, &list);
        if number < 2 {
            return list;
        }
        Reply::default().pause(Duration::from_mins(1))
    });
    let (report, _) = judged(&origin, 6);
    let come = &report["playlists"][0]["segments_not_inspected"];
    assert_eq!(come, 1, "{report:#}");
    let told = failed(&report, "warning");
    assert!(!told.contains(&"segment_stalls"), "{report:#}");
}

#[test]
fn where_playlists_come_slowly_segments_are_asked_for_all_the_same() {
    let list = live("#EXTINF:1,\n0.m4s\n#EXTINF:1,\n1.m4s\n");
    let origin = answering(Duration::ZERO, move |_| {
        let pause = Reply::default().pause(Duration::from_millis(1_500));
        pause.then(Reply::new(200, &PLAYLIST, &list))
    });
    let (report, _) = judged(&origin, 8);
    let come = &report["playlists"][0]["segments_not_inspected"];
    assert_eq!(come, 2, "{report:#}");
}

#[test]
fn a_playlist_that_becomes_too_long_for_this_tool_is_no_violation() {
    let list = live("#EXTINF:1,\n0.m4s\n");
    let long = format!("{list}{}", "\n".repeat(5 << 20));
    let origin = answering(Duration::ZERO, move |number| {
        let list = if number < 2 { &list } else { &long };
        Reply::new(200, &PLAYLIST, list)
    });
    let (report, _) = judged(&origin, 4);
    let (violations, warnings) = (failed(&report, "violation"), failed(&report, "warning"));
    assert!(!violations.contains(&"playlist_absent"), "{report:#}");
    assert!(warnings.contains(&"too_long"), "{report:#}");
}

#[test]
fn a_media_initialization_section_that_was_asked_for_late_may_be_gone() {
    // The list lasts two seconds, its first segment takes three.
    let segments = "#EXTINF:1,\n0.m4s\n#EXT-X-MAP:URI=\"/i.mp4\"\n#EXTINF:1,\n1.m4s\n";
    let origin = service(segments, |seen| match seen.target.as_str() {
        "/0.m4s" => Reply::default().pause(Duration::from_secs(3)).then(boxes()),
        _ => Reply::new(404, &[], ""),
    });
    let (report, _) = judged(&origin, 5);
    assert_eq!(asked(&origin, "/i.mp4"), 1);
    let told = failed(&report, "violation");
    assert!(!told.contains(&"map_absent"), "{report:#}");
}
