//! One object from its first byte to its place on disk, as writer, readers and engine share it.
//!
//! ```text
//! part 0 │ part 1 │ … │ the rest: chunks in memory, in the end the body of the head
//! ```
//!
//! What is long, or grows while memory is short, is cut from the front into parts, each of which
//! goes to disk as a record of its own while the rest still grows. Readers do not see the seams.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OnceCell, futures::Notified};

use super::{
    chunks::Chunks,
    index::USES_MAX,
    ledger::Charge,
    parts::{Link, Part, Place},
    record::PARTS_MAX,
    state::Candidate,
    stored::{Record, Stored},
};
use crate::{Class, Key};

/// Charged for each object in memory beyond its bytes: the structures that hold it.
const OBJECT_OVERHEAD_BYTES: usize = 512;

/// One object. Its life goes only forward: growing, whole in memory, on disk; or aborted.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) key: Key,
    pub(crate) class: Class,
    pub(crate) metadata: Bytes,
    /// The hash of the key on disk.
    pub(super) hash: u64,
    /// Tells the parts of this object from those of all others that the store ever held.
    pub(super) birth: u64,
    /// Set when no record of it is in doubt: after an unclean stop they are compared with their
    /// sums before the first byte is read.
    pub(super) checked: OnceCell<()>,
    last_use: Mutex<LastUse>,
    state: Mutex<State>,
    /// Wakes the readers whenever `state` changes.
    progress: Notify,
}

/// By what one object is told from all others.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) key: Key,
    /// The hash of the key on disk.
    pub(super) hash: u64,
    pub(super) birth: u64,
}

/// How an object was used before it got its place in the index.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastUse {
    /// In ticks of [`super::recency::Recency`]; of the commit, if there was none since.
    pub(super) tick: u16,
    pub(super) uses: u8,
}

#[derive(Debug)]
struct State {
    /// What was cut off the front, in order.
    parts: Vec<Part>,
    /// Whether the disk takes parts of it.
    may_spill: bool,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
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
    /// These bytes are on disk: so far from the start of the body of that record.
    Stored(Arc<Stored>, u64),
    /// They are on disk, in a part of this number that is to be looked up first.
    Told(u32),
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
    pub(super) fn growing(name: Name, class: Class, metadata: Bytes, charge: Charge) -> Self {
        let rest = Rest::Growing(Chunks::new(charge));
        Self::new(name, class, metadata, Vec::new(), rest)
    }

    /// An object that was found on disk.
    pub(super) fn found(head: Arc<Stored>, parts: Vec<Part>) -> Self {
        let header = &head.record.header;
        let name = Name {
            key: header.key.clone(),
            hash: head.record.hash,
            birth: header.chain.birth,
        };
        let (class, metadata) = (header.class, header.metadata.clone());
        let is_checked = head.record.is_verified() && !parts.iter().any(Part::is_in_doubt);
        let body = Self::new(name, class, metadata, parts, Rest::Stored(head));
        Self {
            checked: OnceCell::new_with(is_checked.then_some(())),
            ..body
        }
    }

    fn new(name: Name, class: Class, metadata: Bytes, parts: Vec<Part>, rest: Rest) -> Self {
        let Name { key, hash, birth } = name;
        let state = State {
            parts,
            may_spill: true,
            rest,
        };
        Self {
            key,
            class,
            metadata,
            hash,
            birth,
            checked: OnceCell::new_with(Some(())),
            last_use: Mutex::default(),
            state: Mutex::new(state),
            progress: Notify::new(),
        }
    }

    /// Notes that the object was asked for, or committed.
    pub(super) fn touch(&self, tick: u16, is_use: bool) {
        let mut last = self.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        last.tick = tick;
        last.uses = last.uses.saturating_add(u8::from(is_use)).min(USES_MAX);
    }

