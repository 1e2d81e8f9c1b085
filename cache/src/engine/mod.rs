//! The region log: one reserved file or device, written from front to back by one thread.
//!
//! ```text
//! append ──► chunks in memory ──commit──► queue ──► weir-store ──► open region of its stream
//!                  │                                                   │ full: sync, seal
//!               readers ◄───────────── 256 KiB, summed ────────── sealed regions
//!                                                                      │ room needed
//!                                 open region of the reinserted ◄── the region worth least
//! ```
//!
//! Callers never wait for the thread: they meet an index in memory and a body that is shared by
//! its writer, its readers and the thread. Memory is bounded by a budget from which every object
//! pays until it is on disk; the queue to the thread is bounded by the same budget, because each
//! of its objects holds a part. Disk is reserved when the store is formatted, so it can neither
//! be overdrawn nor fragment.
//!
//! Objects that will probably die together share regions, one open region a stream: a region is
//! reused as a whole, and what is still wanted of it is reinserted first. A power cut never
//! brings an object back that was replaced by a durable one: the older record is killed on disk,
//! durably, before the newer one may go. Bytes are durable after a sync every five seconds, every
//! region, and every flush that is asked for.
//!
//! Locks: the state, then a body. None is held across I/O.
//!
//! An object that is long, or grows while memory is short, is written in parts: see [`parts`].
//!
//! ```text
//! bytes on disk      format, record, hash
//! one object         body, chunks, parts, stored
//! all objects        state: table, index, regions, recency, ghost, hot; ledger
//! writing            keeper: admission, budget; log: reclaim, choice, kills, failures
//! finding, reading   lookup, head; reading, cold
//! starting           claim, survey, recovery, crew
//! looking            inspection, scrub
//! ```
//!
//! Refuses: objects of more than 1,024 parts.

mod admission;
mod assembled;
mod body;
mod budget;
mod choice;
mod chunks;
mod claim;
mod cold;
mod crew;
mod failures;
mod format;
mod ghost;
mod hash;
mod head;
mod hot;
mod index;
mod inspection;
mod keeper;
mod kills;
mod ledger;
mod log;
mod lookup;
mod parts;
mod reading;
mod recency;
mod reclaim;
mod record;
mod recovery;
mod regions;
mod scrub;
mod state;
mod stored;
mod survey;
mod table;

use std::{
    panic::resume_unwind,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use weir_hal::{Clock, Disk, File};

use self::{
    body::Name,
    budget::WriteBudget,
    claim::Claim,
    cold::ColdReaders,
    format::{BOOT_SHIFT, Geometry},
    hash::Secret,
    keeper::Keeper,
    ledger::Ledger,
    record::METADATA_BYTES_MAX,
    regions::Use,
    scrub::Scrub,
    state::State,
};
pub(crate) use self::{
    body::{Body, Sight},
    reading::Source,
    record::PIECE_BYTES,
    regions::Lease,
    stored::Stored,
};
pub use self::{
    failures::Offline,
    inspection::{Condition, Flaw, Held, Inspection, Lost, Summary, Total},
    ledger::{Counters, Row},
};
use crate::{Class, Classes, Config, Error, Key};

/// How long what was written may stay undurable.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// How much of the store pinned objects may take before somebody should give some up: as long as it
/// is no more, there is a region of which no more is pinned, and that is worth emptying.
const PINNED_SHARE: (u64, u64) = (3, 4);

/// Regions left out of that: the open ones of live segments and of what is carried out, the last
/// free one, and the one that is opened next.
const REGIONS_KEPT: u64 = 4;

/// An engine and its threads; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Running {
    engine: Arc<Engine>,
    threads: Vec<JoinHandle<()>>,
    _lock: Arc<dyn File>,
}

