//! Making room: regions are emptied, and what is still wanted is carried out of them first. Which
//! region is next, and what is wanted, is told by [`super::choice`].

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use super::{
    body::Body,
    choice::here,
    format::{Entry, PAGE_BYTES, Role, Slot, SlotState, Stream},
    index::Item,
    log::{Log, Room},
    record::pad,
    state::{Why, bytes_of},
    stored::{Record, Stored},
    survey::read_footer,
};

/// One in so many bytes admitted may be a reinsertion.
const REINSERTION_SHARE: u64 = 64;
/// Regions emptied at most for one that is needed.
const EVACUATIONS_MAX: usize = 16;
/// Bytes of a record that is carried over written at once.
const WRITE_BYTES: usize = 256 * 1024;

/// Why a record could not be copied.
#[derive(Debug)]
enum CopyFailure {
    /// It cannot be read any more as it was written.
    Original,
    /// The device does not take the copy.
    Copy(weir_hal::Error),
}

impl Log {
    /// Finds room for a record in the open region of `stream`, or opens another one.
    pub(super) fn make_room(&mut self, stream: Stream, pages: u32) -> Option<Room> {
        if pages > self.geometry().region_pages() || self.engine.is_offline() {
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
        for stream in Stream::all() {
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

    /// What of a region is reinserted if there is room, youngest first.
    fn wanted(&self, region: u32, entries: &[Entry]) -> Vec<(Entry, Item)> {
        let outlook = self.outlook();
        let state = self.engine.lock();
        let mut wanted: Vec<(u64, Entry, Item)> = here(&state, region, entries)
            .filter(|(_, item)| item.uses > 0 && !item.class.is_live())
            .map(|(entry, item)| (outlook.rest(&item, state.recency.age(&item)), *entry, item))
            .filter(|(rest, ..)| *rest > 0)
            .collect();
        drop(state);
        wanted.sort_by_key(|(rest, _, item)| (Reverse(*rest), item.pages));
        let wanted = wanted.into_iter();
        wanted.map(|(_, entry, item)| (entry, item)).collect()
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
        self.let_go(region, generation, &evicted);
        self.write_free(region, stream, generation);
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
    fn let_go(&self, region: u32, generation: u64, evicted: &[Item]) {
        let objects = evicted.iter().filter(|item| item.role != Role::Part);
        self.engine.ledger.evictions.add(objects.count() as u64);
        for item in evicted.iter().filter(|item| item.role != Role::Whole) {
            let at = self.geometry().address(region, item.page);
            let header = Record::read_header(&*self.engine.file, at, Some(generation));
            if let Ok(Some(header)) = header {
                self.engine.break_chain(&header);
            }
        }
    }

    /// Carries over what is still wanted, as far as the budget goes.
    fn reinsert(&mut self, region: u32, entries: &[Entry]) {
        for (entry, item) in self.wanted(region, entries) {
            let ledger = &self.engine.ledger;
            let share = ledger.bytes_admitted.value() / REINSERTION_SHARE;
            let is_over = ledger.bytes_reinserted.value() + bytes_of(&item) > share;
            if is_over || !self.engine.has_write_budget() {
                return;
            }
            let record = self.record_at(region, entry.page, entry.hash);
            let is_young = |record: &Arc<Record>| !self.engine.is_expired(&record.header);
            let Some(record) = record.filter(is_young) else {
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
        let at = self.geometry().address(region, page);
        let generation = self.engine.lock().regions.region(region).generation;
        let header = Record::read_header(&*self.engine.file, at, Some(generation));
        let header = header.ok().flatten().filter(|header| !header.is_dead)?;
        Some(Arc::new(Record::new(header, hash, at, false)))
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
            uses: original.map_or(0, |item| item.uses),
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

    /// The slot of a sealed region. One that could not be sealed on disk has none: there it is
    /// still open, and without entries.
    pub(super) fn sealed_slot(&self, region: u32) -> Option<Slot> {
        let generation = self.engine.lock().regions.region(region).generation;
        let is_it = |slot: &Slot| slot.state == SlotState::Sealed && slot.generation == generation;
        self.read_slot(region).filter(is_it)
    }

    /// All records of a sealed region, or `None` if its directory cannot be read.
    pub(super) fn entries_of(&self, region: u32) -> Option<Vec<Entry>> {
        let mut slot = self.sealed_slot(region)?;
        let rest = read_footer(&*self.engine.file, self.geometry(), &slot)?;
        slot.entries.extend(rest);
        Some(slot.entries)
    }
}

/// Zeros up to the next page of the store.
fn pad_from(buffer: &mut Vec<u8>, offset: u64) {
    let behind = usize::try_from(offset % PAGE_BYTES).unwrap_or(0);
    let mut padded = vec![0; behind];
    padded.append(buffer);
    pad(&mut padded);
    *buffer = padded.split_off(behind);
}
