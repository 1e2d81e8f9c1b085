//! Reading what is not in memory: few at a time, on threads that may wait, each thing once.
//!
//! A device gives little more when many ask at once, and a thread that waits is one less for
//! others; so [`READERS`] read and all others wait in a fair queue, without a thread. The queue is
//! as long as there are callers: each waits for one thing, and a dropped caller leaves the queue.
//! Two callers that want the same take turns, and the second finds what the first has read.
//!
//! Refuses: to time out. A device that hangs keeps its readers; callers bound their own waits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::{
    sync::{self, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use super::stored::ReadFailure;

/// Reads at one time: what keeps an eMMC or SATA device busy. Each has 256 KiB of buffer.
const READERS: usize = 4;
/// Of these, how many may be reading ahead: whoever waits now has the others.
const READERS_AHEAD: usize = 2;

/// The readers of one store.
#[derive(Debug)]
pub(super) struct ColdReaders {
    places: Arc<Semaphore>,
    /// By offset in the store. Kept as long as somebody has the turn or waits for it.
    turns: Mutex<HashMap<u64, Weak<sync::Mutex<()>>>>,
}

/// The right to read what lies at one offset.
pub(super) type Turn = OwnedMutexGuard<()>;

impl ColdReaders {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(READERS)),
            turns: Mutex::default(),
        }
    }

    /// Waits for the turn to read what lies at `offset`. Look again whether that is still needed.
    pub(super) async fn turn(&self, offset: u64) -> Turn {
        self.queue(offset).lock_owned().await
    }

    /// Reads on a thread that may wait. The turn ends with the read, even if the caller has gone.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce() -> Result<T, ReadFailure> + Send + 'static,
    ) -> Result<T, ReadFailure> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        match spawn_blocking(|| run(turn, place, work)).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_cancelled) => Err(ReadFailure::Interrupted),
            },
        }
    }

    /// Reads what will be wanted soon, if that keeps nobody waiting. Returns whether it does.
    pub(super) fn read_ahead(
        &self,
        offset: u64,
        work: impl FnOnce() -> Result<(), ReadFailure> + Send + 'static,
    ) -> bool {
        if self.places.available_permits() <= READERS - READERS_AHEAD {
            return false;
        }
        let Ok(turn) = self.queue(offset).try_lock_owned() else {
            return false;
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return false;
        };
        // Nobody waits for it. Who comes later meets the same failure, and tells of it.
        drop(spawn_blocking(|| run(turn, place, work)));
        true
    }

    fn queue(&self, offset: u64) -> Arc<sync::Mutex<()>> {
        let mut turns = self.turns();
        if let Some(queue) = turns.get(&offset).and_then(Weak::upgrade) {
            return queue;
        }
        turns.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::default();
        turns.insert(offset, Arc::downgrade(&queue));
        queue
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<u64, Weak<sync::Mutex<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run<T>(
    turn: Turn,
    place: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<T, ReadFailure>,
) -> Result<T, ReadFailure> {
    let outcome = work();
    drop((turn, place));
    outcome
}
