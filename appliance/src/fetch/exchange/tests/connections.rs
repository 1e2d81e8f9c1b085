//! Deadlines, kept connections, and what becomes of those that died.

use std::time::Duration;

use tokio::time::{Instant, advance};
use weir_hal::sim::PathFaults;

use super::*;
use crate::fetch::{
    Timeouts,
    exchange::FailureKind,
    origin_script::{say, serve},
};

#[tokio::test(start_paused = true)]
async fn one_connection_serves_many_requests() {
    let pair = Pair::new(vec![vec![serve(OK)]]);
    for _ in 0..50 {
        assert_eq!(pair.fetch().await.unwrap().1, b"hello");
    }
    assert_eq!(pair.origin.connections(), 1);
    assert_eq!(pair.counters().connections_reused, 49);
    assert_eq!(pair.endpoint.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_not_used_after_four_seconds_and_closed() {
    let pair = Pair::new(vec![vec![serve(OK)]]);
    pair.fetch().await.unwrap();
    advance(Duration::from_millis(3_900)).await;
    pair.fetch().await.unwrap();
    assert_eq!(pair.origin.connections(), 1);
    advance(Duration::from_millis(4_100)).await;
    pair.endpoint.pool.sweep(&pair.endpoint.names);
    pair.settle().await;
    assert_eq!(pair.endpoint.connections(), 0);
    pair.fetch().await.unwrap();
    assert_eq!(pair.origin.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_safe_request_on_a_connection_that_died_is_sent_once_more() {
    let once = vec![Act::Read, say(OK), Act::Read];
    let pair = Pair::new(vec![once, vec![serve(OK)]]);
    pair.fetch().await.unwrap();
    assert_eq!(pair.fetch().await.unwrap().1, b"hello");
    assert_eq!(pair.origin.requests().len(), 3);
    assert_eq!(pair.counters().requests_resent, 1);
    assert_eq!(pair.counters().failures_closed, 0);
}

#[tokio::test(start_paused = true)]
async fn any_request_is_sent_anew_if_the_connection_was_at_its_end_before_it() {
    let pair = Pair::new(vec![vec![Act::Read, say(OK)], vec![serve(OK)]]);
    for method in [Method::GET, Method::POST] {
        pair.send(request(method, "/a")).await.unwrap();
    }
    assert_eq!(pair.origin.requests().len(), 2);
    assert_eq!(pair.counters().failures_closed, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unsafe_request_on_a_connection_that_died_is_not_repeated() {
    let once = vec![Act::Read, say(OK), Act::Read];
    let pair = Pair::new(vec![once, vec![serve(OK)]]);
    pair.fetch().await.unwrap();
    let error = pair.send(request(Method::POST, "/a")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Closed);
    assert_eq!(pair.origin.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_that_dies_is_a_failure() {
    let pair = Pair::new(vec![vec![Act::Read]]);
    let error = pair.fetch().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Closed);
    assert_eq!(pair.origin.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_began_on_a_kept_connection_is_not_asked_for_again() {
    let once = vec![Act::Read, say(OK), Act::Read, say("HTTP/1.1 2")];
    let pair = Pair::new(vec![once, vec![serve(OK)]]);
    pair.fetch().await.unwrap();
    assert_eq!(pair.fetch().await.unwrap_err().kind(), FailureKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn no_more_connections_are_open_than_may_be() {
    let settings = EndpointSettings {
        connections_max: 2,
        ..EndpointSettings::default()
    };
    let slow = vec![
        Act::Read,
        Act::Pause(Duration::from_millis(600)),
        say(OK),
        serve(OK),
    ];
    let pair = Pair::with(settings.clone(), vec![slow]);
    let (one, two, three) = tokio::join!(pair.fetch(), pair.fetch(), pair.fetch());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(pair.origin.connections(), 2);

    let stuck = vec![Act::Read, Act::Pause(Duration::from_millis(1_500)), say(OK)];
    let pair = Pair::with(settings, vec![stuck]);
    let (one, two, three) = tokio::join!(pair.fetch(), pair.fetch(), pair.fetch());
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(three.unwrap_err().kind(), FailureKind::Busy);
}

#[tokio::test(start_paused = true)]
async fn a_body_given_up_closes_its_connection() {
    let pair = Pair::new(vec![vec![
        Act::Read,
        say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
        Act::Hang,
    ]]);
    drop(pair.ask().await.unwrap());
    pair.settle().await;
    assert_eq!(pair.endpoint.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_deadline_is_kept() {
    let timeouts = Timeouts {
        connect: Duration::from_millis(300),
        first_byte: Duration::from_millis(700),
        ..Timeouts::default()
    };
    let settings = EndpointSettings {
        timeouts,
        ..EndpointSettings::default()
    };
    let pair = Pair::with(settings.clone(), vec![vec![Act::Read, Act::Hang]]);
    let begun = Instant::now();
    assert_eq!(
        pair.fetch().await.unwrap_err().kind(),
        FailureKind::FirstByteTimeout
    );
    assert_eq!(begun.elapsed(), timeouts.first_byte);

    let pair = Pair::with(settings, vec![vec![Act::Hang]]);
    let hole = PathFaults {
        is_black_hole: true,
        ..PathFaults::default()
    };
    pair.network.set_path(address(1), hole);
    let begun = Instant::now();
    assert_eq!(
        pair.fetch().await.unwrap_err().kind(),
        FailureKind::ConnectTimeout
    );
    assert_eq!(begun.elapsed(), timeouts.connect);
    assert_eq!(pair.endpoint.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_listening_and_nobody_known_are_told_apart() {
    let pair = Pair::new(vec![vec![serve(OK)]]);
    let gone = Endpoint::new("http://origin:81", EndpointSettings::default()).unwrap();
    let sent = pair
        .client
        .send(&Arc::new(gone), request(Method::GET, "/a"), None)
        .await;
    assert_eq!(sent.unwrap_err().kind(), FailureKind::Connect);
    let unknown = Endpoint::new("http://nobody", EndpointSettings::default()).unwrap();
    let sent = pair
        .client
        .send(&Arc::new(unknown), request(Method::GET, "/a"), None)
        .await;
    assert_eq!(sent.unwrap_err().kind(), FailureKind::Resolve);
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_while_the_first_is_silent() {
    let pair = Pair::new(vec![vec![serve(OK)]]);
    let dead = IpAddr::from([192, 0, 2, 9]);
    pair.network.set_host("origin", &[dead, address(1).ip()]);
    let hole = PathFaults {
        is_black_hole: true,
        ..PathFaults::default()
    };
    pair.network.set_path(address(9), hole);
    let begun = Instant::now();
    pair.fetch().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(250));
    // The one that worked is tried first from then on.
    advance(Duration::from_secs(5)).await;
    let begun = Instant::now();
    pair.fetch().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn round_trip_and_time_to_first_byte_are_measured() {
    let answer = vec![Act::Read, Act::Pause(Duration::from_millis(80)), say(OK)];
    let pair = Pair::new(vec![answer]);
    let far = PathFaults {
        delay: Duration::from_millis(20),
        ..PathFaults::default()
    };
    pair.network.set_path(address(1), far);
    pair.fetch().await.unwrap();
    assert_eq!(pair.endpoint.round_trip(), Some(Duration::from_millis(20)));
    let first_byte = pair.endpoint.first_byte(50, 1).unwrap();
    assert!(
        (80..=90).contains(&first_byte.as_millis()),
        "{first_byte:?}"
    );
}
