//! Live playlists and segments that are given again, while they are what they were.

use std::sync::Arc;

use bytes::Bytes;
use weir_cache::{Key, Store};

use crate::{
    live::{Channel, Document, Live, Rendition},
    serve::{Again, Body, Client, CounterCells, Whole, at_hand},
};

/// The channels when something was answered, and where it is counted.
#[derive(Debug)]
pub(super) struct OnAir {
    pub(super) live: Arc<Live>,
    pub(super) channels: Arc<Vec<Arc<Channel>>>,
    pub(super) counters: Arc<CounterCells>,
}

impl OnAir {
    /// `body`, if the channels are still the same.
    fn hit(&self, body: Body) -> Option<Body> {
        let is_same = Arc::ptr_eq(&self.channels, &self.live.channels());
        is_same.then(|| {
            self.counters.hits.add(1);
            body
        })
    }
}

/// A playlist, as long as it is the present one.
#[derive(Debug)]
pub(super) struct PlaylistAgain {
    pub(super) on_air: OnAir,
    pub(super) rendition: Arc<Rendition>,
    pub(super) document: Arc<Document>,
    pub(super) body: Bytes,
}

impl Again for PlaylistAgain {
    fn again(&self, _client: &Client) -> Option<Body> {
        let present = self.rendition.playlist()?;
        let is_same = Arc::ptr_eq(&present, &self.document);
        let body = || Body::document(self.body.clone());
        is_same.then(body).and_then(|body| self.on_air.hit(body))
    }
}

/// A segment, as long as the same one is in the store, whole.
#[derive(Debug)]
pub(super) struct SegmentAgain {
    pub(super) on_air: OnAir,
    pub(super) store: Store,
    pub(super) key: Key,
    pub(super) etag: Bytes,
    pub(super) whole: Whole,
}

impl Again for SegmentAgain {
    fn again(&self, _client: &Client) -> Option<Body> {
        let body = self.whole.again(&self.store, || {
            let object = at_hand(self.store.find(&self.key))??;
            (*object.metadata() == self.etag).then_some(object)
        })?;
        self.on_air.hit(body)
    }
}
