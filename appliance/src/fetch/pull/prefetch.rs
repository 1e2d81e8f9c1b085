//! What players will ask for next is fetched before they do.
//!
//! Two things tell what that is. A live Media Playlist that was pulled because somebody plays it:
//! its newest segments are what its players ask for next. And the player itself, by the `nor` of
//! CMCD. Both are followed on the route of the request that told of them, and nowhere else.
//!
//! ```text
//! playlist came, nor ─► offer ─► queue ─► worker ─► bring ─► store
//!                        │         │         └ too much else to do: dropped
//!                        │         └ full, or too late: dropped
//!                        └ offered lately, or its list has no credit: left
//! ```
//!
//! A list has credit for so many objects that nobody has asked for. One that is asked for gives it
//! back; otherwise it comes back slowly. So a list that a probe polls, and nobody plays, costs an
//! origin next to nothing. Clients go first: while half of the flights, half of the connections to
//! the nearest origin, or the memory of the store are in use, nothing is fetched ahead.
//!
//! Source: RFC 8216 §6.3.3 (players stay three Target Durations behind the end), CTA-5004 (`nor`,
//! `nrr`). Refuses: keys and licenses, requests with Authorization, and hints of what is not there
//! yet (`EXT-X-PRELOAD-HINT`), which the origin would hold back.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{
    Method, Uri,
    header::{AUTHORIZATION, HeaderName, HeaderValue, RANGE},
};
use lru::LruCache;
use weir_hal::Monotonic;

use super::{
    Core, Pull,
    ahead::{NotBrought, Way},
    question::Question,
};
use crate::{
    counter::shared_counters,
    fetch::{
        Class, Form, Outline,
        playlist::{Entry, entries},
        resolve,
    },
    serve::{Cmcd, Route, route, signed_url},
};

/// Objects that wait to be fetched: 1 KiB each with the fields of their request.
const QUEUE_MAX: usize = 256;

/// Objects that are fetched at one time.
const WORKERS_MAX: usize = 8;

/// An object that had to wait longer is what players have asked for by now.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Newest segments of a live playlist that are fetched: a player begins with the third from the
/// end (RFC 8216 §6.3.3).
const SEGMENTS_MAX: usize = 3;

/// Newest Partial Segments of a live playlist that are fetched.
const PARTS_MAX: usize = 3;

/// Objects of a list that were fetched and that nobody has asked for yet.
const CREDIT_MAX: u32 = 12;

/// Time until one of them is forgotten.
const CREDIT_TIME: Duration = Duration::from_secs(30);

/// Lists whose credit is known: 64 KiB; one that is forgotten has all of it again.
const LISTS_MAX: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");

/// Objects that were offered lately: 400 KiB. One that is forgotten may be offered again, and is
/// found in the store.
const OFFERED_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");

/// How long an object is not taken again, unless fetching it has failed.
const OFFERED_TIME: Duration = Duration::from_mins(1);

const CMCD_REQUEST: HeaderName = HeaderName::from_static("cmcd-request");

shared_counters! {
    /// What was fetched before anybody asked for it.
    pub struct PrefetchCounters, shared as PrefetchCells {
        /// Objects that were to be fetched before players ask for them.
        objects_offered,
        /// Objects fetched before players asked for them.
        objects_prefetched,
        /// Of these, objects that a player has asked for since.
        objects_used,
        /// Objects offered that were there, or on their way, when their turn came.
        objects_present,
        /// Objects offered that no origin gave, or that may not be kept.
        objects_failed,
        /// Objects left because nobody asked for those before them.
        objects_unwanted,
        /// Objects dropped because too much else was to be done.
        objects_dropped,
    }
}

/// An object that waits to be fetched.
#[derive(Debug)]
struct Waiting {
    question: Arc<Question>,
    hash: u64,
    offered_at: Monotonic,
}

/// What has become of an object that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits, or is fetched.
    Offered,
    /// It was left, for want of credit.
    Left,
    /// It is in the store, and nobody has asked for it.
    Fetched,
    /// Somebody has asked for it.
    Wanted,
}

