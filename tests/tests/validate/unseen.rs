//! What nobody has seen is not sound: segments that do not come, or not what they need.

use std::time::Duration;

use weir_tests::{origin::Reply, process::weir};

use crate::{
    failed,
    rig::{asked, boxes, judged, service},
};

/// A part of something.
fn part(range: &str, bytes: &[u8]) -> Reply {
    Reply::new(206, &[("Content-Range", range)], bytes)
}

#[test]
fn where_no_segment_comes_there_is_no_all_clear() {
    let gap = "#EXT-X-GAP\n#EXTINF:1,\n0.ts\n";
    for segments in ["", &gap.repeat(4)] {
        let origin = service(segments, |_| Reply::new(404, &[], ""));
        let url = format!("{}/a.m3u8", origin.url());
        let ended = weir(["validate", &url, "--seconds", "1"], Duration::from_mins(1));
        assert_eq!(ended.status.code(), Some(69), "{}", ended.output);
        for told in ["no verdict", "nothing can be told of http://", "--seconds"] {
            assert!(ended.output.contains(told), "{told:?} in\n{}", ended.output);
        }
    }
}

#[test]
fn a_segment_that_trickles_is_told_of_when_time_is_over() {
    let origin = service("#EXTINF:1,\n0.ts\n", |_| {
        let head = Reply::head(200, &[("Content-Length", "1000")]);
        (0..60).fold(head, |reply, _| {
            reply.send("G").pause(Duration::from_millis(500))
        })
    });
    let (report, code) = judged(&origin, 6);
    assert!(
        failed(&report, "warning").contains(&"segment_stalls"),
        "{report:#}"
    );
    assert_eq!(code, Some(65), "the list stands still");
}

#[test]
fn a_segment_that_breaks_off_late_was_asked_for_in_time() {
    // The list lasts one second, the answer two.
    let origin = service("#EXTINF:1,\n0.ts\n", |_| {
        let head = Reply::head(200, &[("Content-Length", "1000")]);
        head.send("G").pause(Duration::from_secs(2)).close()
    });
    let (report, code) = judged(&origin, 5);
    assert!(
        failed(&report, "violation").contains(&"segment_breaks_off"),
        "{report:#}"
    );
    assert_eq!(code, Some(65));
}

#[test]
fn a_media_initialization_section_is_asked_for_once_and_told_of() {
    let map = "#EXT-X-MAP:URI=\"/i.mp4\"\n";
    let segments = format!("{map}#EXTINF:1,\n0.m4s\n#EXTINF:1,\n1.m4s\n");
    let origin = service(&segments, |seen| match seen.target.as_str() {
        "/i.mp4" => Reply::new(404, &[], ""),
        _ => boxes(),
    });
    let (report, code) = judged(&origin, 2);
    let told = failed(&report, "violation");
    assert_eq!(
        told.iter().filter(|it| **it == "map_absent").count(),
        1,
        "{report:#}"
    );
    assert_eq!(asked(&origin, "/i.mp4"), 1);
    assert_eq!(report["playlists"][0]["segments_not_inspected"], 2);
    assert_eq!(code, Some(65));
}

#[test]
fn of_a_media_initialization_section_its_range_is_asked_for() {
    let segments = |range: &str| {
        let map = format!("#EXT-X-MAP:URI=\"/i.mp4\",BYTERANGE=\"{range}\"\n");
        format!("{map}#EXTINF:1,\n0.m4s\n#EXTINF:1,\n1.m4s\n")
    };
    for (range, expected) in [("6@4", None), ("7@4", Some("map_absent"))] {
        let origin = service(&segments(range), |seen| match seen.range() {
            Some((4, Some(9 | 10))) => part("bytes 4-9/10", b"456789"),
            Some(_) => Reply::new(416, &[], ""),
            None => boxes(),
        });
        let (report, _) = judged(&origin, 2);
        let told = failed(&report, "violation");
        let told = told.into_iter().find(|it| *it == "map_absent");
        assert_eq!(told, expected, "{range}: {report:#}");
    }
}

