//! The end of the log: where the next record goes, and what is durable.
//!
//! Order of writes, so that a power cut at any moment leaves nothing wrong:
//!
//! 1. A region is opened by its slot, durably, before its first record: what it held before can
//!    no longer be taken for its content. Then its pages are parted from the sockets that still
//!    send what it held.
//! 2. Records are durable before their region is sealed by its slot.
//! 3. A record is killed only when what replaces it is durable.
//! 4. Kills are durable before a region is released: what killed them may go with it.

use std::{
    io::{ErrorKind, IoSlice},
    ops::Range,
    sync::Arc,
};

use tracing::info;
use weir_hal::File;

use super::{
    Engine,
    chunks::Chunks,
    format::{
        Entry, Geometry, PAGE, PAGE_BYTES, STREAMS, Slot, SlotState, Stream, Super, SuperState,
        encode_footer, footer_pages,
    },
    index::Item,
    record::Header,
    regions::Use,
    state::{Kill, Why},
    stored::Record,
    survey::read_slot,
};
use crate::Class;

/// Bytes after which the device is asked to begin with what was written: a sync finds little left
/// to do, and dirty pages stay few.
const BEGIN_BYTES: u64 = 4 << 20;
/// What a record is filled up with.
const ZEROS: [u8; PAGE] = [0; PAGE];

/// A region that records are added to.
#[derive(Debug)]
pub(super) struct OpenRegion {
    pub(super) region: u32,
    pub(super) generation: u64,
    pub(super) rank: Class,
    pub(super) next_page: u32,
    pub(super) entries: Vec<Entry>,
    /// How many of the entries a power cut cannot take back.
    pub(super) durable: usize,
}

/// The writing end of a store.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) engine: Arc<Engine>,
    pub(super) told: Super,
    pub(super) open: [Option<OpenRegion>; STREAMS],
    pub(super) next_sequence: u64,
    pub(super) next_generation: u64,
    /// Something was written since the last sync.
    pub(super) is_dirty: bool,
    /// Kills that were written, but are not durable.
    pub(super) killed: Vec<Kill>,
    /// Regions whose slot says that they are free, but not durably.
    pub(super) freed: Vec<u32>,
    /// The super block lacks bad regions: until it is durable, a start would look at them.
    pub(super) is_super_due: bool,
    /// What was carried out of the region that is being emptied.
    pub(super) carried: Vec<Item>,
    /// Failures since the last success.
    pub(super) failures: u32,
    /// Where the device failed last; `None` if that was a sync.
    pub(super) failed_at: Option<u64>,
    /// The head of the record that is being written.
    head: Vec<u8>,
    /// What was written of each stream, one behind the other, since the device was asked to begin.
    waiting: [Range<u64>; STREAMS],
}

/// Where a record can go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) stream: Stream,
    pub(super) region: u32,
    pub(super) page: u32,
}

impl Log {
    pub(super) fn new(engine: Arc<Engine>, told: Super) -> Self {
        Self {
            engine,
            told,
            open: [const { None }; STREAMS],
            next_sequence: 0,
            next_generation: 0,
            is_dirty: false,
            killed: Vec::new(),
            freed: Vec::new(),
            is_super_due: false,
            carried: Vec::new(),
            failures: 0,
            failed_at: None,
            head: Vec::new(),
            waiting: [const { 0..0 }; STREAMS],
        }
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.engine.geometry
    }

    pub(super) fn file(&self) -> Arc<dyn File> {
        Arc::clone(&self.engine.file)
    }

    /// Whether the open region of a stream has room for a record.
    pub(super) fn room(&self, stream: Stream, pages: u32) -> Option<Room> {
        let open = self.open[stream.index()].as_ref()?;
        let footer = footer_pages(open.entries.len() + 1);
        let is_enough = open.next_page + pages + footer <= self.geometry().region_pages();
        is_enough.then_some(Room {
            stream,
            region: open.region,
            page: open.next_page,
        })
    }

    /// Writes a record into the room that was found for it.
    ///
    /// # Errors
    /// That of the device; then the region has been closed and is never written again, unless it
    /// was only full.
    pub(super) fn append(
        &mut self,
        room: Room,
        mut header: Header,
        hash: u64,
        chunks: &Chunks,
    ) -> Result<Arc<Record>, weir_hal::Error> {
        header.sequence = self.next_sequence;
        header.generation = self.generation(room.stream);
        self.next_sequence += 1;
        match self.write_record(room, &header, chunks) {
            Ok(()) => Ok(self.enter(room, header, hash)),
            Err(error) => {
                self.fail(room.stream, &error);
                Err(error)
            }
        }
    }

