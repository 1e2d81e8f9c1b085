//! What becomes of connections, whatever is asked on them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Request, Response, StatusCode};
use tokio::{io::AsyncReadExt, sync::mpsc, time::Instant};

use super::rig::{
    Answer, DRAIN, Listening, PIPE_BYTES, Rig, SEGMENT_1, read_to_end, read_until, send,
};
use crate::{
    config::RequestRate,
    serve::{Body, Client, CounterCells, Handler, Limits, Room, Upload, reply},
};

#[tokio::test(start_paused = true)]
async fn refuses_what_breaks_http() {
    let rig = Rig::start();
    let flood = "X-Field: 1\r\n".repeat(200);
    let giant = format!("X-Field: {}\r\n", "x".repeat(20_000));
    for (request, status) in [
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_owned(), 400),
        ("GET /livez HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            400,
        ),
        ("GET /livez HTTP/1.1\r\nHost a\r\n\r\n".to_owned(), 400),
        ("GET /live/%zz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET /livez HTTP/9.9\r\nHost: a\r\n\r\n".to_owned(), 505),
        (format!("GET /livez HTTP/1.1\r\n{flood}\r\n"), 431),
        (format!("GET /livez HTTP/1.1\r\n{giant}\r\n"), 431),
    ] {
        let mut pipe = rig.connect();
        send(&mut pipe, &request).await;
        let answer = Answer::parse(&read_to_end(&mut pipe).await);
        assert_eq!(answer.status, status, "{request:.60}");
    }
    assert_eq!(rig.get("/livez").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn closes_a_connection_whose_request_never_ends() {
    let rig = Rig::start();
    let started = Instant::now();
    let mut pipe = rig.connect();
    send(&mut pipe, "GET /livez HTTP/1.1\r\nHost: ed").await;
    let answer = read_to_end(&mut pipe).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(started.elapsed().as_secs(), 10);
    let counters = rig.counters();
    assert_eq!(
        (counters.connections_timed_out, counters.requests_malformed),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn closes_an_idle_connection() {
    let rig = Rig::start();
    let mut pipe = rig.connect();
    send(&mut pipe, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut pipe, "ok\n").await;
    let started = Instant::now();
    read_to_end(&mut pipe).await;
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn cuts_a_client_that_does_not_read() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 300_000]);
    let mut pipe = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut pipe, &request).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(read_to_end(&mut pipe).await.len() <= PIPE_BYTES);
    assert_eq!(rig.counters().connections_stalled, 1);
    assert_eq!(rig.counters().connections_closed, 1);
}

#[tokio::test(start_paused = true)]
async fn cuts_a_client_that_reads_a_trickle_but_not_a_slow_one() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 300_000]);
    for (bytes_per_second, is_cut) in [(100, true), (2_000, false)] {
        let mut pipe = rig.connect();
        let request =
            format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n");
        send(&mut pipe, &request).await;
        let mut buffer = vec![0; bytes_per_second];
        let mut received = 0;
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            received += count;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(
            received < 300_000,
            is_cut,
            "{bytes_per_second} bytes a second"
        );
    }
    assert_eq!(rig.counters().connections_stalled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_player_that_has_taken_well_may_pause_for_minutes() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 600_000]);
    for (pause_s, is_cut) in [(290, false), (310, true)] {
        let mut pipe = rig.connect();
        let request =
            format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n");
        send(&mut pipe, &request).await;
        pipe.read_exact(&mut vec![0; 400_000])
            .await
            .expect("it is sent");
        tokio::time::sleep(Duration::from_secs(pause_s)).await;
        let rest = read_to_end(&mut pipe).await.len();
        assert_eq!(rest < 200_000, is_cut, "{pause_s} s: {rest} bytes");
    }
    assert_eq!(rig.counters().connections_stalled, 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let rig = Rig::start_within(Limits {
        request_rate: Some(RequestRate { per_s: 2, burst: 3 }),
        ..Limits::DATA
    });
    let mut pipe = rig.connect();
    let request = "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n";
    send(&mut pipe, &request.repeat(4)).await;
    for _ in 0..3 {
        read_until(&mut pipe, "ok\n").await;
    }
    let answer = read_until(&mut pipe, "too often\n").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    send(&mut pipe, request).await;
    read_until(&mut pipe, "ok\n").await;
    assert_eq!(rig.counters().requests_throttled, 1);
}

#[tokio::test]
async fn refuses_connections_of_one_client_beyond_its_limit() {
    let rig = Rig::start_within(Limits {
        room: Room {
            per_client_max: 1,
            ..Room::of(100)
        },
        ..Limits::DATA
    });
    let mut first = rig.connect();
    send(&mut first, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut first, "ok\n").await;
    assert_eq!(read_to_end(&mut rig.connect()).await, "");
    let counters = rig.counters();
    assert_eq!(
        (
            counters.connections_refused,
            counters.connections_refused_client
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn refuses_connections_beyond_the_limit() {
    let rig = Rig::start_within(Limits {
        room: Room::of(1),
        ..Limits::DATA
    });
    let mut first = rig.connect();
    send(&mut first, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut first, "ok\n").await;
    let mut second = rig.connect();
    assert_eq!(read_to_end(&mut second).await, "");
    assert_eq!(rig.counters().connections_refused, 1);
    send(&mut first, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut first, "ok\n").await;
}

#[tokio::test(start_paused = true)]
async fn lets_answers_out_when_it_shuts_down() {
    let mut rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut idle = rig.connect();
    send(&mut idle, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut idle, "ok\n").await;
    let mut busy = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut busy, &request).await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    read_until(&mut busy, "first\r\n").await;
    rig.listening.shut_down();
    assert_eq!(read_to_end(&mut idle).await, "");
    writer.append(Bytes::from_static(b"last")).expect("room");
    writer.commit().expect("room");
    assert_eq!(read_to_end(&mut busy).await, "4\r\nlast\r\n0\r\n\r\n");
    assert_eq!(rig.listening.ended().await.connections_cut, 0);
}

#[tokio::test(start_paused = true)]
async fn cuts_what_outlasts_the_drain() {
    let mut rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut pipe = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut pipe, &request).await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    read_until(&mut pipe, "first\r\n").await;
    let started = Instant::now();
    rig.listening.shut_down();
    let counters = rig.listening.ended().await;
    assert_eq!(started.elapsed(), DRAIN);
    assert_eq!(read_to_end(&mut pipe).await, "", "no last chunk");
    assert_eq!(
        (counters.connections_cut, counters.connections_closed),
        (1, 1)
    );
}

/// Answers at once, and has somebody else read the body of the request to whatever end it has.
struct Early {
    counters: Arc<CounterCells>,
    told: mpsc::Sender<bool>,
}

impl Handler for Early {
    async fn answer(&self, request: Request<Upload>, _client: &Client) -> Response<Body> {
        let told = self.told.clone();
        tokio::spawn(async move {
            let is_clean = request.into_body().collect().await.is_ok();
            told.send(is_clean).await.expect("the test waits");
        });
        reply::text(StatusCode::OK, "early")
    }

    fn counters(&self) -> &Arc<CounterCells> {
        &self.counters
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_a_body_on_behind_the_answer_sees_it_break() {
    let (told, mut heard) = mpsc::channel(1);
    let counters = Arc::default();
    let listening = Listening::start(Early { counters, told }, Limits::DATA);
    let mut pipe = listening.connect();
    let request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    send(&mut pipe, request).await;
    read_until(&mut pipe, "early\n").await;
    assert_eq!(heard.recv().await, Some(false), "half a body is no body");
}
