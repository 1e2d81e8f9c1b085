//! The thread `weir-store-scrub`: reads what nobody asks for, and finds rot before a reader does.
//!
//! Sealed regions are read in turn, each record compared with its sums, at a rate that disturbs
//! nobody. What is damaged is dropped, so that it is pulled again while an origin still has it.
//! Pages that were not in memory before are given back. A region is leased for one read at a time:
//! scrubbing never keeps one from being reused.
//!
//! A pass takes as long as one over a full store would, however little is in it.
//!
//! Refuses: to mend. A device that fails again and again is left to its readers.

use std::{
    ops::ControlFlow::{self, Break, Continue},
    sync::{Arc, PoisonError},
    time::Duration,
};

use tracing::{error, info, warn};

use super::{
    Engine,
    format::{Entry, PAGE, PAGE_BYTES, Slot},
    record::PIECE_BYTES,
    regions::Use,
    state::{Candidate, Why},
    stored::{ReadFailure, Record},
    survey::{read_aside, read_footer, read_slot},
};

/// Failures of the device after each other that end scrubbing until the next start.
const FAILURES_MAX: u32 = 8;

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Scrub {
    engine: Arc<Engine>,
    bytes_per_s: u64,
    /// Failures of the device since the last success.
    failures: u32,
    /// Bytes read in this pass.
    bytes: u64,
}

/// A record that is to be read, where the index still tells of it.
#[derive(Debug, Clone, Copy)]
struct Place {
    region: u32,
    generation: u64,
    entry: Entry,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Body,
}

