//! Which objects there are, which of them may go, and which still have to be written.
//!
//! Pure bookkeeping: nothing here reads, writes or waits, so the lock around it is never held
//! for long. Keys are hashed with a secret of this run, so that no client can choose colliding
//! ones.

use std::{
    collections::{HashMap, VecDeque},
    hash::RandomState,
    sync::Arc,
};

use lru::LruCache;

use super::{
    body::Body,
    stored::{GivenUp, Stored},
};
use crate::{Class, Key};

/// Whose objects go first when room is needed.
pub(super) const EVICTION_ORDER: [Class; 4] = [Class::Low, Class::Medium, Class::High, Class::Live];

/// The objects of one store.
#[derive(Debug)]
pub(crate) struct Index {
    entries: HashMap<Key, Entry>,
    /// The youngest object being written under each key.
    growing: HashMap<Key, Arc<Body>>,
    /// Objects on disk that are not pinned, least recently used last, in eviction order.
    evictable: [LruCache<Key, (), RandomState>; 4],
    /// Bytes on disk of all that is evictable.
    evictable_bytes: u64,
    /// Complete objects to write, oldest first. Each holds its part of the memory budget.
    queue: VecDeque<Arc<Body>>,
    /// Objects ever queued.
    queued: u64,
    /// Of these, how many have been written or passed over.
    settled: u64,
    /// Of these, how many a power cut cannot take back any more.
    durable: u64,
    /// Flushes ever asked for.
    flushes: u64,
    /// Of these, how many have seen all evictions before them made durable.
    flushes_answered: u64,
    pub(super) is_closed: bool,
}

/// A wish for all that was done before it to be durable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flush {
    number: u64,
    queued: u64,
}

/// A complete object.
#[derive(Debug)]
struct Entry {
    body: Arc<Body>,
    pins: usize,
    place: Place,
    /// The durable object that this one replaces, kept until this one is durable too.
    replaces: Option<Arc<Stored>>,
}

/// Where a complete object is.
#[derive(Debug)]
enum Place {
    /// In memory, on its way to disk.
    Queued,
    /// On disk.
    Disk(Arc<Stored>),
    /// In memory for want of room or by a failure of the disk; gone with its last pin.
    MemoryOnly,
}

impl Index {
    pub(super) fn new() -> Self {
        let hasher = RandomState::new();
        let evictable = [(); 4].map(|()| LruCache::unbounded_with_hasher(hasher.clone()));
        Self {
            entries: HashMap::with_hasher(hasher.clone()),
            growing: HashMap::with_hasher(hasher),
            evictable,
            evictable_bytes: 0,
            queue: VecDeque::new(),
            queued: 0,
            settled: 0,
            durable: 0,
            flushes: 0,
            flushes_answered: 0,
            is_closed: false,
        }
    }

