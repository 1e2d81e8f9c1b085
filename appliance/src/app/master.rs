//! The Master Playlist of a channel in the store, so that players find their way to the lists that
//! a restart puts on air again at once.
//!
//! It is written when it changes, and held for as long as the channel runs: it is seldom written,
//! and would be the first to be evicted. Refuses: to offer what is not on air; a line whose list
//! began anew, or is not configured any more, is left out.

use bytes::Bytes;
use weir_cache::{Class, Error, Key, Pin, Store};

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
    /// [`Error`] when the store has no room.
    pub(super) fn store(
        store: &Store,
        (channel, class): (&str, Class),
        list: MasterPlaylist,
    ) -> Result<Self, Error> {
        let text = serde_json::to_vec(&list).expect("strings and numbers are JSON");
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
