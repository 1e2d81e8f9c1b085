//! Finds what a rendition had on air before a restart, so that players notice nothing.
//!
//! The last Media Playlist lies in the store under its own path, written after the segments it
//! lists. A crash may have taken what was not written yet, a power cut the last few seconds. So the
//! list goes on only while it is younger than its last segment is long, so that none was listed
//! since; otherwise it begins anew, and Media Sequence Numbers leap over any that players may have
//! seen.
//!
//! Refuses: to tell a wall clock that was set back meanwhile from a quick restart.

use std::{collections::VecDeque, time::Duration};

use tracing::info;
use weir_cache::{Pin, Store};
use weir_hal::Wall;

use crate::{
    app::{publisher::key, rendition::Plan},
    encryption::Vault,
    segment::{MediaPlaylist, Segment},
    serve::{playlist_path, segment_path},
};

/// Longest playlist read back: 1,050 segments of 712 bytes, with names of 64 letters, a
/// discontinuity, a cue tag and a key each, and 32 date ranges of 2.4 KiB. A longer one is none of
/// ours, and half of one would give numbers twice.
const PLAYLIST_BYTES_MAX: u64 = 1024 * 1024;

/// Shortest segment reckoned with when numbers leap: what a stream that jumps all the time makes.
const SEGMENT_SHORTEST: Duration = Duration::from_millis(500);

/// What was on air before.
#[derive(Debug)]
pub(super) struct Restored {
    /// The list to go on from; empty when there is none, or when it is too old to be of use.
    pub(super) playlist: MediaPlaylist,
    /// One for each segment listed, oldest first; none for a gap.
    pub(super) listed: VecDeque<Option<Pin>>,
    /// Since when it has not grown.
    pub(super) age: Duration,
}

/// Reads back the last playlist of the rendition of `plan` and keeps the segments it lists. A list
/// begins anew whose keys `vault` cannot give to players any more.
pub(super) async fn restore(store: &Store, vault: &Vault, plan: &Plan, now: Wall) -> Restored {
    let (channel, rendition) = (plan.channel.as_str(), plan.rendition.name.as_str());
    let nothing = || Restored {
        playlist: MediaPlaylist::live(plan.window),
        listed: VecDeque::new(),
        age: Duration::ZERO,
    };
    let path = playlist_path(channel, rendition);
    let Some(text) = read(store, &path).await else {
        return nothing();
    };
    let Some(mut playlist) = MediaPlaylist::resume(&text, plan.window) else {
        return nothing();
    };
    if playlist.outgrow(plan.rules.target.as_secs()) {
        info!(
            channel,
            rendition, "the playlist begins anew: the target duration was raised"
        );
    }
    let since_end = playlist.end().map_or(Duration::MAX, |end| now.since(end));
    let last = playlist.segments().last().map(Segment::duration);
    let path = |segment: &Segment| segment_path(channel, rendition, segment.sequence);
    let has_keys = playlist.encrypted_segments().all(|(segment, key)| {
        let is_sealed = key.filter(|_| !segment.gap);
        is_sealed.is_none_or(|tag| vault.recall(tag, segment.sequence))
    });
    let paths = playlist.segments();
    let paths = paths.map(|segment| (!segment.gap).then(|| path(segment)));
    match pin_all(store, paths).await {
        Some(listed) if has_keys && since_end < last.unwrap_or_default() => {
            info!(
                channel,
                rendition,
                segments = listed.len(),
                "the playlist goes on"
            );
            Restored {
                playlist,
                listed,
                age: since_end,
            }
        }
        _ => {
            let seen_max = since_end.as_millis() / SEGMENT_SHORTEST.as_millis();
            playlist.forget(u64::try_from(seen_max).unwrap_or(u64::MAX).min(LEAP_MAX));
            info!(
                channel,
                rendition, "the playlist begins anew, its numbers go on"
            );
            Restored {
                playlist,
                listed: VecDeque::new(),
                age: Duration::ZERO,
            }
        }
    }
}

/// Numbers left out at most: an hour of the shortest segments. Whoever saw more has forgotten.
const LEAP_MAX: u64 = 7_200;

/// Keeps all of these objects, or returns `None` if one is missing. A gap has none.
async fn pin_all(
    store: &Store,
    paths: impl Iterator<Item = Option<String>>,
) -> Option<VecDeque<Option<Pin>>> {
    let mut pins = VecDeque::new();
    for path in paths {
        let Some(path) = path else {
            pins.push_back(None);
            continue;
        };
        let object = store.find(&key(&path)).await?;
        pins.push_back(Some(object.pin()?));
    }
    Some(pins)
}

async fn read(store: &Store, path: &str) -> Option<String> {
    let object = store.find(&key(path)).await?;
    object
        .bytes()
        .filter(|bytes| *bytes <= PLAYLIST_BYTES_MAX)?;
    let mut reader = object.read_copy(0..PLAYLIST_BYTES_MAX);
    let mut bytes = Vec::new();
    // A list that cannot be read is as good as none: the store has counted and logged it.
    while let Some(chunk) = reader.next().await.ok()? {
        bytes.extend_from_slice(&chunk.bytes);
    }
    String::from_utf8(bytes).ok()
}
