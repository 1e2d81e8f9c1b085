//! An origin in a process of its own: every path is a representation, the same at each origin.
//!
//! ```text
//! /small/…   100 kB, at once
//! /long/…    1.5 MB, in 50 pieces over 2 s
//! ```

use std::{thread, time::Duration};

use weir_tests::{
    bench::Outcome,
    origin::{Origin, Reply, Seen},
};

/// What is sent of a long body at a time, and how often.
const PIECE_BYTES: usize = 30_000;
const PIECES: usize = 50;
const PIECE_EVERY: Duration = Duration::from_millis(40);

const SMALL_BYTES: usize = 100_000;

/// What it says when it listens.
pub(crate) const READY: &str = "listening";

/// Answers until it is ended.
#[expect(clippy::infinite_loop, reason = "whoever started the process ends it")]
pub(crate) fn child(address: &str) -> Outcome {
    let _origin = Origin::start_at(address.parse()?, answer);
    println!("{READY}");
    loop {
        thread::park();
    }
}

/// The body of `path`: bytes that differ from place to place and from path to path.
pub(crate) fn body(path: &str) -> Vec<u8> {
    let salt = path.bytes().fold(7_u32, |salt, byte| {
        salt.wrapping_mul(31).wrapping_add(byte.into())
    });
    let bytes = if path.starts_with("/long/") {
        PIECES * PIECE_BYTES
    } else {
        SMALL_BYTES
    };
    let words = (0_u32..).flat_map(|word| (word ^ salt).to_le_bytes());
    words.take(bytes).collect()
}

fn answer(seen: &Seen) -> Reply {
    let body = body(&seen.target);
    let etag = format!("\"{}\"", seen.target);
    let is_current = seen
        .field("if-range")
        .is_none_or(|condition| condition == etag);
    let (status, first, end) = match seen.range().filter(|_| is_current) {
        Some((first, last)) => (206, first, last.map_or(body.len(), |last| last + 1)),
        None => (200, 0, body.len()),
    };
    let Some(part) = body.get(first..end) else {
        return Reply::new(416, &[], "");
    };
    let length = part.len().to_string();
    let range = format!("bytes {first}-{}/{}", end - 1, body.len());
    let mut fields = vec![
        ("Content-Type", "video/mp2t"),
        ("Cache-Control", "max-age=3600"),
        ("ETag", &etag),
        ("Content-Length", &length),
    ];
    if status == 206 {
        fields.push(("Content-Range", &range));
    }
    let head = Reply::head(status, &fields);
    if !seen.target.starts_with("/long/") {
        return head.send(part);
    }
    let pieces = part.chunks(PIECE_BYTES);
    pieces.fold(head, |reply, piece| reply.send(piece).pause(PIECE_EVERY))
}