    /// Notes a record that has been written.
    pub(super) fn enter(&mut self, room: Room, header: Header, hash: u64) -> Arc<Record> {
        let pages = header.pages().expect("it has just been written");
        let entry = Entry {
            hash,
            sequence: header.sequence,
            page: room.page,
            pages,
            class: header.class,
            role: header.role(),
            is_killed: false,
            is_unverified: false,
        };
        if let Some(open) = &mut self.open[room.stream.index()] {
            let is_first = open.entries.is_empty();
            if is_first || header.class.code() < open.rank.code() {
                open.rank = header.class;
            }
            open.next_page = room.page + pages;
            open.entries.push(entry);
        }
        self.failures = 0;
        let written_bytes = u64::from(pages) * PAGE_BYTES;
        self.engine.lock().budget.spend(written_bytes);
        let at = self.geometry().address(room.region, room.page);
        Arc::new(Record::written(header, hash, at))
    }

    pub(super) fn generation(&self, stream: Stream) -> u64 {
        let open = self.open[stream.index()].as_ref();
        open.map_or(0, |open| open.generation)
    }

    fn write_record(
        &mut self,
        room: Room,
        header: &Header,
        chunks: &Chunks,
    ) -> Result<(), weir_hal::Error> {
        let offset = self.geometry().page_offset(room.region, room.page);
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        header.encode(&mut head);
        let bytes = head.len() as u64 + chunks.bytes();
        let padding = bytes.next_multiple_of(PAGE_BYTES) - bytes;
        let padding = ZEROS.get(..usize::try_from(padding).unwrap_or(0));
        let body = chunks.iter().map(|chunk| IoSlice::new(chunk));
        let parts: Vec<IoSlice<'_>> = [IoSlice::new(&head)]
            .into_iter()
            .chain(body)
            .chain(padding.map(IoSlice::new))
            .collect();
        let bytes = bytes.next_multiple_of(PAGE_BYTES);
        self.is_dirty = true;
        self.engine.ledger.bytes_written.add(bytes);
        let outcome = self.engine.file.write_vectored_at(&parts, offset);
        self.head = head;
        self.begin_sync(room.stream, offset..offset + bytes);
        outcome.inspect_err(|_| self.failed_at = Some(offset))
    }

    /// Has the device begin with what was written of a stream once that is enough.
    fn begin_sync(&mut self, stream: Stream, written: Range<u64>) {
        let waiting = &mut self.waiting[stream.index()];
        if waiting.end != written.start {
            // The stream goes on in another region; a sync has seen to the former one.
            waiting.start = written.start;
        }
        waiting.end = written.end;
        let bytes = waiting.end - waiting.start;
        if bytes >= BEGIN_BYTES {
            self.engine.file.begin_sync(waiting.start, bytes);
            waiting.start = waiting.end;
        }
    }

    /// Writes and counts.
    pub(super) fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<(), weir_hal::Error> {
        self.is_dirty = true;
        self.engine.ledger.bytes_written.add(bytes.len() as u64);
        let outcome = self.engine.file.write_at(bytes, offset);
        outcome.inspect_err(|_| self.failed_at = Some(offset))
    }

    /// Opens a free region for a stream, unless its former one could not be sealed.
    pub(super) fn open_region(&mut self, stream: Stream) -> bool {
        if self.open[stream.index()].is_some() {
            // It could not be sealed: the device does not sync.
            return false;
        }
        let free = self.engine.lock().regions.first_free();
        let Some(region) = free else {
            return false;
        };
        let generation = self.next_generation;
        self.next_generation += 1;
        let slot = Slot::empty(region, SlotState::Open, stream, generation);
        let is_open = self.write_slot(&slot) && self.sync() && self.detach(region);
        let mut state = self.engine.lock();
        state.regions.adopt(&slot);
        drop(state);
        if !is_open {
            // Whether its slot was written cannot be known.
            self.condemn(region);
            return false;
        }
        self.open[stream.index()] = Some(OpenRegion {
            region,
            generation,
            rank: slot.rank,
            next_page: 0,
            entries: Vec::new(),
            durable: 0,
        });
        true
    }

