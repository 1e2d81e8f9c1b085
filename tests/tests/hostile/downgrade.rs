//! Requests of HTTP/2 that would be two of HTTP/1.1, or other ones, if they were copied as they
//! are.
//!
//! Source: RFC 9113 §8.1.1 (malformed messages), §8.2.1 (field validity), §8.2.2 (fields of
//! connections), §8.3.1 (pseudo-fields), §10.3 (intermediaries); RFC 7541 §6.2.2 (literals).

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::rig::Rig;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What must not be read as a request, whatever frames it.
const BODY: &[u8] = b"0\r\n\r\nGET /vod/hidden HTTP/1.1\r\nHost: h\r\n\r\n";

/// A field that nobody sends and somebody may be led to read.
const SMUGGLED: &str = "injected: 1";

type Fields<'a> = Vec<(&'a str, &'a str)>;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Fields as literals that no table remembers.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("shorter than 127 bytes"));
            block.extend(text.bytes());
        }
    }
    block
}

/// Sends one request and reads until its stream ends. Returns the kind of the frame it ended with;
/// `None` for the connection.
fn ask(rig: &Rig, fields: &[(&str, &str)]) -> Option<u8> {
    let mut stream = rig.connect();
    let request = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, END_HEADERS, 1, &block(fields)),
        frame(DATA, END_STREAM, 1, BODY),
    ];
    stream.write_all(&request.concat()).expect("there is room");
    loop {
        let (kind, flags) = next(&mut stream)?;
        let is_last = match kind {
            DATA | HEADERS => flags & END_STREAM != 0,
            RST_STREAM | GOAWAY => true,
            _ => false,
        };
        if is_last {
            return Some(kind);
        }
    }
}

/// Kind and flags of the next frame.
fn next(stream: &mut TcpStream) -> Option<(u8, u8)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let [a, b, c, kind, flags, ..] = head;
    let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    stream.read_exact(&mut vec![0; length]).ok()?;
    Some((kind, flags))
}

/// A request that is right, with the field of this name in the place of what it has, or behind it.
fn with<'a>(name: &'a str, value: &'a str) -> Fields<'a> {
    let right = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/vod/a"),
        (":authority", "h"),
    ];
    let mut fields: Fields<'_> = right.into_iter().filter(|(own, _)| *own != name).collect();
    let at = if name.starts_with(':') {
        0
    } else {
        fields.len()
    };
    fields.insert(at, (name, value));
    fields
}

#[test]
fn no_request_of_http_2_becomes_two_or_another_of_http_1() {
    let rig = Rig::start();
    assert_eq!(ask(&rig, &with("x", "y")), Some(DATA));
    assert_eq!(rig.origin.seen().pop().expect("it was asked").body, BODY);
    let twice = |name, value| {
        let mut fields = with(name, value);
        fields.push((name, value));
        fields
    };
    let mut late = with("x", "y");
    late.push((":path", "/vod/hidden"));
    let split = |before: &str| format!("{before}\r\n{SMUGGLED}");
    let target = split("/vod/a HTTP/1.1");
    let (value, host) = (split("y"), split("h"));
    let (name, method) = (
        format!("x: y\r\n{SMUGGLED}\r\nz"),
        split("POST /vod/hidden HTTP/1.1"),
    );
    for fields in [
        with("transfer-encoding", "chunked"),
        with("connection", "transfer-encoding"),
        with("content-length", "0"),
        with("content-length", "5"),
        with("content-length", "5, 45"),
        with("content-length", "+45"),
        twice("content-length", "5"),
        with("x", &value),
        with("x", "a\nb"),
        with("x", "a\0b"),
        with(&name, "y"),
        with("x: y", "z"),
        with("x y", "z"),
        with("X", "y"),
        with("", "y"),
        with(":path", &target),
        with(":path", "/vod/a HTTP/1.1"),
        with(":path", "/vod/hidden b"),
        with(":path", ""),
        with(":path", "vod/hidden"),
        with(":path", "*"),
        with(":method", &method),
        with(":method", "POST /vod/hidden"),
        with(":method", ""),
        with(":authority", &host),
        with(":authority", "me@h"),
        with(":authority", "h/vod/hidden?"),
        with(":scheme", "http://evil/vod/hidden?"),
        with(":unknown", "x"),
        with("host", "evil"),
        twice(":path", "/vod/hidden"),
        late,
    ] {
        ask(&rig, &fields);
        for seen in rig.origin.seen() {
            assert_eq!(seen.target, "/vod/a", "{fields:?}");
            // Who announces nothing is believed, until something comes.
            let is_whole = seen.body == BODY || seen.body.is_empty();
            assert!(is_whole, "{fields:?}: {:?}", seen.body);
            assert_eq!(seen.field("host"), Some("h"), "{fields:?}");
            assert_eq!(seen.field("injected"), None, "{fields:?}");
        }
    }
    assert_eq!(ask(&rig, &with("x", "y")), Some(DATA), "others are served");
}
