//! Answers that are not what they say. Whatever they are, the next client gets a right one, and the
//! cache keeps nothing of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use weir_tests::{
    http,
    origin::{Gate, Origin, Reply},
};

use crate::rig::{Result, counted, edge, get, raw, well};

#[test]
fn an_answer_that_breaks_http_is_none_and_the_next_origin_is_asked() -> Result {
    for (lie, bytes) in [
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        (
            "two framings",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            "a folded line",
            "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            "an unasked upgrade",
            "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        ),
        (
            "a coding nobody asked for",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        ),
        (
            "a length beyond all measure",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        ),
        (
            "a length below nothing",
            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        ),
        (
            "a 304 without a condition",
            "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n\r\n",
        ),
        (
            "a part of what was wanted whole",
            "HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\n\
             Content-Range: bytes 7-9/2\r\nContent-Length: 5\r\n\r\nhello",
        ),
    ] {
        let (liar, honest) = (raw(bytes), well("honest"));
        let edge = edge(&[liar.url(), honest.url()]);
        let response = get(&edge, "/a")?;
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, "honest"),
            "{lie}"
        );
        counted(&edge, 0, "failures_malformed", 1);
        counted(&edge, 1, "retries", 1);
    }
    Ok(())
}

#[test]
fn a_head_without_end_is_cut_off_and_counted() -> Result {
    let field = format!("X-A: {}\r\n", "a".repeat(1_000));
    let endless = format!("HTTP/1.1 200 OK\r\n{}", field.repeat(10_000));
    let flood = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100_000);
    for bytes in [endless, flood] {
        let origin = raw(bytes);
        let edge = edge(&[origin.url()]);
        let response = get(&edge, "/a")?;
        assert_eq!(response.status, 502);
        assert!(response.field("retry-after").is_some());
        counted(&edge, 0, "failures_malformed", 1);
        counted(&edge, 0, "connections_opened", 1);
    }
    Ok(())
}

#[test]
fn a_body_shorter_than_announced_is_a_visible_failure_and_is_not_kept() {
    let fields = [("Cache-Control", "max-age=60"), ("Content-Length", "10")];
    let origin = Origin::start(move |seen| match seen.range() {
        None => Reply::head(200, &fields).send("hello").close(),
        Some(_) => Reply::none(),
    });
    let edge = edge(&[origin.url()]);
    for _ in 0..2 {
        get(&edge, "/a").expect_err("the client sees that it is not whole");
    }
    let whole_asked = origin
        .seen()
        .iter()
        .filter(|seen| seen.range().is_none())
        .count();
    assert_eq!(whole_asked, 2, "nothing was kept");
    counted(&edge, 0, "failures_broken", 2);
}

#[test]
fn chunks_that_are_none_break_the_body_and_nothing_is_kept() {
    for chunks in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFF\r\nhello",
    ] {
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\
            Transfer-Encoding: chunked\r\n\r\n";
        let origin = raw([head, chunks].concat());
        let edge = edge(&[origin.url()]);
        for _ in 0..2 {
            get(&edge, "/a").expect_err("the client sees that it is not whole");
        }
        assert_eq!(origin.seen().len(), 2, "{chunks:?} was kept");
        counted(&edge, 0, "failures_broken", 2);
    }
}

#[test]
fn a_body_behind_the_head_that_was_asked_for_answers_nobody() -> Result {
    let evil = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil";
    let origin = Origin::start(move |seen| {
        let fields = [("Cache-Control", "max-age=0"), ("Content-Length", "4")];
        let head = Reply::head(200, &fields);
        head.send(if seen.method == "HEAD" { evil } else { "good" })
    });
    let edge = edge(&[origin.url()]);
    for _ in 0..20 {
        let head = http::request("HEAD", &edge.data("/a"), &[], b"")?;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(get(&edge, "/a")?.text(), "good");
    }
    Ok(())
}

#[test]
fn a_304_to_a_question_without_a_condition_confirms_nothing() -> Result {
    // What is stored has no validator, so that no condition can be sent.
    let fields = [
        ("Cache-Control", "max-age=10, stale-if-error=5"),
        ("Age", "12"),
    ];
    let count = AtomicUsize::new(0);
    let origin = Origin::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::new(200, &fields, "old"),
        1 => Reply::new(304, &[("Cache-Control", "max-age=60")], ""),
        _ => Reply::new(200, &[("Cache-Control", "max-age=60")], "new"),
    });
    let edge = edge(&[origin.url()]);
    assert_eq!(get(&edge, "/a")?.text(), "old");
    let stale = get(&edge, "/a")?;
    assert_eq!(stale.text(), "old");
    let status = stale.field("cache-status").unwrap_or("");
    assert!(status.ends_with("detail=origins-failed"), "{status}");
    counted(&edge, 0, "failures_malformed", 1);
    assert_eq!(get(&edge, "/a")?.text(), "new");
    Ok(())
}

#[test]
fn bytes_beyond_the_announced_length_reach_nobody() -> Result {
    let fields = [("Cache-Control", "no-store"), ("Content-Length", "5")];
    let evil = "helloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let origin = Origin::start(move |_| Reply::head(200, &fields).send(evil));
    let edge = edge(&[origin.url()]);
    for _ in 0..20 {
        assert_eq!(get(&edge, "/a")?.text(), "hello");
    }
    counted(&edge, 0, "responses_2xx", 20);
    Ok(())
}

#[test]
fn an_origin_that_falls_silent_is_given_up_in_time() -> Result {
    let never = Gate::default();
    let silent = never.clone();
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/head" => Reply::default()
            .send("HTTP/1.1 200 OK\r\nX-A: ")
            .wait(&silent),
        _ => Reply::head(200, &[("Content-Length", "10")])
            .send("hello")
            .wait(&silent),
    });
    let edge = edge(&[origin.url()]);
    assert_eq!(get(&edge, "/head")?.status, 504);
    counted(&edge, 0, "failures_first_byte_timeout", 1);
    get(&edge, "/body").expect_err("the client sees that it is not whole");
    counted(&edge, 0, "failures_stall", 1);
    never.open();
    Ok(())
}
