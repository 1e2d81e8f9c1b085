//! `weir probe` of a stream over HTTP.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::Value;
use weir_hal::linux;
use weir_tests::stream::Encoder;

use super::{text, weir};

/// Pictures that an encoder makes in a second.
const PICTURES_PER_SECOND: u64 = 25;

/// Answers one request with `head`, and then with pictures for as long as they are taken.
fn encoder(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (connection, _) = listener.accept().expect("somebody asks");
        // It ends when nobody reads any more.
        drop(answer(connection, head));
    });
    format!("http://{address}/ch.ts?key=hidden")
}

fn answer(mut connection: TcpStream, head: &str) -> std::io::Result<()> {
    let mut request = [0; 4_096];
    let asked = connection.read(&mut request)?;
    assert!(request[..asked].starts_with(b"GET /ch.ts?key=hidden HTTP/1.1\r\n"));
    connection.write_all(head.as_bytes())?;
    let clock = linux::board().clock;
    let mut encoder = Encoder::new(900_000, 5_000);
    loop {
        connection.write_all(&encoder.picture())?;
        let picture = std::time::Duration::from_millis(1_000 / PICTURES_PER_SECOND);
        clock.sleep_until(clock.monotonic() + picture);
    }
}

#[test]
fn a_stream_over_http_is_measured_as_that_of_a_group_is() {
    let url = encoder("HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n");
    let output = weir(&["probe", &url, "--seconds", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["services"].as_array().map(Vec::len), Some(1), "{told}");
    assert!(told["packets"].as_u64() > Some(500), "{told}");
    assert_eq!(told["tr_101_290"]["Continuity_count_error"], 0);
    let receive = &told["receive"];
    assert!(receive["bytes"].as_u64() > Some(100_000), "{receive}");
    assert_eq!(receive["http_failures"], 0);
    assert_eq!(receive["ttl"], Value::Null);
    let shown = receive["source"].as_str().expect("its URL");
    assert!(shown.ends_with("/ch.ts?…"), "{shown}");
}

#[test]
fn a_refusal_over_http_is_told_with_its_status() {
    let url = encoder("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let output = weir(&["probe", &url, "--seconds", "1"]);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.contains("cannot receive") && !told.contains("hidden"),
        "{told}"
    );
}
