//! What a route counts, and what it takes of the configuration.

use std::time::Duration;

use weir_tests::{
    edge::Edge,
    http,
    origin::{Origin, Reply},
    wait,
};

use crate::rig::Result;

#[test]
fn a_route_counts_what_its_clients_are_given() -> Result {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/absent" => Reply::new(404, &[], "absent"),
        _ => Reply::new(
            200,
            &[("Cache-Control", "max-age=60"), ("ETag", "\"one\"")],
            [b'a'; 100],
        ),
    });
    let edge = Edge::before(&[&origin]);
    // More than one within a second, so that answers are given again too.
    for _ in 0..5 {
        assert_eq!(edge.get("/a")?.status, 200);
    }
    edge.ask("HEAD", "/a", &[])?;
    edge.ask("GET", "/a", &[("Range", "bytes=0-9")])?;
    edge.ask("GET", "/a", &[("If-None-Match", "\"one\"")])?;
    edge.get("/absent")?;
    let expected = [
        ("responses_2xx", 7),
        ("responses_3xx", 1),
        ("responses_4xx", 1),
        ("responses_5xx", 0),
        ("bytes_sent", 5 * 100 + 10 + 6),
    ];
    let what = format!("{expected:?}");
    wait::until(&what, Duration::from_secs(10), || {
        let health = http::get(&edge.management("/api/health")).ok()?.json();
        let counters = &health["routes"][0]["counters"];
        let mut expected = expected.iter();
        expected
            .all(|(name, value)| counters[name].as_u64() == Some(*value))
            .then_some(())
    });
    Ok(())
}

#[test]
fn what_origins_do_not_say_is_taken_from_the_configuration() -> Result {
    let origin = Origin::start(|_| Reply::new(200, &[("Content-Type", "video/mp2t")], "media"));
    let edge = Edge::with(&[&origin], "[ttl]\nmedium = \"2h\"\n");
    edge.get("/tv/segment-1.ts")?;
    let again = edge.get("/tv/segment-1.ts")?;
    let status = again.field("cache-status").unwrap_or_default();
    let seconds = status.strip_prefix("box; hit; ttl=").map(str::parse);
    assert!(matches!(seconds, Some(Ok(7_100..=7_200))), "{status}");
    Ok(())
}

#[test]
fn no_route_leads_to_live_paths() -> Result {
    let origin = Origin::start(|_| Reply::new(200, &[], "from elsewhere"));
    let edge = Edge::before(&[&origin]);
    for path in [
        "/live",
        "/live/",
        "/live/CH/other.ts",
        "/%6Cive/CH/other.ts",
    ] {
        let status = edge.get(path)?.status;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
    assert_eq!(edge.get("/lives/other.ts")?.status, 200);
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}
