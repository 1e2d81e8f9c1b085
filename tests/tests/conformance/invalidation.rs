//! RFC 9111 §4.4: what an unsafe request makes stale.

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply, Seen},
};

use crate::trial::{Result, is_hit};

/// Fresh for GET; other methods get the status in their field `Wanted`, and a Location.
fn answer(seen: &Seen) -> Reply {
    if seen.method == "GET" {
        return Reply::new(
            200,
            &[("Cache-Control", "max-age=60"), ("Vary", "Foo")],
            "body",
        );
    }
    let status = seen.field("wanted").and_then(|status| status.parse().ok());
    Reply::new(status.unwrap_or(200), &[("Location", "/other")], "done")
}

#[test]
fn a_successful_unsafe_request_takes_what_is_stored_and_where_it_points() -> Result {
    let origin = Origin::start(answer);
    let edge = Edge::before(&[&origin]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
        for (path, foo) in [("/a", "1"), ("/a", "2"), ("/other", "1"), ("/b", "1")] {
            edge.ask("GET", path, &[("Foo", foo)])?;
            assert!(
                is_hit(&edge.ask("GET", path, &[("Foo", foo)])?),
                "{method} {path}"
            );
        }
        assert_eq!(edge.ask(method, "/a", &[])?.text(), "done");
        for (path, foo, is_kept) in [
            ("/a", "1", false),
            ("/a", "2", false),
            ("/other", "1", false),
            ("/b", "1", true),
        ] {
            let response = edge.ask("GET", path, &[("Foo", foo)])?;
            assert_eq!(is_hit(&response), is_kept, "{method} {path}");
        }
    }
    Ok(())
}

#[test]
fn an_unsafe_request_that_fails_changes_nothing() -> Result {
    let origin = Origin::start(answer);
    let edge = Edge::before(&[&origin]);
    edge.get("/a")?;
    for status in ["404", "500"] {
        edge.ask("POST", "/a", &[("Wanted", status)])?;
        assert!(is_hit(&edge.get("/a")?), "{status}");
    }
    Ok(())
}

#[test]
fn a_safe_request_changes_nothing() -> Result {
    let origin = Origin::start(answer);
    let edge = Edge::before(&[&origin]);
    edge.get("/a")?;
    for method in ["OPTIONS", "TRACE"] {
        edge.ask(method, "/a", &[])?;
        assert!(is_hit(&edge.get("/a")?), "{method}");
    }
    Ok(())
}

#[test]
fn every_method_reaches_the_origin_with_its_body() -> Result {
    let origin = Origin::start(|seen| {
        Reply::new(
            200,
            &[],
            [seen.method.as_bytes(), b":", &seen.body].concat(),
        )
    });
    let edge = Edge::before(&[&origin]);
    for method in ["POST", "PUT", "PATCH", "DELETE", "FROBNICATE"] {
        let url = edge.url("/form?a=1");
        let response = weir_tests::http::request(method, &url, &[], b"the body")?;
        assert_eq!(response.text(), format!("{method}:the body"));
    }
    assert!(origin.seen().iter().all(|seen| seen.target == "/form?a=1"));
    Ok(())
}
