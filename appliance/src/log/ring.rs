//! The newest events, in memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::callsite::Identifier;
use weir_hal::Monotonic;

use super::{Event, Limiter, PLACES_MAX};

/// Events that are kept; the oldest goes.
pub const EVENTS_MAX: usize = 1_000;

/// Bytes that they take together, about.
pub const BYTES_MAX: usize = 512 << 10;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were taken in.
    pub events: u64,
    /// Of them, those that went to make room.
    pub events_forgotten: u64,
    /// Events that were not taken in because their place had said too much.
    pub events_suppressed: u64,
    /// Events that were sent to the syslog server.
    pub forwarded: u64,
    /// Events that went to make room before they could be sent there.
    pub forwarding_missed: u64,
    /// Times that it could not be reached, or went.
    pub forwarding_failures: u64,
}

/// Events, the newest last.
#[derive(Debug, Default)]
pub struct Ring(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    counts: Counts,
    places: HashMap<Identifier, Limiter>,
}

impl Ring {
    /// Takes in what `place` says at `now`, unless that has said too much. `event` is asked for
    /// the event only if it is taken in; its number and what was suppressed are set here.
    pub(super) fn take(&self, place: Identifier, now: Monotonic, event: impl FnOnce() -> Event) {
        let Some(suppressed) = self.admit(place, now) else {
            return;
        };
        // Made without the lock: whoever shows a field may log in turn.
        let event = event();
        let mut state = self.lock();
        state.counts.events += 1;
        let event = Event {
            sequence: state.counts.events,
            suppressed,
            ..event
        };
        state.bytes += event.bytes();
        state.events.push_back(Arc::new(event));
        while state.events.len() > EVENTS_MAX || state.bytes > BYTES_MAX {
            let Some(oldest) = state.events.pop_front() else {
                break;
            };
            state.bytes -= oldest.bytes();
            state.counts.events_forgotten += 1;
        }
    }

    /// The events behind the one with this number, the oldest first; 0 for all.
    pub fn since(&self, sequence: u64) -> Vec<Arc<Event>> {
        let state = self.lock();
        let newer = state
            .events
            .iter()
            .filter(|event| event.sequence > sequence);
        newer.cloned().collect()
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Counts an event that was sent, behind so many that could not be.
    pub(super) fn note_forwarded(&self, missed: u64) {
        let counts = &mut self.lock().counts;
        counts.forwarded += 1;
        counts.forwarding_missed += missed;
    }

    /// Counts a server that could not be reached.
    pub(super) fn note_failure(&self) {
        self.lock().counts.forwarding_failures += 1;
    }

    fn admit(&self, place: Identifier, now: Monotonic) -> Option<u64> {
        let mut state = self.lock();
        let is_known = state.places.contains_key(&place);
        if !is_known && state.places.len() >= PLACES_MAX {
            return Some(0);
        }
        let admitted = state.places.entry(place).or_default().admit(now);
        state.counts.events_suppressed += u64::from(admitted.is_none());
        admitted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