#[derive(Debug, Clone, Copy)]
struct Offered {
    stage: Stage,
    at: Monotonic,
    /// The list that names it.
    list: u64,
}

#[derive(Debug, Clone, Copy)]
struct Credit {
    /// Objects that may still be fetched for nobody.
    left: u32,
    /// Since when it comes back.
    at: Monotonic,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Waiting>,
    workers: usize,
    offered: LruCache<u64, Offered>,
    credits: LruCache<u64, Credit>,
}

/// What is to be fetched before players ask for it.
#[derive(Debug)]
pub(super) struct Prefetch {
    hasher: RandomState,
    state: Mutex<State>,
    /// Something was offered once: until then nobody need look whether it was this.
    is_used: AtomicBool,
    counters: PrefetchCells,
}

impl Default for Prefetch {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                workers: 0,
                offered: LruCache::new(OFFERED_MAX),
                credits: LruCache::new(LISTS_MAX),
            }),
            is_used: AtomicBool::new(false),
            counters: PrefetchCells::default(),
        }
    }
}

impl Pull {
    /// What was fetched before anybody asked for it.
    pub fn prefetched(&self) -> PrefetchCounters {
        self.core.prefetch.counters.read()
    }
}

impl Core {
    /// Takes note of what a client asks for, and has fetched what it says it will ask for next.
    pub(super) fn look_ahead(self: &Arc<Self>, question: &Question) {
        if !question.route.is_prefetched || question.method != Method::GET {
            return;
        }
        self.prefetch.note_demand(question.key.as_str());
        let query = question.uri.query();
        let is_told = question.headers.contains_key(CMCD_REQUEST)
            || query.is_some_and(|query| query.contains("CMCD="));
        if !is_told {
            return;
        }
        let told = Cmcd::of(&question.uri, &question.headers);
        let next = told.next_object();
        if let Some(uri) = next.and_then(|next| resolve(&question.uri, &next)) {
            let list = self.prefetch.hash(question.uri.path());
            self.offer(question, &uri, told.next_range(), list);
        }
    }

    /// Has the newest segments fetched of a live playlist that a client's question has brought.
    pub(super) fn follow_list(
        self: &Arc<Self>,
        question: &Question,
        outline: Option<Outline>,
        body: &[u8],
    ) {
        let is_live = outline.is_some_and(|outline| outline.form == Form::Live);
        if !is_live || question.is_ahead || !question.route.is_prefetched {
            return;
        }
        let list = self.prefetch.hash(question.uri.path());
        for reference in newest(body) {
            if let Some(uri) = resolve(&question.uri, reference) {
                self.offer(question, &uri, None, list);
            }
        }
    }

    /// Has `uri` fetched for the clients that ask like `question`, if it is on the same route.
    fn offer(self: &Arc<Self>, like: &Question, uri: &Uri, range: Option<&str>, list: u64) {
        let Some(question) = self.ahead_of(like, uri, range) else {
            return;
        };
        let now = self.clock.monotonic();
        if self.prefetch.take(question, list, now) {
            let core = Arc::clone(self);
            tokio::spawn(async move { core.fetch_ahead().await });
        }
    }

    /// The question that a client which asked `like` would put for `uri`.
    fn ahead_of(&self, like: &Question, uri: &Uri, range: Option<&str>) -> Option<Question> {
        let is_private = like.wishes.is_no_store || like.headers.contains_key(AUTHORIZATION);
        let (uri, _token) = signed_url::separate(uri).ok()?;
        let class = Class::of(uri.path(), None);
        let is_pulled = route(uri.path()) == Route::Other;
        if is_private || !is_pulled || matches!(class, Class::Key | Class::License) {
            return None;
        }
        let routes = self.routes.load();
        let place = (&**routes, self.clock.wall());
        let mut question = Question::ahead(uri, like.headers.clone(), place).ok()?;
        if question.route.path != like.route.path || question.key == like.key {
            return None;
        }
        let range = range.and_then(|range| HeaderValue::try_from(format!("bytes={range}")).ok());
        if let Some(range) = range {
            question.headers.insert(RANGE, range);
        }
        Some(question)
    }

