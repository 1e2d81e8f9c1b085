//! How bodies go out, come in, and end.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame};
use tokio::time::Instant;

use super::*;
use crate::fetch::{
    exchange::{FailureKind, Framing},
    origin_script::{say, serve},
};

/// A body that is announced at `announced` and of which `given` bytes are there.
fn short(announced: usize, given: usize) -> String {
    let body = "x".repeat(given);
    format!("HTTP/1.1 200 OK\r\ncontent-length: {announced}\r\n\r\n{body}")
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_length_arrives_whole() {
    let pair = Pair::new(vec![vec![serve(&short(300_000, 300_000))]]);
    let response = pair.ask().await.unwrap();
    assert_eq!(response.body().framing(), Framing::Length(300_000));
    assert_eq!(response.body().size_hint().exact(), Some(300_000));
    assert_eq!(read(response).await.unwrap().1.len(), 300_000);
    assert_eq!(pair.counters().bytes_received, 300_000);
}

#[tokio::test(start_paused = true)]
async fn chunks_are_put_together_and_trailers_dropped() {
    let pair = Pair::new(vec![vec![
        Act::Read,
        say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-a\r\n\r\n"),
        say("5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nx-a: 1\r\n\r\n"),
        Act::Hang,
    ]]);
    let response = pair.ask().await.unwrap();
    assert_eq!(response.body().framing(), Framing::Chunked);
    let body = response.into_body().collect().await.unwrap();
    assert!(body.trailers().is_none());
    assert_eq!(body.to_bytes(), "hello world");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_with_its_connection_says_so() {
    let pair = Pair::new(vec![vec![Act::Read, say("HTTP/1.0 200 OK\r\n\r\nhello")]]);
    let response = pair.ask().await.unwrap();
    assert_eq!(response.body().framing(), Framing::Close);
    assert_eq!(read(response).await.unwrap().1, b"hello");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_head_has_no_body_and_its_connection_is_kept() {
    let pair = Pair::new(vec![vec![serve(
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    )]]);
    for _ in 0..3 {
        let response = pair.send(request(Method::HEAD, "/a")).await.unwrap();
        assert_eq!(response.headers()["content-length"], "5");
        assert!(response.body().is_end_stream());
    }
    assert_eq!(pair.origin.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_early_never_ends_cleanly() {
    let scripts = [
        (short(10, 5), FailureKind::Broken),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n".to_owned(),
            FailureKind::Broken,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel".to_owned(),
            FailureKind::Broken,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n".to_owned(),
            FailureKind::Broken,
        ),
    ];
    for (script, kind) in scripts {
        let pair = Pair::new(vec![vec![Act::Read, say(&script)]]);
        assert_eq!(pair.fetch().await.unwrap_err().kind(), kind, "{script}");
        assert_eq!(pair.counters().failures_broken, 1);
        pair.settle().await;
        assert_eq!(pair.endpoint.connections(), 0, "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_body_tells_how_much_is_missing() {
    let pair = Pair::new(vec![vec![Act::Read, say(&short(10, 4))]]);
    let error = pair.fetch().await.unwrap_err();
    assert!(
        matches!(error, ExchangeError::Short { bytes_missing: 6 }),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn silence_in_the_middle_of_a_body_ends_it_in_time() {
    let pair = Pair::new(vec![vec![Act::Read, say(&short(10, 4)), Act::Hang]]);
    let begun = Instant::now();
    let error = pair.fetch().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Stall);
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_trickle_is_as_good_as_silence() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let mut script = vec![Act::Read, say(head)];
    for _ in 0..1_000 {
        script.extend([Act::Pause(Duration::from_secs(1)), say("xxxxxxxxxx")]);
    }
    let pair = Pair::new(vec![script]);
    let begun = Instant::now();
    assert_eq!(pair.fetch().await.unwrap_err().kind(), FailureKind::Stall);
    assert!(
        begun.elapsed() <= Duration::from_secs(11),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_held_against_the_origin() {
    let pair = Pair::new(vec![vec![serve(&short(1_000_000, 1_000_000))]]);
    let mut body = pair.ask().await.unwrap().into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().into_data().unwrap().len();
        sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(bytes, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_body_longer_than_allowed_is_refused_announced_or_not() {
    let settings = EndpointSettings {
        response_bytes_max: 9,
        ..EndpointSettings::default()
    };
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhello\r\n";
    for script in [short(10, 10), chunked.to_owned()] {
        let pair = Pair::with(settings.clone(), vec![vec![Act::Read, say(&script)]]);
        let error = pair.fetch().await.unwrap_err();
        assert!(
            matches!(error, ExchangeError::TooLong { bytes_max: 9 }),
            "{error}"
        );
        assert_eq!(pair.counters().failures_malformed, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_body_is_sent_with_its_length_and_an_empty_one_with_none() {
    let pair = Pair::new(vec![vec![serve(OK)]]);
    let mut request = request(Method::POST, "/a");
    *request.body_mut() = Outgoing::streamed(Full::new(Bytes::from_static(b"hello\r\n\r\n")));
    pair.send(request).await.unwrap();
    let head = pair.origin.requests().remove(0);
    assert!(head.contains("content-length: 9\r\n"), "{head}");
    let pair = Pair::new(vec![vec![serve(OK)]]);
    pair.send(super::request(Method::POST, "/a")).await.unwrap();
    let head = pair.origin.requests().remove(0);
    assert!(head.contains("content-length: 0\r\n"), "{head}");
}

/// A body that breaks off behind its first bytes.
struct Breaking {
    is_begun: bool,
}

impl Body for Breaking {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = if std::mem::replace(&mut self.is_begun, true) {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Ok(Frame::data(Bytes::from_static(b"half")))
        };
        Poll::Ready(Some(frame))
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_off_is_not_held_against_the_origin() {
    let pair = Pair::new(vec![vec![Act::Read, Act::Hang]]);
    let mut request = request(Method::PUT, "/a");
    *request.body_mut() = Outgoing::streamed(Breaking { is_begun: false });
    let error = pair.send(request).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Upload, "{error:?}");
}
