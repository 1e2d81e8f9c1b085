//! Requests that are one: while the answer to one request is on its way, others for the same thing
//! wait for it instead of asking the origin too.
//!
//! ```text
//! Waiting ─┬─► Found      the head came and may be shared: read the object as it grows
//!          ├─► NotShared  the answer is for whoever asked alone: each asks for itself
//!          └─► Failed     no origin had an answer
//! ```
//!
//! Whoever comes first leads, and holds the [`Ticket`] until all of the answer is there; the others
//! follow, and are woken by the change itself: nobody looks again and again. Keys whose answers
//! could not be shared are remembered for a while, so that requests for them do not queue up behind
//! one another for nothing.
//!
//! # Limits
//! [`FLIGHTS_MAX`] flights: beyond them a request goes alone. [`LONERS_MAX`] keys are remembered as
//! not shared; the least recently used is forgotten.

use std::{
    collections::{HashMap, hash_map::Entry},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lru::LruCache;
use tokio::sync::watch;
use weir_cache::Key;
use weir_hal::Monotonic;

use super::{failure::Failure, fill::Arrival};

/// Flights at one time: each is a fill of its own, with a connection to an origin.
const FLIGHTS_MAX: usize = 4_096;

/// Keys remembered as not shared: 1 MiB with keys of usual length.
const LONERS_MAX: usize = 8_192;

/// How long a key is remembered as not shared.
const LONER_TIME: Duration = Duration::from_secs(10);

/// What has become of a flight.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// No head yet.
    Waiting,
    /// A head came, or the stored one was confirmed; the object may still grow.
    Found(Box<Arrival>),
    /// The answer cannot be shared.
    NotShared,
    /// No origin gave an answer that helps.
    Failed(Failure),
}

/// The flights of one appliance.
#[derive(Debug, Default)]
pub(super) struct Flights {
    table: Arc<Mutex<Table>>,
}

#[derive(Debug)]
struct Table {
    flights: HashMap<Key, Flight>,
    loners: LruCache<Key, Monotonic>,
}

/// One flight, as the table knows it.
#[derive(Debug)]
struct Flight {
    state: watch::Receiver<State>,
    /// What it brings is not to be used by anybody who comes later.
    is_void: Arc<AtomicBool>,
}

impl Default for Table {
    fn default() -> Self {
        let loners_max = NonZeroUsize::new(LONERS_MAX).expect("a constant above zero");
        Self {
            flights: HashMap::new(),
            loners: LruCache::new(loners_max),
        }
    }
}

/// How a request comes to its answer.
#[derive(Debug)]
pub(super) enum Boarding {
    /// It asks the origin, also for those who come after it.
    Lead(Ticket),
    /// It waits for the answer to another.
    Follow(watch::Receiver<State>),
    /// It asks the origin for itself, because answers for this key cannot be shared.
    Alone,
    /// The same, because there are too many flights.
    Full,
}

/// The leading end of a flight, which lasts until this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    table: Arc<Mutex<Table>>,
    key: Key,
    state: watch::Sender<State>,
    is_void: Arc<AtomicBool>,
}

impl Flights {
    /// Joins the flight for `key`, or begins it.
    pub(super) fn board(&self, key: &Key, now: Monotonic) -> Boarding {
        let mut table = lock(&self.table);
        if let Some(until) = table.loners.get(key) {
            if now < *until {
                return Boarding::Alone;
            }
            table.loners.pop(key);
        }
        let is_full = table.flights.len() >= FLIGHTS_MAX;
        match table.flights.entry(key.clone()) {
            Entry::Occupied(flight) => Boarding::Follow(flight.get().state.clone()),
            Entry::Vacant(_) if is_full => Boarding::Full,
            Entry::Vacant(place) => {
                let (state, following) = watch::channel(State::Waiting);
                let is_void = Arc::new(AtomicBool::new(false));
                place.insert(Flight {
                    state: following,
                    is_void: Arc::clone(&is_void),
                });
                Boarding::Lead(Ticket {
                    table: Arc::clone(&self.table),
                    key: key.clone(),
                    state,
                    is_void,
                })
            }
        }
    }

    /// Whether a flight for `key` is under way.
    pub(super) fn is_under_way(&self, key: &Key) -> bool {
        lock(&self.table).flights.contains_key(key)
    }

    /// Remembers that answers for `key` cannot be shared.
    pub(super) fn note_loner(&self, key: &Key, now: Monotonic) {
        lock(&self.table).loners.put(key.clone(), now + LONER_TIME);
    }

    /// Forgets that answers for `key` could not be shared.
    pub(super) fn forget_loner(&self, key: &Key) {
        lock(&self.table).loners.pop(key);
    }

    /// Has nobody follow the flight for `key` who comes from now on: what it was about has changed
    /// since it began.
    pub(super) fn avoid(&self, key: &Key) {
        if let Some(flight) = lock(&self.table).flights.remove(key) {
            flight.is_void.store(true, Ordering::SeqCst);
        }
    }
}

impl Ticket {
    /// The flight, as those see it who follow.
    pub(super) fn follow(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Whether what comes of it is not to be used later.
    pub(super) fn is_void(&self) -> bool {
        self.is_void.load(Ordering::SeqCst)
    }

    /// Tells all who follow.
    pub(super) fn tell(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        if !self.is_void() {
            table.flights.remove(&self.key);
        }
        drop(table);
        // Whoever still waits is on its own.
        self.state.send_if_modified(|state| {
            let is_waiting = matches!(state, State::Waiting);
            if is_waiting {
                *state = State::NotShared;
            }
            is_waiting
        });
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
