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
    let poison = [("X-Forwarded-Host", "evil"), ("X-Original-URL", "/evil")];
    assert_eq!(edge.ask("GET", "/", &poison)?.text(), "as asked");
    assert_eq!(edge.get("/")?.text(), "as asked");
    assert_eq!(origin.seen()[0].field("x-original-url"), None);
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
