//! Making room: which region is reused next, and what is carried out of it first.
//!
//! A region without objects goes first. The others are chosen by the rank of their objects, low
//! classes first; among the oldest and the least used of one rank the one with the fewest bytes
//! that an exact LRU would keep. What is pinned is always
//! carried over; what an LRU would keep is, as far as a budget of a 25th of all that is
//! written allows, most often used first. The rest is evicted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    body::Body,
    format::{Entry, Role, Slot, SlotState, Stream, class_code},
    index::Item,
    log::{Log, Room, WRITE_BYTES, streams},
    recency::Recency,
    record::pad,
    regions::Use,
    state::{Why, bytes_of},
    stored::{Record, Stored},
    survey::read_footer,
};
use crate::Class;

/// Regions that are compared before one of them is reused: so many of the oldest, and of those
/// least used. A few milliseconds for each region that is filled.
const COMPARED: usize = 128;
/// One in so many bytes written may be a reinsertion.
const REINSERTION_SHARE: u64 = 25;

/// Regions emptied at most for one that is needed.
const EVACUATIONS_MAX: usize = 16;

/// A region that may be reused.
#[derive(Debug, Clone, Copy)]
struct Victim {
    region: u32,
    rank: Class,
    is_empty: bool,
    used_pages: u32,
    has_pinned: bool,
    generation: u64,
}

/// Why a record could not be copied.
#[derive(Debug)]
enum CopyFailure {
    /// It cannot be read any more as it was written.
    Original,
    /// The device does not take the copy.
    Copy(weir_hal::Error),
}

/// What is pinned in one region.
#[derive(Debug, Clone, Copy, Default)]
struct Pinned {
    records: usize,
    pages: u32,
}

impl Log {
    /// Finds room for a record in the open region of `stream`, or opens another one.
    pub(super) fn make_room(&mut self, stream: Stream, pages: u32) -> Option<Room> {
        if pages > self.geometry().region_pages() || self.engine.lock().is_offline {
            return None;
        }
        if let Some(room) = self.room(stream, pages) {
            return Some(room);
        }
        self.seal(stream);
        self.make_free();
        if stream == Stream::Reinserted {
            // Something may have been carried over meanwhile.
            return self.room_to_carry(pages);
        }
        if self.open_region(stream) {
            return self.room(stream, pages);
        }
        None
    }

    /// Finds room for what is carried over: the last free region is there for that.
    fn room_to_carry(&mut self, pages: u32) -> Option<Room> {
        if self.room(Stream::Reinserted, pages).is_none() {
            self.seal(Stream::Reinserted);
            self.open_region(Stream::Reinserted);
        }
        self.room(Stream::Reinserted, pages)
    }

    /// Frees regions until there are two: the last one is left for what must be carried out of the
    /// next one that is emptied.
    fn make_free(&mut self) {
        self.seal_stale();
        for _ in 0..EVACUATIONS_MAX {
            if self.engine.lock().regions.free() > 1 || !self.reclaim() {
                return;
            }
        }
    }

    /// Seals open regions that little comes to, so that they can be reused in their turn.
    fn seal_stale(&mut self) {
        let lifetime = u64::from(self.geometry().regions / 2);
        for stream in streams() {
            let open = self.open[stream.index()].as_ref();
            if open.is_some_and(|open| open.generation + lifetime < self.next_generation) {
                self.seal(stream);
            }
        }
    }

    /// Frees a region. Returns false if there is none that may go.
    fn reclaim(&mut self) -> bool {
        let mut passed = BTreeSet::new();
        while let Some(victim) = self.choose(&passed) {
            if self.evacuate(victim) {
                return true;
            }
            passed.insert(victim);
        }
        false
    }