    pub(super) fn last_use(&self) -> LastUse {
        *self.last_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds bytes at the end of a growing object. Returns how many there are now that belong to
    /// no part yet, or `None` if memory is full.
    pub(super) fn append(&self, bytes: Bytes) -> Option<u64> {
        let held = match &mut self.lock().rest {
            Rest::Growing(chunks) => chunks.push(bytes).then(|| chunks.bytes()),
            Rest::Whole(_) | Rest::Stored(_) | Rest::Aborted => None,
        };
        self.progress.notify_waiters();
        held
    }

    /// Bytes of a growing object that belong to no part yet.
    pub(super) fn held_bytes(&self) -> u64 {
        match &self.lock().rest {
            Rest::Growing(chunks) => chunks.bytes(),
            Rest::Whole(_) | Rest::Stored(_) | Rest::Aborted => 0,
        }
    }

    /// Cuts a part of at most `bytes_max` off a growing object, unless one is on its way already.
    pub(super) fn cut(&self, bytes_max: u64) -> bool {
        let mut state = self.lock();
        let is_busy = matches!(state.parts.last(), Some(part) if part.chunks().is_some());
        state.may_spill && !is_busy && state.cut(bytes_max)
    }

    /// Cuts no more parts off while the object grows: the disk does not take them.
    pub(super) fn stop_spilling(&self) {
        self.lock().may_spill = false;
    }

    /// Ends a growing object well: from now on it is whole in memory. What is longer than
    /// `bytes_max` is cut into parts.
    pub(super) fn finish(&self, bytes_max: u64) {
        let mut state = self.lock();
        while state.is_longer(bytes_max) && state.cut(bytes_max) {}
        drop(state);
        self.advance(|rest| match rest {
            Rest::Growing(chunks) => Rest::Whole(Arc::new(chunks)),
            Rest::Whole(_) | Rest::Stored(_) | Rest::Aborted => rest,
        });
    }

    /// Ends a growing object badly. Returns its parts on disk, which it lets go of.
    pub(super) fn abort(&self) -> Vec<Link> {
        let mut state = self.lock();
        if !matches!(state.rest, Rest::Growing(_)) {
            return Vec::new();
        }
        state.rest = Rest::Aborted;
        let parts = std::mem::take(&mut state.parts);
        drop(state);
        self.progress.notify_waiters();
        parts.iter().filter_map(Part::link).collect()
    }

    /// Whether its writer may go on.
    pub(super) fn is_growing(&self) -> bool {
        matches!(self.lock().rest, Rest::Growing(_))
    }

    /// The head of an object that is on disk.
    pub(super) fn stored(&self) -> Option<Arc<Stored>> {
        match &self.lock().rest {
            Rest::Stored(stored) => Some(Arc::clone(stored)),
            Rest::Growing(_) | Rest::Whole(_) | Rest::Aborted => None,
        }
    }

    /// Moves a whole object from memory to disk.
    pub(super) fn store(&self, head: Arc<Stored>) {
        self.advance(|_| Rest::Stored(head));
    }

    /// Moves a part from memory to disk. Returns false if the object has been aborted.
    pub(super) fn store_part(&self, number: u32, stored: Arc<Stored>) -> bool {
        let mut state = self.lock();
        let part = state.parts.get_mut(number as usize);
        let is_wanted = part.is_some();
        if let Some(part) = part {
            part.place = Place::Disk(stored);
        }
        drop(state);
        self.progress.notify_waiters();
        is_wanted
    }

    /// Notes what is known of a part that has been looked up, unless it is elsewhere by now.
    pub(super) fn resolve_part(&self, number: u32, stored: Arc<Stored>) {
        let mut state = self.lock();
        if let Some(part) = state.parts.get_mut(number as usize)
            && let Place::Told(_, candidate) = &part.place
            && stored
                .record
                .is_at(candidate.item.region, candidate.item.page)
        {
            part.place = Place::Disk(stored);
        }
    }

    /// Puts a record that was carried elsewhere in the place of its original.
    pub(super) fn relocate(&self, original: &Record, copy: Arc<Stored>) {
        let mut state = self.lock();
        let is_original = |region, page| original.is_at(region, page);
        if let Rest::Stored(head) = &mut state.rest
            && is_original(head.record.region, head.record.page)
        {
            *head = copy;
            return;
        }
        let part = state.parts.iter_mut().find(|part| {
            let link = part.link();
            link.is_some_and(|link| is_original(link.region, link.page))
        });
        if let Some(part) = part {
            part.place = Place::Disk(copy);
        }
    }

    /// The chunks of an object that is whole in memory.
    pub(super) fn chunks(&self) -> Option<Arc<Chunks>> {
        match &self.lock().rest {
            Rest::Whole(chunks) => Some(Arc::clone(chunks)),
            Rest::Growing(_) | Rest::Stored(_) | Rest::Aborted => None,
        }
    }

    /// The first part that is not on disk yet, with its number.
    pub(super) fn part_in_memory(&self) -> Option<(u32, Arc<Chunks>)> {
        let state = self.lock();
        let mut parts = (0..).zip(&state.parts);
        parts.find_map(|(number, part)| Some((number, Arc::clone(part.chunks()?))))
    }

    /// A part that has not been looked up yet: its hash, where it is, and its bytes.
    pub(super) fn part_told(&self, number: u32) -> Option<(u64, Candidate, u64)> {
        let state = self.lock();
        let part = state.parts.get(number as usize)?;
        match &part.place {
            Place::Told(hash, candidate) => {
                let bytes = part.end - state.start_of(number as usize);
                Some((*hash, candidate.clone(), bytes))
            }
            Place::Memory(_) | Place::Disk(_) => None,
        }
    }

    /// What is known of the head and all parts, as far as it has been looked up.
    pub(super) fn all_stored(&self) -> Vec<Arc<Stored>> {
        let state = self.lock();
        let parts = state.parts.iter().filter_map(|part| match &part.place {
            Place::Disk(stored) => Some(Arc::clone(stored)),
            Place::Told(..) | Place::Memory(_) => None,
        });
        let parts: Vec<_> = parts.collect();
        drop(state);
        parts.into_iter().chain(self.stored()).collect()
    }

    /// Bytes of each part.
    pub(super) fn part_bytes(&self) -> Box<[u32]> {
        let state = self.lock();
        let parts = state.parts.iter().enumerate();
        let bytes = parts.map(|(number, part)| part.end - state.start_of(number));
        bytes
            .map(|bytes| u32::try_from(bytes).expect("a part is shorter than a region"))
            .collect()
    }

    /// The parts that are on disk.
    pub(super) fn part_links(&self) -> Vec<Link> {
        self.lock().parts.iter().filter_map(Part::link).collect()
    }

    /// Whether a part of it is on disk.
    pub(super) fn has_parts(&self) -> bool {
        self.lock().parts.iter().any(|part| part.link().is_some())
    }

    /// The head and all parts of an object on disk.
    pub(super) fn links(&self) -> Vec<Link> {
        let head = self.stored().map(|head| Link::of(&head));
        head.into_iter().chain(self.part_links()).collect()
    }

    /// Bytes of a complete object.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let state = self.lock();
        let rest = match &state.rest {
            Rest::Whole(chunks) => chunks.bytes(),
            Rest::Stored(head) => head.body_bytes(),
            Rest::Growing(_) | Rest::Aborted => return None,
        };
        Some(state.parts_bytes() + rest)
    }

