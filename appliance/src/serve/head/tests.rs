//! Heads as they may come, and what becomes of each.

use proptest::prelude::*;

use super::*;

fn examined(head: &str) -> Result<Head, Refusal> {
    examine(&Bytes::copy_from_slice(head.as_bytes()))
}

fn refused(head: &str) -> u16 {
    match examined(head) {
        Ok(head) => panic!("{head:?} is let pass"),
        Err(refusal) => refusal.status.as_u16(),
    }
}

/// The head of a request for `/a` with these lines.
fn with(lines: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

#[test]
fn a_head_ends_behind_an_empty_line_however_it_comes() {
    let all = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET";
    for seen in 0..27 {
        assert_eq!(end(all, seen), Some(27), "{seen}");
        assert_eq!(end(&all[..26], seen.min(26)), None);
    }
    assert_eq!(end(b"GET / HTTP/1.1\n\nGET", 0), Some(16));
    assert_eq!(end(b"GET / HTTP/1.1\n\r\nGET", 0), Some(17));
    assert_eq!(end(b"", 0), None);
}

#[test]
fn a_request_is_read_as_it_stands() {
    let text = "POST http://h/a?b=%20 HTTP/1.1\r\nHost: h\r\nField:  a b \r\nfield: c\r\n\
                Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n";
    let head = examined(text).unwrap();
    let request = &head.request;
    assert_eq!(
        (request.method(), request.version()),
        (&Method::POST, Version::HTTP_11)
    );
    assert_eq!(request.uri(), "http://h/a?b=%20");
    let fields: Vec<_> = request.headers().get_all("field").iter().collect();
    assert_eq!(fields, ["a b", "c"]);
    assert_eq!(head.framing, Framing::of_length(3));
    assert!(head.is_go_on_due && head.is_persistent);
}

#[test]
fn a_later_minor_version_is_read_as_the_latest_that_is_known() {
    let head = examined("GET /a HTTP/1.2\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(head.request.version(), Version::HTTP_11);
    assert_eq!(
        (head.request.uri().path(), head.is_persistent),
        ("/a", false)
    );
    assert_eq!(refused("GET /a HTTP/1.9\r\n\r\n"), 400);
    assert_eq!(refused("GET /a HTTP/1.10\r\nHost: h\r\n\r\n"), 400);
}

#[test]
fn connections_persist_unless_one_side_says_otherwise() {
    for (version, connection, is_persistent) in [
        (1, "", true),
        (1, "Connection: close\r\n", false),
        (1, "Connection: Keep-Alive, Close\r\n", false),
        (1, "Connection: TE\r\nConnection: close\r\n", false),
        (0, "", false),
        (0, "Connection: keep-alive\r\n", true),
        (0, "Connection: keep-alive, close\r\n", false),
    ] {
        let head = examined(&format!(
            "GET / HTTP/1.{version}\r\nHost: h\r\n{connection}\r\n"
        ));
        assert_eq!(
            head.unwrap().is_persistent,
            is_persistent,
            "{version} {connection}"
        );
    }
}

#[test]
fn bodies_are_framed_in_one_way_only() {
    let framing = |lines: &str| examined(&with(lines)).map(|head| head.framing);
    assert_eq!(
        framing("Content-Length: 12\r\n"),
        Ok(Framing::of_length(12))
    );
    assert_eq!(
        framing("Transfer-Encoding: Chunked\r\n"),
        Ok(Framing::chunked())
    );
    for lines in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        assert_eq!(refused(&with(lines)), 400, "{lines}");
    }
    for lines in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ] {
        assert_eq!(refused(&with(lines)), 501, "{lines}");
    }
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    for lines in [
        "Field: a\n",
        "Field : a\r\n",
        " Field: a\r\n",
        "Field: a\r\n b\r\n",
        "Field: a\r\n\tb\r\n",
        "Field: a\rb\r\n",
        "Field: a\0b\r\n",
        "Field\r\n",
        ": a\r\n",
        "Fie(ld: a\r\n",
        "Host: other\r\n",
        "host: h\r\n",
    ] {
        assert_eq!(refused(&with(lines)), 400, "{lines:?}");
    }
    for head in [
        "GET /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1\nHost: h\n\n",
        "GET  /a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a  HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET\t/a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a\r\nHost: h\r\n\r\n",
        "GET HTTP/1.1\r\nHost: h\r\n\r\n",
        "GE(T /a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a http/1.1\r\nHost: h\r\n\r\n",
        "GET /a HTTP/11\r\nHost: h\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET ftp://h/a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a\x7fb HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        assert_eq!(refused(head), 400, "{head:?}");
    }
}

#[test]
fn each_refusal_has_the_status_that_is_its_own() {
    let long = "x".repeat(9_000);
    let many = "Field: a\r\n".repeat(101);
    for (head, status) in [
        (with("Expect: 200-ok\r\n"), 417),
        (with(&many), 431),
        (format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), 414),
        ("GET /a HTTP/3.0\r\nHost: h\r\n\r\n".to_owned(), 505),
        ("GET /a HTTP/0.9\r\nHost: h\r\n\r\n".to_owned(), 505),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 501),
    ] {
        assert_eq!(refused(&head), status, "{head:.60}");
    }
}

#[test]
fn a_beginning_is_refused_as_soon_as_nothing_can_become_of_it() {
    let status = |bytes: &[u8]| judge_beginning(bytes).map_err(|it| it.status.as_u16());
    assert_eq!(status(b"GET /"), Ok(()));
    assert_eq!(status(b"\x16\x03\x01"), Err(400));
    assert_eq!(status(&[b'G'; 8_193]), Err(414));
    let fields = with(&"Field: a\r\n".repeat(2_000));
    assert_eq!(status(fields.as_bytes()), Err(431));
}

proptest! {
    #[test]
    fn never_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let is_begun = judge_beginning(&bytes).is_ok();
        let is_head = end(&bytes, 0) == Some(bytes.len());
        let is_fit = examine(&bytes.into()).is_ok();
        prop_assert!(is_begun && is_head || !is_fit);
    }

    #[test]
    fn never_panics_on_any_fields(lines in "([A-Za-z-]{1,18}: ?[ -~]{0,20}\r?\n){0,6}") {
        let text = with(&lines);
        prop_assert!(end(text.as_bytes(), 0).is_some() || examined(&text).is_err());
    }
}