    /// The region that is worth least.
    fn choose(&self, passed: &BTreeSet<u32>) -> Option<u32> {
        let mut victims = self.victims(passed);
        if let Some(empty) = victims.iter().find(|victim| victim.is_empty) {
            return Some(empty.region);
        }
        self.demote_stale(&mut victims);
        victims.sort_by_key(|victim| {
            let rank = class_code(victim.rank);
            (victim.has_pinned, rank, victim.generation)
        });
        let first = *victims.first()?;
        victims.retain(|victim| (victim.has_pinned, victim.rank) == (first.has_pinned, first.rank));
        // The oldest, and those with the fewest objects that were ever used.
        let mut compared: Vec<Victim> = victims.iter().take(COMPARED).copied().collect();
        victims.sort_by_key(|victim| (victim.used_pages, victim.generation));
        compared.extend(victims.iter().take(COMPARED));
        let worth = |victim: &&Victim| (self.wanted_bytes(victim.region), victim.generation);
        compared
            .iter()
            .min_by_key(worth)
            .map(|victim| victim.region)
    }

    /// A region of live segments that nobody asked for while the whole store was written once is
    /// worth no more than any other.
    fn demote_stale(&self, victims: &mut [Victim]) {
        let is_live = |victim: &&mut Victim| victim.rank == Class::Live && !victim.has_pinned;
        for victim in victims.iter_mut().filter(is_live) {
            let slot = self.read_slot(victim.region);
            let entries = slot.map(|slot| slot.entries).unwrap_or_default();
            if self
                .younger(victim.region, &entries, Recency::STORE_AGE)
                .is_empty()
            {
                victim.rank = Class::Low;
            }
        }
    }

    /// Regions that nobody reads in, but for what can be carried out.
    fn victims(&self, passed: &BTreeSet<u32>) -> Vec<Victim> {
        let state = self.engine.lock();
        let mut pinned: BTreeMap<u32, Pinned> = BTreeMap::new();
        for (_, link) in state.pinned() {
            let pinned = pinned.entry(link.region).or_default();
            pinned.records += 1;
            pinned.pages += link.pages;
        }
        // Carrying over nearly all of a region would gain next to nothing.
        let pages_max = self.geometry().region_pages() / 4 * 3;
        let sealed = state.regions.numbered();
        let sealed = sealed.filter(|(_, region)| region.usage == Use::Sealed);
        sealed
            .filter_map(|(number, region)| {
                let pinned = pinned.get(&number).copied().unwrap_or_default();
                let is_free = state.regions.leases(number) <= pinned.records
                    && pinned.pages <= pages_max
                    && !passed.contains(&number);
                is_free.then_some(Victim {
                    region: number,
                    rank: region.rank,
                    is_empty: region.live_pages == 0,
                    used_pages: region.used_pages,
                    has_pinned: pinned.records > 0,
                    generation: region.generation,
                })
            })
            .collect()
    }

    /// Bytes in a region that an exact LRU would keep. Those never used since they were written
    /// count half: most of them never will be.
    fn wanted_bytes(&self, region: u32) -> u64 {
        let slot = self.read_slot(region);
        let entries = slot.map(|slot| slot.entries).unwrap_or_default();
        let worth = |(_, item): &(Entry, Item)| match item.uses {
            0 => bytes_of(item) / 2,
            _ => bytes_of(item),
        };
        self.wanted(region, &entries).iter().map(worth).sum()
    }

    /// What of a region an exact LRU would keep.
    fn wanted(&self, region: u32, entries: &[Entry]) -> Vec<(Entry, Item)> {
        let state = self.engine.lock();
        // To free as much as a region, an exact LRU would evict what is older than this.
        let kept_bytes = state
            .record_bytes
            .saturating_sub(self.geometry().region_bytes);
        let age_max = state.recency.eviction_age(kept_bytes);
        drop(state);
        self.younger(region, entries, age_max)
    }

