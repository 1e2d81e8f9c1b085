//! What the tests of one live list share.

use serde_json::Value;
use weir_tests::origin::{Origin, Reply, Seen};

use crate::{follow, found};

pub(super) const PLAYLIST: [(&str, &str); 1] = [("Content-Type", "application/vnd.apple.mpegurl")];

/// A live list of `segments`.
pub(super) fn live(segments: &str) -> String {
    format!("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n{segments}")
}

/// A service of one live list; `answer` is what comes of all else.
pub(super) fn service(
    segments: &str,
    answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> Origin {
    let list = live(segments);
    Origin::start(move |seen| match seen.target.as_str() {
        "/a.m3u8" => Reply::new(200, &PLAYLIST, &list),
        _ => answer(seen),
    })
}

/// What was found of it in so many seconds, and the exit code.
pub(super) fn judged(origin: &Origin, seconds: u32) -> (Value, Option<i32>) {
    found(follow(&format!("{}/a.m3u8", origin.url()), seconds))
}

/// How often a target was asked for.
pub(super) fn asked(origin: &Origin, target: &str) -> usize {
    let seen = origin.seen();
    seen.iter().filter(|seen| seen.target == target).count()
}

/// What players take for fragmented MP4, which is not looked into.
pub(super) fn boxes() -> Reply {
    Reply::new(200, &[], b"\0\0\0\x18styp....")
}
