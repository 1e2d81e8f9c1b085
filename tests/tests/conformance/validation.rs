//! RFC 9111 §4.3: asking whether what is stored still holds.

use std::time::Duration;

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply, Seen},
    wait::until,
};

use crate::trial::{Result, is_hit};

const STALE: (&str, &str) = ("Age", "1000");

fn conditions(seen: &Seen) -> (Option<&str>, Option<&str>) {
    (seen.field("if-none-match"), seen.field("if-modified-since"))
}

#[test]
fn all_validators_are_asked_about_and_those_of_the_client_are_not() -> Result {
    const MODIFIED: &str = "Thu, 01 Jan 2015 00:00:00 GMT";
    let origin = Origin::start(|_| {
        let fields = [
            ("Cache-Control", "max-age=10"),
            STALE,
            ("ETag", "\"ours\""),
            ("Last-Modified", MODIFIED),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    edge.ask("GET", "/", &[("If-None-Match", "\"theirs\"")])?;
    edge.ask("GET", "/", &[("If-None-Match", "\"theirs\"")])?;
    let seen = origin.seen();
    // What is not stored yet is fetched whole.
    assert_eq!(conditions(&seen[0]), (None, None));
    assert_eq!(conditions(&seen[1]), (Some("\"ours\""), Some(MODIFIED)));
    Ok(())
}

#[test]
fn a_304_updates_fields_but_for_those_of_the_body() -> Result {
    let origin = Origin::start(|seen| {
        if seen.field("if-none-match").is_some() {
            let fields = [
                ("Cache-Control", "max-age=60"),
                ("ETag", "\"one\""),
                ("Test", "new"),
                ("Content-Length", "99"),
            ];
            return Reply::head(304, &fields);
        }
        let fields = [
            ("Cache-Control", "max-age=10"),
            STALE,
            ("ETag", "\"one\""),
            ("Test", "old"),
            ("Kept", "yes"),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    for is_hit_expected in [false, true] {
        let response = edge.get("/")?;
        assert_eq!(is_hit(&response), is_hit_expected);
        assert_eq!(response.field("test"), Some("new"));
        assert_eq!(response.field("kept"), Some("yes"));
        assert_eq!(response.field("content-length"), Some("4"));
        assert_eq!(response.text(), "body");
    }
    Ok(())
}

#[test]
fn a_304_about_something_else_has_the_whole_asked_for_again() -> Result {
    let origin = Origin::start(|seen| {
        if seen.field("if-none-match").is_some() {
            return Reply::head(304, &[("ETag", "\"other\"")]);
        }
        let fields = [("Cache-Control", "max-age=10"), STALE, ("ETag", "\"one\"")];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    assert_eq!(edge.get("/")?.text(), "body");
    let seen = origin.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(conditions(&seen[2]), (None, None));
    Ok(())
}

#[test]
fn no_cache_is_stored_but_validated_each_time() -> Result {
    let origin = Origin::start(|seen| {
        let fields = [("Cache-Control", "no-cache"), ("ETag", "\"one\"")];
        match seen.field("if-none-match") {
            Some(_) => Reply::head(304, &fields),
            None => Reply::new(200, &fields, "body"),
        }
    });
    let edge = Edge::before(&[&origin]);
    for _ in 0..3 {
        assert_eq!(edge.get("/")?.text(), "body");
    }
    let asked: Vec<_> = origin
        .seen()
        .iter()
        .map(|seen| conditions(seen).0.is_some())
        .collect();
    assert_eq!(asked, [false, true, true]);
    Ok(())
}

#[test]
fn a_client_that_has_it_is_told_so_by_the_cache() -> Result {
    const MODIFIED: &str = "Thu, 01 Jan 2015 00:00:00 GMT";
    let origin = Origin::start(|_| {
        let fields = [
            ("Cache-Control", "max-age=60"),
            ("ETag", "\"one\""),
            ("Last-Modified", MODIFIED),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    for (fields, status) in [
        (&[("If-None-Match", "\"zero\", \"one\"")][..], 304),
        (&[("If-None-Match", "W/\"one\"")], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", "\"two\"")], 200),
        (&[("If-Modified-Since", MODIFIED)], 304),
        (
            &[("If-Modified-Since", "Thursday, 01-Jan-15 00:00:00 GMT")],
            304,
        ),
        (
            &[("If-Modified-Since", "Wed, 31 Dec 2014 00:00:00 GMT")],
            200,
        ),
        // A date does not count beside an entity tag.
        (
            &[
                ("If-None-Match", "\"two\""),
                ("If-Modified-Since", MODIFIED),
            ],
            200,
        ),
    ] {
        let response = edge.ask("GET", "/", fields)?;
        assert_eq!(response.status, status, "{fields:?}");
        assert_eq!(response.field("etag"), Some("\"one\""));
        assert!(is_hit(&response));
    }
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}

#[test]
fn a_head_tells_of_what_is_stored() -> Result {
    let origin = Origin::start(|seen| {
        let etag = if seen.method == "HEAD" {
            "\"two\""
        } else {
            "\"one\""
        };
        let fields = [
            ("Cache-Control", "max-age=10"),
            STALE,
            ("ETag", etag),
            ("Content-Length", "4"),
        ];
        let reply = Reply::head(200, &fields);
        if seen.method == "HEAD" {
            reply
        } else {
            reply.send("body")
        }
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    let head = edge.ask("HEAD", "/", &[])?;
    assert_eq!((head.status, head.field("etag")), (200, Some("\"two\"")));
    edge.get("/")?;
    let methods: Vec<_> = origin
        .seen()
        .iter()
        .map(|seen| seen.method.clone())
        .collect();
    assert_eq!(methods, ["GET", "HEAD", "GET"]);
    // What was stored does not hold any more: it is not even asked about.
    assert_eq!(conditions(&origin.seen()[2]), (None, None));
    Ok(())
}

#[test]
fn what_has_a_successor_that_may_not_be_stored_is_gone() -> Result {
    let origin = Origin::start(|seen| {
        if seen.field("if-none-match").is_some() {
            return Reply::new(200, &[("Cache-Control", "no-store")], "new");
        }
        let fields = [
            ("Cache-Control", "max-age=10, stale-if-error=1000"),
            STALE,
            ("ETag", "\"one\""),
        ];
        Reply::new(200, &fields, "old")
    });
    let edge = Edge::before(&[&origin]);
    assert_eq!(edge.get("/")?.text(), "old");
    assert_eq!(edge.get("/")?.text(), "new");
    origin.go_down();
    assert_eq!(edge.get("/")?.status, 502);
    Ok(())
}

/// RFC 9110 §15.4.5, §15.3.7: what a 200 would tell of caching stands in a 304 and a 206 too.
#[test]
fn a_304_and_a_206_of_ours_tell_of_caching_what_a_200_would() -> Result {
    const DATE: &str = "Fri, 20 Nov 2026 00:00:00 GMT";
    const TOLD: [(&str, &str); 6] = [
        ("Cache-Control", "max-age=99999999"),
        ("Content-Location", "/other"),
        ("Date", DATE),
        ("ETag", "\"one\""),
        ("Expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("Vary", "Foo"),
    ];
    let origin = Origin::start(|_| Reply::new(200, &TOLD, "0123456789"));
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    for (asked, status) in [
        (("If-None-Match", "\"one\""), 304),
        (("Range", "bytes=2-4"), 206),
        (("Range", "bytes=0-1, 8-9"), 206),
    ] {
        let response = edge.ask("GET", "/", &[asked])?;
        assert!(is_hit(&response));
        assert_eq!(response.status, status, "{asked:?}");
        for (name, value) in TOLD {
            let told = response.field(&name.to_ascii_lowercase());
            assert_eq!(told, Some(value), "{asked:?}: {name}");
        }
        assert!(response.field("age").is_some(), "{asked:?}");
    }
    Ok(())
}

/// RFC 9111 §5.2.1.5: no part of an answer to a request with no-store is stored.
#[test]
fn nothing_is_learnt_from_the_answer_to_a_request_with_no_store() -> Result {
    let origin = Origin::start(|seen| {
        let fields = [("Cache-Control", "max-age=10"), STALE, ("ETag", "\"one\"")];
        match seen.field("if-none-match") {
            Some(_) => Reply::head(304, &[("Cache-Control", "max-age=60"), ("ETag", "\"one\"")]),
            None => Reply::new(200, &fields, "body"),
        }
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    for method in ["GET", "HEAD"] {
        edge.ask(method, "/", &[("Cache-Control", "no-store")])?;
    }
    // It is still stale. Until its first answer is stored, whoever asks shares that.
    until("the last question", Duration::from_secs(10), || {
        assert!(!is_hit(&edge.get("/").expect("an answer")));
        (origin.seen().len() > 3).then_some(())
    });
    let asked: Vec<_> = origin.seen();
    let asked: Vec<_> = asked
        .iter()
        .map(|seen| conditions(seen).0.is_some())
        .collect();
    assert_eq!(asked[..4], [false, false, false, true]);
    Ok(())
}
