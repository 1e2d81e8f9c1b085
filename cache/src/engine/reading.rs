//! Finding objects and reading their bytes.
//!
//! ```text
//! find ──► written, pinned, or head at hand ──────────────────────────────► object
//!            │ no                        ▲ whoever had the turn has read it
//!            ├─► page in memory ─► head ─┤
//!            └─► turn ─► cold reader ────┘
//!
//! piece ─► small and at hand ─────────────────────────────────────────────► bytes
//!            │ no
//!            ├─► checked in this run, and in memory ──────────────────────► view
//!            └─► turn ─► cold reader: read, compare with the sum ─────────► view
//! ```
//!
//! What a caller on an async thread awaits here never waits for the device: that is done by
//! the cold readers.
//!
//! Refuses: to serve what was not compared with its sum (see [`super::stored`]).

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use tracing::warn;

use super::{
    Engine,
    body::Body,
    format::Role,
    head::{Finding, Head, Place},
    record::{Header, PIECE_BYTES},
    state::{Candidate, State, Why},
    stored::{ReadFailure, Record, Stored},
    table,
};
use crate::{Error, Key};

/// Up to 256 KiB of an object on disk.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    pub(crate) source: Source,
}

impl Piece {
    const fn in_memory(bytes: Bytes) -> Self {
        Self {
            bytes,
            source: Source::Memory,
        }
    }
}

/// Where a piece came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Memory of this process.
    Memory,
    /// The page cache, at once.
    Warm,
    /// The device.
    Cold,
}

/// What is known of a key without a look at the disk.
enum Sought {
    Found(Arc<Body>),
    Unread(Candidate),
    Nothing,
}

impl Engine {
    /// Finds an object, complete or being written, and never blocks.
    pub(crate) async fn find(&self, key: &Key) -> Option<Arc<Body>> {
        let found = match self.seek(key) {
            Sought::Found(body) => Some(body),
            Sought::Unread(candidate) => {
                let head = self.read_head(&candidate).await;
                self.admit(key, candidate, head)
            }
            Sought::Nothing => None,
        };
        self.count_use(key, found)
    }

