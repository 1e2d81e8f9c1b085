//! Finding objects by their keys.
//!
//! ```text
//! find ──► written, pinned, or head at hand ──────────────────────────────► object
//!            │ no                        ▲ whoever had the turn has read it
//!            ├─► page in memory ─► head ─┤
//!            └─► turn ─► cold reader ────┘
//! ```
//!
//! What an async caller awaits here never waits for the device: that is done by the cold readers.

use std::{collections::BTreeSet, sync::Arc};

use tracing::warn;

use super::{
    Engine,
    body::Body,
    format::Role,
    head::{Finding, Head, Place},
    index::Hash48,
    record::Header,
    state::{Candidate, Why},
    stored::{ReadFailure, Record},
    table,
};
use crate::Key;

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

    /// What is known of a record whose head was read; it is kept at hand.
    pub(super) fn take_in(&self, hash: u64, candidate: &Candidate, head: Head) -> Arc<Record> {
        let Head { header, body } = head;
        let item = &candidate.item;
        let at = self.geometry.address(item.region, item.page);
        let record = Arc::new(Record::new(header, hash, at, !item.is_unverified));
        // A damaged body is met, and told, by whoever reads it.
        let body = body.and_then(|body| record.compare(body, 0).ok());
        self.look().hot.keep(candidate.hash, &record, body);
        record
    }

    /// Whether an object is older than its class may be. One from the future is young.
    pub(super) fn is_expired(&self, header: &Header) -> bool {
        let age = self.wall_seconds().saturating_sub(header.written_at);
        let ttl = self.classes.rules(header.class).ttl;
        ttl.is_some_and(|ttl| age > ttl.as_secs())
    }

    pub(super) fn place_of(&self, candidate: &Candidate) -> Place {
        let item = &candidate.item;
        let offset = self.geometry.page_offset(item.region, item.page);
        Place::of(candidate, offset)
    }

    /// What is known of the complete object of `key`; counts as a use.
    fn seek(&self, key: &Key) -> Sought {
        let hash = self.hash(key);
        let mut state = self.look();
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

    /// The object of a head, unless it is too old or one of its parts has gone.
    fn found(&self, head: Arc<Record>, candidate: Candidate) -> Option<Arc<Body>> {
        if self.is_expired(&head.header) {
            self.expire(&head);
            return None;
        }
        let hash = candidate.hash;
        let is_long = head.header.role() == Role::Head;
        if is_long && let Some(body) = self.join(&head, hash) {
            return Some(body);
        }
        let Some(parts) = self.parts_of(&head.header) else {
            self.drop_object(&head);
            return None;
        };
        let head = self.stored(candidate, head);
        let body = Arc::new(Body::found(Arc::new(head), parts));
        if is_long {
            self.look().assembled.note(hash, &body);
        }
        Some(body)
    }

    /// The object of a head, if somebody reads it already and all of it is still there.
    fn join(&self, head: &Record, hash: Hash48) -> Option<Arc<Body>> {
        let mut state = self.look();
        let body = state.assembled.find(hash)?;
        let is_it = body.stored()?.record.is_same(head);
        (is_it && state.touch_all(&body.part_links())).then_some(body)
    }

    fn find_growing(&self, key: &Key) -> Option<Arc<Body>> {
        let state = self.look();
        let body = state.table.growing(key)?;
        body.touch(state.recency.tick(), true);
        Some(body)
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
