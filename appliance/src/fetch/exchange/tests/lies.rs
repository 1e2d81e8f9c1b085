//! Origins that break HTTP, or mean harm: each is cut off, named and counted, and its connection is
//! never used again.

use std::time::Duration;

use super::*;
use crate::fetch::{
    exchange::{Ambiguity, FailureKind},
    origin_script::{say, serve},
};

/// What comes of an origin that says `text` and leaves the connection open.
async fn failure(text: &str) -> ExchangeError {
    let pair = Pair::new(vec![vec![Act::Read, say(text), Act::Hang]]);
    let error = pair.fetch().await.expect_err(text);
    pair.settle().await;
    assert_eq!(pair.endpoint.connections(), 0, "{text}");
    error
}

#[tokio::test(start_paused = true)]
async fn what_is_not_http_is_refused() {
    for text in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname value\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname : value\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: value\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname: a\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        assert_eq!(failure(text).await.kind(), FailureKind::Malformed, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_two_readers_could_read_differently_is_refused() {
    for (text, ambiguity) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Ambiguity::LengthAndEncoding,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
            Ambiguity::SeveralLengths,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello",
            Ambiguity::SeveralLengths,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            Ambiguity::Encoding,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, identity\r\n\r\nhello",
            Ambiguity::Encoding,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
            Ambiguity::Upgrade,
        ),
    ] {
        let error = failure(text).await;
        let is_so = matches!(&error, ExchangeError::Ambiguous(found) if *found == ambiguity);
        assert!(is_so, "{text}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bad_chunks_break_the_body() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in [
        "g\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "5\r\nhelloworld\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n",
        "5 5\r\nhello\r\n",
        "\r\nhello\r\n",
    ] {
        let error = failure(&format!("{head}{chunks}")).await;
        assert_eq!(error.kind(), FailureKind::Broken, "{chunks}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_is_cut_off() {
    let fields = b"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    for endless in [&fields[..], b"a"] {
        let script = vec![
            Act::Read,
            say("HTTP/1.1 200 OK\r\nx-a: "),
            Act::Repeat(endless),
        ];
        let pair = Pair::new(vec![script]);
        let error = pair.fetch().await.unwrap_err();
        assert!(matches!(error, ExchangeError::HeadTooLarge(_)), "{error:?}");
        assert_eq!(pair.counters().failures_malformed, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_or_too_long_fields_are_refused_though_they_end() {
    let many = "a: b\r\n".repeat(101);
    let long = format!("a: {}\r\n", "b".repeat(40_000));
    for fields in [many, long] {
        let error = failure(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).await;
        assert!(matches!(error, ExchangeError::HeadTooLarge(_)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_cut_off_when_its_time_is_up() {
    let mut script = vec![Act::Read, say("HTTP/1.1 200 OK\r\n")];
    for _ in 0..100 {
        script.extend([Act::Pause(Duration::from_millis(500)), say("a: b\r\n")]);
    }
    let pair = Pair::new(vec![script]);
    let begun = tokio::time::Instant::now();
    let error = pair.fetch().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::FirstByteTimeout);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_interim_answers_is_cut_off() {
    for flood in [
        &b"HTTP/1.1 100 Continue\r\n\r\n"[..],
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
    ] {
        let pair = Pair::new(vec![vec![Act::Read, Act::Repeat(flood)]]);
        let error = pair.fetch().await.unwrap_err();
        let is_flood = matches!(error, ExchangeError::Ambiguous(Ambiguity::InterimFlood));
        assert!(is_flood, "{error:?}");
        pair.settle().await;
        assert_eq!(pair.endpoint.connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_beyond_the_announced_end_answer_nobody() {
    let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let pair = Pair::new(vec![
        vec![Act::Read, say(&format!("{OK}{smuggled}")), Act::Hang],
        vec![serve(OK)],
    ]);
    assert_eq!(pair.fetch().await.unwrap().1, b"hello");
    assert_eq!(pair.fetch().await.unwrap().1, b"hello");
    assert_eq!(pair.origin.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_sent_ahead_of_its_request_answers_nobody() {
    let ahead = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let pair = Pair::new(vec![
        vec![Act::Read, say(OK), say(ahead), Act::Hang],
        vec![serve(OK)],
    ]);
    for method in [Method::GET, Method::GET, Method::POST] {
        let response = pair.send(request(method, "/a")).await.unwrap();
        assert_eq!(read(response).await.unwrap().1, b"hello");
    }
    assert_eq!(pair.counters().connections_unasked, 1);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_nobody_asked_for_close_a_kept_connection() {
    let unasked = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let pause = Act::Pause(Duration::from_secs(1));
    let pair = Pair::new(vec![
        vec![Act::Read, say(OK), pause, say(unasked), Act::Hang],
        vec![serve(OK)],
    ]);
    pair.fetch().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(pair.endpoint.connections(), 0);
    assert_eq!(pair.counters().connections_unasked, 1);
    assert_eq!(pair.fetch().await.unwrap().1, b"hello");
}
