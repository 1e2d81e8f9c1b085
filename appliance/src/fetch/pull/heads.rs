//! Decoded heads of stored responses, and what 304 responses have made of them since.
//!
//! An answer from the store needs the fields of the response at every hit; here they stay decoded.
//! And a 304 changes the head of a stored response but not its body (RFC 9111 §3.2, §4.3.4): the
//! new head lives here, beside the store, so that no body is ever written again for it. It belongs
//! to exactly the object whose metadata it was made of. Is it lost, by a restart or because others
//! were used more lately, then the object has its old head again and is merely validated once more;
//! where the old head would allow more than the new one, the object has to go with it.
//!
//! # Limits
//! [`HEADS_MAX`] heads in all; the least recently used goes.

use std::{
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use lru::LruCache;
use weir_cache::{Key, Object};

use super::kept::Kept;

/// Heads kept decoded: about 1 KiB each, so 8 MiB. A box with 10 Gb/s serves fewer objects a
/// minute.
const HEADS_MAX: usize = 8_192;

/// Locks that the heads are spread over, so that serving threads seldom meet.
const SHARDS: usize = 16;

/// The heads at hand.
#[derive(Debug)]
pub(super) struct Heads {
    shards: [Mutex<LruCache<Key, Entry>>; SHARDS],
    hasher: RandomState,
}

#[derive(Debug)]
struct Entry {
    /// The metadata it was made of: by the times in it, it is unlike that of any other object.
    metadata: Bytes,
    kept: Kept,
    /// The object must not be used with the head in its metadata any more.
    is_bound: bool,
}

impl Heads {
    /// None yet.
    pub(super) fn new() -> Self {
        let each = NonZeroUsize::new(HEADS_MAX / SHARDS).expect("a constant above zero");
        Self {
            shards: std::array::from_fn(|_| Mutex::new(LruCache::new(each))),
            hasher: RandomState::new(),
        }
    }

    /// What `object` is: by a 304 since, or by its metadata. `None` if that is not ours.
    ///
    /// Where another head had to go whose object must not outlive it, `evict` is told its key.
    pub(super) fn read(&self, object: &Object, evict: impl FnOnce(Key)) -> Option<Kept> {
        let metadata = object.metadata();
        if let Some(entry) = self.shard(object.key()).get(object.key())
            && entry.metadata == *metadata
        {
            return Some(entry.kept.clone());
        }
        let kept = Kept::decode(metadata)?;
        self.keep(object, kept.clone(), false, evict);
        Some(kept)
    }

    /// Notes what a 304 has made of the head of `object`. `is_bound`: the object must not be used
    /// with its former head any more.
    pub(super) fn refresh(
        &self,
        object: &Object,
        kept: Kept,
        is_bound: bool,
        evict: impl FnOnce(Key),
    ) {
        let was_bound = self
            .shard(object.key())
            .peek(object.key())
            .is_some_and(|entry| entry.is_bound && entry.metadata == *object.metadata());
        self.keep(object, kept, is_bound || was_bound, evict);
    }

    /// Forgets the head of `key`, whose object goes.
    pub(super) fn forget(&self, key: &Key) {
        self.shard(key).pop(key);
    }

    fn keep(&self, object: &Object, kept: Kept, is_bound: bool, evict: impl FnOnce(Key)) {
        let entry = Entry {
            metadata: object.metadata().clone(),
            kept,
            is_bound,
        };
        let key = object.key().clone();
        let former = self.shard(&key).push(key.clone(), entry);
        // A former entry of the same key was of another object, which has been replaced.
        if let Some((former, entry)) = former
            && entry.is_bound
            && former != key
        {
            evict(former);
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, LruCache<Key, Entry>> {
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
