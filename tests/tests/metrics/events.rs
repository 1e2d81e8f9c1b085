//! Streams of events, as curl reads them.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use weir_tests::process::peer;

use crate::rig::Rig;

/// Streams that there may be at one time.
const STREAMS_MAX: usize = 32;

/// What curl reads of the stream within so many seconds, told that it had `last_id` last.
fn read(rig: &Rig, seconds: &str, last_id: Option<&str>) -> String {
    let mut curl = Command::new("sh");
    // A stream ends only with curl's own time, which it calls a failure.
    let script = "curl -sSN --max-time \"$1\" \"$2\" -H \"Last-Event-ID: $3\" || test $? = 28";
    let url = rig.daemon.management("/api/v1/events");
    curl.args(["-c", script, "sh", seconds, &url, last_id.unwrap_or("")]);
    peer(&mut curl)
}

/// The numbers of events, which all are of one epoch.
fn numbers(told: &str) -> (String, Vec<u64>) {
    let ids = told.lines().filter_map(|line| line.strip_prefix("id: "));
    let ids: Vec<(&str, &str)> = ids.filter_map(|id| id.split_once('-')).collect();
    let epoch = ids.first().expect("an event").0.to_owned();
    assert!(ids.iter().all(|(of, _)| *of == epoch), "{told}");
    let numbers = ids
        .iter()
        .map(|(_, number)| number.parse().expect("a number"));
    (epoch, numbers.collect())
}

#[test]
fn a_stream_tells_each_snapshot_and_goes_on_where_it_was_left() {
    let rig = Rig::start();
    let told = read(&rig, "4", None);
    assert!(told.starts_with("retry: "), "{told}");
    assert!(told.matches("event: snapshot\n").count() >= 2, "{told}");
    let (epoch, seen) = numbers(&told);
    let last = *seen.last().expect("an event");
    let told = read(&rig, "3", Some(&format!("{epoch}-{last}")));
    let (_, next) = numbers(&told);
    assert!(
        next.iter().copied().eq(last + 1..=last + next.len() as u64),
        "{told}"
    );
    // All that is kept, from the first on: how the channel came on air.
    let told = read(&rig, "1", Some(&format!("{epoch}-0")));
    let (_, all) = numbers(&told);
    assert_eq!(all.first(), Some(&1), "{told}");
    let on_air = told
        .lines()
        .find(|line| line.contains("\"state\":\"on_air\""));
    let on_air = on_air.expect("the channel is on air");
    assert!(
        on_air.starts_with("data: {\"channel\":\"good\",\"rendition\":\"HD\""),
        "{on_air}"
    );
    assert!(!told.contains("event: missed"), "{told}");
    // Another life had the same numbers.
    let told = read(&rig, "1", Some(&format!("1-{last}")));
    assert!(told.contains("event: missed\ndata: {}\n\nid: "), "{told}");
}

#[test]
fn streams_are_bounded_and_end_with_the_appliance() {
    let rig = Rig::start();
    let url = rig.daemon.management("");
    let address = url.trim_start_matches("http://");
    let mut streams: Vec<TcpStream> = Vec::new();
    for _ in 0..STREAMS_MAX {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream
            .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("it reads");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("it answers");
        assert_eq!(&head, b"HTTP/1.1 200");
        streams.push(stream);
    }
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %header{retry-after}",
    ]);
    curl.arg(rig.daemon.management("/api/v1/events"));
    assert_eq!(peer(&mut curl), "503 1");
    rig.daemon.process().signal("TERM");
    for mut stream in streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("it ends");
        assert!(rest.ends_with(b"0\r\n\r\n"), "an answer that is whole");
    }
}