impl Running {
    pub(crate) fn start(
        disk: &dyn Disk,
        clock: Arc<dyn Clock>,
        config: &Config,
    ) -> Result<Self, Error> {
        let claim = Claim::take(disk, config)?;
        let geometry = claim.told.geometry;
        let budget = WriteBudget::new(config.write_bytes_a_day, clock.monotonic());
        let state = State::new(geometry, config.memory_bytes_max as u64, budget);
        let engine = Arc::new(Engine {
            clock,
            classes: config.classes,
            file: Arc::clone(&claim.file),
            geometry,
            secret: claim.told.secret,
            ledger: Ledger::new(config.memory_bytes_max as u64),
            cold: ColdReaders::new(),
            next_birth: AtomicU64::new(claim.told.boot << BOOT_SHIFT),
            state: Mutex::new(state),
            changes: AtomicU64::new(0),
            offline: OnceLock::new(),
            work: Condvar::new(),
            progress: Condvar::new(),
            closing: Condvar::new(),
        });
        let mut running = Self {
            engine: Arc::clone(&engine),
            threads: Vec::new(),
            _lock: Arc::clone(&claim.lock),
        };
        let log = recovery::recover(&engine, claim, config);
        // A start reads in order; from now on what is read ahead would push out what is wanted.
        engine.file.advise_random();
        let keeper = Keeper::new(Arc::clone(&engine), log);
        running.spawn("weir-store", move || keeper.run())?;
        let ticking = Arc::clone(&engine);
        running.spawn("weir-store-tick", move || ticking.tick())?;
        if config.scrub_bytes_per_s > 0 {
            let scrub = Scrub::new(engine, config.scrub_bytes_per_s);
            running.spawn("weir-store-scrub", move || scrub.run())?;
        }
        Ok(running)
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        self.threads
            .push(thread.map_err(|source| Error::Thread { source })?);
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.engine.lock().is_closed = true;
        self.engine.work.notify_all();
        self.engine.closing.notify_all();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                resume_unwind(panic);
            }
        }
    }
}

/// What callers and the thread share.
#[derive(Debug)]
pub(crate) struct Engine {
    clock: Arc<dyn Clock>,
    classes: Classes,
    file: Arc<dyn File>,
    geometry: Geometry,
    secret: Secret,
    ledger: Ledger,
    cold: ColdReaders,
    /// Of the next object. No other object of this store was ever born with it: above its lowest
    /// 40 bits it is the number of the start.
    next_birth: AtomicU64,
    state: Mutex<State>,
    /// How often somebody may have changed what can be found.
    changes: AtomicU64,
    /// Set once the device has failed too often: nothing is written until the next start.
    offline: OnceLock<Offline>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes those who wait for a flush.
    progress: Condvar,
    /// Wakes the threads that tick and scrub when the store is closed.
    closing: Condvar,
}

impl Engine {
    /// The number of this start.
    pub(crate) fn opening(&self) -> u64 {
        self.next_birth.load(Ordering::Relaxed) >> BOOT_SHIFT
    }