    /// Complete objects.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keys of complete objects that begin with `prefix`, in order.
    pub(super) fn keys(&self, prefix: &str) -> Vec<Key> {
        let matching = |key: &&Key| key.as_str().starts_with(prefix);
        let mut keys: Vec<Key> = self.entries.keys().filter(matching).cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// The complete object under `key`, or else the one being written; counts as a use.
    pub(super) fn find(&mut self, key: &Key) -> Option<Arc<Body>> {
        if let Some(entry) = self.entries.get(key) {
            self.evictable[class_index(entry.body.class)].promote(key);
            return Some(Arc::clone(&entry.body));
        }
        self.growing.get(key).cloned()
    }

    /// Notes an object that has begun to be written.
    pub(super) fn begin(&mut self, body: &Arc<Body>) {
        self.growing.insert(body.key.clone(), Arc::clone(body));
    }

    /// Forgets an object that was being written.
    pub(super) fn end(&mut self, body: &Arc<Body>) {
        let current = self.growing.get(&body.key);
        if current.is_some_and(|current| Arc::ptr_eq(current, body)) {
            self.growing.remove(&body.key);
        }
    }

    /// Makes a complete object the one of its key, with one pin, and queues it for the disk.
    pub(super) fn commit(&mut self, body: &Arc<Body>) {
        self.end(body);
        let replaces = self.take(&body.key).and_then(|entry| match entry.place {
            Place::Disk(stored) => Some(stored),
            Place::Queued | Place::MemoryOnly => entry.replaces,
        });
        let entry = Entry {
            body: Arc::clone(body),
            pins: 1,
            place: Place::Queued,
            replaces,
        };
        self.entries.insert(body.key.clone(), entry);
        self.queue.push_back(Arc::clone(body));
        self.queued += 1;
    }

    /// Adds an object that was found on disk, as the most recently used of its class.
    pub(super) fn recover(&mut self, body: Arc<Body>, stored: Arc<Stored>) {
        let key = body.key.clone();
        let entry = Entry {
            body,
            pins: 0,
            place: Place::Disk(stored),
            replaces: None,
        };
        self.entries.insert(key.clone(), entry);
        self.offer(&key);
    }

    /// Protects the complete object under `key`.
    pub(super) fn pin(&mut self, key: &Key) -> Option<Arc<Body>> {
        self.withdraw(key);
        let entry = self.entries.get_mut(key)?;
        entry.pins += 1;
        Some(Arc::clone(&entry.body))
    }

    /// Takes one protection back. Whatever must not outlive its pins goes.
    pub(super) fn unpin(&mut self, body: &Arc<Body>) {
        let Some(entry) = self.current(body) else {
            return;
        };
        entry.pins -= 1;
        if entry.pins > 0 {
            return;
        }
        match entry.place {
            Place::Queued => {}
            Place::Disk(_) => self.offer(&body.key),
            Place::MemoryOnly => self.remove(&body.key),
        }
    }

    /// Removes the complete object under `key`. Returns false if it is pinned or not there.
    pub(super) fn evict(&mut self, key: &Key) -> bool {
        let is_free = self.entries.get(key).is_some_and(|entry| entry.pins == 0);
        if is_free {
            self.remove(key);
        }
        is_free
    }

    /// Removes an object, pinned or not, because it cannot be read.
    pub(super) fn drop_unreadable(&mut self, body: &Arc<Body>) -> bool {
        let is_current = self.current(body).is_some();
        if is_current {
            self.remove(&body.key);
        }
        is_current
    }

    /// Removes the evictable object that is worth least. Returns false if there is none.
    ///
    /// Objects that somebody is about to read are passed over, and count as just used: removing
    /// them would free nothing until the reader is done.
    pub(super) fn evict_one(&mut self) -> bool {
        for class in 0..self.evictable.len() {
            for _ in 0..self.evictable[class].len() {
                let Some((key, ())) = self.evictable[class].peek_lru() else {
                    break;
                };
                let key = key.clone();
                if self.is_idle(&key) {
                    self.remove(&key);
                    return true;
                }
                self.evictable[class].promote(&key);
            }
        }
        false
    }

    /// Bytes of disk that evicting all there is to evict would free.
    pub(super) const fn evictable_bytes(&self) -> u64 {
        self.evictable_bytes
    }

    /// Gives up the durable predecessor of `body`, for want of room for both.
    pub(super) fn give_up_replaced(&mut self, body: &Arc<Body>) -> bool {
        let replaced = self.current(body).and_then(|entry| entry.replaces.take());
        if let Some(stored) = &replaced {
            stored.give_up(GivenUp::Dropped);
        }
        replaced.is_some()
    }

    /// The next object to write, if it is still wanted.
    pub(super) fn next_queued(&mut self) -> Option<Arc<Body>> {
        while let Some(body) = self.queue.pop_front() {
            if self.current(&body).is_some() {
                return Some(body);
            }
            self.settled += 1;
        }
        None
    }

    /// Notes that `body` is on disk.
    ///
    /// Returns the file it replaces, to be removed once `stored` is durable.
    pub(super) fn settle_stored(
        &mut self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
    ) -> Option<Arc<Stored>> {
        self.settled += 1;
        let Some(entry) = self.current(body) else {
            stored.give_up(GivenUp::Superseded);
            return None;
        };
        entry.place = Place::Disk(Arc::clone(stored));
        let replaced = entry.replaces.take();
        let is_pinned = entry.pins > 0;
        body.store(Arc::clone(stored));
        if !is_pinned {
            self.offer(&body.key);
        }
        replaced
    }

    /// Notes that `body` will never be on disk.
    pub(super) fn settle_unstored(&mut self, body: &Arc<Body>) {
        self.settled += 1;
        let Some(entry) = self.current(body) else {
            return;
        };
        entry.place = Place::MemoryOnly;
        if entry.pins == 0 {
            self.remove(&body.key);
        }
    }

    /// Asks for all that is committed and evicted by now to be made durable.
    pub(super) const fn ask_flush(&mut self) -> Flush {
        self.flushes += 1;
        Flush {
            number: self.flushes,
            queued: self.queued,
        }
    }

    /// Whether what was asked for has been done.
    pub(super) const fn is_done(&self, flush: Flush) -> bool {
        self.flushes_answered >= flush.number && self.durable >= flush.queued
    }

    /// The last flush that was asked for.
    pub(super) const fn last_flush(&self) -> u64 {
        self.flushes
    }

    pub(super) const fn has_unanswered_flush(&self) -> bool {
        self.flushes_answered < self.flushes
    }

    /// Notes that all that is settled by now is durable, and all that was evicted before the
    /// flush of number `flush`.
    pub(super) const fn set_durable(&mut self, flush: u64) {
        self.durable = self.settled;
        self.flushes_answered = flush;
    }

    /// Whether some complete object lives in memory alone and always will.
    pub(super) fn has_memory_only(&self) -> bool {
        let mut places = self.entries.values().map(|entry| &entry.place);
        places.any(|place| matches!(place, Place::MemoryOnly))
    }

    fn current(&mut self, body: &Arc<Body>) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&body.key);
        entry.filter(|entry| Arc::ptr_eq(&entry.body, body))
    }

    fn is_idle(&self, key: &Key) -> bool {
        let entry = self.entries.get(key);
        entry.is_none_or(|entry| Arc::strong_count(&entry.body) == 1)
    }

    /// Removes an object and gives up its files.
    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.take(key) else {
            return;
        };
        if let Place::Disk(stored) = &entry.place {
            stored.give_up(GivenUp::Dropped);
        }
        if let Some(replaced) = &entry.replaces {
            replaced.give_up(GivenUp::Dropped);
        }
    }

    fn take(&mut self, key: &Key) -> Option<Entry> {
        self.withdraw(key);
        self.entries.remove(key)
    }

    /// Makes an object on disk evictable, as the most recently used of its class.
    fn offer(&mut self, key: &Key) {
        if let Some((class, bytes)) = self.disk_class_and_bytes(key)
            && self.evictable[class].put(key.clone(), ()).is_none()
        {
            self.evictable_bytes += bytes;
        }
    }

    /// Makes an object no longer evictable.
    fn withdraw(&mut self, key: &Key) {
        if let Some((class, bytes)) = self.disk_class_and_bytes(key)
            && self.evictable[class].pop(key).is_some()
        {
            self.evictable_bytes -= bytes;
        }
    }

    fn disk_class_and_bytes(&self, key: &Key) -> Option<(usize, u64)> {
        let entry = self.entries.get(key)?;
        match &entry.place {
            Place::Disk(stored) => Some((class_index(entry.body.class), stored.charged_bytes())),
            Place::Queued | Place::MemoryOnly => None,
        }
    }
}

/// The place of a class in [`EVICTION_ORDER`].
const fn class_index(class: Class) -> usize {
    match class {
        Class::Low => 0,
        Class::Medium => 1,
        Class::High => 2,
        Class::Live => 3,
    }
}
