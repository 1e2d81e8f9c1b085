//! Objects that were offered to be fetched before players ask for them: which wait, which are
//! taken, and which of them somebody has wanted since.

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

use lru::LruCache;
use weir_hal::Monotonic;

use super::{
    ahead::{NotBrought, Way},
    question::Question,
};
use crate::counter::shared_counters;

/// Objects that wait to be fetched: 1 KiB each with the fields of their request.
const QUEUE_MAX: usize = 256;

/// Objects that are fetched at one time.
const WORKERS_MAX: usize = 8;

/// An object that had to wait longer is what players have asked for by now.
const WAIT_MAX: Duration = Duration::from_secs(3);

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
pub(super) struct Waiting {
    pub(super) question: Arc<Question>,
    pub(super) hash: u64,
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
pub(super) struct Offers {
    hasher: RandomState,
    state: Mutex<State>,
    /// Something was offered once: until then nobody need look whether it was this.
    is_used: AtomicBool,
    pub(super) counters: PrefetchCells,
}

impl Default for Offers {
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

impl Offers {
    pub(super) fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Puts `question` in the queue, if it is to be fetched. Returns whether one more worker is
    /// needed.
    pub(super) fn take(&self, question: Question, list: u64, now: Monotonic) -> bool {
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
    pub(super) fn next(&self, now: Monotonic) -> Option<Waiting> {
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
    pub(super) fn drop(&self, hash: u64) {
        self.counters.objects_dropped.add(1);
        self.lock().give_back(hash);
    }

    /// Notes what has become of an object.
    pub(super) fn settle(&self, hash: u64, outcome: Result<Way, &NotBrought>) {
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
    pub(super) fn note_demand(&self, name: &str) {
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

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use weir_hal::{Wall, sim};

    use super::*;
    use crate::{
        config::Config,
        fetch::{Identity, exchange::Client, pull::Routes, tiers::Tiers},
    };

    #[test]
    fn a_list_whose_objects_nobody_asks_for_has_no_credit_for_more() {
        let offers = Offers::default();
        let at = |seconds| Monotonic::ZERO + Duration::from_secs(seconds);
        let mut state = offers.lock();
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

    fn question(number: usize) -> Question {
        let text = "origin = [{ name = 'o', urls = ['http://o'] }]\n\
                    [[route]]\npath = '/'\norigin = ['o']\n";
        let config = Config::parse(text).expect("no mistakes").config;
        let network = Arc::new(sim::Network::new());
        let client = Client::new(network, Arc::new(Identity::new("edge")));
        let tiers = Tiers::new(client, &config.origins, &sim::Disk::new(1));
        let routes = Routes::new(&config, &tiers.expect("no certificates"));
        let uri = format!("http://tv/{number}.ts").parse().expect("a URI");
        let place = (&routes, Wall::from_nanos(0));
        Question::ahead(uri, HeaderMap::new(), place).expect("a route leads there")
    }

    #[test]
    fn what_does_not_fit_or_waits_too_long_is_dropped_and_counted() {
        let offers = Offers::default();
        let now = Monotonic::ZERO;
        let workers: usize = (0..QUEUE_MAX + 5)
            .map(|number| usize::from(offers.take(question(number), number as u64, now)))
            .sum();
        assert_eq!(workers, WORKERS_MAX);
        let counters = offers.counters.read();
        assert_eq!(
            (counters.objects_offered, counters.objects_dropped),
            (261, 5)
        );
        assert!(offers.next(now + WAIT_MAX).is_some());
        let late = now + WAIT_MAX + Duration::from_millis(1);
        assert!(offers.next(late).is_none());
        assert_eq!(offers.counters.read().objects_dropped, 260);
        assert_eq!(offers.lock().workers, WORKERS_MAX - 1);
    }

    #[test]
    fn an_object_is_taken_once_and_its_credit_comes_back_with_the_first_who_asks() {
        let offers = Offers::default();
        let now = Monotonic::ZERO;
        let name = question(1).key.as_str().to_owned();
        assert!(offers.take(question(1), 7, now));
        assert!(!offers.take(question(1), 7, now));
        let next = offers.next(now).expect("it waits");
        offers.settle(next.hash, Ok(Way::Fetched));
        assert_eq!(offers.lock().credit(7, now).left, CREDIT_MAX - 1);
        for _ in 0..2 {
            offers.note_demand(&name);
        }
        assert_eq!(offers.lock().credit(7, now).left, CREDIT_MAX);
        let counters = offers.counters.read();
        assert_eq!((counters.objects_prefetched, counters.objects_used), (1, 1));
        assert_eq!(counters.objects_offered, 1);
    }
}