    /// The same. Blocks.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Body>> {
        let found = self.find_complete(key);
        self.count_use(key, found)
    }

    /// The complete object of `key`. Blocks while the head of its record is read, if that is not
    /// at hand.
    pub(crate) fn find_complete(&self, key: &Key) -> Option<Arc<Body>> {
        match self.seek(key) {
            Sought::Found(body) => Some(body),
            Sought::Unread(candidate) => {
                let head = self.place_of(&candidate).read(&*self.file);
                self.admit(key, candidate, head.map_err(ReadFailure::Device))
            }
            Sought::Nothing => None,
        }
    }

    /// Protects the complete object of the key of `found`.
    pub(crate) fn pin(&self, found: &Arc<Body>) -> Option<Arc<Body>> {
        let mut state = self.lock();
        if let Some(body) = state.table.pin(&found.key) {
            return Some(body);
        }
        // It may have gone or become another one since it was found.
        let is_there = found.stored().is_some() && state.holds(&found.links());
        is_there.then(|| {
            state.table.hold(found, table::Place::Disk);
            Arc::clone(found)
        })
    }

    /// The keys of complete objects that begin with `prefix`. Blocks.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<Key> {
        let mut keys = BTreeSet::new();
        let state = self.lock();
        let residents = state.table.residents().map(|(body, _)| body.key.clone());
        keys.extend(residents);
        let items: Vec<_> = state.index.iter().collect();
        let candidates: Vec<Candidate> = items
            .into_iter()
            .filter(|(_, item)| item.role != Role::Part)
            .map(|(hash, item)| state.candidate_at(hash, item))
            .collect();
        drop(state);
        for candidate in candidates {
            let header = if let Some(record) = &candidate.record {
                Some(record.header.clone())
            } else if let Ok(Finding::Head(head)) = self.place_of(&candidate).read(&*self.file) {
                Some(head.header)
            } else {
                None
            };
            let header = header.filter(|header| !self.is_expired(header));
            keys.extend(header.map(|header| header.key));
        }
        let wanted = keys
            .into_iter()
            .filter(|key| key.as_str().starts_with(prefix));
        wanted.collect()
    }

    /// One piece of an object, of which nothing is copied if it is in memory.
    pub(crate) async fn read_stored(
        &self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
        index: u64,
    ) -> Result<Piece, Error> {
        self.check_records(body).await?;
        let piece = if stored.record.is_small() {
            self.small(stored).await.map(Piece::in_memory)
        } else {
            self.view(stored, index).await
        };
        piece.map_err(|failure| self.read_failed(body, failure))
    }

    /// One piece of an object in memory of this process.
    pub(crate) async fn copy_stored(
        &self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
        index: u64,
    ) -> Result<Bytes, Error> {
        self.check_records(body).await?;
        let piece = async {
            if stored.record.is_small() {
                return self.small(stored).await;
            }
            stored.verify(|| self.check(stored)).await?;
            self.copy(stored, index).await
        };
        piece
            .await
            .map_err(|failure| self.read_failed(body, failure))
    }

    /// Has a piece read and checked before it is wanted, if nobody has to wait for that.
    pub(crate) fn read_ahead(&self, stored: &Arc<Stored>, index: u64) {
        let is_there = index * (PIECE_BYTES as u64) < stored.body_bytes();
        if !is_there || stored.is_warm(index) {
            return;
        }
        let ahead = Arc::clone(stored);
        let work = move || ahead.record.read_piece(&*ahead.file, index).map(drop);
        if self.cold.read_ahead(stored.piece_offset(index), work) {
            self.ledger.pieces_ahead.add_one();
        }
    }

    /// What is known of the complete object of `key`; counts as a use.
    fn seek(&self, key: &Key) -> Sought {
        let hash = self.hash(key);
        let mut state = self.lock();
        let candidate = state.candidate(hash);
        if let Some(body) = state.table.resident(key) {
            body.touch(state.recency.tick(), true);
            return Sought::Found(Arc::clone(body));
        }
        drop(state);
        let Some(candidate) = candidate else {
            return Sought::Nothing;
        };
        match &candidate.record {
            None => Sought::Unread(candidate),
            Some(record) if record.header.key == *key => {
                let record = Arc::clone(record);
                let found = self.found(record, candidate);
                found.map_or(Sought::Nothing, Sought::Found)
            }
            // The hash of another key is the same.
            Some(_) => Sought::Nothing,
        }
    }

    fn count_use(&self, key: &Key, complete: Option<Arc<Body>>) -> Option<Arc<Body>> {
        let found = complete.or_else(|| self.find_growing(key));
        let count = if found.is_some() {
            &self.ledger.hits
        } else {
            &self.ledger.misses
        };
        count.add_one();
        found
    }

    /// Reads the head of a record: at once if it is in memory, else by a cold reader.
    pub(super) async fn read_head(&self, candidate: &Candidate) -> Result<Finding, ReadFailure> {
        let place = self.place_of(candidate);
        let look = || {
            place
                .read_resident(&*self.file)
                .map_err(ReadFailure::Device)
        };
        match look()? {
            Finding::Wait => {}
            found @ (Finding::Head(_) | Finding::Nothing) => return Ok(found),
        }
        let turn = self.cold.turn(place.offset).await;
        match look()? {
            Finding::Wait => {}
            found @ (Finding::Head(_) | Finding::Nothing) => return Ok(found),
        }
        let file = Arc::clone(&self.file);
        let read = move || place.read(&*file).map_err(ReadFailure::Device);
        self.cold.read(turn, read).await
    }

    /// Takes the head of a record into memory; the object is found if it is that of `key`.
    fn admit(
        &self,
        key: &Key,
        candidate: Candidate,
        finding: Result<Finding, ReadFailure>,
    ) -> Option<Arc<Body>> {
        let hash = self.hash(key);
        match finding {
            Ok(Finding::Head(head)) if head.header.key == *key => {
                let record = self.take_in(hash, &candidate, *head);
                self.found(record, candidate)
            }
            // The hash of another key is the same; or the runtime is shutting down.
            Ok(Finding::Head(_) | Finding::Wait) | Err(ReadFailure::Interrupted) => None,
            Ok(Finding::Nothing) => {
                self.forget(&candidate, hash, false);
                None
            }
            Err(ReadFailure::Device(_) | ReadFailure::Damaged) => {
                self.forget(&candidate, hash, true);
                None
            }
        }
    }

    /// What is known of a record whose head was read; it is kept at hand.
    pub(super) fn take_in(&self, hash: u64, candidate: &Candidate, head: Head) -> Arc<Record> {
        let Head { header, body } = head;
        let item = &candidate.item;
        let place = (self.geometry, item.region, item.page);
        let record = Arc::new(Record::new(header, hash, place, !item.is_unverified));
        // A damaged body is met, and told, by whoever reads it.
        let body = body.and_then(|body| record.compare(body, 0).ok());
        self.lock().hot.keep(candidate.hash, &record, body);
        record
    }

    /// The object of a head, unless it is too old or one of its parts has gone.
    fn found(&self, head: Arc<Record>, candidate: Candidate) -> Option<Arc<Body>> {
        if self.is_expired(&head.header) {
            self.expire(&head);
            return None;
        }
        let Some(parts) = self.parts_of(&head.header) else {
            self.drop_object(&head);
            return None;
        };
        let head = self.stored(candidate, head);
        Some(Arc::new(Body::found(Arc::new(head), parts)))
    }

    fn find_growing(&self, key: &Key) -> Option<Arc<Body>> {
        let state = self.lock();
        let body = state.table.growing(key)?;
        body.touch(state.recency.tick(), true);
        Some(body)
    }

    /// Whether an object is older than its class may be. One from the future is young.
    pub(super) fn is_expired(&self, header: &Header) -> bool {
        let age = self.wall_seconds().saturating_sub(header.written_at);
        let ttl = self.classes.rules(header.class).ttl;
        ttl.is_some_and(|ttl| age > ttl.as_secs())
    }

    fn expire(&self, head: &Record) {
        let mut state = self.lock();
        if let Some(item) = state.remove(head.hash, head.region, head.page) {
            state.kill(&item, Why::Dropped);
            self.ledger.expired.add_one();
            self.work.notify_one();
        }
        drop(state);
        self.forget_parts(&head.header);
    }

    pub(super) fn place_of(&self, candidate: &Candidate) -> Place {
        let item = &candidate.item;
        let offset = self.geometry.page_offset(item.region, item.page);
        Place::of(candidate, offset)
    }

    /// The body of a small object: from memory, or into it by one read.
    async fn small(&self, stored: &Arc<Stored>) -> Result<Bytes, ReadFailure> {
        if let Some(kept) = self.small_at_hand(&stored.record) {
            return Ok(kept);
        }
        let body = self.copy(stored, 0).await?;
        let mut state = self.lock();
        let hash = state.index.hash(stored.record.hash);
        state.hot.keep(hash, &stored.record, Some(body.clone()));
        Ok(body)
    }

    fn small_at_hand(&self, record: &Record) -> Option<Bytes> {
        let mut state = self.lock();
        let hash = state.index.hash(record.hash);
        state.hot.body(hash, record)
    }

    /// A piece as the page cache holds it, once it is known to be right.
    async fn view(&self, stored: &Arc<Stored>, index: u64) -> Result<Piece, ReadFailure> {
        stored.verify(|| self.check(stored)).await?;
        let source = self.warm(stored, index).await?;
        let count = match source {
            Source::Cold => &self.ledger.pieces_cold,
            Source::Memory | Source::Warm => &self.ledger.pieces_warm,
        };
        count.add_one();
        match stored.view(index) {
            Ok(bytes) => Ok(Piece { bytes, source }),
            // There is no room for another mapping.
            Err(_) => self.copy(stored, index).await.map(Piece::in_memory),
        }
    }

    /// Checks all of a body, piece by piece, so that others may read between.
    pub(super) async fn check(&self, stored: &Arc<Stored>) -> Result<(), ReadFailure> {
        for index in 0..stored.record.header.sums.len() as u64 {
            self.warm(stored, index).await?;
        }
        Ok(())
    }

    /// Has a piece read and compared with its sum, unless that was done and it is in memory.
    async fn warm(&self, stored: &Arc<Stored>, index: u64) -> Result<Source, ReadFailure> {
        if stored.is_warm(index) {
            return Ok(Source::Warm);
        }
        let turn = self.cold.turn(stored.piece_offset(index)).await;
        if stored.is_warm(index) {
            return Ok(Source::Cold);
        }
        let cold = Arc::clone(stored);
        let read = move || cold.record.read_piece(&*cold.file, index).map(drop);
        self.cold.read(turn, read).await?;
        Ok(Source::Cold)
    }

    /// A piece in memory of this process, compared with its sum.
    async fn copy(&self, stored: &Arc<Stored>, index: u64) -> Result<Bytes, ReadFailure> {
        if let Some(piece) = stored.record.read_resident(&*stored.file, index)? {
            return Ok(piece);
        }
        let turn = self.cold.turn(stored.piece_offset(index)).await;
        if let Some(piece) = stored.record.read_resident(&*stored.file, index)? {
            return Ok(piece);
        }
        let cold = Arc::clone(stored);
        let read = move || cold.record.read_piece(&*cold.file, index);
        self.cold.read(turn, read).await
    }

    /// Counts a failed read, drops the object, and returns the error.
    pub(super) fn read_failed(&self, body: &Arc<Body>, failure: ReadFailure) -> Error {
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
        // One that still grows could not be completed.
        let aborted = body.abort();
        state.forget_links(&aborted);
        self.lose(&mut state, body, &error);
        error
    }

    /// Forgets an object that cannot be read.
    fn lose(&self, state: &mut State, body: &Body, error: &Error) {
        state.forget_links(&body.part_links());
        let Some(head) = body.stored() else {
            return;
        };
        let Record { region, page, .. } = *head.record;
        if let Some(item) = state.remove(body.hash, region, page) {
            warn!(key = %body.key, %error, "dropped an object that cannot be read");
            state.kill(&item, Why::Dropped);
            self.work.notify_one();
        }
    }

    /// Forgets a record whose head cannot be had.
    fn forget(&self, candidate: &Candidate, hash: u64, is_failure: bool) {
        let item = &candidate.item;
        let mut state = self.lock();
        let is_there = state.remove(hash, item.region, item.page).is_some();
        if is_there {
            state.kill(item, Why::Dropped);
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
}
