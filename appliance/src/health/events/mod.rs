//! What happens, as it happens: `/api/v1/events`.
//!
//! Each snapshot is an event, and so is each change of an alarm and of the state of a rendition,
//! which are derived from snapshots that follow one another. All streams read one ring, so that a
//! reader costs a place in it and no copy; one that falls behind by all of it is cut.
//!
//! ```text
//! id: 1700000000123-42
//! event: alarm
//! data: {"sequence":7,"event":"raised", …}
//! ```
//!
//! Source: HTML Living Standard §9.2 (server-sent events).
//! Refuses: to pass over a gap. Whoever asks to go on from what is no longer kept, or was of an
//! earlier process, is told by an event `missed`, and may ask `/api/v1/alarms`.
//!
//! # Limits
//! 32 streams; the ring of [`ring::EVENTS_MAX`] events.

mod news;
mod ring;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use weir_hal::Wall;

use crate::{
    counter::shared_counters,
    health::{Snapshot, events::news::News},
};
use ring::Ring;
pub(super) use stream::EventStream;

/// Streams at one time: browsers of a rack, and the fleet.
const STREAMS_MAX: usize = 32;

shared_counters! {
    /// Streams of events.
    pub struct Counters, shared as CounterCells {
        /// Streams that began.
        streams_opened: polled,
        /// Streams refused because there were as many as there may be.
        streams_refused: polled,
        /// Streams cut because their reader was too slow.
        streams_cut: polled,
    }
}

/// The latest events, and who waits for more.
#[derive(Debug)]
pub struct Events {
    telling: Mutex<Telling>,
    /// Changes with each event; true at the end.
    is_over: watch::Sender<bool>,
    places: Arc<Semaphore>,
    counters: CounterCells,
}

#[derive(Debug)]
struct Telling {
    ring: Ring,
    news: News,
}

impl Events {
    /// Events of a process that began at `begun`, which tells its events from those of others.
    pub(super) fn new(begun: Wall) -> Self {
        let telling = Telling {
            ring: Ring::new(begun.as_nanos() / 1_000_000),
            news: News::default(),
        };
        Self {
            telling: Mutex::new(telling),
            is_over: watch::Sender::new(false),
            places: Arc::new(Semaphore::new(STREAMS_MAX)),
            counters: CounterCells::default(),
        }
    }

    /// Tells what is new in `snapshot`.
    pub(super) fn publish(&self, snapshot: &Snapshot) {
        let mut telling = self.lock();
        let Telling { ring, news } = &mut *telling;
        news.of(snapshot, |kind, data| ring.push(kind, data));
        drop(telling);
        self.is_over.send_modify(|_is_over| {});
    }

    /// Ends all streams.
    pub(super) fn end(&self) {
        self.is_over.send_replace(true);
    }

    /// What was counted.
    pub(super) fn counters(&self) -> Counters {
        self.counters.read()
    }

    fn lock(&self) -> MutexGuard<'_, Telling> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
