//! One object from its first byte to its place on disk, as writer, readers and engine share it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, futures::Notified};

use super::{ledger::Charge, stored::Stored};
use crate::{Class, Key};

/// Charged for each object in memory beyond its bytes: the structures that hold it.
const OBJECT_OVERHEAD_BYTES: usize = 512;
/// Charged for each chunk in memory beyond its bytes, so that a trickle of single bytes is bounded.
const CHUNK_OVERHEAD_BYTES: usize = 64;

/// One object. Its life goes only forward: growing, whole in memory, on disk; or aborted.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) key: Key,
    pub(crate) class: Class,
    pub(crate) metadata: Bytes,
    /// The hash of the key on disk.
    pub(super) hash: u64,
    state: Mutex<State>,
    /// Wakes the readers whenever `state` changes.
    progress: Notify,
}

#[derive(Debug)]
enum State {
    Growing(Chunks),
    Whole(Arc<Chunks>),
    Stored(Arc<Stored>),
    Aborted,
}

/// What a reader finds at an offset.
#[derive(Debug)]
pub(crate) enum Sight {
    /// These bytes, from memory.
    Bytes(Bytes),
    /// These bytes are on disk.
    Stored(Arc<Stored>),
    /// Nothing yet.
    Nothing,
    /// The end of a complete object.
    End,
    /// There will never be more.
    Aborted,
}

impl Body {
    /// Bytes of the memory budget that an object takes before its first byte.
    pub(crate) fn overhead_bytes(key: &Key, metadata: &Bytes) -> u64 {
        (OBJECT_OVERHEAD_BYTES + key.as_str().len() + metadata.len()) as u64
    }

    /// An object without a byte, paid for by `charge`.
    pub(super) fn growing(
        (key, hash): (Key, u64),
        class: Class,
        metadata: Bytes,
        charge: Charge,
    ) -> Self {
        let chunks = Chunks {
            parts: Vec::new(),
            charge,
        };
        Self::new((key, hash), class, metadata, State::Growing(chunks))
    }

    /// An object that was found on disk.
    pub(super) fn found(stored: Arc<Stored>) -> Self {
        let header = &stored.record.header;
        let (key, hash) = (header.key.clone(), stored.record.hash);
        let (class, metadata) = (header.class, header.metadata.clone());
        Self::new((key, hash), class, metadata, State::Stored(stored))
    }

    fn new((key, hash): (Key, u64), class: Class, metadata: Bytes, state: State) -> Self {
        Self {
            key,
            class,
            metadata,
            hash,
            state: Mutex::new(state),
            progress: Notify::new(),
        }
    }

    /// Adds bytes at the end of a growing object. Returns false if memory is full.
    pub(crate) fn append(&self, bytes: Bytes) -> bool {
        let is_taken = match &mut *self.lock() {
            State::Growing(chunks) => chunks.push(bytes),
            State::Whole(_) | State::Stored(_) | State::Aborted => false,
        };
        self.progress.notify_waiters();
        is_taken
    }

    /// Ends a growing object well: from now on it is whole in memory.
    pub(crate) fn finish(&self) {
        self.advance(|state| match state {
            State::Growing(chunks) => State::Whole(Arc::new(chunks)),
            State::Whole(_) | State::Stored(_) | State::Aborted => state,
        });
    }

    /// Ends a growing object badly.
    pub(crate) fn abort(&self) {
        self.advance(|state| match state {
            State::Growing(_) => State::Aborted,
            State::Whole(_) | State::Stored(_) | State::Aborted => state,
        });
    }

    /// The record of an object that is on disk.
    pub(super) fn stored(&self) -> Option<Arc<Stored>> {
        match &*self.lock() {
            State::Stored(stored) => Some(Arc::clone(stored)),
            State::Growing(_) | State::Whole(_) | State::Aborted => None,
        }
    }

    /// Moves a whole object from memory to disk, or to another place on disk.
    pub(crate) fn store(&self, stored: Arc<Stored>) {
        self.advance(|_| State::Stored(stored));
    }

    /// The chunks of an object that is whole in memory.
    pub(crate) fn chunks(&self) -> Option<Arc<Chunks>> {
        match &*self.lock() {
            State::Whole(chunks) => Some(Arc::clone(chunks)),
            State::Growing(_) | State::Stored(_) | State::Aborted => None,
        }
    }

    /// Bytes of a complete object.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match &*self.lock() {
            State::Whole(chunks) => Some(chunks.bytes()),
            State::Stored(stored) => Some(stored.body_bytes()),
            State::Growing(_) | State::Aborted => None,
        }
    }

    /// What there is to read from `offset` on.
    pub(crate) fn look(&self, offset: u64) -> Sight {
        match &*self.lock() {
            State::Growing(chunks) => chunks.at(offset).map_or(Sight::Nothing, Sight::Bytes),
            State::Whole(chunks) => chunks.at(offset).map_or(Sight::End, Sight::Bytes),
            State::Stored(stored) if offset < stored.body_bytes() => {
                Sight::Stored(Arc::clone(stored))
            }
            State::Stored(_) => Sight::End,
            State::Aborted => Sight::Aborted,
        }
    }

    /// Resolves at the next change after this call, even if it is awaited only later.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.progress.notified()
    }

    fn advance(&self, step: impl FnOnce(State) -> State) {
        let mut state = self.lock();
        *state = step(std::mem::replace(&mut *state, State::Aborted));
        drop(state);
        self.progress.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of an object in memory, paid for as long as they are held.
#[derive(Debug)]
pub(crate) struct Chunks {
    /// Non-empty chunks, each with the offset of its end.
    parts: Vec<(u64, Bytes)>,
    charge: Charge,
}

impl Chunks {
    pub(crate) fn bytes(&self) -> u64 {
        self.parts.last().map_or(0, |(end, _)| *end)
    }

    /// The chunks in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.parts.iter().map(|(_, bytes)| bytes)
    }

    /// The rest of the chunk that holds `offset`.
    fn at(&self, offset: u64) -> Option<Bytes> {
        let index = self.parts.partition_point(|(end, _)| *end <= offset);
        let (end, bytes) = self.parts.get(index)?;
        // What is left of the chunk fits a usize because the chunk does.
        let left = usize::try_from(end - offset).ok()?;
        Some(bytes.slice(bytes.len() - left..))
    }

    fn push(&mut self, bytes: Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let is_taken = self
            .charge
            .grow((bytes.len() + CHUNK_OVERHEAD_BYTES) as u64);
        if is_taken {
            self.parts.push((self.bytes() + bytes.len() as u64, bytes));
        }
        is_taken
    }
}