#[test]
fn a_range_of_a_segment_comes_as_it_is_listed() {
    let range = "#EXT-X-BYTERANGE:1000@1000\n#EXTINF:1,\n0.m4s\n";
    for reply in [
        Reply::new(200, &[], [0; 3_000]),
        part("bytes 1000-1998/1999", &[0; 999]),
        part("bytes 1000-2000/3000", &[0; 1_001]),
    ] {
        let origin = service(range, move |_| reply.clone());
        let (report, _) = judged(&origin, 1);
        let told = failed(&report, "violation");
        assert!(told.contains(&"segment_breaks_off"), "{report:#}");
    }
}

#[test]
fn a_key_is_asked_for_where_anybody_may_have_it() {
    for (key, status, violation, warning) in [
        ("METHOD=AES-128,URI=\"/k\"", 404, Some("key_absent"), None),
        (
            "METHOD=SAMPLE-AES,URI=\"/k\"",
            404,
            Some("key_absent"),
            None,
        ),
        ("METHOD=AES-128,URI=\"/k\"", 400, None, Some("key_refused")),
        ("METHOD=AES-128,URI=\"/k\"", 403, None, Some("key_refused")),
        ("METHOD=AES-128,URI=\"/k\"", 429, None, Some("key_refused")),
    ] {
        let segments = format!("#EXT-X-KEY:{key}\n#EXTINF:1,\n0.ts\n");
        let origin = service(&segments, move |seen| match seen.target.as_str() {
            "/k" => Reply::new(status, &[], ""),
            _ => Reply::new(200, &[], [0; 32]),
        });
        let (report, _) = judged(&origin, 1);
        let told = |severity| {
            let mut checks = failed(&report, severity).into_iter();
            checks.find(|check| check.starts_with("key"))
        };
        assert_eq!(told("violation"), violation, "{key}: {report:#}");
        assert_eq!(told("warning"), warning, "{key}: {report:#}");
        assert_eq!(asked(&origin, "/k"), 1, "{key}");
    }
    for key in [
        "METHOD=SAMPLE-AES,URI=\"skd://host/k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"",
        "METHOD=SAMPLE-AES,URI=\"/k\",KEYFORMAT=\"urn:uuid:edef8ba9\"",
        "METHOD=AES-128,URI=\"data:text/plain;base64,AAAA\"",
        // Its key has 32 bytes.
        "METHOD=AES-256,URI=\"/k\"",
    ] {
        let segments = format!("#EXT-X-KEY:{key}\n#EXTINF:1,\n0.ts\n");
        let origin = service(&segments, |_| Reply::new(200, &[], [0; 32]));
        let (report, code) = judged(&origin, 1);
        assert_eq!(failed(&report, "violation"), [""; 0], "{key}: {report:#}");
        assert_eq!(code, Some(0), "{key}: the segment came");
        let others = origin.seen();
        let others = others.iter().filter(|seen| seen.target != "/a.m3u8");
        assert!(others.clone().all(|seen| seen.target == "/0.ts"), "{key}");
    }
}

#[test]
fn a_key_that_does_not_come_is_asked_for_once() {
    let segments = (0..5).map(|number| format!("#EXTINF:1,\n{number}.ts\n"));
    let segments: String = segments.collect();
    let segments = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"/k\"\n{segments}#EXT-X-ENDLIST\n");
    for status in [200, 403, 404] {
        let origin = service(&segments, move |seen| match seen.target.as_str() {
            "/k" => Reply::new(status, &[], "short"),
            _ => Reply::new(200, &[], [0; 32]),
        });
        let (report, _) = judged(&origin, 10);
        let come = &report["playlists"][0]["segments_not_inspected"];
        assert_eq!(come, 5, "{report:#}");
        assert_eq!(asked(&origin, "/k"), 1, "{status}");
    }
}

#[test]
fn of_a_list_that_is_too_long_the_newest_segments_are_asked_for() {
    let segments = (0..50_100).map(|number| format!("#EXTINF:1,\n{number}.ts\n"));
    let origin = service(&segments.collect::<String>(), |_| Reply::new(404, &[], ""));
    let (report, code) = judged(&origin, 3);
    let targets: Vec<String> = origin.seen().into_iter().map(|seen| seen.target).collect();
    assert!(targets.contains(&"/50099.ts".to_owned()), "{targets:?}");
    assert!(!targets.contains(&"/49999.ts".to_owned()), "{targets:?}");
    assert!(
        failed(&report, "warning").contains(&"too_long"),
        "{report:#}"
    );
    assert_eq!(code, Some(65));
}