    /// Fetches what waits, until nothing does.
    async fn fetch_ahead(self: Arc<Self>) {
        while let Some(next) = self.prefetch.next(self.clock.monotonic()) {
            if self.is_crowded(&next.question) {
                self.prefetch.drop(next.hash);
                continue;
            }
            let brought = self.bring(&next.question).await;
            let way = brought.as_ref().map(|(way, _found)| *way);
            self.prefetch.settle(next.hash, way);
        }
    }
}

impl Prefetch {
    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Puts `question` in the queue, if it is to be fetched. Returns whether one more worker is
    /// needed.
    fn take(&self, question: Question, list: u64, now: Monotonic) -> bool {
        let hash = self.hash(question.key.as_str());
        let mut state = self.lock();
        let known = state.offered.peek(&hash);
        if known.is_some_and(|known| now.since(known.at) < OFFERED_TIME) {
            return false;
        }
        self.counters.objects_offered.add(1);
        if state.queue.len() >= QUEUE_MAX {
            self.counters.objects_dropped.add(1);
            return false;
        }
        let is_paid = state.credit(list, now).spend();
        let offered = Offered {
            stage: if is_paid { Stage::Offered } else { Stage::Left },
            at: now,
            list,
        };
        state.offered.put(hash, offered);
        if !is_paid {
            self.counters.objects_unwanted.add(1);
            return false;
        }
        state.queue.push_back(Waiting {
            question: Arc::new(question),
            hash,
            offered_at: now,
        });
        self.is_used.store(true, Ordering::Relaxed);
        let is_needed = state.workers < WORKERS_MAX;
        state.workers += usize::from(is_needed);
        is_needed
    }

    /// What is to be fetched next; with `None` a worker ends.
    fn next(&self, now: Monotonic) -> Option<Waiting> {
        let mut state = self.lock();
        while let Some(next) = state.queue.pop_front() {
            if now.since(next.offered_at) <= WAIT_MAX {
                return Some(next);
            }
            self.counters.objects_dropped.add(1);
            state.give_back(next.hash);
        }
        state.workers -= 1;
        None
    }

    /// Drops an object whose turn has come.
    fn drop(&self, hash: u64) {
        self.counters.objects_dropped.add(1);
        self.lock().give_back(hash);
    }

    /// Notes what has become of an object.
    fn settle(&self, hash: u64, outcome: Result<Way, &NotBrought>) {
        let mut state = self.lock();
        match outcome {
            Ok(Way::Fetched) => {
                self.counters.objects_prefetched.add(1);
                if let Some(offered) = state.offered.peek_mut(&hash) {
                    if offered.stage == Stage::Wanted {
                        // Somebody has come while it was on its way.
                        self.counters.objects_used.add(1);
                    } else {
                        offered.stage = Stage::Fetched;
                    }
                }
            }
            Ok(Way::Present | Way::Joined) => {
                self.counters.objects_present.add(1);
                state.want(hash);
            }
            Err(_) => {
                self.counters.objects_failed.add(1);
                state.give_back(hash);
            }
        }
    }

