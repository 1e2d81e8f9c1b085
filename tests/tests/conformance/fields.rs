//! RFC 9110 §7.6 and RFC 9111 §3.1: which fields go on, and which are stored.

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply},
};

use crate::trial::{Result, is_hit};

#[test]
fn what_is_for_one_connection_goes_no_further_and_is_not_stored() -> Result {
    let origin = Origin::start(|_| {
        let fields = [
            ("Cache-Control", "max-age=60"),
            ("Connection", "a, b"),
            ("A", "1"),
            ("B", "2"),
            ("C", "3"),
            ("Keep-Alive", "timeout=9"),
            ("Proxy-Connection", "x"),
            ("Proxy-Authenticate", "x"),
            ("TE", "x"),
            ("Upgrade", "x"),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    let hop = [
        ("Connection", "close, secret"),
        ("Secret", "1"),
        ("Open", "2"),
        ("TE", "trailers"),
    ];
    for is_stored in [false, true] {
        let response = edge.ask("GET", "/", &hop)?;
        assert_eq!(is_hit(&response), is_stored);
        for name in [
            "a",
            "b",
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "te",
            "upgrade",
        ] {
            assert_eq!(response.field(name), None, "{name}");
        }
        assert_eq!(response.field("c"), Some("3"));
    }
    let seen = &origin.seen()[0];
    for name in ["secret", "te", "keep-alive"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    assert_eq!(seen.field("open"), Some("2"));
    assert!(
        seen.field("via")
            .is_some_and(|via| via.starts_with("1.1 box-")),
        "{seen:?}"
    );
    assert_eq!(seen.field("host"), Some(edge.host().as_str()));
    Ok(())
}

#[test]
fn fields_named_by_no_cache_and_private_reach_the_first_client_alone() -> Result {
    let origin = Origin::start(|_| {
        let fields = [
            (
                "Cache-Control",
                "max-age=60, private=\"mine\", no-cache=\"cookie\"",
            ),
            ("Mine", "1"),
            ("Cookie", "2"),
            ("Open", "3"),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    let first = edge.get("/")?;
    assert_eq!(
        (first.field("mine"), first.field("open")),
        (Some("1"), Some("3"))
    );
    let second = edge.get("/")?;
    assert!(is_hit(&second));
    assert_eq!((second.field("mine"), second.field("cookie")), (None, None));
    assert_eq!(second.field("open"), Some("3"));
    Ok(())
}

#[test]
fn a_client_cannot_have_others_given_what_is_for_another_host() -> Result {
    let origin = Origin::start(|seen| {
        let host = seen.field("x-forwarded-host").unwrap_or("as asked");
        Reply::new(200, &[("Cache-Control", "max-age=60")], host)
    });
    let edge = Edge::before(&[&origin]);
    let poison = [
        ("Forwarded", "host=evil"),
        ("X-Forwarded-Host", "evil"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Method-Override", "DELETE"),
        ("X-Original-Host", "evil"),
        ("X-Original-URL", "/evil"),
    ];
    assert_eq!(edge.ask("GET", "/", &poison)?.text(), "as asked");
    assert_eq!(edge.get("/")?.text(), "as asked");
    for (name, _) in poison {
        let name = name.to_ascii_lowercase();
        assert_eq!(origin.seen()[0].field(&name), None, "{name}");
    }
    Ok(())
}

#[test]
fn a_hit_tells_its_age_and_a_fresh_answer_does_not() -> Result {
    let origin = Origin::start(|seen| {
        let mut fields = vec![("Cache-Control", "max-age=100")];
        if seen.target == "/aged" {
            fields.push(("Age", "50"));
        }
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    assert_eq!(edge.get("/")?.field("age"), None);
    assert_eq!(edge.get("/aged")?.field("age"), Some("50"));
    let age = |path| -> Result<u64> {
        let response = edge.get(path)?;
        Ok(response.field("age").ok_or("no Age")?.parse()?)
    };
    assert!(age("/")? < 30);
    assert!((50..80).contains(&age("/aged")?));
    Ok(())
}

#[test]
fn early_hints_are_passed_on_and_not_stored() -> Result {
    use std::io::{Read as _, Write as _};
    let origin = Origin::start(|_| {
        let hints = Reply::head(103, &[("Link", "</a.css>; rel=preload")]);
        hints.then(Reply::new(200, &[("Cache-Control", "max-age=60")], "body"))
    });
    let edge = Edge::before(&[&origin]);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut stream = std::net::TcpStream::connect(edge.host())?;
        let host = edge.host();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        answers.push(answer);
    }
    let hints =
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(answers[0].starts_with(hints), "{}", answers[0]);
    assert!(
        answers[1].starts_with("HTTP/1.1 200 OK\r\n"),
        "{}",
        answers[1]
    );
    assert!(!answers[1].contains("link"));
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}

#[test]
fn a_request_that_comes_back_is_not_sent_round_again() -> Result {
    let origin = Origin::start(|seen| {
        let via = seen.field("via").unwrap_or("").to_owned();
        Reply::new(200, &[("Cache-Control", "no-store")], via)
    });
    let edge = Edge::before(&[&origin]);
    let via = edge.get("/")?.text();
    assert_eq!(edge.ask("GET", "/", &[("Via", &via)])?.status, 508);
    Ok(())
}

/// RFC 9110 §7.6.2.
#[test]
fn a_trace_or_options_goes_no_further_than_it_may() -> Result {
    let origin = Origin::start(|_| Reply::new(200, &[], "from the origin"));
    let edge = Edge::before(&[&origin]);
    for (method, status) in [("OPTIONS", 204), ("TRACE", 405)] {
        let last = edge.ask(method, "/", &[("Max-Forwards", "0")])?;
        assert_eq!(last.status, status, "{method}");
        assert!(last.field("allow").is_some(), "{method}");
    }
    assert_eq!(origin.seen().len(), 0);
    for method in ["OPTIONS", "TRACE"] {
        edge.ask(method, "/", &[("Max-Forwards", "5")])?;
    }
    let told: Vec<_> = origin.seen();
    let told: Vec<_> = told.iter().map(|seen| seen.field("max-forwards")).collect();
    assert_eq!(told, [Some("4"), Some("4")]);
    Ok(())
}

/// RFC 9111 §5.2: a proxy must pass directives on, those that it does not know among them.
#[test]
fn directives_are_passed_on_both_ways() -> Result {
    let origin = Origin::start(|_| {
        let fields = [
            ("Cache-Control", "max-age=60, x-own=\"a, b\""),
            ("CDN-Cache-Control", "max-age=30"),
            ("Pragma", "x"),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    for is_stored in [false, true] {
        let asked = [("Cache-Control", "x-wish=1"), ("Pragma", "x-wish")];
        let response = edge.ask("GET", "/", &asked)?;
        assert_eq!(is_hit(&response), is_stored);
        let told = response.field("cache-control");
        assert_eq!(told, Some("max-age=60, x-own=\"a, b\""));
        assert_eq!(response.field("cdn-cache-control"), Some("max-age=30"));
        assert_eq!(response.field("pragma"), Some("x"));
    }
    let seen = &origin.seen()[0];
    assert_eq!(seen.field("cache-control"), Some("x-wish=1"));
    assert_eq!(seen.field("pragma"), Some("x-wish"));
    Ok(())
}

/// RFC 9110 §6.6.1: who receives an answer without Date adds one before it goes on.
#[test]
fn every_answer_has_a_date_and_keeps_the_one_it_has() -> Result {
    const DATE: &str = "Fri, 20 Nov 2026 00:00:00 GMT";
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/dated" => Reply::new(
            200,
            &[("Cache-Control", "no-store"), ("Date", DATE)],
            "body",
        ),
        "/passed" => Reply::new(200, &[("Cache-Control", "no-store")], "body"),
        _ => Reply::new(200, &[("Cache-Control", "max-age=60")], "body"),
    });
    let edge = Edge::before(&[&origin]);
    assert_eq!(edge.get("/dated")?.field("date"), Some(DATE));
    for path in ["/passed", "/stored", "/stored"] {
        let response = edge.get(path)?;
        assert!(response.field("date").is_some(), "{path}");
    }
    Ok(())
}

/// RFC 9111 §5.2.2.6, RFC 9110 §7.7.
#[test]
fn no_transform_means_the_bytes_as_they_came() -> Result {
    let list = "#EXTM3U\n#EXT-X-VERSION:3\n".repeat(200);
    let sent = list.clone();
    let origin = Origin::start(move |_| {
        let fields = [
            ("Cache-Control", "max-age=60, no-transform"),
            ("Content-Type", "application/vnd.apple.mpegurl"),
        ];
        Reply::new(200, &fields, &sent)
    });
    let edge = Edge::before(&[&origin]);
    for is_stored in [false, true] {
        let asked = [("Accept-Encoding", "gzip, br, zstd")];
        let response = edge.ask("GET", "/list.m3u8", &asked)?;
        assert_eq!(is_hit(&response), is_stored);
        assert_eq!(response.field("content-encoding"), None);
        assert_eq!(response.text(), list);
    }
    Ok(())
}
