//! Pollers of the management listener that are slow on purpose: they are bounded, ended and
//! counted, and the others are answered.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use weir_tests::{http, process::anonymous_bytes, wait::until_every};

use crate::rig::Rig;

/// Connections of each kind: heads that come byte by byte, streams that nobody reads, metrics that
/// nobody takes. All fit beside others into the 256 of the listener.
const HEADS: usize = 100;
const STREAMS: usize = 50;
const METRICS: usize = 50;

/// Streams of events that there may be.
const STREAMS_MAX: usize = 32;

/// What one of them may cost beyond its socket, and what all others may meanwhile.
const POLLER_BYTES_MAX: u64 = 96 << 10;
const OTHERS_BYTES_MAX: u64 = 16 << 20;

/// Longer than a client may take for a head, or let an answer wait.
const PATIENCE: Duration = Duration::from_mins(2);

/// Bytes that the kernel takes for one of them.
const ROOM_BYTES: usize = 4 << 10;

/// Between two bytes of a head.
const PERIOD: Duration = Duration::from_millis(250);

/// Says `words` on a connection of its own.
fn poller(rig: &Rig, words: &str) -> TcpStream {
    let url = rig.daemon.management("");
    let address = url.trim_start_matches("http://");
    let address: SocketAddr = address.parse().expect("an address");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // What the kernel takes on behalf of a client would count as taken by it.
    let is_small = socket.set_recv_buffer_size(ROOM_BYTES);
    is_small.expect("a socket takes it");
    socket.connect(&address.into()).expect("it listens");
    let mut stream = TcpStream::from(socket);
    stream.write_all(words.as_bytes()).expect("there is room");
    stream.set_nonblocking(true).expect("a socket takes it");
    stream
}

/// Says one more byte; true once the other end has closed.
fn is_ended(stream: &mut TcpStream) -> bool {
    let is_over = |error: &std::io::Error| error.kind() != ErrorKind::WouldBlock;
    let mut room = [0; 4096];
    match stream.read(&mut room) {
        Ok(0) => true,
        Ok(_answer) => false,
        Err(error) if is_over(&error) => true,
        Err(_nothing_yet) => stream.write(b"x").is_err_and(|error| is_over(&error)),
    }
}

/// What the appliance tells, which must be answered.
fn status(rig: &Rig) -> Value {
    for path in ["/livez", "/metrics", "/api/health"] {
        let answer = http::get(&rig.daemon.management(path)).expect("others are answered");
        assert_eq!(answer.status, 200, "{path}");
    }
    let told = http::get(&rig.daemon.management("/api/v1/status"));
    told.expect("others are answered").json()
}

fn counted(told: &Value, group: &str, name: &str) -> usize {
    let count = told[group][name].as_u64().expect("a counter");
    usize::try_from(count).expect("few")
}

#[test]
fn pollers_that_are_slow_on_purpose_are_ended_and_counted_and_others_are_answered() {
    let rig = Rig::start();
    let process = rig.daemon.process().id();
    status(&rig);
    let before = anonymous_bytes(process);
    let all = |count, words: &str| -> Vec<TcpStream> {
        (0..count).map(|_| poller(&rig, words)).collect()
    };
    let mut heads = all(
        HEADS,
        "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX: ",
    );
    let streams = all(
        STREAMS,
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    let metrics = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200);
    let metrics = all(METRICS, &metrics);
    let mut most = 0;
    until_every(PERIOD, "the end of heads", PATIENCE, || {
        heads.retain_mut(|stream| !is_ended(stream));
        most = anonymous_bytes(process).max(most);
        status(&rig);
        heads.is_empty().then_some(())
    });
    until_every(PERIOD, "what was ended to be counted", PATIENCE, || {
        let told = status(&rig);
        let refused = counted(&told, "events", "streams_refused");
        let timed_out = counted(&told, "management", "connections_timed_out");
        let stalled = counted(&told, "management", "connections_stalled");
        let is_counted =
            timed_out >= HEADS && refused == STREAMS - STREAMS_MAX && stalled >= METRICS;
        is_counted.then_some(())
    });
    let cost = most.saturating_sub(before);
    println!(
        "{} slow pollers: {} KiB",
        HEADS + STREAMS + METRICS,
        cost >> 10
    );
    let pollers = u64::try_from(HEADS + STREAMS + METRICS).expect("few");
    assert!(
        cost < pollers * POLLER_BYTES_MAX + OTHERS_BYTES_MAX,
        "{cost} bytes"
    );
    drop((streams, metrics));
}