    /// Parts a region from the sockets that still send out of it: their leases ended when the bytes
    /// were handed over, and what is written here must not show in what their clients get.
    fn detach(&mut self, region: u32) -> bool {
        let geometry = self.geometry();
        let offset = geometry.page_offset(region, 0);
        let bytes = u64::from(geometry.region_pages()) * PAGE_BYTES;
        match self.engine.file.detach(offset, bytes) {
            Ok(()) => true,
            // Without it a region is only as safe as its readers are quick.
            Err(error) if error.kind() == ErrorKind::Unsupported => true,
            Err(error) => {
                self.note_failure(&error);
                false
            }
        }
    }

    /// Ends the open region of a stream. Its records are durable afterwards, or it is bad.
    pub(super) fn seal(&mut self, stream: Stream) {
        if self.open[stream.index()].is_none() || !self.sync() {
            return;
        }
        let Some(open) = self.open[stream.index()].take() else {
            return;
        };
        self.write_sealed(&open, stream);
    }

    /// Seals a region that a start found, whose records are durable.
    pub(super) fn seal_found(&mut self, open: &OpenRegion, stream: Stream) {
        let pages = open.next_page + footer_pages(open.entries.len());
        if pages <= self.geometry().region_pages() {
            self.write_sealed(open, stream);
        }
    }

    /// Writes the slot of a region whose records are durable.
    pub(super) fn write_sealed(&mut self, open: &OpenRegion, stream: Stream) {
        let (footer_bytes, footer) = encode_footer(&open.entries, open.next_page);
        let slot = Slot {
            rank: open.rank,
            entries: open.entries.clone(),
            footer,
            ..Slot::empty(open.region, SlotState::Sealed, stream, open.generation)
        };
        let offset = self.geometry().page_offset(open.region, open.next_page);
        // A footer that is lost, or torn, sends a start to the records.
        if !footer_bytes.is_empty()
            && let Err(error) = self.write_at(&footer_bytes, offset)
        {
            self.note_failure(&error);
        }
        self.write_slot(&slot);
        let mut state = self.engine.lock();
        let region = state.regions.region_mut(open.region);
        region.rank = open.rank;
        if region.usage == Use::Open {
            region.usage = Use::Sealed;
        }
    }

    pub(super) fn write_slot(&mut self, slot: &Slot) -> bool {
        let offset = self.geometry().slot_offset(slot.region);
        match self.write_at(&slot.encode(), offset) {
            Ok(()) => true,
            Err(error) => {
                self.note_failure(&error);
                false
            }
        }
    }

    /// Makes all that was written durable, then kills what has been replaced durably.
    pub(super) fn sync(&mut self) -> bool {
        if self.is_super_due && !self.write_bad() {
            return false;
        }
        if self.is_dirty {
            self.engine.ledger.syncs.add_one();
            if let Err(error) = self.sync_file() {
                self.note_failure(&error);
                return false;
            }
            self.failures = 0;
        }
        self.is_dirty = false;
        self.killed.clear();
        self.freed.clear();
        for open in self.open.iter_mut().flatten() {
            open.durable = open.entries.len();
        }
        self.kill_all(Why::Superseded)
    }

    /// Every sync goes this way: what one that failed was to cover is not made durable by the next
    /// one that does not.
    fn sync_file(&mut self) -> Result<(), weir_hal::Error> {
        let outcome = self.engine.file.sync();
        if outcome.is_err() {
            self.give_up_undurable();
            self.failed_at = None;
        }
        outcome
    }

    /// Makes sure that nothing older comes back when something newer goes.
    pub(super) fn settle_kills(&mut self) -> bool {
        self.sync() && (self.killed.is_empty() || self.sync())
    }

    /// Reads the slot of a region, without the entries in its footer.
    pub(super) fn read_slot(&self, region: u32) -> Option<Slot> {
        read_slot(&*self.engine.file, self.geometry(), region)
    }

    /// Writes the super block, durably.
    pub(super) fn write_super(&mut self, state: SuperState) -> Result<(), weir_hal::Error> {
        let told = self.told.next(state);
        self.write_at(&told.encode(), told.offset())?;
        self.sync_file()?;
        // After a failure the next attempt goes to the same place: the other block is whole.
        self.told = told;
        self.is_super_due = false;
        Ok(())
    }

    /// Ends the log in order.
    pub(super) fn close(&mut self) {
        if self.kill_dropped() && self.settle_kills() {
            if let Err(error) = self.write_super(SuperState::Closed) {
                self.note_failure(&error);
            } else {
                info!("closed the cache in order");
            }
        }
    }
}
