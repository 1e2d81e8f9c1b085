//! All that callers and the thread share, under one lock that is never held across I/O.

use std::sync::Arc;

use super::{
    assembled::Assembled,
    body::Body,
    budget::WriteBudget,
    format::{Entry, Geometry, PAGE_BYTES, Role, SLOT_ENTRIES},
    ghost::Ghost,
    hot::Hot,
    index::{Hash48, Index, Item},
    parts::Link,
    recency::Recency,
    regions::{Lease, Regions, Use},
    stored::Record,
    table::{Job, Table},
};
use crate::class::CLASSES;

/// Objects reckoned with in a region: as many as its slot holds.
const OBJECTS_A_REGION: usize = SLOT_ENTRIES;

/// The state of a store.
#[derive(Debug)]
pub(super) struct State {
    pub(super) table: Table,
    pub(super) index: Index,
    pub(super) regions: Regions,
    pub(super) recency: Recency,
    pub(super) ghost: Ghost,
    pub(super) budget: WriteBudget,
    pub(super) hot: Hot,
    pub(super) assembled: Assembled,
    /// Records to be killed.
    pub(super) kills: Vec<Kill>,
    /// Bytes of all records that can be found.
    pub(super) record_bytes: u64,
    /// The same for each class.
    pub(super) class_bytes: [u64; CLASSES],
    /// Records in the index that are parts of objects.
    parts: usize,
    pub(super) is_closed: bool,
    /// It is time to make durable what is not.
    pub(super) is_due: bool,
}

/// A record that must not be found by a later start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill {
    pub(super) region: u32,
    pub(super) page: u32,
    pub(super) generation: u64,
    /// Its parts are forgotten with it.
    pub(super) is_head: bool,
    pub(super) why: Why,
}

/// Why a record has to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// A newer one of its key is on disk; until that is durable, this one has to stay.
    Superseded,
    /// It was evicted or is damaged; it goes only after all that it had itself superseded.
    Dropped,
}

/// A record that may be the one of a key.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) hash: Hash48,
    pub(super) item: Item,
    pub(super) generation: u64,
    pub(super) lease: Lease,
    /// What is known of it, if that is at hand.
    pub(super) record: Option<Arc<Record>>,
}

impl State {
    /// Of a store of which nothing is known yet.
    pub(super) fn new(geometry: Geometry, memory_bytes_max: u64, budget: WriteBudget) -> Self {
        Self {
            table: Table::default(),
            index: Index::new(),
            regions: Regions::new(geometry.regions),
            recency: Recency::new(u64::from(geometry.regions) * geometry.region_bytes),
            budget,
            ghost: Ghost::new(geometry.regions as usize * OBJECTS_A_REGION),
            hot: Hot::new(memory_bytes_max),
            assembled: Assembled::default(),
            kills: Vec::new(),
            record_bytes: 0,
            class_bytes: [0; CLASSES],
            parts: 0,
            is_closed: false,
            is_due: false,
        }
    }

    /// Complete objects.
    pub(super) fn objects(&self) -> u64 {
        let residents = self.table.residents();
        let in_memory = residents.filter(|(body, _)| self.item_of(body.hash).is_none());
        (self.index.len() - self.parts + in_memory.count()) as u64
    }

    /// The record that may be the one of a key, by the hash of the key on disk; counts as a use.
    pub(super) fn candidate(&mut self, hash: u64) -> Option<Candidate> {
        let hash = self.index.hash(hash);
        let tick = self.recency.tick();
        let item = self.index.touch(hash, tick)?;
        self.recency.subtract(&item);
        self.recency.add(&Item { tick, ..item });
        if item.uses == 0 {
            self.regions.region_mut(item.region).used_pages += item.pages;
        }
        let candidate = self.candidate_at(hash, item);
        if candidate.record.is_some() {
            self.hot.touch(hash);
        }
        Some(candidate)
    }

    /// The same without a use, for a record that was found in the index.
    pub(super) fn candidate_at(&self, hash: Hash48, item: Item) -> Candidate {
        let generation = self.regions.region(item.region).generation;
        Candidate {
            hash,
            item,
            generation,
            lease: self.regions.lease(item.region),
            record: self.hot.peek(hash, &item, generation).cloned(),
        }
    }

    /// The record in the index under a hash on disk.
    pub(super) fn item_of(&self, hash: u64) -> Option<Item> {
        self.index.find(self.index.hash(hash))
    }

    /// Takes over an index. `written` tells how many bytes were written before a record.
    pub(super) fn adopt(&mut self, mut index: Index, written: impl Fn(&Item) -> u64) {
        index.update_all(|item| {
            item.tick = self.recency.tick_after(written(item));
            self.count_in(item);
        });
        self.index = index;
    }

    /// Makes a record the one of its hash. Returns the one that it replaces.
    pub(super) fn insert(&mut self, hash: u64, item: &Item) -> Option<Item> {
        let replaced = self.index.insert(self.index.hash(hash), item);
        self.count_in(item);
        if let Some(replaced) = &replaced {
            self.count_out(replaced);
        }
        replaced
    }

