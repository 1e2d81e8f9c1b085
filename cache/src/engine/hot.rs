//! What is kept in memory of objects on disk: heads of records, and small objects whole.
//!
//! A head tells all that is needed to serve an object, and which of its pieces were checked; a
//! small object (a playlist, an initialization section, a key) is served from here without the
//! disk. One budget of bytes for both; what was used longest ago goes first. An entry may outlive
//! its record: whoever asks tells where the record is now.
//!
//! Refuses: bodies of records above [`SMALL_PAGES`]; those are the page cache's.

use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;

use super::{
    format::PAGE_BYTES,
    index::{Hash48, Item},
    stored::Record,
};

/// Pages of the largest record that is kept whole: 16 KiB.
pub(super) const SMALL_PAGES: u32 = 4;
/// Longest head that is kept, in bytes: all but those of objects with much metadata.
const HEAD_BYTES_MAX: u64 = PAGE_BYTES;
/// Charged for an entry beyond its record: its place in the list, in the table, and their slack.
const ENTRY_OVERHEAD_BYTES: usize = 192;
/// The budget is an eighth of the memory for objects being written, within these bounds.
const BYTES_MIN: u64 = 1 << 20;
const BYTES_MAX: u64 = 64 << 20;

/// The memory tier of a store.
#[derive(Debug)]
pub(super) struct Hot {
    entries: LruCache<Hash48, Entry>,
    bytes: u64,
    bytes_max: u64,
    hits: u64,
    evictions: u64,
}

#[derive(Debug)]
struct Entry {
    record: Arc<Record>,
    /// The body, if the record is small.
    body: Option<Bytes>,
}

impl Entry {
    fn bytes(&self) -> u64 {
        let body = self.body.as_ref().map_or(0, Bytes::len);
        (ENTRY_OVERHEAD_BYTES + self.record.memory_bytes() + body) as u64
    }
}

impl Hot {
    /// An empty tier, beside so much memory for objects being written.
    pub(super) fn new(memory_bytes_max: u64) -> Self {
        Self {
            entries: LruCache::unbounded(),
            bytes: 0,
            bytes_max: (memory_bytes_max / 8).clamp(BYTES_MIN, BYTES_MAX),
            hits: 0,
            evictions: 0,
        }
    }

    /// The record at a place, if its head is here. No use of it.
    pub(super) fn peek(&self, hash: Hash48, item: &Item, generation: u64) -> Option<&Arc<Record>> {
        let record = &self.entries.peek(&hash)?.record;
        let is_it = record.is_at(item.region, item.page) && record.header.generation == generation;
        is_it.then_some(record)
    }

    /// Notes a use of what is kept under a hash.
    pub(super) fn touch(&mut self, hash: Hash48) {
        self.entries.promote(&hash);
        self.hits += 1;
    }

    /// The body of a small record, if it is here.
    pub(super) fn body(&mut self, hash: Hash48, record: &Record) -> Option<Bytes> {
        let entry = self.entries.get(&hash)?;
        let body = entry.body.as_ref()?;
        if !entry.record.is_same(record) {
            return None;
        }
        self.hits += 1;
        Some(body.clone())
    }

    /// Keeps a head, unless it is long, and the body of a small record, if it is given.
    pub(super) fn keep(&mut self, hash: Hash48, record: &Arc<Record>, body: Option<Bytes>) {
        if record.header.bytes() as u64 > HEAD_BYTES_MAX {
            return;
        }
        let mut entry = Entry {
            record: Arc::clone(record),
            body: body.filter(|_| record.is_small()),
        };
        if let Some(former) = self.entries.pop(&hash) {
            self.bytes -= former.bytes();
            if former.record.is_same(record) {
                // What is known of it stays known, and what others hold stays the same.
                entry.body = entry.body.or_else(|| former.body.clone());
                entry.record = former.record;
            }
        }
        self.bytes += entry.bytes();
        self.entries.put(hash, entry);
        while self.bytes > self.bytes_max
            && let Some((_, last)) = self.entries.pop_lru()
        {
            self.bytes -= last.bytes();
            self.evictions += 1;
        }
    }

    /// Bytes of what is kept.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The limit of [`Hot::bytes`].
    pub(super) const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Times that something was found here.
    pub(super) const fn hits(&self) -> u64 {
        self.hits
    }

    /// Entries that had to go for others.
    pub(super) const fn evictions(&self) -> u64 {
        self.evictions
    }
}
