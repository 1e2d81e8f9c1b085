//! Purging: by method on the data listener, by JSON on the management listener; one table beneath.

use std::time::Duration;

use weir_tests::{
    daemon::Daemon,
    edge::Edge,
    http::{self, Response},
    origin::{Origin, Reply},
};

use crate::rig::Result;

/// An origin whose objects are tagged by their folder.
fn origin() -> Origin {
    Origin::start(|seen| {
        let folder = seen.target.split('/').nth(1).unwrap_or("").to_owned();
        let fields = [
            ("Cache-Control", "max-age=600"),
            ("Surrogate-Key", folder.as_str()),
        ];
        Reply::new(200, &fields, &seen.target)
    })
}

fn is_hit(edge: &Edge, path: &str) -> Result<bool> {
    let answer = edge.get(path)?;
    Ok(answer.field("x-cache") == Some("HIT from box"))
}

fn order(edge: &Edge, path: &str, body: &str) -> Result<Response> {
    http::request("POST", &edge.management(path), &[], body.as_bytes())
}

#[test]
fn both_listeners_purge_what_the_other_would() -> Result {
    let origin = origin();
    let edge = Edge::before(&[&origin]);
    let paths = ["/a/1", "/a/2", "/b/1", "/c/1", "/d/1", "/e/1"];
    for path in paths {
        edge.get(path)?;
        assert!(is_hit(&edge, path)?, "{path}");
    }
    assert_eq!(edge.ask("PURGE", "/a/1", &[])?.status, 200);
    assert_eq!(edge.ask("BAN", "/b/", &[])?.status, 200);
    let url = edge.url("/a/2");
    let body = format!("{{\"urls\": [\"{url}\"], \"tags\": [\"c\"]}}");
    let answer = order(&edge, "/api/v1/purge", &body)?;
    assert_eq!((answer.status, &answer.json()["purged"]), (200, &2.into()));
    let answer = order(&edge, "/api/v1/ban", r#"{"patterns": ["/d/*"]}"#)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for path in &paths[..5] {
        assert!(!is_hit(&edge, path)?, "{path}");
        assert!(is_hit(&edge, path)?, "{path} is kept again");
    }
    assert!(is_hit(&edge, "/e/1")?);
    edge.counted("purge", "urls_purged", 2);
    edge.counted("purge", "tags_purged", 1);
    edge.counted("purge", "prefixes_purged", 2);
    Ok(())
}

#[test]
fn a_page_cannot_have_a_browser_purge() -> Result {
    let origin = origin();
    let edge = Edge::before(&[&origin]);
    edge.get("/a/1")?;
    for method in ["PURGE", "BAN"] {
        let answer = edge.ask(method, "/a/1", &[("Origin", "http://evil.example")])?;
        assert_eq!(answer.status, 403, "{method}: {}", answer.text());
    }
    assert!(is_hit(&edge, "/a/1")?);
    assert_eq!(edge.ask("PURGE", "/a/1", &[])?.status, 200);
    assert!(!is_hit(&edge, "/a/1")?);
    Ok(())
}

#[test]
fn one_bucket_and_one_list_of_addresses_go_for_both() -> Result {
    let origin = origin();
    let url = origin.url();
    let start = |purge: &str| {
        Daemon::start(&format!(
            "[purge]\n{purge}\n[[origin]]\nname = \"o\"\nurls = [\"{url}\"]\n\
             [[route]]\npath = \"/\"\norigin = [\"o\"]\n"
        ))
    };
    let daemon = start("rate = 1\nburst = 2");
    let api = daemon.management("/api/v1/purge");
    let data = daemon.data("/a");
    assert_eq!(http::request("PURGE", &data, &[], b"")?.status, 200);
    assert_eq!(
        http::request("POST", &api, &[], br#"{"tags": ["a"]}"#)?.status,
        200
    );
    let throttled = http::request("POST", &api, &[], br#"{"tags": ["a", "b"]}"#)?;
    assert_eq!(throttled.status, 429, "{}", throttled.text());
    assert!(throttled.field("retry-after").is_some());
    let daemon = start("allow = [\"192.0.2.1\"]");
    let api = daemon.management("/api/v1/purge");
    assert_eq!(
        http::request("POST", &api, &[], br#"{"tags": ["a"]}"#)?.status,
        403
    );
    assert_eq!(
        http::request("PURGE", &daemon.data("/a"), &[], b"")?.status,
        403
    );
    let logged = daemon
        .process()
        .line_with("purge refused", Duration::from_secs(10));
    assert!(logged.contains("127.0.0.1"), "{logged}");
    Ok(())
}