    /// What of a region was used, or written, less than so many ticks ago.
    fn younger(&self, region: u32, entries: &[Entry], age_max: u16) -> Vec<(Entry, Item)> {
        let state = self.engine.lock();
        let here = entries.iter().filter_map(|entry| {
            let item = state.item_of(entry.hash)?;
            item.is_at(region, entry.page).then_some((*entry, item))
        });
        here.filter(|(_, item)| state.recency.age(item.tick) < age_max)
            .collect()
    }

    /// Empties a region and frees it. Returns false, and evicts nothing, if that cannot be.
    fn evacuate(&mut self, region: u32) -> bool {
        let entries = self.entries_of(region);
        self.carried.clear();
        if !self.carry_out(region, entries.as_deref().unwrap_or_default()) {
            // The region stays, and with it the originals of what has been carried over.
            let mut state = self.engine.lock();
            for original in self.carried.drain(..) {
                state.kill(&original, Why::Superseded);
            }
            return false;
        }
        let mut state = self.engine.lock();
        let evicted = state.remove_region(region, entries.as_deref());
        let (stream, generation) = {
            let region = state.regions.region(region);
            (region.stream, region.generation)
        };
        state.regions.release(region);
        drop(state);
        self.let_go((region, generation), &evicted);
        self.write_free(region, (stream, generation));
        true
    }

    /// Carries all out of a region that has to stay or is wanted, durably.
    fn carry_out(&mut self, region: u32, entries: &[Entry]) -> bool {
        let pinned = self.engine.lock().pinned();
        for (body, link) in pinned {
            if link.region != region {
                continue;
            }
            let record = link
                .record
                .or_else(|| self.record_at(region, link.page, link.hash));
            // What cannot be read cannot be served either: let it go with its region.
            if let Some(record) = record
                && !self.carry(&record, Some(&body))
            {
                return false;
            }
        }
        self.reinsert(region, entries);
        self.settle_kills()
    }

    /// Counts what was evicted with a region, and lets go of what belonged to it elsewhere.
    fn let_go(&self, (region, generation): (u32, u64), evicted: &[Item]) {
        let objects = evicted.iter().filter(|item| item.role != Role::Part);
        self.engine.ledger.evictions.add(objects.count() as u64);
        for item in evicted.iter().filter(|item| item.role != Role::Whole) {
            let place = (self.geometry(), region, item.page);
            let header = Record::read_header(&*self.engine.file, place, Some(generation));
            if let Ok(Some(header)) = header {
                self.engine.break_chain(&header);
            }
        }
    }

    /// Carries over what is still wanted, as far as the budget goes.
    fn reinsert(&mut self, region: u32, entries: &[Entry]) {
        let mut wanted = self.wanted(region, entries);
        wanted.retain(|(_, item)| item.uses > 0);
        wanted.sort_by_key(|(_, item)| (Reverse(item.uses), item.pages));
        for (entry, item) in wanted {
            let ledger = &self.engine.ledger;
            let budget = ledger.bytes_admitted.value() / REINSERTION_SHARE;
            if ledger.bytes_reinserted.value() + bytes_of(&item) > budget {
                return;
            }
            let Some(record) = self.record_at(region, entry.page, entry.hash) else {
                continue;
            };
            if self.carry(&record, None) {
                self.engine.ledger.reinsertions.add_one();
                self.engine.ledger.bytes_reinserted.add(bytes_of(&item));
            }
        }
    }

    /// Reads the head of a record.
    fn record_at(&self, region: u32, page: u32, hash: u64) -> Option<Arc<Record>> {
        let place = (self.geometry(), region, page);
        let generation = self.engine.lock().regions.region(region).generation;
        let header = Record::read_header(&*self.engine.file, place, Some(generation));
        let header = header.ok().flatten().filter(|header| !header.is_dead)?;
        Some(Arc::new(Record::new(header, hash, place, false)))
    }

