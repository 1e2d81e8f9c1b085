//! What is stored, and stale.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use weir_tests::{
    edge::Edge,
    origin::{Gate, Origin, Reply},
    wait::{timed, until},
};

use crate::rig::Result;

const PATIENCE: Duration = Duration::from_secs(30);

/// Stale at once, and what may be done with it then.
const fn stale(cache_control: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("Cache-Control", cache_control),
        ("Age", "100"),
        ("ETag", "\"one\""),
    ]
}

/// An origin whose first answer is old at once, and whose next ones come when `gate` is open.
fn old_then_new(cache_control: &'static str, gate: &Gate) -> Origin {
    let (is_first, gate) = (AtomicBool::new(true), gate.clone());
    Origin::start(move |_| {
        if is_first.swap(false, Ordering::SeqCst) {
            return Reply::new(200, &stale(cache_control), "old");
        }
        let fields = [("Cache-Control", "max-age=60")];
        let new = Reply::new(200, &fields, "new");
        Reply::default().wait(&gate).then(new)
    })
}

fn until_new(edge: &Edge) {
    until("the new one", PATIENCE, || {
        let response = edge.get("/a").ok()?;
        (response.text() == "new").then_some(())
    });
}

#[test]
fn all_origins_down_and_what_was_stored_is_served_on() -> Result {
    let fields = stale("max-age=10, stale-if-error=3600");
    let origin = Origin::start(move |_| Reply::new(200, &fields, "film"));
    let edge = Edge::before(&[&origin]);
    assert_eq!(edge.get("/a")?.text(), "film");
    origin.go_down();
    for _ in 0..20 {
        let response = edge.get("/a")?;
        assert_eq!((response.status, response.text().as_str()), (200, "film"));
        assert_eq!(response.field("x-cache"), Some("HIT from box"));
        // RFC 9111 §5.5: nobody warns any more.
        assert_eq!(response.field("warning"), None);
    }
    Ok(())
}

#[test]
fn media_are_served_on_for_a_day_without_a_word_from_the_origin() -> Result {
    let origin = Origin::start(|_| {
        Reply::new(
            200,
            &[("Content-Type", "video/mp2t"), ("Age", "7200")],
            "seg",
        )
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/tv/segment-1.ts")?;
    origin.go_down();
    assert_eq!(edge.get("/tv/segment-1.ts")?.text(), "seg");
    Ok(())
}

#[test]
fn a_route_may_say_for_how_long_stale_answers_are_good() -> Result {
    let fields = stale("max-age=10");
    let origin = Origin::start(move |_| Reply::new(200, &fields, "film"));
    let patient = Edge::with(&[&origin], "stale_if_error = \"1h\"");
    let strict = Edge::before(&[&origin]);
    for edge in [&patient, &strict] {
        edge.get("/a")?;
    }
    origin.go_down();
    assert_eq!(patient.get("/a")?.status, 200);
    assert_eq!(strict.get("/a")?.status, 502);
    Ok(())
}

#[test]
fn what_must_be_validated_is_never_served_stale() -> Result {
    let fields = stale("max-age=10, stale-if-error=3600, must-revalidate");
    let origin = Origin::start(move |_| Reply::new(200, &fields, "film"));
    let edge = Edge::before(&[&origin]);
    edge.get("/a")?;
    origin.go_down();
    let response = edge.get("/a")?;
    assert!(matches!(response.status, 502 | 504), "{}", response.status);
    Ok(())
}

#[test]
fn an_error_of_the_origin_yields_to_what_is_stored() -> Result {
    let is_ill = Arc::new(AtomicBool::new(false));
    let illness = Arc::clone(&is_ill);
    let fields = stale("max-age=10, stale-if-error=3600");
    let origin = Origin::start(move |_| {
        if illness.load(Ordering::SeqCst) {
            Reply::new(503, &[], "ill")
        } else {
            Reply::new(200, &fields, "film")
        }
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/a")?;
    is_ill.store(true, Ordering::SeqCst);
    let response = edge.get("/a")?;
    assert_eq!((response.status, response.text().as_str()), (200, "film"));
    assert_eq!(edge.get("/b")?.status, 503);
    Ok(())
}

#[test]
fn a_304_freshens_and_the_body_is_fetched_once() -> Result {
    let origin = Origin::start(|seen| match seen.field("if-none-match") {
        Some("\"one\"") => Reply::new(
            304,
            &[
                ("ETag", "\"one\""),
                ("Cache-Control", "max-age=60"),
                ("New", "yes"),
            ],
            "",
        ),
        _ => Reply::new(200, &stale("max-age=10"), "film"),
    });
    let edge = Edge::before(&[&origin]);
    assert_eq!(edge.get("/a")?.text(), "film");
    let confirmed = edge.get("/a")?;
    assert_eq!(
        (confirmed.text().as_str(), confirmed.field("new")),
        ("film", Some("yes"))
    );
    let status = confirmed.field("cache-status").unwrap_or("");
    assert!(
        status.contains("fwd=stale") && status.contains("fwd-status=304"),
        "{status}"
    );
    let hit = edge.get("/a")?;
    assert_eq!(
        (hit.text().as_str(), hit.field("new")),
        ("film", Some("yes"))
    );
    assert!(
        hit.field("cache-status")
            .is_some_and(|status| status.starts_with("box; hit"))
    );
    assert_eq!(origin.seen().len(), 2);
    Ok(())
}

#[test]
fn stale_while_revalidating_is_served_at_once_and_validated_once() -> Result {
    let gate = Gate::default();
    let origin = old_then_new("max-age=10, stale-while-revalidate=3600", &gate);
    let edge = Edge::before(&[&origin]);
    edge.get("/a")?;
    // The origin does not answer yet, and nobody waits for it.
    for _ in 0..10 {
        assert_eq!(edge.get("/a")?.text(), "old");
    }
    gate.open();
    until_new(&edge);
    assert_eq!(origin.seen().len(), 2);
    Ok(())
}

#[test]
fn who_may_have_something_stale_waits_two_seconds_for_a_late_origin() -> Result {
    let gate = Gate::default();
    let origin = old_then_new("max-age=10, stale-if-error=3600", &gate);
    let edge = Edge::before(&[&origin]);
    edge.get("/a")?;
    let clients = thread::scope(|scope| {
        let ask = || timed(|| edge.get("/a"));
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        let ended = clients.into_iter().map(thread::ScopedJoinHandle::join);
        ended.collect::<Vec<_>>()
    });
    for client in clients {
        let (response, waited) = client.expect("no panic");
        assert_eq!(response?.text(), "old");
        assert!(waited < Duration::from_secs(4), "{waited:?}");
    }
    // The answer comes in all the same.
    gate.open();
    until_new(&edge);
    assert_eq!(origin.seen().len(), 2);
    Ok(())
}

#[test]
fn only_if_cached_never_reaches_the_origin() -> Result {
    let origin = Origin::start(|_| Reply::new(200, &[("Cache-Control", "max-age=60")], "film"));
    let edge = Edge::before(&[&origin]);
    let only_if_cached = [("Cache-Control", "only-if-cached")];
    assert_eq!(edge.ask("GET", "/a", &only_if_cached)?.status, 504);
    assert_eq!(origin.seen().len(), 0);
    edge.get("/a")?;
    assert_eq!(edge.ask("GET", "/a", &only_if_cached)?.status, 200);
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}