    /// What there is to read from `offset` on.
    pub(crate) fn look(&self, offset: u64) -> Sight {
        let state = self.lock();
        if matches!(state.rest, Rest::Aborted) {
            return Sight::Aborted;
        }
        let number = state.parts.partition_point(|part| part.end <= offset);
        let within = offset - state.start_of(number);
        if let Some(part) = state.parts.get(number) {
            return match &part.place {
                Place::Memory(chunks) => chunks.at(within).map_or(Sight::Nothing, Sight::Bytes),
                Place::Told(..) => Sight::Told(u32::try_from(number).unwrap_or(u32::MAX)),
                Place::Disk(stored) => Sight::Stored(Arc::clone(stored), within),
            };
        }
        match &state.rest {
            Rest::Growing(chunks) => chunks.at(within).map_or(Sight::Nothing, Sight::Bytes),
            Rest::Whole(chunks) => chunks.at(within).map_or(Sight::End, Sight::Bytes),
            Rest::Stored(head) if within < head.body_bytes() => {
                Sight::Stored(Arc::clone(head), within)
            }
            Rest::Stored(_) => Sight::End,
            Rest::Aborted => Sight::Aborted,
        }
    }

    /// Resolves at the next change after this call, even if it is awaited only later.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.progress.notified()
    }

    fn advance(&self, step: impl FnOnce(Rest) -> Rest) {
        let mut state = self.lock();
        state.rest = step(std::mem::replace(&mut state.rest, Rest::Aborted));
        drop(state);
        self.progress.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn parts_bytes(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.end)
    }

    /// Where in the object the part of a number begins, or what follows the last one.
    fn start_of(&self, number: usize) -> u64 {
        let before = number.checked_sub(1).and_then(|last| self.parts.get(last));
        before.map_or(0, |part| part.end)
    }

    fn is_longer(&self, bytes_max: u64) -> bool {
        matches!(&self.rest, Rest::Growing(chunks) if chunks.bytes() > bytes_max)
    }

    /// Makes a part of the first chunks of a growing object.
    fn cut(&mut self, bytes_max: u64) -> bool {
        let before = self.parts_bytes();
        let Rest::Growing(chunks) = &mut self.rest else {
            return false;
        };
        if self.parts.len() >= PARTS_MAX || chunks.bytes() == 0 {
            return false;
        }
        let part = chunks.cut(bytes_max);
        self.parts.push(Part {
            end: before + part.bytes(),
            place: Place::Memory(Arc::new(part)),
        });
        true
    }
}
