//! Objects of several records: a head, and the parts that precede it.
//!
//! ```text
//! writer: append ──► memory short, or the object long? ──► cut a part ──► queue ──► a record
//!         commit ──► the rest ─────────────────────────────────────────► queue ──► the head
//! reader: head ──► its parts by their keys, all of them, or the object is gone
//! ```
//!
//! Parts are records like any other to the index, the regions and the reclaim. What makes them an
//! object is the head alone: without it they are forgotten, at the next start as well; if one of
//! them has gone, the head is dropped and the object with it.
//!
//! Refuses: more than 1,024 parts. What is longer stays in memory while it is pinned.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Engine,
    body::Body,
    chunks::Chunks,
    format::Role,
    head::Finding,
    record::{Header, PIECE_BYTES},
    state::{Candidate, Why},
    stored::{ReadFailure, Record, Stored},
};
use crate::{Error, Key};

/// Bytes of the shortest part that is cut while memory is half full, so that parts stay few.
const PART_BYTES_MIN: u64 = 1 << 20;

/// Some bytes of an object that are, or will be, a record of their own.
#[derive(Debug)]
pub(super) struct Part {
    /// The offset in the object of the first byte behind it.
    pub(super) end: u64,
    pub(super) place: Place,
}

impl Part {
    pub(super) const fn chunks(&self) -> Option<&Arc<Chunks>> {
        match &self.place {
            Place::Memory(chunks) => Some(chunks),
            Place::Told(..) | Place::Disk(_) => None,
        }
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        match &self.place {
            Place::Told(_, candidate) => candidate.item.is_unverified,
            Place::Memory(_) | Place::Disk(_) => false,
        }
    }

    pub(super) fn link(&self) -> Option<Link> {
        match &self.place {
            Place::Memory(_) => None,
            Place::Told(hash, candidate) => Some(Link {
                hash: *hash,
                region: candidate.item.region,
                page: candidate.item.page,
                pages: candidate.item.pages,
                record: candidate.record.clone(),
            }),
            Place::Disk(stored) => Some(Link::of(stored)),
        }
    }
}

/// Where a part is.
#[derive(Debug)]
pub(super) enum Place {
    /// In memory, on its way to disk.
    Memory(Arc<Chunks>),
    /// On disk, under this hash; what its record tells has not been read yet.
    Told(u64, Candidate),
    /// On disk.
    Disk(Arc<Stored>),
}

/// A record of an object, by its place.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) hash: u64,
    pub(super) region: u32,
    pub(super) page: u32,
    pub(super) pages: u32,
    /// What is known of it, if that is at hand.
    pub(super) record: Option<Arc<Record>>,
}

impl Link {
    pub(super) fn of(stored: &Stored) -> Self {
        let record = &stored.record;
        Self {
            hash: record.hash,
            region: record.region,
            page: record.page,
            pages: record.header.pages().unwrap_or(0),
            record: Some(Arc::clone(record)),
        }
    }
}

impl Engine {
    /// Adds bytes to an object, and has a part of it written if it is time for that.
    pub(crate) fn append(&self, body: &Arc<Body>, bytes: Bytes) -> Result<(), Error> {
        let Some(held_bytes) = body.append(bytes) else {
            return Err(if body.is_growing() {
                self.refuse_memory()
            } else {
                Error::Aborted
            });
        };
        self.spill(body, held_bytes);
        Ok(())
    }

    /// Has a part written of an object that holds so much, if it is time for that.
    pub(super) fn spill(&self, body: &Arc<Body>, held_bytes: u64) {
        if self.is_part_due(body, held_bytes) && body.cut(self.part_bytes_max()) {
            self.lock().table.queue_part(body);
            self.work.notify_one();
        }
    }

    /// Bytes of the longest part: so few of a region that little of its end is left over.
    pub(super) const fn part_bytes_max(&self) -> u64 {
        self.geometry.region_bytes / 4
    }

    /// Whether an object that holds so much should let go of it.
    fn is_part_due(&self, body: &Body, held_bytes: u64) -> bool {
        let (used, all) = (self.ledger.memory.used(), self.ledger.memory.bytes_max());
        if used <= all / 2 {
            return held_bytes >= self.part_bytes_max() && self.judge(body).is_ok();
        }
        let enough = if used > all / 4 * 3 {
            PIECE_BYTES as u64
        } else {
            PART_BYTES_MIN
        };
        held_bytes >= enough.min(self.part_bytes_max())
    }

    /// Finds the parts of an object, and counts that as their use. `None` if one has gone.
    pub(super) fn parts_of(&self, header: &Header) -> Option<Vec<Part>> {
        let hashes = self.part_hashes(header);
        let mut end = 0;
        let mut state = self.lock();
        let parts = hashes.iter().zip(&header.chain.part_bytes);
        let found = parts.map(|(hash, bytes)| {
            end += u64::from(*bytes);
            let place = Place::Told(*hash, state.candidate(*hash)?);
            Some(Part { end, place })
        });
        found.collect()
    }

