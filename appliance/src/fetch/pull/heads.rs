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
        // Names mostly differ at their ends; whoever makes them alike has them share a lock.
        let end = key.as_str().bytes().rev().take(4);
        let sum = end.fold(0, |sum: usize, byte| {
            sum.wrapping_mul(31) + usize::from(byte)
        });
        self.shards[sum % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, sync::Arc};

    use hyper::{HeaderMap, Method, StatusCode, Uri, header::CACHE_CONTROL};
    use weir_cache::{
        Class, Config, Store,
        rules::{Asked, Stored},
    };
    use weir_hal::{Wall, sim::Simulation};

    use super::*;

    fn head(lifetime: &'static str, received_s: u64) -> Arc<Stored> {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, lifetime.parse().expect("visible"));
        let asked = Asked {
            method: &Method::GET,
            uri: &Uri::from_static("http://edge/a"),
            headers: &HeaderMap::new(),
        };
        let at = Wall::from_nanos(received_s * 1_000_000_000);
        Arc::new(Stored::new(asked, StatusCode::OK, &headers, at, at))
    }

    fn store() -> Store {
        let board = Simulation::new(1).board();
        let config = Config {
            path: "/cache".into(),
            bytes_max: 16 << 20,
            memory_bytes_max: 16 << 20,
            ..Config::default()
        };
        Store::open(board.disk, board.clock, &config).expect("a flawless disk")
    }

    /// An object of `name` with `head` in its metadata.
    fn object(store: &Store, name: &str, head: &Arc<Stored>) -> Object {
        let key = Key::new(name).expect("a name");
        let metadata = Kept::Response(Arc::clone(head)).encode();
        let writer = store.begin(&key, Class::Medium, metadata).expect("room");
        let object = writer.object();
        drop(writer.commit().expect("room"));
        object
    }

    fn lifetime(kept: Option<Kept>) -> String {
        let Some(Kept::Response(head)) = kept else {
            panic!("{kept:?} is no response");
        };
        let value = head.headers().get(CACHE_CONTROL).expect("it has one");
        value.to_str().expect("visible").to_owned()
    }

    #[test]
    fn a_head_that_was_made_anew_is_that_of_its_object_and_of_no_other() {
        let (store, heads) = (store(), Heads::new());
        let evict = |key: Key| panic!("{key} has no reason to go");
        let first = object(&store, "a", &head("max-age=1", 1));
        assert_eq!(lifetime(heads.read(&first, evict)), "max-age=1");
        let anew = Kept::Response(head("max-age=2", 2));
        heads.refresh(&first, anew, true, evict);
        assert_eq!(lifetime(heads.read(&first, evict)), "max-age=2");
        // The same URI fetched again, even with the same fields, is another object.
        let second = object(&store, "a", &head("max-age=1", 3));
        assert_eq!(lifetime(heads.read(&second, evict)), "max-age=1");
        heads.forget(second.key());
        assert_eq!(lifetime(heads.read(&first, evict)), "max-age=1");
    }

    #[test]
    fn what_must_not_have_its_old_head_back_goes_with_the_new_one() {
        let (store, heads) = (store(), Heads::new());
        let evicted = RefCell::new(Vec::new());
        let evict = |key: Key| evicted.borrow_mut().push(key.as_str().to_owned());
        for (name, is_bound) in [("bound", true), ("free", false)] {
            let object = object(&store, name, &head("max-age=9", 1));
            let anew = Kept::Response(head("max-age=1", 2));
            heads.refresh(&object, anew, is_bound, evict);
        }
        for number in 0..2 * HEADS_MAX {
            let other = object(&store, &format!("other {number}"), &head("max-age=9", 1));
            heads.read(&other, evict);
        }
        assert_eq!(*evicted.borrow(), ["bound"]);
    }
}