    /// Notes that a client asks for `name`.
    fn note_demand(&self, name: &str) {
        if !self.is_used.load(Ordering::Relaxed) {
            return;
        }
        let hash = self.hash(name);
        if self.lock().want(hash) == Some(Stage::Fetched) {
            self.counters.objects_used.add(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes that an object is wanted, for which its list gets its credit back. Returns what it was
    /// before.
    fn want(&mut self, hash: u64) -> Option<Stage> {
        let offered = self.offered.peek_mut(&hash)?;
        let was = std::mem::replace(&mut offered.stage, Stage::Wanted);
        let list = offered.list;
        if was != Stage::Wanted {
            self.pay(list);
        }
        Some(was)
    }

    /// Forgets an object that was not fetched, so that it may be offered again.
    fn give_back(&mut self, hash: u64) {
        let offered = self.offered.pop(&hash);
        if let Some(offered) = offered.filter(|offered| offered.stage == Stage::Offered) {
            self.pay(offered.list);
        }
    }

    fn pay(&mut self, list: u64) {
        if let Some(credit) = self.credits.peek_mut(&list) {
            credit.left = (credit.left + 1).min(CREDIT_MAX);
        }
    }

    /// The credit of a list at this moment.
    fn credit(&mut self, list: u64, now: Monotonic) -> &mut Credit {
        let full = || Credit {
            left: CREDIT_MAX,
            at: now,
        };
        let credit = self.credits.get_or_insert_mut(list, full);
        let gained = now.since(credit.at).as_secs() / CREDIT_TIME.as_secs();
        if gained > 0 {
            let gained = u32::try_from(gained).unwrap_or(CREDIT_MAX).min(CREDIT_MAX);
            credit.left = credit.left.saturating_add(gained).min(CREDIT_MAX);
            credit.at = now;
        }
        credit
    }
}

impl Credit {
    /// Takes one, if there is one.
    fn spend(&mut self) -> bool {
        let is_there = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_there
    }
}

/// What players of the playlist in `body` ask for next, newest last: its last Media
/// Initialization Section, its newest segments, and the newest parts behind them.
fn newest(body: &[u8]) -> impl Iterator<Item = &str> {
    let mut map = None;
    let mut segments = VecDeque::with_capacity(SEGMENTS_MAX + 1);
    let mut parts = VecDeque::with_capacity(PARTS_MAX + 1);
    for entry in entries(body) {
        match entry {
            Entry::Map { uri } => map = Some(uri),
            Entry::Segment { uri, .. } => {
                segments.push_back(uri);
                // Its parts are within it.
                parts.clear();
            }
            Entry::Part { uri } => parts.push_back(uri),
            Entry::Rendition { .. } | Entry::Hint { .. } => {}
        }
        segments.drain(..segments.len().saturating_sub(SEGMENTS_MAX));
        parts.drain(..parts.len().saturating_sub(PARTS_MAX));
    }
    map.into_iter().chain(segments).chain(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_playlist_is_what_players_ask_for_next() {
        let body = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI=\"init.mp4\"\n\
            #EXTINF:4,\n1.m4s\n#EXTINF:4,\n2.m4s\n#EXTINF:4,\n3.m4s\n\
            #EXT-X-PART:DURATION=1,URI=\"4.0.m4s\"\n#EXTINF:4,\n4.m4s\n\
            #EXT-X-PART:DURATION=1,URI=\"5.0.m4s\"\n#EXT-X-PART:DURATION=1,URI=\"5.1.m4s\"\n\
            #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"5.2.m4s\"\n";
        let newest: Vec<&str> = newest(body).collect();
        let expected = ["init.mp4", "2.m4s", "3.m4s", "4.m4s", "5.0.m4s", "5.1.m4s"];
        assert_eq!(newest, expected);
    }

    #[test]
    fn a_list_whose_objects_nobody_asks_for_has_no_credit_for_more() {
        let prefetch = Prefetch::default();
        let at = |seconds| Monotonic::ZERO + Duration::from_secs(seconds);
        let mut state = prefetch.lock();
        for _ in 0..CREDIT_MAX {
            assert!(state.credit(1, at(0)).spend());
        }
        assert!(!state.credit(1, at(0)).spend());
        assert_eq!(state.credit(1, at(29)).left, 0);
        assert_eq!(state.credit(1, at(30)).left, 1);
        assert_eq!(
            state.credit(2, at(30)).left,
            CREDIT_MAX,
            "another list has its own"
        );
        assert_eq!(state.credit(1, at(100_000)).left, CREDIT_MAX);
    }
}