    /// Forgets the record at a place.
    pub(super) fn remove(&mut self, hash: u64, region: u32, page: u32) -> Option<Item> {
        let item = self.index.remove(self.index.hash(hash), region, page)?;
        self.count_out(&item);
        Some(item)
    }

    /// Forgets all records of a region. Returns them.
    pub(super) fn remove_region(&mut self, region: u32, entries: Option<&[Entry]>) -> Vec<Item> {
        let Some(entries) = entries else {
            let items = self.index.remove_region(region);
            for item in &items {
                self.count_out(item);
            }
            return items;
        };
        let mut removed = Vec::new();
        for entry in entries {
            if let Some(item) = self.remove(entry.hash, region, entry.page) {
                if item.role != Role::Part {
                    self.ghost.note(entry.hash);
                }
                removed.push(item);
            }
        }
        removed
    }

    /// Forgets the record of a hash, which a later start will forget by itself.
    pub(super) fn forget(&mut self, hash: u64) {
        if let Some(item) = self.item_of(hash) {
            self.remove(hash, item.region, item.page);
        }
    }

    /// Forgets these parts of an object.
    pub(super) fn forget_links(&mut self, links: &[Link]) {
        for link in links {
            self.remove(link.hash, link.region, link.page);
        }
    }

    /// Whether all these records can be found where they are.
    pub(super) fn holds(&self, links: &[Link]) -> bool {
        let is_there = |link: &Link| {
            let item = self.item_of(link.hash);
            item.is_some_and(|item| item.is_at(link.region, link.page))
        };
        links.iter().all(is_there)
    }

    /// The same; counts as their use.
    pub(super) fn touch_all(&mut self, links: &[Link]) -> bool {
        links.iter().all(|link| {
            let candidate = self.candidate(link.hash);
            candidate.is_some_and(|it| it.item.is_at(link.region, link.page))
        })
    }

    /// Makes parts as young as what is used now.
    pub(super) fn freshen(&mut self, links: &[Link]) {
        for link in links {
            if let Some(item) = self.remove(link.hash, link.region, link.page) {
                let tick = self.recency.tick();
                self.insert(link.hash, &Item { tick, ..item });
            }
        }
    }

    /// What is to be written next and still wanted.
    pub(super) fn next_job(&mut self) -> Option<Job> {
        while let Some(job) = self.table.next_queued() {
            let is_wanted = match &job {
                // The rest of it waits in the queue as well, and goes with what is left.
                Job::Part(body) => body.is_growing(),
                Job::Whole(body) => self.table.is_current(body),
            };
            if is_wanted {
                return Some(job);
            }
            if let Job::Whole(body) = &job {
                self.forget_links(&body.part_links());
            }
            self.table.pass_over();
        }
        None
    }

    /// Forgets the record of a hash, and has it killed.
    pub(super) fn drop_record(&mut self, hash: u64) -> bool {
        let removed = self.item_of(hash);
        let removed = removed.and_then(|item| self.remove(hash, item.region, item.page));
        if let Some(item) = &removed {
            self.kill(item, Why::Dropped);
        }
        removed.is_some()
    }

    pub(super) fn kill(&mut self, item: &Item, why: Why) {
        self.kills.push(Kill {
            region: item.region,
            page: item.page,
            generation: self.regions.region(item.region).generation,
            is_head: item.role == Role::Head,
            why,
        });
    }

    /// All records of pinned objects on disk.
    pub(super) fn pinned(&self) -> Vec<(Arc<Body>, Link)> {
        let residents = self.table.residents();
        let on_disk = residents.filter(|(_, is_on_disk)| *is_on_disk);
        let records = on_disk.flat_map(|(body, _)| {
            let links = body.links().into_iter();
            links.map(|link| (Arc::clone(body), link))
        });
        records.collect()
    }

    /// Regions that hold records.
    pub(super) fn regions_used(&self) -> u64 {
        (self.regions.count(Use::Open) + self.regions.count(Use::Sealed)) as u64
    }

    fn count_in(&mut self, item: &Item) {
        self.record_bytes += bytes_of(item);
        self.parts += usize::from(item.role == Role::Part);
        self.class_bytes[item.class.index()] += bytes_of(item);
        let region = self.regions.region_mut(item.region);
        region.live_pages += item.pages;
        region.used_pages += used_pages(item);
        self.recency.add(item);
    }

    fn count_out(&mut self, item: &Item) {
        self.record_bytes -= bytes_of(item);
        self.parts -= usize::from(item.role == Role::Part);
        self.class_bytes[item.class.index()] -= bytes_of(item);
        let region = self.regions.region_mut(item.region);
        region.live_pages -= item.pages;
        region.used_pages -= used_pages(item);
        self.recency.subtract(item);
    }
}

const fn used_pages(item: &Item) -> u32 {
    if item.uses > 0 { item.pages } else { 0 }
}

/// Bytes of a record on disk.
pub(super) fn bytes_of(item: &Item) -> u64 {
    u64::from(item.pages) * PAGE_BYTES
}
