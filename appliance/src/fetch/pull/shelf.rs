//! What the store has of an answer: the object, and the head that goes for it now.
//!
//! Source: RFC 9111 §4 (constructing responses from caches), §4.1 (Vary), §4.4 (invalidation).

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap,
    header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, HeaderName, HeaderValue},
};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::debug;
use weir_cache::{
    Key, Object, Store, Writer,
    rules::{Stored, preferred_language, variant_key},
};

use super::{
    heads::Heads,
    kept::{Kept, Sliced, Varies},
    question::Question,
};

/// Longest wait for the disk to tell what is there, or that something has gone.
const DISK_WAIT: Duration = Duration::from_secs(10);

/// A stored response.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its body, or nothing if that lies in slices.
    pub(super) object: Object,
    /// Its head, as the last 304 made it.
    pub(super) head: Arc<Stored>,
    /// How the body lies in slices, if it does.
    pub(super) sliced: Option<Arc<Sliced>>,
}

/// What is known of a question.
#[derive(Debug)]
pub(super) struct Place {
    /// Where the answer is stored, or would be.
    pub(super) key: Key,
    /// The answer, if it is there.
    pub(super) found: Option<Found>,
    /// By what the answers vary, as far as is known.
    pub(super) varies: Option<Arc<Varies>>,
}

/// The disk did not tell in time what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoWord;

/// The store, and the heads of what is in it.
#[derive(Debug)]
pub(super) struct Shelf {
    store: Store,
    heads: Heads,
}