impl Scrub {
    /// At least one byte a second.
    pub(super) fn new(engine: Arc<Engine>, bytes_per_s: u64) -> Self {
        Self {
            engine,
            bytes_per_s: bytes_per_s.max(1),
            failures: 0,
            bytes: 0,
        }
    }

    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        while self.pass().is_continue() {}
    }

    /// Reads all sealed regions once. Breaks off when the store is closed or its device fails.
    fn pass(&mut self) -> ControlFlow<()> {
        let errors_before = self.engine.ledger.scrub_errors.value();
        self.bytes = 0;
        for region in 0..self.engine.geometry.regions {
            self.region(region)?;
        }
        let ledger = &self.engine.ledger;
        ledger.scrub_passes.add_one();
        let errors = ledger.scrub_errors.value() - errors_before;
        info!(bytes = self.bytes, errors, "scrubbed all of the cache");
        let geometry = self.engine.geometry;
        let bytes_max = u64::from(geometry.regions) * geometry.region_bytes;
        self.rest(bytes_max.saturating_sub(self.bytes).max(PAGE_BYTES))
    }

    fn region(&mut self, region: u32) -> ControlFlow<()> {
        let Some(slot) = self.slot(region) else {
            return Continue(());
        };
        let generation = slot.generation;
        for entry in slot.entries.into_iter().filter(|entry| !entry.is_killed) {
            self.record(Place {
                region,
                generation,
                entry,
            })?;
        }
        Continue(())
    }

    /// All entries of a region, if it is sealed. A slot that cannot be read costs no object: the
    /// next start searches the region.
    fn slot(&self, region: u32) -> Option<Slot> {
        let engine = &self.engine;
        let state = engine.lock();
        let (usage, generation) = {
            let region = state.regions.region(region);
            (region.usage, region.generation)
        };
        drop(state);
        let slot = || {
            let mut slot = read_slot(&*engine.file, engine.geometry, region)?;
            slot.entries
                .extend(read_footer(&*engine.file, engine.geometry, &slot)?);
            Some(slot)
        };
        let is_sealed = usage == Use::Sealed;
        is_sealed
            .then(slot)?
            .filter(|slot| slot.generation == generation)
    }

    /// Reads a record piece by piece.
    fn record(&mut self, place: Place) -> ControlFlow<()> {
        let Some(candidate) = self.hold(&place) else {
            return Continue(());
        };
        let head = self.head(&place);
        drop(candidate);
        let Some(record) = self.judge(&place, Part::Header, head)? else {
            return Continue(());
        };
        for index in 0..record.header.sums.len() as u64 {
            let Some(candidate) = self.hold(&place) else {
                return Continue(());
            };
            // What others know of the record has to stay true of what is in memory.
            let known = candidate.record.as_deref().unwrap_or(&record);
            let outcome = read_aside(&*self.engine.file, known, index);
            drop(candidate);
            if self.judge(&place, Part::Body, outcome)?.is_none() {
                self.engine.break_chain(&record.header);
                return Continue(());
            }
        }
        Continue(())
    }

    /// Holds a record, if that is still the one of its key.
    fn hold(&self, place: &Place) -> Option<Candidate> {
        let state = self.engine.lock();
        let item = state.item_of(place.entry.hash)?;
        let is_here = item.is_at(place.region, place.entry.page)
            && state.regions.region(place.region).generation == place.generation;
        is_here.then(|| state.candidate_at(state.index.hash(place.entry.hash), item))
    }

    fn head(&self, place: &Place) -> Result<Record, ReadFailure> {
        let engine = &self.engine;
        let at = engine.geometry.address(place.region, place.entry.page);
        let was_resident = engine.file.read_resident_at(&mut vec![0; PAGE], at.offset);
        let header = Record::read_header(&*engine.file, at, Some(place.generation));
        if !was_resident.unwrap_or(false) {
            engine.file.forget(at.offset, PAGE_BYTES);
        }
        let header = header.map_err(ReadFailure::Device)?;
        let header = header.filter(|header| header.pages() == Some(place.entry.pages));
        let record = header.map(|header| Record::new(header, place.entry.hash, at, false));
        record.ok_or(ReadFailure::Damaged)
    }

    /// Drops what is damaged, and rests after each read. `None`: the record is not read further.
    fn judge<T>(
        &mut self,
        place: &Place,
        part: Part,
        outcome: Result<T, ReadFailure>,
    ) -> ControlFlow<(), Option<T>> {
        let found = match outcome {
            Ok(found) => {
                self.failures = 0;
                Some(found)
            }
            Err(failure) => {
                self.lose(place, part, &failure);
                let is_device = matches!(failure, ReadFailure::Device(_));
                self.failures = if is_device { self.failures + 1 } else { 0 };
                None
            }
        };
        if self.failures >= FAILURES_MAX {
            error!(
                "the device of the cache keeps failing: it is not scrubbed until the next start"
            );
            return Break(());
        }
        let bytes = match part {
            Part::Header => PAGE_BYTES,
            Part::Body => PIECE_BYTES as u64,
        };
        self.bytes += bytes;
        self.engine.ledger.scrubbed_bytes.add(bytes);
        self.rest(bytes)?;
        Continue(found)
    }

    /// Forgets a record. While it is pinned, a body that is whole is served on without its header.
    fn lose(&self, place: &Place, part: Part, failure: &ReadFailure) {
        let Place { region, entry, .. } = *place;
        let mut state = self.engine.lock();
        let Some(item) = state.remove(entry.hash, region, entry.page) else {
            // It has gone meanwhile: what was read may be something else.
            return;
        };
        let pinned = state.pinned();
        let pinned = pinned.iter().find(|(_, link)| link.hash == entry.hash);
        if part == Part::Body
            && let Some((body, _)) = pinned
        {
            state.table.remove(&body.key);
        }
        state.kill(&item, Why::Dropped);
        drop(state);
        self.engine.work.notify_one();
        self.engine.ledger.scrub_errors.add_one();
        let page = entry.page;
        warn!(
            region,
            page,
            ?part,
            ?failure,
            "dropped a damaged object that nobody had asked for"
        );
    }

    /// Waits as long as reading so many bytes may take.
    fn rest(&self, bytes: u64) -> ControlFlow<()> {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_s);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let state = self.engine.lock();
        let (state, _) = self
            .engine
            .closing
            .wait_timeout_while(state, time, |state| !state.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return Break(());
        }
        Continue(())
    }
}