    /// Writes a record again, into the region of the reinserted.
    fn carry(&mut self, record: &Record, body: Option<&Arc<Body>>) -> bool {
        let Some(pages) = record.header.pages() else {
            return false;
        };
        if record.check(&*self.engine.file).is_err() {
            // It cannot be served either: let it go with its region.
            return true;
        }
        let Some(room) = self.room_to_carry(pages) else {
            return false;
        };
        let mut header = record.header.clone();
        header.sequence = self.next_sequence;
        header.generation = self.generation(Stream::Reinserted);
        self.next_sequence += 1;
        let mut head = Vec::new();
        header.encode(&mut head);
        match self.copy(record, room, head) {
            Ok(()) => {}
            Err(CopyFailure::Original) => return true,
            Err(CopyFailure::Copy(error)) => {
                self.fail(Stream::Reinserted, &error);
                return false;
            }
        }
        let copy = self.enter(room, header, record.hash);
        self.settle_copy(record, copy, body);
        true
    }

    /// Copies a record, piece by piece as each is compared with its sum: what the medium has made
    /// of it since it was checked as a whole does not pass for what was written.
    fn copy(&mut self, record: &Record, room: Room, head: Vec<u8>) -> Result<(), CopyFailure> {
        let mut offset = self.geometry().page_offset(room.region, room.page);
        let mut buffer = head;
        for index in 0..record.header.sums.len() as u64 {
            let Ok(piece) = record.read_piece(&*self.engine.file, index) else {
                return Err(CopyFailure::Original);
            };
            buffer.extend_from_slice(&piece);
            if buffer.len() >= WRITE_BYTES {
                self.write_at(&buffer, offset).map_err(CopyFailure::Copy)?;
                offset += buffer.len() as u64;
                buffer.clear();
            }
        }
        pad_from(&mut buffer, offset);
        self.write_at(&buffer, offset).map_err(CopyFailure::Copy)
    }

    /// Puts a copy in the place of its original, if that is still wanted.
    fn settle_copy(&mut self, record: &Record, copy: Arc<Record>, body: Option<&Arc<Body>>) {
        let mut state = self.engine.lock();
        let original = state.item_of(record.hash);
        let is_wanted = |item: &Item| item.is_at(record.region, record.page);
        let moved = Item {
            region: copy.region,
            page: copy.page,
            pages: copy.header.pages().unwrap_or(1),
            class: copy.header.class,
            role: copy.header.role(),
            is_unverified: false,
            uses: original.map_or(0, |item| item.uses / 2),
            tick: original.map_or(0, |item| item.tick),
        };
        let Some(original) = original.filter(is_wanted) else {
            state.kill(&moved, Why::Dropped);
            return;
        };
        self.carried.push(original);
        state.insert(record.hash, &moved);
        let hash = state.index.hash(record.hash);
        state.hot.keep(hash, &copy, None);
        if let Some(body) = body {
            let lease = state.regions.lease(copy.region);
            let file = self.file();
            let copy = Stored {
                record: copy,
                file,
                lease,
            };
            body.relocate(record, Arc::new(copy));
        }
    }

    /// All records of a sealed region, or `None` if its directory cannot be read.
    fn entries_of(&self, region: u32) -> Option<Vec<Entry>> {
        let generation = self.engine.lock().regions.region(region).generation;
        // If it could not be sealed on disk, its slot is that of an open region, without entries.
        let is_it = |slot: &Slot| slot.state == SlotState::Sealed && slot.generation == generation;
        let mut slot = self.read_slot(region).filter(is_it)?;
        let rest = read_footer(&*self.engine.file, self.geometry(), &slot)?;
        slot.entries.extend(rest);
        Some(slot.entries)
    }
}

/// Zeros up to the next page of the store.
fn pad_from(buffer: &mut Vec<u8>, offset: u64) {
    let behind = usize::try_from(offset % super::format::PAGE_BYTES).unwrap_or(0);
    let mut padded = vec![0; behind];
    padded.append(buffer);
    pad(&mut padded);
    *buffer = padded.split_off(behind);
}
