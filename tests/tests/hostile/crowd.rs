//! A thousand clients that are slow on purpose, held open, while honest ones are served.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
};

use weir_tests::{http, process::anonymous_bytes};

use crate::rig::{OBJECT_BYTES, Rig};

/// Attackers of each kind at one time.
const ATTACKERS: usize = 1_000;
const HONEST: usize = 50;
const REQUESTS: usize = 10;

/// What a connection may cost that has asked once and waits.
const IDLE_BYTES_MAX: u64 = 8 << 10;

/// What one attacker may cost beyond its socket.
const ATTACKER_BYTES_MAX: u64 = 32 << 10;

/// What honest clients, and whoever else, may need meanwhile.
const OTHERS_BYTES_MAX: u64 = 32 << 20;

/// Holds connections that have each sent `begin`, has honest clients served, and tells what an
/// attacker costs.
fn withstand(rig: &Rig, what: &str, begin: &str) {
    let url = rig.daemon.data("/vod/object");
    let object = http::get(&url).expect("the origin answers");
    assert_eq!(object.body.len(), OBJECT_BYTES);
    let process = rig.daemon.process().id();
    let before = anonymous_bytes(process);
    let attackers: Vec<TcpStream> = (0..ATTACKERS)
        .map(|_| {
            let mut stream = rig.connect();
            let said = stream.write_all(begin.as_bytes());
            said.expect("there is room");
            stream
        })
        .collect();
    thread::scope(|scope| {
        for _ in 0..HONEST {
            scope.spawn(|| {
                for _ in 0..REQUESTS {
                    let response = http::get(&url).expect("an honest client is served");
                    assert_eq!((response.status, response.body.len()), (200, OBJECT_BYTES));
                }
            });
        }
    });
    let cost = anonymous_bytes(process).saturating_sub(before);
    println!("{ATTACKERS} clients with {what}: {} KiB", cost >> 10);
    assert!(
        cost < ATTACKERS as u64 * ATTACKER_BYTES_MAX + OTHERS_BYTES_MAX,
        "{cost} bytes"
    );
    drop(attackers);
}

#[test]
fn a_thousand_slow_clients_cost_little_and_keep_nobody_from_being_served() {
    let rig = Rig::start();
    withstand(
        &rig,
        "half a head",
        "GET /vod/object HTTP/1.1\r\nHost: h\r\nX: ",
    );
    withstand(
        &rig,
        "half a body",
        "POST /vod/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf",
    );
    withstand(
        &rig,
        "nothing taken of an answer",
        &"GET /vod/object HTTP/1.1\r\nHost: h\r\n\r\n".repeat(40),
    );
    let ranges: Vec<String> = (0..500).map(|first| format!("{first}-{first}")).collect();
    let ranges = format!(
        "GET /vod/object HTTP/1.1\r\nHost: h\r\nRange: bytes=0-,{}\r\n\r\n",
        ranges.join(",")
    );
    withstand(&rig, "five hundred ranges", &ranges);
    let mut idle = rig.connect();
    let mut room = [0; 12];
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    idle.read_exact(&mut room).unwrap();
    assert_eq!(&room, b"HTTP/1.1 200");
}

#[test]
fn a_connection_that_waits_costs_eight_kib_at_most() {
    let rig = Rig::start();
    let ask = || {
        let mut stream = rig.connect();
        let mut room = [0; 12];
        let asked = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
        asked.and_then(|()| stream.read_exact(&mut room)).unwrap();
        assert_eq!(&room, b"HTTP/1.1 200");
        stream
    };
    let process = rig.daemon.process().id();
    // What the first ones bring with them is not of those that follow.
    let first: Vec<TcpStream> = (0..100).map(|_| ask()).collect();
    let before = anonymous_bytes(process);
    let idle: Vec<TcpStream> = (0..2 * ATTACKERS).map(|_| ask()).collect();
    let each = anonymous_bytes(process).saturating_sub(before) / idle.len() as u64;
    println!("{} idle connections: {each} bytes each", idle.len());
    assert!(each <= IDLE_BYTES_MAX, "{each} bytes");
    drop(first);
}

#[test]
fn bodies_that_do_not_come_keep_no_other_request_from_an_origin() {
    let rig = Rig::start();
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = rig.connect();
            let half = "POST /vod/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf";
            stream.write_all(half.as_bytes()).unwrap();
            stream
        })
        .collect();
    for number in 0..20 {
        let path = format!("/vod/missing-{number}");
        let response = http::get(&rig.daemon.data(&path)).unwrap();
        assert_eq!((response.status, response.text()), (200, path));
    }
    drop(slow);
}
