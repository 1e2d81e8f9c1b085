//! What is sent, and what of an answer's head is handed on.

use std::sync::Mutex;

use hyper::header::HeaderValue;

use super::*;
use crate::fetch::{
    exchange::FailureKind,
    origin_script::{say, serve},
};

#[tokio::test(start_paused = true)]
async fn a_request_goes_out_in_origin_form_with_our_name_and_without_what_was_for_us() {
    let pair = Pair::at(
        "http://origin/base/",
        EndpointSettings::default(),
        vec![vec![serve(OK)]],
    );
    let mut request = request(Method::GET, "http://edge.example/a%2fb?c=d");
    for (name, value) in [
        ("host", "video.example"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("expect", "100-continue"),
        ("via", "1.1 other"),
        ("accept", "*/*"),
    ] {
        request
            .headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    pair.send(request).await.unwrap();
    let head = pair.origin.requests().remove(0);
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /base/a%2fb?c=d HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "accept: */*",
            "cdn-loop: edge-00000001",
            "host: video.example",
            "via: 1.1 edge-00000001",
            "via: 1.1 other",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_host_is_that_of_the_settings_or_of_the_client_or_of_the_url() {
    for (configured, asked, expected) in [
        (Some("a.example"), Some("b.example"), "host: a.example"),
        (None, Some("b.example"), "host: b.example"),
        (None, None, "host: origin:80"),
    ] {
        let settings = EndpointSettings {
            host: configured.map(HeaderValue::from_static),
            ..EndpointSettings::default()
        };
        let pair = Pair::at("http://origin:80", settings, vec![vec![serve(OK)]]);
        let mut request = request(Method::GET, "/a");
        let hosts = asked.map(|host| (hyper::header::HOST, HeaderValue::from_static(host)));
        request.headers_mut().extend(hosts);
        pair.send(request).await.unwrap();
        assert!(pair.origin.requests()[0].contains(expected), "{expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_here_before_is_not_sent() {
    let pair = Pair::new(vec![vec![serve(OK)]]);
    let mut request = request(Method::GET, "/a");
    request
        .headers_mut()
        .insert("cdn-loop", HeaderValue::from_static("edge-00000001"));
    let error = pair.send(request).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Loop(_)), "{error}");
    assert_eq!(pair.origin.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_is_not_asked_for() {
    let pair = Pair::new(vec![vec![serve(OK)]]);
    let error = pair
        .send(request(Method::CONNECT, "a:80"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert_eq!(pair.origin.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_says_to_the_next_hop_alone_is_kept_from_the_client() {
    let pair = Pair::new(vec![vec![
        Act::Read,
        say(
            "HTTP/1.1 200 OK\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\netag: \"a\"\r\n\
             keep-alive: timeout=5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ]]);
    let response = pair.ask().await.unwrap();
    let names: Vec<_> = response.headers().keys().collect();
    assert_eq!(names, [hyper::header::ETAG]);
}

#[tokio::test(start_paused = true)]
async fn interim_answers_are_shown_and_passed_over() {
    let pair = Pair::new(vec![vec![
        Act::Read,
        say("HTTP/1.1 100 Continue\r\n\r\n"),
        say("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
        say(OK),
    ]]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let interim: Interim = Arc::new(move |status, headers| {
        noted.lock().unwrap().push((status.as_u16(), headers.len()));
    });
    let response = pair
        .observed(request(Method::GET, "/a"), interim)
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*seen.lock().unwrap(), [(100, 0), (103, 1)]);
    assert_eq!(pair.counters().responses_1xx, 2);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_an_answer_like_any_other() {
    let pair = Pair::new(vec![vec![
        Act::Read,
        say("HTTP/1.1 302 Found\r\nlocation: http://origin/a\r\ncontent-length: 0\r\n\r\n"),
    ]]);
    let response = pair.ask().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()["location"], "http://origin/a");
    assert_eq!(pair.origin.requests().len(), 1);
}
