//! Requests that are one: while the answer to one request is on its way, others for the same thing
//! wait for it instead of asking the origin too.
//!
//! ```text
//! Waiting ─┬─► Found      the head came and may be shared: read the object as it grows
//!          ├─► NotShared  the answer is for whoever asked alone: each asks for itself
//!          ├─► NotAsked   whoever led found it stored, or left: each looks, and one leads again
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
//! not shared, and [`CHANGED_MAX`] changes; the least recently used is forgotten.

use std::{
    collections::{HashMap, hash_map::Entry},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::sync::watch;
use weir_cache::Key;
use weir_hal::Monotonic;

use super::{failure::Failure, fill::Arrival};

/// Flights at one time: each is a fill of its own, with a connection to an origin.
pub(super) const FLIGHTS_MAX: usize = 4_096;

/// Keys remembered as not shared: 1 MiB with keys of usual length.
const LONERS_MAX: usize = 8_192;

/// Changes remembered, for the answers that were on their way when they came.
const CHANGED_MAX: usize = 1_024;

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
    /// Whoever led has gone without a word: it found the answer stored, or did not wait for it.
    NotAsked,
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
    flights: HashMap<Key, watch::Receiver<State>>,
    loners: LruCache<Key, Monotonic>,
    /// What has changed at an origin lately, and as which change.
    changed: LruCache<Key, u64>,
    changes: u64,
}

impl Default for Table {
    fn default() -> Self {
        let loners_max = NonZeroUsize::new(LONERS_MAX).expect("a constant above zero");
        let changed_max = NonZeroUsize::new(CHANGED_MAX).expect("a constant above zero");
        Self {
            flights: HashMap::new(),
            loners: LruCache::new(loners_max),
            changed: LruCache::new(changed_max),
            changes: 0,
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
            Entry::Occupied(flight) => Boarding::Follow(flight.get().clone()),
            Entry::Vacant(_) if is_full => Boarding::Full,
            Entry::Vacant(place) => {
                let (state, following) = watch::channel(State::Waiting);
                place.insert(following);
                Boarding::Lead(Ticket {
                    table: Arc::clone(&self.table),
                    key: key.clone(),
                    state,
                })
            }
        }
    }

    /// Flights under way.
    pub(super) fn count(&self) -> usize {
        lock(&self.table).flights.len()
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

    /// Notes that what `key` names has changed. Who comes from now on follows no flight that began
    /// before.
    pub(super) fn note_change(&self, key: &Key) {
        let mut table = lock(&self.table);
        table.flights.remove(key);
        table.loners.pop(key);
        table.changes += 1;
        let number = table.changes;
        table.changed.put(key.clone(), number);
    }

    /// Changes noted so far.
    pub(super) fn changes(&self) -> u64 {
        lock(&self.table).changes
    }

    /// Whether what `key` names has changed after so many changes.
    pub(super) fn has_changed(&self, key: &Key, since: u64) -> bool {
        let table = lock(&self.table);
        table
            .changed
            .peek(key)
            .is_some_and(|number| *number > since)
    }
}

impl Ticket {
    /// The flight, as those see it who follow.
    pub(super) fn follow(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Tells all who follow.
    pub(super) fn tell(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        let flight = table.flights.get(&self.key);
        if flight.is_some_and(|flight| flight.same_channel(&self.state.subscribe())) {
            table.flights.remove(&self.key);
        }
        drop(table);
        self.state.send_if_modified(|state| {
            let is_waiting = matches!(state, State::Waiting);
            if is_waiting {
                *state = State::NotAsked;
            }
            is_waiting
        });
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new(name).expect("a name")
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(seconds)
    }

    fn lead(flights: &Flights, name: &str) -> Ticket {
        match flights.board(&key(name), at(0)) {
            Boarding::Lead(ticket) => ticket,
            other @ (Boarding::Follow(_) | Boarding::Alone | Boarding::Full) => {
                panic!("{name} is under way: {other:?}")
            }
        }
    }

    fn follow(flights: &Flights, name: &str) -> watch::Receiver<State> {
        match flights.board(&key(name), at(0)) {
            Boarding::Follow(flight) => flight,
            other @ (Boarding::Lead(_) | Boarding::Alone | Boarding::Full) => {
                panic!("nobody leads {name}: {other:?}")
            }
        }
    }

    #[test]
    fn the_first_leads_and_the_others_hear_of_it() {
        let flights = Flights::default();
        let ticket = lead(&flights, "a");
        let following = [follow(&flights, "a"), follow(&flights, "a")];
        drop(lead(&flights, "b"));
        ticket.tell(State::NotShared);
        for flight in &following {
            assert!(matches!(*flight.borrow(), State::NotShared));
        }
        drop(ticket);
        drop(lead(&flights, "a"));
    }

    #[test]
    fn who_waits_for_a_leader_that_is_gone_hears_that_nobody_asked() {
        let flights = Flights::default();
        let ticket = lead(&flights, "a");
        let flight = follow(&flights, "a");
        assert!(matches!(*flight.borrow(), State::Waiting));
        drop(ticket);
        assert!(matches!(*flight.borrow(), State::NotAsked));
    }

    #[test]
    fn answers_that_cannot_be_shared_are_not_waited_for_a_while() {
        let flights = Flights::default();
        flights.note_loner(&key("a"), at(0));
        for _ in 0..2 {
            let boarding = flights.board(&key("a"), at(9));
            assert!(matches!(boarding, Boarding::Alone), "{boarding:?}");
        }
        let boarding = flights.board(&key("a"), at(10));
        assert!(matches!(boarding, Boarding::Lead(_)), "{boarding:?}");
        flights.note_loner(&key("b"), at(0));
        flights.forget_loner(&key("b"));
        drop(lead(&flights, "b"));
    }

    #[test]
    fn what_has_changed_is_asked_for_anew_though_an_answer_is_on_its_way() {
        let flights = Flights::default();
        let before = flights.changes();
        let ticket = lead(&flights, "a");
        let late = follow(&flights, "a");
        flights.note_change(&key("a"));
        let newer = lead(&flights, "a");
        assert!(flights.has_changed(&key("a"), before));
        assert!(!flights.has_changed(&key("a"), flights.changes()));
        assert!(!flights.has_changed(&key("b"), before));
        // The end of the older one does not end the newer one.
        drop((ticket, late));
        let flight = follow(&flights, "a");
        drop(newer);
        assert!(matches!(*flight.borrow(), State::NotAsked));
    }

    #[test]
    fn there_are_only_so_many_flights() {
        let flights = Flights::default();
        let tickets: Vec<_> = (0..FLIGHTS_MAX)
            .map(|number| lead(&flights, &number.to_string()))
            .collect();
        let boarding = flights.board(&key("one more"), at(0));
        assert!(matches!(boarding, Boarding::Full), "{boarding:?}");
        follow(&flights, "0");
        drop(tickets);
        drop(lead(&flights, "one more"));
    }
}
