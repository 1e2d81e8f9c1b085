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

pub use document::Document;
pub use report::{Report, State};
pub use served::{Served, ServedCells};

use crate::segment::{Archive, Variant, render_master};

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
    /// What players were given of it.
    pub served: Arc<ServedCells>,
}

impl Channel {
    /// A channel of which nobody was given anything yet.
    pub fn new(id: String, name: String, renditions: Vec<Arc<Rendition>>) -> Self {
        Self {
            id,
            name,
            renditions,
            served: Arc::default(),
        }
    }

    /// The rendition called `name`.
    pub fn rendition(&self, name: &str) -> Option<&Arc<Rendition>> {
        self.renditions
            .iter()
            .find(|rendition| rendition.name == name)
    }

    /// The Master Playlist of the renditions that have segments now; `None` when none has.
    pub fn master(&self) -> Option<Document> {
        self.master_with(|uri| uri)
    }

    /// The same, with what `uri` makes of the URI of each Media Playlist.
    pub fn master_with(&self, uri: impl Fn(String) -> String) -> Option<Document> {
        let variants = self.renditions.iter();
        let variants = variants.filter_map(|rendition| rendition.variant());
        let variants: Vec<Variant> = variants
            .map(|variant| Variant {
                uri: uri(variant.uri),
                ..variant
            })
            .collect();
        (!variants.is_empty()).then(|| Document::new(render_master(&variants)))
    }
}

/// One rendition of a channel.
#[derive(Debug)]
pub struct Rendition {
    /// The name in URLs.
    pub name: String,
    playlist: ArcSwapOption<Document>,
    archive: ArcSwapOption<Archive>,
    variant: ArcSwapOption<Variant>,
    report: ArcSwap<Report>,
}

impl Rendition {
    /// A rendition that has published nothing yet.
    pub fn new(name: String) -> Self {
        Self {
            name,
            playlist: ArcSwapOption::empty(),
            archive: ArcSwapOption::empty(),
            variant: ArcSwapOption::empty(),
            report: ArcSwap::default(),
        }
    }

    /// The present Media Playlist.
    pub fn playlist(&self) -> Option<Arc<Document>> {
        self.playlist.load_full()
    }

    /// The rendition's line in the Master Playlist.
    pub fn variant(&self) -> Option<Variant> {
        self.variant.load().as_deref().cloned()
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

    /// Puts the rendition's line into the Master Playlist.
    pub fn publish_variant(&self, variant: Variant) {
        self.variant.store(Some(Arc::new(variant)));
    }

    /// Replaces state and counters.
    pub fn tell(&self, report: Report) {
        self.report.store(Arc::new(report));
    }
}
