//! RFC 9211: how an answer came about, on every answer.

use weir_tests::{
    edge::Edge,
    http::Response,
    origin::{Origin, Reply},
};

use crate::trial::Result;

fn status(response: &Response) -> &str {
    response.field("cache-status").unwrap_or("none")
}

#[test]
fn every_answer_says_how_it_came_about() -> Result {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/fresh" => Reply::new(200, &[("Cache-Control", "max-age=60")], "body"),
        "/stale" if seen.field("if-none-match").is_some() => {
            Reply::head(304, &[("ETag", "\"one\"")])
        }
        "/stale" => {
            let fields = [
                ("Cache-Control", "max-age=60"),
                ("Age", "60"),
                ("ETag", "\"one\""),
            ];
            Reply::new(200, &fields, "body")
        }
        "/varies" => Reply::new(
            200,
            &[("Cache-Control", "max-age=60"), ("Vary", "Foo")],
            "body",
        ),
        "/none" => Reply::none(),
        _ => Reply::new(200, &[("Cache-Control", "no-store")], "body"),
    });
    let edge = Edge::before(&[&origin]);
    let miss = "box; fwd=uri-miss; fwd-status=200; stored";
    assert_eq!(status(&edge.get("/fresh")?), miss);
    let hit = edge.get("/fresh")?;
    assert!(
        status(&hit).starts_with("box; hit; ttl="),
        "{}",
        status(&hit)
    );
    assert_eq!(hit.field("x-cache"), Some("HIT from box"));
    let refused = edge.get("/refused")?;
    assert_eq!(
        status(&refused),
        "box; fwd=uri-miss; fwd-status=200; detail=no-store"
    );
    assert_eq!(refused.field("x-cache"), Some("MISS from box"));
    edge.get("/stale")?;
    assert_eq!(
        status(&edge.get("/stale")?),
        "box; fwd=stale; fwd-status=304"
    );
    edge.ask("GET", "/varies", &[("Foo", "1")])?;
    let other = edge.ask("GET", "/varies", &[("Foo", "2")])?;
    assert_eq!(status(&other), "box; fwd=vary-miss; fwd-status=200; stored");
    let wanted = edge.ask("GET", "/fresh", &[("Cache-Control", "no-cache")])?;
    assert!(
        status(&wanted).starts_with("box; fwd=request; fwd-status=200"),
        "{}",
        status(&wanted)
    );
    let posted = edge.ask("POST", "/fresh", &[])?;
    assert_eq!(status(&posted), "box; fwd=method; fwd-status=200");
    let none = edge.get("/none")?;
    assert_eq!(status(&none), "box; fwd=uri-miss; detail=origins-failed");
    Ok(())
}

#[test]
fn what_a_cache_further_on_said_stays_before_our_word() -> Result {
    let origin = Origin::start(|_| {
        let fields = [
            ("Cache-Control", "max-age=60"),
            ("Cache-Status", "mid; hit"),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    let response = edge.get("/")?;
    let lines: Vec<_> = response
        .fields
        .iter()
        .filter(|(name, _)| name == "cache-status")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        lines,
        ["mid; hit", "box; fwd=uri-miss; fwd-status=200; stored"]
    );
    Ok(())
}