    /// Looks up a part that is about to be read.
    pub(crate) async fn open_part(&self, body: &Arc<Body>, number: u32) -> Result<(), Error> {
        let Some((hash, candidate, bytes)) = body.part_told(number) else {
            return Ok(());
        };
        let record = match &candidate.record {
            Some(record) => Ok(Arc::clone(record)),
            None => match self.read_head(&candidate).await {
                Ok(Finding::Head(head)) => Ok(self.take_in(hash, &candidate, *head)),
                Ok(Finding::Nothing) => Err(ReadFailure::Damaged),
                Ok(Finding::Wait) => Err(ReadFailure::Interrupted),
                Err(failure) => Err(failure),
            },
        };
        let key = Key::of_part(body.birth, number);
        let record = record.and_then(|record| {
            let Header {
                key: part_key,
                metadata: owner,
                body_bytes,
                ..
            } = &record.header;
            let is_it =
                *part_key == key && *body_bytes == bytes && owner == body.key.as_str().as_bytes();
            is_it.then_some(record).ok_or(ReadFailure::Damaged)
        });
        let record = record.map_err(|failure| self.read_failed(body, failure))?;
        body.resolve_part(number, Arc::new(self.stored(candidate, record)));
        Ok(())
    }

    /// Compares the head and all parts of an object with their sums, if one of them is in doubt.
    pub(super) async fn check_records(&self, body: &Arc<Body>) -> Result<(), Error> {
        let check = || async {
            for number in (0..).take(body.part_bytes().len()) {
                self.open_part(body, number).await?;
            }
            for stored in body.all_stored() {
                let verified = stored.verify(|| self.check(&stored)).await;
                verified.map_err(|failure| self.read_failed(body, failure))?;
            }
            Ok(())
        };
        body.checked.get_or_try_init(check).await.copied()
    }

    /// A record that somebody is about to read.
    pub(super) fn stored(&self, candidate: Candidate, record: Arc<Record>) -> Stored {
        Stored {
            record,
            file: Arc::clone(&self.file),
            lease: candidate.lease,
        }
    }

    /// Forgets what belongs to a record that has gone: the parts of a head; the head of a part,
    /// and all other parts with it. Blocks.
    pub(super) fn break_chain(&self, header: &Header) {
        match header.role() {
            Role::Whole => {}
            Role::Head => {
                let current = self.head_of(&header.key);
                // A copy of the same head may have taken its place.
                if current.is_none_or(|head| head.header.chain.birth != header.chain.birth) {
                    self.forget_parts(header);
                }
            }
            Role::Part => self.drop_head(header),
        }
    }

    /// Drops the object of a part that has gone.
    fn drop_head(&self, part: &Header) {
        let name = str::from_utf8(&part.metadata).ok().and_then(Key::new);
        let (Some((birth, _)), Some(key)) = (part.key.part(), name) else {
            return;
        };
        if let Some(head) = self
            .head_of(&key)
            .filter(|head| head.header.chain.birth == birth)
        {
            self.drop_object(&head);
        }
    }

    /// Drops an object, by its head: one of its parts has gone.
    pub(super) fn drop_object(&self, head: &Record) {
        let mut state = self.lock();
        if let Some(item) = state.remove(head.hash, head.region, head.page) {
            state.kill(&item, Why::Dropped);
            state.ghost.note(head.hash);
            self.ledger.evictions.add_one();
        }
        drop(state);
        self.forget_parts(&head.header);
    }

    /// The head in the index under a key.
    fn head_of(&self, key: &Key) -> Option<Arc<Record>> {
        let hash = self.hash(key);
        let state = self.lock();
        let item = state.item_of(hash).filter(|item| item.role == Role::Head)?;
        let index_hash = state.index.hash(hash);
        let candidate = state.candidate_at(index_hash, item);
        drop(state);
        let record = match &candidate.record {
            Some(record) => Some(Arc::clone(record)),
            None => match self.place_of(&candidate).read(&*self.file) {
                Ok(Finding::Head(head)) => Some(self.take_in(hash, &candidate, *head)),
                Ok(Finding::Nothing | Finding::Wait) | Err(_) => None,
            },
        };
        record.filter(|record| record.header.key == *key)
    }

    pub(super) fn forget_parts(&self, header: &Header) {
        let hashes = self.part_hashes(header);
        let mut state = self.lock();
        for hash in hashes {
            state.forget(hash);
        }
    }

    /// The hashes on disk of the parts of a head.
    pub(super) fn part_hashes(&self, header: &Header) -> Vec<u64> {
        header.chain.keys().map(|key| self.hash(&key)).collect()
    }
}
