//! What is on air: the published face of every channel, written by the receive thread, read by
//! `serve` and `health`.
//!
//! Each part is swapped whole, so a reader never sees half a change and never makes the writer
//! wait. Refuses: history. A reader that needs the past keeps it.

mod document;
mod report;
mod served;

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use weir_hal::Wall;

pub use document::Document;
pub use report::{Condition, Leg, Report, State};
pub use served::{Served, ServedCells};

use crate::{
    encryption::Vault,
    ladder,
    segment::{Archive, Format, MasterPlaylist},
};

/// All channels of the appliance, in the order of the configuration.
#[derive(Debug, Default)]
pub struct Live {
    channels: ArcSwap<Vec<Arc<Channel>>>,
}

impl Live {
    /// The channels as they are now.
    pub fn channels(&self) -> Arc<Vec<Arc<Channel>>> {
        self.channels.load_full()
    }

    /// The channel called `id`.
    pub fn channel(&self, id: &str) -> Option<Arc<Channel>> {
        self.channels
            .load()
            .iter()
            .find(|channel| channel.id == id)
            .map(Arc::clone)
    }

    /// Replaces the list of channels.
    pub fn set(&self, channels: Vec<Arc<Channel>>) {
        self.channels.store(Arc::new(channels));
    }

    /// When the oldest segment ended that is kept for those alone who start over, of all channels.
    pub fn oldest_spare(&self) -> Option<Wall> {
        let channels = self.channels.load();
        let lists = channels
            .iter()
            .flat_map(|channel| channel.renditions.iter().chain(&channel.tracks));
        lists.filter_map(|list| list.archive()?.spare_end()).min()
    }
}

/// One channel.
#[derive(Debug)]
pub struct Channel {
    /// The name in URLs.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Its renditions, in the order of the configuration.
    pub renditions: Vec<Arc<Rendition>>,
    /// Further lists out of these: of sound alone, of subtitles.
    pub tracks: Vec<Arc<Rendition>>,
    /// What players were given of it.
    pub served: Arc<ServedCells>,
    /// Its keys.
    pub vault: Arc<Vault>,
    master: ArcSwapOption<Master>,
    ladder: ArcSwap<ladder::Report>,
}

impl Channel {
    /// A channel of which nobody was given anything yet.
    pub fn new(id: String, name: String, renditions: Vec<Arc<Rendition>>) -> Self {
        Self {
            id,
            name,
            renditions,
            tracks: Vec::new(),
            served: Arc::default(),
            vault: Arc::default(),
            master: ArcSwapOption::empty(),
            ladder: ArcSwap::default(),
        }
    }

    /// The same with further lists out of its renditions.
    #[must_use]
    pub fn with_tracks(self, tracks: Vec<Arc<Rendition>>) -> Self {
        Self { tracks, ..self }
    }

    /// Has its keys in `vault`.
    #[must_use]
    pub fn sealed_by(self, vault: Arc<Vault>) -> Self {
        Self { vault, ..self }
    }

    /// Goes on from `former`, the same channel before a reload: what was counted stays, and so does
    /// its Master Playlist until a new one is published.
    #[must_use]
    pub fn following(self, former: &Self) -> Self {
        self.master.store(former.master.load_full());
        self.ladder.store(former.ladder.load_full());
        let served = Arc::clone(&former.served);
        Self { served, ..self }
    }

    /// The rendition or track called `name`.
    pub fn rendition(&self, name: &str) -> Option<&Arc<Rendition>> {
        let all = self.renditions.iter().chain(&self.tracks);
        all.into_iter().find(|rendition| rendition.name == name)
    }

    /// The present Master Playlist; `None` until a rendition has listed a segment.
    pub fn master(&self) -> Option<Arc<Document>> {
        Some(Arc::clone(&self.master.load().as_ref()?.document))
    }

    /// The same, with what `uri` makes of the URI of each Media Playlist.
    pub fn master_with(&self, uri: impl Fn(&str) -> String) -> Option<Arc<Document>> {
        let master = self.master.load_full()?;
        Some(Arc::new(Document::new(master.list.with_uris(uri).render())))
    }

    /// State and counters of its renditions as a ladder, at most a second old.
    pub fn ladder(&self) -> Arc<ladder::Report> {
        self.ladder.load_full()
    }

    /// Puts a Master Playlist on air. One without variants is none: the last one stays.
    pub fn publish_master(&self, list: MasterPlaylist) {
        if list.variants.is_empty() {
            return;
        }
        let present = self.master.load();
        if present.as_ref().is_none_or(|present| present.list != list) {
            let document = Arc::new(Document::new(list.render()));
            self.master.store(Some(Arc::new(Master { list, document })));
        }
    }

    /// Replaces state and counters of the ladder.
    pub fn tell(&self, report: ladder::Report) {
        self.ladder.store(Arc::new(report));
    }
}

/// A Master Playlist, and what it lists.
#[derive(Debug)]
struct Master {
    list: MasterPlaylist,
    document: Arc<Document>,
}

/// One rendition of a channel.
#[derive(Debug)]
pub struct Rendition {
    /// The name in URLs.
    pub name: String,
    /// What its segments are.
    pub format: Format,
    playlist: ArcSwapOption<Document>,
    archive: ArcSwapOption<Archive>,
    report: ArcSwap<Report>,
}

impl Rendition {
    /// A rendition that has published nothing yet.
    pub fn new(name: String) -> Self {
        Self::of_format(name, Format::TransportStream)
    }

    /// The same with segments of `format`.
    pub fn of_format(name: String, format: Format) -> Self {
        Self {
            name,
            format,
            playlist: ArcSwapOption::empty(),
            archive: ArcSwapOption::empty(),
            report: ArcSwap::default(),
        }
    }

    /// The present Media Playlist.
    pub fn playlist(&self) -> Option<Arc<Document>> {
        self.playlist.load_full()
    }

    /// State and counters, at most a second old.
    pub fn report(&self) -> Arc<Report> {
        self.report.load_full()
    }

    /// Puts a new Media Playlist on air.
    pub fn publish_playlist(&self, playlist: Document) {
        self.playlist.store(Some(Arc::new(playlist)));
    }

    /// What was on air; `None` when the channel keeps nothing of it.
    pub fn archive(&self) -> Option<Arc<Archive>> {
        self.archive.load_full()
    }

    /// Replaces what was on air.
    pub fn publish_archive(&self, archive: Option<Archive>) {
        self.archive.store(archive.map(Arc::new));
    }

    /// Replaces state and counters.
    pub fn tell(&self, report: Report) {
        self.report.store(Arc::new(report));
    }
}
