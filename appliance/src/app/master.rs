//! The Master Playlist of a channel in the store, so that players find their way to the lists that
//! a restart puts on air again at once.
//!
//! It is written when it changes, and held for as long as the channel runs: it is seldom written,
//! and would be the first to be evicted. Refuses: to offer what is not on air; a line whose list
//! began anew, or is not configured any more, is left out.

use std::time::Duration;

use bytes::Bytes;
use tracing::warn;
use weir_cache::{Class, Error, Key, Pin, Store};
use weir_hal::Monotonic;

use crate::{
    app::{
        publisher::key,
        restore::{Stored, read},
    },
    live,
    segment::MasterPlaylist,
};

/// The name of the list in the store. No URI has spaces in it, so nobody can ask for it.
fn master_key(channel: &str) -> Key {
    key(&format!("/live/ {channel} master"))
}

/// How long a list that the store refused waits at first, and from then on twice as long each time
/// ...
const RETRY_MIN: Duration = Duration::from_secs(10);

/// ... up to this.
const RETRY_MAX: Duration = Duration::from_mins(10);

/// Why a Master Playlist could not be stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    /// It cannot be written down.
    #[error("it cannot be written as JSON: look for a newer weir")]
    Text(#[from] serde_json::Error),
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The Master Playlist of a channel in the store, and what it refused since.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    kept: Option<KeptMaster>,
    refusal: Option<Refusal>,
}

/// An attempt that failed.
#[derive(Debug)]
struct Refusal {
    /// Told of already.
    reason: String,
    wait: Duration,
    until: Monotonic,
}

impl Shelf {
    /// With what an earlier life left.
    pub(super) const fn new(kept: Option<KeptMaster>) -> Self {
        Self {
            kept,
            refusal: None,
        }
    }

    /// Whether `list` is to be stored at `now`: it is another one than that which is, and the store
    /// has not just refused one.
    pub(super) fn wants(&self, list: &MasterPlaylist, now: Monotonic) -> bool {
        let is_stored = self.kept.as_ref().is_some_and(|kept| kept.list == *list);
        let refusal = self.refusal.as_ref();
        !is_stored && refusal.is_none_or(|refusal| now >= refusal.until)
    }

    /// Takes what came of storing one of `channel` at `now`. What it refuses is told of once for
    /// each reason; until it takes another, the one before stays.
    pub(super) fn take(
        &mut self,
        channel: &str,
        outcome: Result<KeptMaster, KeepError>,
        now: Monotonic,
    ) {
        match outcome {
            Ok(kept) => *self = Self::new(Some(kept)),
            Err(error) => {
                if let Some(reason) = self.refuse(error.to_string(), now) {
                    warn!(channel, "the master playlist is not stored: {reason}");
                }
            }
        }
    }

    /// Waits longer than before; returns the reason if it is a new one.
    fn refuse(&mut self, reason: String, now: Monotonic) -> Option<&str> {
        let before = self.refusal.take();
        let longer = before.as_ref().map(|before| before.wait * 2);
        let wait = longer.map_or(RETRY_MIN, |wait| wait.min(RETRY_MAX));
        let is_new = before.is_none_or(|before| before.reason != reason);
        let until = now + wait;
        let refusal = self.refusal.insert(Refusal {
            reason,
            wait,
            until,
        });
        is_new.then_some(&refusal.reason)
    }
}

/// A Master Playlist that is in the store, and the hold on it.
#[derive(Debug)]
pub(super) struct KeptMaster {
    pub(super) list: MasterPlaylist,
    /// So that it is not evicted.
    #[expect(dead_code, reason = "it is held, and never asked")]
    pin: Pin,
}

impl KeptMaster {
    /// Stores `list` for `channel`.
    ///
    /// # Errors
    /// [`KeepError`] when the store has no room.
    pub(super) fn store(
        store: &Store,
        (channel, class): (&str, Class),
        list: MasterPlaylist,
    ) -> Result<Self, KeepError> {
        let text = serde_json::to_vec(&list)?;
        let mut writer = store.begin(&master_key(channel), class, Bytes::new())?;
        writer.append(Bytes::from(text))?;
        let pin = writer.commit()?;
        Ok(Self { list, pin })
    }

    /// What was stored last for `channel`; `None` when there is none that can be read.
    pub(super) async fn restore(store: &Store, channel: &str) -> Option<Self> {
        let Stored { text, pin, .. } = read(store, &master_key(channel)).await?;
        let list = serde_json::from_str(&text).ok()?;
        Some(Self { list, pin })
    }

    /// What of it is on air in the channel `face`.
    pub(super) fn on_air(&self, face: &live::Channel) -> MasterPlaylist {
        let lists = face.renditions.iter().chain(&face.tracks);
        let lists = lists.filter(|one| one.playlist().is_some());
        let uris: Vec<String> = lists.map(|one| uri(&face.id, &one.name)).collect();
        let mut list = self.list.clone();
        list.variants.retain(|line| uris.contains(&line.uri));
        list.subtitles.retain(|line| uris.contains(&line.uri));
        let groups = list.subtitles.iter().map(|line| line.group.clone());
        let groups: Vec<String> = groups.collect();
        for variant in &mut list.variants {
            let group = variant.subtitles.take();
            variant.subtitles = group.filter(|group| groups.contains(group));
        }
        list
    }
}

/// The URI of a Media Playlist, relative to the Master Playlist.
fn uri(channel: &str, rendition: &str) -> String {
    format!("{channel}_{rendition}.m3u8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_refused_for_an_hour_is_tried_seldom_and_told_of_once_a_reason() {
        let (mut shelf, list) = (Shelf::default(), MasterPlaylist::default());
        let (mut tried, mut told) = (Vec::new(), 0);
        for second in 0..7_200 {
            let now = Monotonic::ZERO + Duration::from_secs(second);
            if shelf.wants(&list, now) {
                tried.push(second);
                let reason = if second < 3_600 { "full" } else { "broken" };
                told += usize::from(shelf.refuse(reason.to_owned(), now).is_some());
            }
        }
        assert_eq!(tried[..8], [0, 10, 30, 70, 150, 310, 630, 1_230]);
        assert!(tried.windows(2).all(|pair| pair[1] - pair[0] <= 600));
        assert_eq!(told, 2);
    }
}
