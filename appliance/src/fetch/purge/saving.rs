//! Has bans written to disk, as many at once as wait for it.
//!
//! A device that syncs ten times a second still takes every order: what comes while it is busy goes
//! out in the next frame together. One thread at a time waits for the disk. When a write fails, the
//! next one writes everything anew, so that no ban in force stays off the disk for longer than the
//! failure lasts.

use std::{
    mem,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync,
    task::spawn_blocking,
    time::{error::Elapsed, timeout},
};
use tracing::warn;
use weir_hal::Disk;

use super::{
    bans::{Ban, Bans},
    journal::Journal,
};

/// Bans that wait to be written; when there are more, the whole file is written anew instead.
const PENDING_MAX: usize = 4_096;

/// Longest wait for the disk, on a request's behalf.
const SAVE_WAIT: Duration = Duration::from_secs(10);

/// What waits to be written.
#[derive(Debug, Default)]
struct Pending {
    bans: Vec<Ban>,
    /// There were more than are held: all that is in force must be written.
    is_overfull: bool,
    /// How many orders have come so far.
    orders: u64,
}

impl Pending {
    /// Takes an order in. Returns its number.
    fn take_in(&mut self, bans: &[Ban]) -> u64 {
        self.is_overfull |= self.bans.len() + bans.len() > PENDING_MAX;
        if self.is_overfull {
            self.bans = Vec::new();
        } else {
            self.bans.extend_from_slice(bans);
        }
        self.orders += 1;
        self.orders
    }

    /// Hands everything over.
    fn hand_over(&mut self) -> Self {
        let orders = self.orders;
        let rest = Self {
            orders,
            ..Self::default()
        };
        mem::replace(self, rest)
    }
}

/// Who writes.
#[derive(Debug)]
struct Writer {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    bans: Arc<Bans>,
    /// Nothing before the first order, and after a failure.
    journal: Option<Journal>,
    /// How many of the orders have been dealt with, and whether all of them are on disk.
    orders: u64,
    is_saved: bool,
}

impl Writer {
    fn write(&mut self, pending: &Pending) {
        if pending.is_overfull {
            self.journal = None;
        }
        let outcome = match &mut self.journal {
            Some(journal) if journal.is_long() => journal.rewrite(&self.bans.snapshot()),
            Some(journal) => journal.append(&pending.bans),
            None => {
                let disk = Arc::clone(&self.disk);
                let begun = Journal::begin(disk, &self.path, &self.bans.snapshot());
                begun.map(|journal| self.journal = Some(journal))
            }
        };
        if let Err(error) = &outcome {
            self.journal = None;
            warn!(%error, kind = %error.kind(), "cannot save what is purged: mend `purge.journal`");
        }
        self.is_saved = outcome.is_ok();
        self.orders = pending.orders;
    }
}

/// Where bans go to be kept. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Saving {
    pending: Arc<Mutex<Pending>>,
    writer: Arc<sync::Mutex<Writer>>,
}

impl Saving {
    /// Keeps `bans` at `path`, once there is something to keep.
    pub(super) fn new(disk: Arc<dyn Disk>, path: PathBuf, bans: Arc<Bans>) -> Self {
        let writer = Writer {
            disk,
            path,
            bans,
            journal: None,
            orders: 0,
            is_saved: true,
        };
        Self {
            pending: Arc::default(),
            writer: Arc::new(sync::Mutex::new(writer)),
        }
    }

    /// Writes everything that is in force. Blocks.
    pub(super) fn save_now(&self) {
        // Nobody else writes: whoever waits for a write comes later.
        if let Ok(mut writer) = self.writer.try_lock() {
            writer.write(&self.lock().hand_over());
        }
    }

    /// Waits until `bans`, which are in force already, would survive a power cut. Returns false if
    /// they would not, as far as can be told in 10 s. Must be called within a tokio runtime.
    ///
    /// # Cancel safety
    /// They are written with the next order if nobody waits.
    pub(super) async fn save(&self, bans: &[Ban]) -> bool {
        let order = self.lock().take_in(bans);
        let saved: Result<bool, Elapsed> = timeout(SAVE_WAIT, self.clone().saved(order)).await;
        saved.unwrap_or(false)
    }

    async fn saved(self, order: u64) -> bool {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        if writer.orders >= order {
            return writer.is_saved;
        }
        let writing = spawn_blocking(move || {
            let pending = self.lock().hand_over();
            writer.write(&pending);
            writer.is_saved
        });
        writing.await.unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