    pub(crate) fn begin(
        &self,
        key: &Key,
        class: Class,
        metadata: Bytes,
    ) -> Result<Arc<Body>, Error> {
        if metadata.len() > METADATA_BYTES_MAX {
            return Err(Error::MetadataTooLong {
                key: key.clone(),
                bytes: metadata.len(),
                bytes_max: METADATA_BYTES_MAX,
            });
        }
        let overhead_bytes = Body::overhead_bytes(key, &metadata);
        let Some(charge) = self.ledger.memory.reserve(overhead_bytes) else {
            return Err(self.refuse_memory());
        };
        let name = Name {
            key: key.clone(),
            hash: self.hash(key),
            birth: self.next_birth.fetch_add(1, Ordering::Relaxed),
        };
        let body = Arc::new(Body::growing(name, class, metadata, charge));
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Closed);
        }
        state.table.begin(&body);
        Ok(body)
    }

    pub(crate) fn commit(&self, body: &Arc<Body>, last: Bytes) -> Result<(), Error> {
        // Who reads the last bytes and looks for the object waits for this lock.
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Closed);
        }
        if !last.is_empty() && body.append(last).is_none() && body.is_growing() {
            return Err(self.refuse_memory());
        }
        body.finish(self.part_bytes_max());
        if body.bytes().is_none() {
            // A part of it could not be read back.
            return Err(Error::Aborted);
        }
        body.touch(state.recency.tick(), false);
        state.table.commit(body);
        drop(state);
        self.ledger.commits.add_one();
        self.work.notify_one();
        Ok(())
    }

    pub(crate) fn abort(&self, body: &Arc<Body>) {
        let mut state = self.lock();
        state.table.end(body);
        let links = body.abort();
        state.forget_links(&links);
        drop(state);
        self.ledger.aborts.add_one();
    }

    /// Waits until `more` bytes would leave a quarter of the memory to those who cannot wait.
    pub(crate) async fn wait_for_room(&self, more: u64) {
        loop {
            let freed = self.ledger.memory.freed();
            if self.ledger.memory.has_room(more) {
                return;
            }
            freed.await;
        }
    }

    /// Whether three quarters of the memory are taken.
    pub(crate) fn is_short_of_memory(&self) -> bool {
        !self.ledger.memory.has_room(0)
    }

    /// Bytes of pinned objects beyond [`PINNED_SHARE`] of the regions that can be had.
    pub(crate) fn pinned_excess_bytes(&self) -> u64 {
        let state = self.look();
        let kept = state.regions.count(Use::Bad) as u64 + REGIONS_KEPT;
        let regions = u64::from(self.geometry.regions).saturating_sub(kept);
        let (part, all) = PINNED_SHARE;
        let room = regions * self.geometry.region_bytes / all * part;
        state.table.pinned_bytes().saturating_sub(room)
    }

    /// Counts a refusal and returns its error.
    pub(crate) fn refuse_memory(&self) -> Error {
        self.ledger.refused_no_memory.add_one();
        Error::NoMemory
    }

    pub(crate) fn unpin(&self, body: &Arc<Body>) {
        let mut state = self.lock();
        if state.table.unpin(body) {
            state.drop_record(body.hash);
            state.forget_links(&body.part_links());
        }
    }

    pub(crate) fn evict(&self, key: &Key) -> bool {
        let Some(body) = self.find_complete(key) else {
            return false;
        };
        let mut state = self.lock();
        if state.table.is_pinned(key) {
            return false;
        }
        let is_resident = state.table.remove(key).is_some();
        let is_stored = state.drop_record(body.hash);
        state.forget_links(&body.part_links());
        drop(state);
        if is_resident || is_stored {
            self.ledger.evictions.add_one();
            self.work.notify_one();
        }
        is_resident || is_stored
    }

    pub(crate) fn counters(&self) -> Counters {
        let ledger = &self.ledger;
        let state = self.lock();
        ledger.read(Counters {
            objects: state.objects(),
            bytes: state.record_bytes,
            bytes_max: u64::from(self.geometry.regions) * self.geometry.region_bytes,
            regions: self.geometry.regions.into(),
            regions_used: state.regions_used(),
            regions_bad: state.regions.count(Use::Bad) as u64,
            is_offline: self.is_offline().into(),
            index_bytes: state.index.memory_bytes() as u64,
            memory_bytes: ledger.memory.used(),
            memory_bytes_max: ledger.memory.bytes_max(),
            hot_bytes: state.hot.bytes(),
            hot_bytes_max: state.hot.bytes_max(),
            hot_hits: state.hot.hits(),
            hot_evictions: state.hot.evictions(),
            ..Counters::default()
        })
    }

    pub(crate) fn flush(&self, within: Duration) -> bool {
        let mut state = self.lock();
        let flush = state.table.ask_flush();
        self.work.notify_one();
        let (state, _) = self
            .progress
            .wait_timeout_while(state, within, |state| {
                !state.table.is_done(flush) && !state.table.has_failed(flush)
            })
            .unwrap_or_else(PoisonError::into_inner);
        let table = &state.table;
        let is_whole = !table.has_doomed() && table.is_without_loss(flush);
        table.is_done(flush) && is_whole && !self.is_offline()
    }

    pub(crate) fn offline(&self) -> Option<&Offline> {
        self.offline.get()
    }

    fn is_offline(&self) -> bool {
        self.offline.get().is_some()
    }

    fn hash(&self, key: &Key) -> u64 {
        self.secret.hash(key.as_str().as_bytes())
    }

    /// The present, in seconds since 1970 by the wall clock.
    fn wall_seconds(&self) -> u64 {
        self.clock.wall().as_nanos() / 1_000_000_000
    }

    /// Tells the thread every few seconds that it is time for a sync.
    fn tick(&self) {
        let mut state = self.lock();
        while !state.is_closed {
            let (woken, wait) = self
                .closing
                .wait_timeout(state, SYNC_INTERVAL)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if wait.timed_out() {
                state.is_due = true;
                self.work.notify_one();
            }
        }
    }

    /// The state, for who may change what can be found.
    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.look();
        // Behind the lock: who read the new count finds what was changed under it.
        self.changes.fetch_add(1, Ordering::Release);
        state
    }

    /// The state, for who finds, and notes that it was used.
    fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A count that goes up before anything can be found no more, or something else in its place.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Counts a find that was spared, because nothing has changed.
    pub(crate) fn note_hit(&self) {
        self.ledger.hits.add_one();
    }
}

#[cfg(test)]
mod tests;