impl Shelf {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            heads: Heads::new(),
        }
    }

    /// The objects themselves.
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// Finds the answer to `question`, or where it would be.
    pub(super) async fn find(&self, question: &Question) -> Result<Place, NoWord> {
        let primary = &question.store_key;
        let place = |found: Option<(Object, Kept)>, varies| Place {
            key: primary.clone(),
            found: found.and_then(|(object, kept)| Found::of(object, kept)),
            varies,
        };
        let varies = match self.look(primary).await? {
            Some((_, Kept::Varies(varies))) => varies,
            found => return Ok(place(found, None)),
        };
        let Some(key) = varies.key(question) else {
            return Ok(place(None, Some(varies)));
        };
        let found = match self.look_through(&key).await? {
            None => self.look_by_language(question, &varies).await?,
            found => found,
        };
        Ok(Place {
            key,
            ..place(found, Some(varies))
        })
    }

    /// Finds a variant in the one language that `question` prefers to all others.
    async fn look_by_language(
        &self,
        question: &Question,
        varies: &Varies,
    ) -> Result<Option<(Object, Kept)>, NoWord> {
        let language = preferred_language(&question.headers);
        match language.and_then(|language| varies.key_in(question, language)) {
            Some(key) => self.look_through(&key).await,
            None => Ok(None),
        }
    }

    /// Finds what lies under `key`, or elsewhere if that stands there.
    async fn look_through(&self, key: &Key) -> Result<Option<(Object, Kept)>, NoWord> {
        match self.look(key).await? {
            Some((_, Kept::Elsewhere(key))) => self.look(&key).await,
            found => Ok(found),
        }
    }

    /// Finds the complete object of `key`, and what it is. One that still grows is for those who
    /// follow its flight.
    pub(super) async fn look(&self, key: &Key) -> Result<Option<(Object, Kept)>, NoWord> {
        let Ok(object) = timeout(DISK_WAIT, self.store.find(key)).await else {
            return Err(NoWord);
        };
        let complete = object.filter(|object| object.bytes().is_some());
        Ok(complete.and_then(|object| {
            let kept = self.heads.read(&object, |key| self.evict_soon(key))?;
            Some((object, kept))
        }))
    }

    /// Stores that responses of `question` vary by `names` too, beside those that `varies` has
    /// already. Returns all of them; `None` if that cannot be stored.
    pub(super) fn note_varying(
        &self,
        question: &Question,
        varies: Option<&Arc<Varies>>,
        (names, generation): (Vec<HeaderName>, u64),
    ) -> Option<Arc<Varies>> {
        let known = varies.map_or(&[][..], |varies| &varies.names);
        if let Some(varies) = varies
            && names.iter().all(|name| known.contains(name))
        {
            return Some(Arc::clone(varies));
        }
        let all = names.into_iter().chain(known.iter().cloned()).collect();
        let varies = Arc::new(Varies::new(generation, all)?);
        let metadata = Kept::Varies(Arc::clone(&varies)).encode();
        let class = question.route.class;
        let writer = self.store.begin(&question.store_key, class, metadata);
        writer.and_then(Writer::commit).ok()?;
        Some(varies)
    }

    /// Notes that a variant of `question` with `head` lies under `key`, for those who prefer its
    /// language to all others.
    pub(super) fn note_language(
        &self,
        question: &Question,
        (varies, key): (&Varies, &Key),
        head: &Stored,
    ) {
        let language = head.headers().get(CONTENT_LANGUAGE);
        let language = language.filter(|language| !language.as_bytes().contains(&b','));
        let alone = language.and_then(|language| varies.key_in(question, language.clone()));
        let Some(alone) = alone.filter(|alone| alone != key) else {
            return;
        };
        let metadata = Kept::Elsewhere(key.clone()).encode();
        let writer = self.store.begin(&alone, question.route.class, metadata);
        if let Err(error) = writer.and_then(Writer::commit) {
            debug!(%error, %key, "a variant is not found by its language");
        }
    }

    /// Notes that a 304 has made `head` of the head of `found`.
    pub(super) fn refresh(&self, found: &Found, head: Arc<Stored>, is_bound: bool) -> Found {
        let sliced = found.sliced.as_ref().map(|sliced| {
            Arc::new(Sliced {
                slice_bytes: sliced.slice_bytes,
                head: Arc::clone(&head),
            })
        });
        let kept = match &sliced {
            Some(sliced) => Kept::Sliced(Arc::clone(sliced)),
            None => Kept::Response(Arc::clone(&head)),
        };
        let evict = |key| self.evict_soon(key);
        self.heads.refresh(&found.object, kept, is_bound, evict);
        Found {
            object: found.object.clone(),
            head,
            sliced,
        }
    }

    /// Removes the object of `key`, and waits until it is not found any more. Returns whether it
    /// was there.
    pub(super) async fn evict(&self, key: Key) -> bool {
        self.heads.forget(&key);
        let store = self.store.clone();
        let evicting = spawn_blocking(move || store.evict(&key));
        matches!(timeout(DISK_WAIT, evicting).await, Ok(Ok(true)))
    }

    /// The same for `object`, unless another one has come in its place meanwhile.
    pub(super) async fn evict_object(&self, object: &Object) -> bool {
        let key = object.key().clone();
        let is_there = match timeout(DISK_WAIT, self.store.find(&key)).await {
            // By the times in it, the metadata of an object is unlike that of any other.
            Ok(Some(current)) => current.metadata() == object.metadata(),
            Ok(None) => false,
            // It is not known, and what may be wrong goes.
            Err(_elapsed) => true,
        };
        is_there && self.evict(key).await
    }

    /// Removes the object of `key` in the background. A few at a time, as heads come and go.
    fn evict_soon(&self, key: Key) {
        debug!(%key, "an object goes with the head that a 304 made of it");
        let store = self.store.clone();
        drop(spawn_blocking(move || store.evict(&key)));
    }
}

impl Found {
    fn of(object: Object, kept: Kept) -> Option<Self> {
        match kept {
            Kept::Response(head) => Some(Self {
                object,
                head,
                sliced: None,
            }),
            Kept::Sliced(sliced) => Some(Self {
                object,
                head: Arc::clone(&sliced.head),
                sliced: Some(sliced),
            }),
            Kept::Varies(_) | Kept::Elsewhere(_) => None,
        }
    }
}

impl Varies {
    /// Where the variant that `question` selects is stored; `None` if its name is too long.
    pub(super) fn key(&self, question: &Question) -> Option<Key> {
        self.key_of(question, &question.headers)
    }

    /// The same if it preferred this language to all others; `None` too if nothing varies by it.
    fn key_in(&self, question: &Question, language: HeaderValue) -> Option<Key> {
        self.names.contains(&ACCEPT_LANGUAGE).then_some(())?;
        let mut headers = question.headers.clone();
        headers.insert(ACCEPT_LANGUAGE, language);
        self.key_of(question, &headers)
    }

    fn key_of(&self, question: &Question, headers: &HeaderMap) -> Option<Key> {
        let variant = variant_key(&question.key, &self.names, headers);
        Key::new(&format!("{variant} {:x}", self.generation))
    }
}
