//! Filling an index at once: faster than record by record, and by several threads.

use std::sync::{Mutex, PoisonError};

use super::{
    Hash48, Index, Item, Mixer, SHARD_BITS,
    shard::{Place, SPILL, Shard, homes_for},
    shard_of,
};
use crate::engine::crew;

/// An index that is filled by several threads at once, faster than record by record: each shard
/// is sorted when all are there, and its places are taken in order.
#[derive(Debug)]
pub(in crate::engine) struct Load {
    mixer: Mixer,
    shards: Vec<Mutex<Vec<Place>>>,
}

impl Load {
    /// For about so many records.
    pub(in crate::engine) fn new(records: usize) -> Self {
        let records = records >> SHARD_BITS;
        let places = homes_for(records + records / 64) + SPILL;
        let shard = |_| Mutex::new(Vec::with_capacity(places));
        Self {
            mixer: Mixer::draw(),
            shards: (0..1 << SHARD_BITS).map(shard).collect(),
        }
    }

    /// Adds records, each under the hash of its key on disk. Those of one region are best added
    /// together.
    pub(in crate::engine) fn add(&self, records: impl Iterator<Item = (u64, Item)>) {
        let expected = records.size_hint().1.unwrap_or(0) / self.shards.len();
        let part = || Vec::with_capacity(expected + expected / 2);
        let mut parts: Vec<Vec<Place>> = Vec::new();
        parts.resize_with(self.shards.len(), part);
        for (hash, item) in records {
            let hash = self.mixer.mix(hash);
            parts[shard_of(hash)].push(Place::of(hash, &item));
        }
        for (shard, part) in self.shards.iter().zip(parts) {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.extend(part);
        }
    }

    /// Builds the index. Of records with one hash it holds any one; the others are returned.
    pub(in crate::engine) fn finish(self) -> (Index, Vec<(Hash48, Item)>) {
        let mut shards: Vec<(Shard, Vec<Place>)> = Vec::new();
        shards.resize_with(self.shards.len(), || (Shard::empty(), Vec::new()));
        crew::for_each(
            shards.iter_mut().zip(self.shards).collect(),
            |(built, loaded)| {
                *built = Shard::load(loaded.into_inner().unwrap_or_else(PoisonError::into_inner));
            },
        );
        let (shards, rejected): (Vec<Shard>, Vec<Vec<Place>>) = shards.into_iter().unzip();
        let index = Index {
            len: shards.iter().map(|shard| shard.len).sum(),
            shards,
            mixer: self.mixer,
        };
        let rejected = rejected.into_iter().flatten();
        let rejected = rejected.map(|place| (place.hash(), place.item()));
        (index, rejected.collect())
    }
}

impl Shard {
    /// Takes over places in any order. Returns those whose hash is there already beside it.
    fn load(places: Vec<Place>) -> (Self, Vec<Place>) {
        let mut shard = Self {
            homes: homes_for(places.len()),
            len: places.len(),
            places,
        };
        let mut rejected = Vec::new();
        let mut sorted = shard.sorted();
        sorted.dedup_by(|place, kept| {
            let is_rejected = place.hash() == kept.hash();
            if is_rejected {
                rejected.push(*place);
            }
            is_rejected
        });
        shard.len = sorted.len();
        while !shard.place(&sorted) {
            shard.homes += shard.homes.div_ceil(8);
        }
        (shard, rejected)
    }

    /// The places in order of their hashes: those of one home are counted, then put together.
    fn sorted(&self) -> Vec<Place> {
        let mut starts = vec![0_usize; self.homes + 1];
        for place in &self.places {
            starts[self.home(place.hash()) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut sorted = vec![Place::default(); self.places.len()];
        for place in &self.places {
            let start = &mut starts[self.home(place.hash())];
            // Hardly ever more than a few share a home.
            let mut at = *start;
            sorted[at] = *place;
            while at > 0 && sorted[at - 1].first > place.first {
                sorted.swap(at - 1, at);
                at -= 1;
            }
            *start += 1;
        }
        sorted
    }

    /// Puts what is in order where it belongs. Returns false if the last ones were pushed out.
    fn place(&mut self, sorted: &[Place]) -> bool {
        let places = self.homes + SPILL;
        self.places.clear();
        if self.places.capacity() > places + places / 16 {
            self.places = Vec::new();
        }
        self.places.reserve_exact(places);
        for place in sorted {
            let home = self.home(place.hash());
            if self.places.len() < home {
                self.places.resize(home, Place::default());
            }
            self.places.push(*place);
        }
        let is_within = self.places.len() <= places;
        self.places.resize(places, Place::default());
        is_within
    }
}
