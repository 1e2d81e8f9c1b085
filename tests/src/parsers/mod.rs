//! Parsers of others that read playlists: hls-parser, which is strict, and m3u8-parser; and all
//! there are at all lists of a test.

mod lists;

pub use lists::Lists;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::npm::{HLS_PARSER, M3U8_PARSER};

/// What both make of `playlist`: what the second warns of in `warnings`, and beside the one's
/// `variants` or `segments` the other's view of them as `merged`.
///
/// # Panics
/// When one refuses it.
pub fn read(playlist: &str) -> Value {
    let mut node = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/parsers/read.js"))
        .args([HLS_PARSER.path(), M3U8_PARSER.path()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is installed");
    let mut input = node.stdin.take().expect("a pipe");
    input.write_all(playlist.as_bytes()).expect("it reads");
    drop(input);
    let output = node.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{playlist}");
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}
