//! Frames of HTTP/2 written by hand, as no decent client would.
//!
//! Source: RFC 9113 §4.1, §6; RFC 7541 appendix A.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::rig::PATIENCE;

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a short frame")
        .to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A request for `path` on `stream`, without a body.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    // :method GET, :scheme http; then :path and :authority, by the number of their names.
    let mut block = vec![
        0x82,
        0x86,
        0x04,
        u8::try_from(path.len()).expect("a short path"),
    ];
    block.extend(path.bytes());
    block.extend([0x01, 3]);
    block.extend(b"box");
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// The Nth stream of a client, from 0.
pub(crate) fn stream(number: u32) -> u32 {
    number * 2 + 1
}

/// A connection to `address` that has said it speaks HTTP/2.
pub(crate) fn connect(address: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    Ok(stream)
}

/// Writes what `flood` gives until the server has had enough; how many bytes it took.
pub(crate) fn until_cut(
    stream: &mut TcpStream,
    mut flood: impl FnMut(u32) -> Vec<u8>,
    bytes_max: usize,
) -> usize {
    let mut written = 0;
    for number in 0.. {
        let bytes = flood(number);
        if stream.write_all(&bytes).is_err() {
            return written;
        }
        written += bytes.len();
        assert!(written < bytes_max, "{written} bytes were taken");
    }
    written
}

/// Reads until the server closes; whether it does so within `wait`.
pub(crate) fn is_closed_within(stream: &mut TcpStream, wait: Duration) -> bool {
    stream
        .set_read_timeout(Some(wait))
        .expect("a time above zero");
    let mut room = vec![0; 64 << 10];
    loop {
        match stream.read(&mut room) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}
