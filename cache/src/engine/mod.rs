//! The region log: one reserved file or device, written from front to back by one thread.
//!
//! ```text
//! append ──► chunks in memory ──commit──► queue ──► weir-store ──► open region of its stream
//!                  │                                                   │ full: sync, seal
//!               readers ◄───────────── 256 KiB, summed ────────── sealed regions
//!                                                                      │ room needed
//!                                 open region of the reinserted ◄── oldest of the lowest class
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
//! Refuses: objects longer than a region.

mod body;
mod claim;
mod format;
mod ghost;
mod hash;
mod index;
mod keeper;
mod ledger;
mod log;
mod recency;
mod reclaim;
mod record;
mod recovery;
mod regions;
mod state;
mod stored;
mod table;

use std::{
    collections::BTreeSet,
    panic::resume_unwind,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use tracing::warn;
use weir_hal::{Clock, Disk, File};

pub(crate) use self::{
    body::{Body, Sight},
    record::PIECE_BYTES,
    regions::Lease,
    stored::Stored,
};
use self::{
    claim::Claim,
    format::Geometry,
    hash::Secret,
    keeper::Keeper,
    ledger::Ledger,
    record::METADATA_BYTES_MAX,
    regions::Use,
    state::{Candidate, State, Why},
    stored::{ReadFailure, Record},
};
use crate::{Class, Config, Counters, Error, Key};

/// How long what was written may stay undurable.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

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
        let engine = Arc::new(Engine {
            clock,
            file: Arc::clone(&claim.file),
            geometry,
            secret: claim.told.secret,
            ledger: Ledger::new(config.memory_bytes_max as u64),
            state: Mutex::new(State::new(geometry)),
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
        let keeper = Keeper::new(Arc::clone(&engine), log);
        running.spawn("weir-store", move || keeper.run())?;
        running.spawn("weir-store-tick", move || engine.tick())?;
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
    file: Arc<dyn File>,
    geometry: Geometry,
    secret: Secret,
    ledger: Ledger,
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes those who wait for a flush.
    progress: Condvar,
    /// Wakes the thread that ticks when the store is closed.
    closing: Condvar,
}

impl Engine {
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
        let name = (key.clone(), self.hash(key));
        let body = Arc::new(Body::growing(name, class, metadata, charge));
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Closed);
        }
        state.table.begin(&body);
        Ok(body)
    }

    pub(crate) fn commit(&self, body: &Arc<Body>) -> Result<(), Error> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Closed);
        }
        body.finish();
        state.table.commit(body);
        state.recency.pass(body.bytes().unwrap_or(0));
        drop(state);
        self.ledger.commits.add_one();
        self.work.notify_one();
        Ok(())
    }

    pub(crate) fn abort(&self, body: &Arc<Body>) {
        self.lock().table.end(body);
        self.ledger.aborts.add_one();
        body.abort();
    }

    /// Counts a refusal and returns its error.
    pub(crate) fn refuse_memory(&self) -> Error {
        self.ledger.refused_no_memory.add_one();
        Error::NoMemory
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Body>> {
        let body = self
            .find_complete(key)
            .or_else(|| self.lock().table.growing(key));
        let count = if body.is_some() {
            &self.ledger.hits
        } else {
            &self.ledger.misses
        };
        count.add_one();
        body
    }

    pub(crate) fn pin(&self, key: &Key) -> Option<Arc<Body>> {
        let found = self.find_complete(key)?;
        let mut state = self.lock();
        if let Some(body) = state.table.pin(key) {
            return Some(body);
        }
        // It may have gone or become another one while its head was read.
        let record = &found.stored()?.record;
        let item = state.item_of(record.hash)?;
        item.is_at(record.region, record.page).then(|| {
            state.table.hold(&found, table::Place::Disk);
            found
        })
    }

    pub(crate) fn unpin(&self, body: &Arc<Body>) {
        let mut state = self.lock();
        if state.table.unpin(body) {
            state.drop_record(body.hash);
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
        drop(state);
        if is_resident || is_stored {
            self.ledger.evictions.add_one();
            self.work.notify_one();
        }
        is_resident || is_stored
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<Key> {
        let mut keys = BTreeSet::new();
        let mut state = self.lock();
        let residents = state.table.residents().map(|(body, _)| body.key.clone());
        keys.extend(residents);
        let items: Vec<_> = state.index.iter().collect();
        let candidates: Vec<Candidate> = items
            .into_iter()
            .map(|(hash, item)| state.candidate_at(hash, item))
            .collect();
        drop(state);
        for candidate in candidates {
            if let Ok(Some(record)) = self.record_at(&candidate, None) {
                keys.insert(record.header.key.clone());
            }
        }
        let wanted = keys
            .into_iter()
            .filter(|key| key.as_str().starts_with(prefix));
        wanted.collect()
    }

    pub(crate) fn counters(&self) -> Counters {
        let ledger = &self.ledger;
        let state = self.lock();
        Counters {
            objects: state.objects(),
            bytes: state.record_bytes,
            bytes_max: u64::from(self.geometry.regions) * self.geometry.region_bytes,
            memory_bytes: ledger.memory.used(),
            memory_bytes_max: ledger.memory.bytes_max(),
            index_bytes: state.index.memory_bytes() as u64,
            regions: self.geometry.regions.into(),
            regions_used: state.regions_used(),
            regions_bad: state.regions.count(Use::Bad) as u64,
            is_offline: state.is_offline,
            hits: ledger.hits.value(),
            misses: ledger.misses.value(),
            commits: ledger.commits.value(),
            aborts: ledger.aborts.value(),
            evictions: ledger.evictions.value(),
            reinsertions: ledger.reinsertions.value(),
            read_errors: ledger.read_errors.value(),
            write_errors: ledger.write_errors.value(),
            refused_no_space: ledger.refused_no_space.value(),
            refused_no_memory: ledger.refused_no_memory.value(),
            recovered: ledger.recovered.value(),
            discarded: ledger.discarded.value(),
            syncs: ledger.syncs.value(),
            bytes_admitted: ledger.bytes_admitted.value(),
            bytes_written: ledger.bytes_written.value(),
        }
    }

    pub(crate) fn flush(&self, within: Duration) -> bool {
        let mut state = self.lock();
        let flush = state.table.ask_flush();
        self.work.notify_one();
        let (state, _) = self
            .progress
            .wait_timeout_while(state, within, |state| !state.table.is_done(flush))
            .unwrap_or_else(PoisonError::into_inner);
        state.table.is_done(flush) && !state.table.has_doomed() && !state.is_offline
    }

    /// Reads one piece of an object, off the async threads if that takes a wait.
    pub(crate) async fn read_stored(
        &self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
        index: u64,
    ) -> Result<Bytes, Error> {
        let piece = stored.read(index).await;
        piece.map_err(|failure| self.read_failed(body, stored, failure))
    }

    /// Counts a failed read, drops the object, and returns the error.
    fn read_failed(&self, body: &Arc<Body>, stored: &Stored, failure: ReadFailure) -> Error {
        let key = body.key.clone();
        let error = match failure {
            ReadFailure::Interrupted => return Error::Closed,
            ReadFailure::Device(source) => Error::Read { key, source },
            ReadFailure::Damaged => Error::Damaged { key },
        };
        self.ledger.read_errors.add_one();
        let mut state = self.lock();
        if state.table.is_current(body) {
            state.table.remove(&body.key);
        }
        self.lose(&mut state, &stored.record, &error);
        error
    }

    /// Forgets a record that cannot be read.
    fn lose(&self, state: &mut State, record: &Record, error: &Error) {
        let Record { region, page, .. } = *record;
        if state.remove(record.hash, region, page).is_some() {
            warn!(key = %record.header.key, %error, "dropped an object that cannot be read");
            state.kill(region, page, Why::Dropped);
            self.work.notify_one();
        }
    }

    /// The complete object of `key`. Blocks while the head of its record is read, if that is not
    /// at hand.
    fn find_complete(&self, key: &Key) -> Option<Arc<Body>> {
        let hash = self.hash(key);
        let mut state = self.lock();
        let candidate = state.candidate(hash);
        if let Some(body) = state.table.resident(key) {
            return Some(Arc::clone(body));
        }
        drop(state);
        let candidate = candidate?;
        match self.record_at(&candidate, Some(hash)) {
            Ok(Some(record)) if record.header.key == *key => {
                self.lock().keep_hot(candidate.hash, &record);
                let stored = Stored {
                    record,
                    file: Arc::clone(&self.file),
                    lease: candidate.lease,
                };
                Some(Arc::new(Body::found(Arc::new(stored))))
            }
            // The hash of another key is the same.
            Ok(Some(_)) => None,
            outcome => {
                self.forget(&candidate, hash, outcome.is_err());
                None
            }
        }
    }

    /// Reads the head of a record. `None` is damage, or a record that was killed.
    fn record_at(
        &self,
        candidate: &Candidate,
        hash: Option<u64>,
    ) -> Result<Option<Arc<Record>>, weir_hal::Error> {
        if let Some(record) = &candidate.record {
            return Ok(Some(Arc::clone(record)));
        }
        let item = &candidate.item;
        let place = (self.geometry, item.region, item.page);
        let header = Record::read_header(&*self.file, place, Some(candidate.generation))?;
        let is_right =
            |header: &record::Header| !header.is_dead && header.pages() == Some(item.pages);
        Ok(header.filter(is_right).map(|header| {
            let hash = hash.unwrap_or_else(|| self.hash(&header.key));
            Arc::new(Record::new(header, hash, place, !item.is_unverified))
        }))
    }

    /// Forgets a record whose head cannot be had.
    fn forget(&self, candidate: &Candidate, hash: u64, is_failure: bool) {
        let item = &candidate.item;
        let mut state = self.lock();
        let is_there = state.remove(hash, item.region, item.page).is_some();
        if is_there {
            state.kill(item.region, item.page, Why::Dropped);
        }
        drop(state);
        if is_there || is_failure {
            self.ledger.read_errors.add_one();
            warn!(
                region = item.region,
                page = item.page,
                "dropped a record that cannot be read"
            );
        }
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
