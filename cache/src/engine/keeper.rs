//! The thread `weir-store`: the only one that changes the directory.
//!
//! An object is written to a temporary name, synced and renamed; the directory is synced after
//! several renames together. A file that a newer object replaces is removed only when the newer
//! one is durable; and only when it is gone for good may the newer one be removed in its turn.
//! So a power cut never brings an object back that was replaced by a durable one, unless somebody
//! was still reading it.

use std::{
    io::ErrorKind,
    path::Path,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tracing::{info, warn};
use weir_hal::{Access, File};

use super::{
    Engine,
    body::{Body, Chunks},
    layout::{Header, PieceSums, encode_trailer, header_sum},
    ledger::Charge,
    recovery::{Directory, charged_bytes},
    stored::{FilePlace, GivenUp, Removal, Stored},
};

/// How long the directory waits for another change before it is synced.
const IDLE: Duration = Duration::from_millis(250);
/// Names changed at most before the directory is synced, or is tried again to be.
///
/// Together with [`IDLE`] this bounds what a power cut may take back to the last 4 s, and the
/// cost to four syncs a second when little is written and to a sixteenth of a sync an object
/// when much is.
const NAMES_UNSYNCED_MAX: usize = 16;
/// Bytes handed to the disk at once.
const WRITE_BYTES: usize = 256 * 1024;

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Keeper {
    engine: Arc<Engine>,
    directory: Directory,
    /// Given to the next file.
    sequence: u64,
    /// Names changed since the directory was synced.
    names_unsynced: usize,
    /// How many of them do not wait any longer; more than usual after a sync that failed.
    names_unsynced_max: usize,
    /// Whether one of these is the removal of a file that another one replaces.
    has_superseded_unsynced: bool,
    /// Files to remove after the next sync of the directory, when what replaces them is durable.
    superseded: Vec<Arc<Stored>>,
    /// Files whose removal failed, to be tried again; each still holds its room.
    stuck: Vec<Removal>,
    /// The last flush that was asked for when all removals known then had been made.
    flush_reached: u64,
    is_failing: bool,
    buffer: Vec<u8>,
}

/// What to do next.
enum Task {
    Remove(Vec<Removal>),
    Write(Arc<Body>),
    Sync,
}

impl Keeper {
    pub(super) fn new(engine: Arc<Engine>, directory: Directory, sequence: u64) -> Self {
        Self {
            engine,
            directory,
            sequence,
            names_unsynced: 0,
            names_unsynced_max: NAMES_UNSYNCED_MAX,
            has_superseded_unsynced: false,
            superseded: Vec::new(),
            stuck: Vec::new(),
            flush_reached: 0,
            is_failing: false,
            buffer: Vec::with_capacity(2 * WRITE_BYTES),
        }
    }

    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        while let Some(task) = self.next_task() {
            match task {
                Task::Remove(removals) => self.remove(removals),
                Task::Write(body) => self.write(&body),
                Task::Sync => {
                    self.sync();
                    self.retry_stuck();
                }
            }
        }
        let removals = self.engine.removals.take();
        self.remove(removals);
        if self.names_unsynced > 0 {
            self.sync();
        }
    }

    fn next_task(&mut self) -> Option<Task> {
        let engine = Arc::clone(&self.engine);
        let mut index = engine.lock();
        let mut is_idle = false;
        loop {
            if index.is_closed {
                return None;
            }
            let removals = engine.removals.take();
            if !removals.is_empty() {
                return Some(Task::Remove(removals));
            }
            if self.stuck.is_empty() {
                self.flush_reached = index.last_flush();
            }
            if self.names_unsynced >= self.names_unsynced_max {
                return Some(Task::Sync);
            }
            if let Some(body) = index.next_queued() {
                return Some(Task::Write(body));
            }
            let is_clean = self.names_unsynced == 0 && self.stuck.is_empty();
            if is_clean {
                // What the queue still held was passed over.
                index.set_durable(self.flush_reached);
                engine.progress.notify_all();
            }
            let is_urgent = index.has_unanswered_flush() && !self.needs_rest();
            if !is_clean && (is_urgent || is_idle) {
                return Some(Task::Sync);
            }
            let (woken, wait) = engine
                .work
                .wait_timeout(index, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            index = woken;
            is_idle = wait.timed_out();
        }
    }

    /// Whether trying again at once would only fail again.
    fn needs_rest(&self) -> bool {
        self.names_unsynced_max > NAMES_UNSYNCED_MAX || !self.stuck.is_empty()
    }

    fn write(&mut self, body: &Arc<Body>) {
        let stored = self.store(body).map(Arc::new);
        let mut index = self.engine.lock();
        if let Some(stored) = stored {
            self.names_unsynced += 1;
            self.superseded.extend(index.settle_stored(body, &stored));
        } else {
            index.settle_unstored(body);
        }
    }

    /// Puts an object on disk. What stands in the way is counted.
    fn store(&mut self, body: &Arc<Body>) -> Option<Stored> {
        let chunks = body.chunks()?;
        let header = Header {
            key: body.key.clone(),
            class: body.class,
            metadata: body.metadata.clone(),
            body_bytes: chunks.bytes(),
            sequence: self.sequence,
        };
        self.sequence += 1;
        let file_bytes = header.file_bytes()?;
        let Some(charge) = self.make_room(charged_bytes(file_bytes), body) else {
            self.engine.ledger.refused_no_space.add_one();
            return None;
        };
        let mut outcome = self.write_file(&header, &chunks, file_bytes);
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::StorageFull
            && self.evict_bytes(charge.bytes())
        {
            // Others fill the file system too: give it what this object would have taken.
            outcome = self.write_file(&header, &chunks, file_bytes);
        }
        match outcome {
            Ok((place, sums)) => {
                self.note_success();
                let removals = Arc::clone(&self.engine.removals);
                Some(Stored::written(place, sums, charge, removals))
            }
            Err(error) => {
                self.note_failure(&error);
                None
            }
        }
    }

    fn write_file(
        &mut self,
        header: &Header,
        chunks: &Chunks,
        file_bytes: u64,
    ) -> Result<(FilePlace, Box<[u32]>), weir_hal::Error> {
        let temporary = self.directory.temporary();
        let outcome = self.write_temporary(&temporary, header, chunks);
        let path = self.directory.object(header.sequence);
        let outcome = outcome.and_then(|written| {
            self.engine.disk.rename(&temporary, &path)?;
            Ok(written)
        });
        match outcome {
            Ok((header_sum, sums)) => {
                let place = FilePlace {
                    path,
                    header_sum,
                    header_bytes: header.bytes() as u64,
                    body_bytes: header.body_bytes,
                    file_bytes,
                };
                Ok((place, sums))
            }
            Err(error) => {
                // The next object truncates what cannot be removed now.
                drop(self.engine.disk.remove(&temporary));
                Err(error)
            }
        }
    }

    fn write_temporary(
        &mut self,
        path: &Path,
        header: &Header,
        chunks: &Chunks,
    ) -> Result<(u32, Box<[u32]>), weir_hal::Error> {
        let file = self.engine.disk.open(path, Access::Create)?;
        let mut offset = 0;
        let mut sums = PieceSums::default();
        self.buffer.clear();
        header.encode(&mut self.buffer);
        let header_sum = header_sum(&self.buffer).unwrap_or(0);
        for mut bytes in chunks.iter().map(|bytes| &bytes[..]) {
            sums.update(bytes);
            while !bytes.is_empty() {
                let room = WRITE_BYTES
                    .saturating_sub(self.buffer.len())
                    .min(bytes.len());
                let (now, later) = bytes.split_at(room);
                self.buffer.extend_from_slice(now);
                bytes = later;
                if self.buffer.len() >= WRITE_BYTES {
                    offset = write_out(&*file, &mut self.buffer, offset)?;
                }
            }
        }
        let sums = sums.finish();
        encode_trailer(header_sum, &sums, &mut self.buffer);
        write_out(&*file, &mut self.buffer, offset)?;
        file.sync()?;
        Ok((header_sum, sums))
    }

    /// Takes `bytes` of the disk budget for `body`, evicting others if it must.
    fn make_room(&mut self, bytes: u64, body: &Arc<Body>) -> Option<Charge> {
        let budget = Arc::clone(&self.engine.ledger.disk);
        self.retry_stuck();
        loop {
            if let Some(charge) = budget.reserve(bytes) {
                return Some(charge);
            }
            let removals = self.engine.removals.take();
            if !removals.is_empty() {
                self.remove(removals);
                continue;
            }
            if !self.superseded.is_empty() && self.sync() {
                continue;
            }
            if !self.stuck.is_empty() {
                // Evicting frees nothing on a disk that does not let files be removed.
                return None;
            }
            let free = budget.bytes_max().saturating_sub(budget.used());
            let mut index = self.engine.lock();
            // Nothing is evicted in vain.
            let is_enough = free + index.evictable_bytes() >= bytes;
            if is_enough && index.evict_one() {
                self.engine.ledger.evictions.add_one();
            } else if !index.give_up_replaced(body) {
                return None;
            }
        }
    }

    /// Evicts objects that take `bytes` or more. Returns false if there were not so many.
    fn evict_bytes(&mut self, bytes: u64) -> bool {
        let budget = Arc::clone(&self.engine.ledger.disk);
        let goal = budget.used().saturating_sub(bytes);
        while budget.used() > goal {
            if !self.stuck.is_empty() || !self.engine.lock().evict_one() {
                return false;
            }
            self.engine.ledger.evictions.add_one();
            let removals = self.engine.removals.take();
            self.remove(removals);
        }
        true
    }

    /// Removes files, but none before the files it replaced are gone for good.
    fn remove(&mut self, mut removals: Vec<Removal>) {
        let has_dropped = removals
            .iter()
            .any(|removal| removal.why == GivenUp::Dropped);
        if has_dropped && !self.superseded.is_empty() {
            if !self.sync() {
                self.stuck.extend(removals);
                return;
            }
            removals.extend(self.engine.removals.take());
        }
        let (superseded, dropped): (Vec<_>, Vec<_>) = removals
            .into_iter()
            .partition(|removal| removal.why == GivenUp::Superseded);
        for removal in superseded {
            self.has_superseded_unsynced = true;
            self.remove_one(removal);
        }
        let is_safe = dropped.is_empty()
            || self.stuck.is_empty() && (!self.has_superseded_unsynced || self.sync());
        if !is_safe {
            self.stuck.extend(dropped);
            return;
        }
        for removal in dropped {
            self.remove_one(removal);
        }
    }

    fn remove_one(&mut self, removal: Removal) {
        match self.engine.disk.remove(&removal.path) {
            Ok(()) => self.names_unsynced += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                self.note_failure(&error);
                self.stuck.push(removal);
            }
        }
    }

    fn retry_stuck(&mut self) {
        let stuck = std::mem::take(&mut self.stuck);
        self.remove(stuck);
    }

    /// Makes all names durable, then gives up what was kept only until now.
    fn sync(&mut self) -> bool {
        match self.engine.disk.sync_directory(self.directory.path()) {
            Ok(()) => {
                self.note_success();
                self.names_unsynced = 0;
                self.names_unsynced_max = NAMES_UNSYNCED_MAX;
                self.has_superseded_unsynced = false;
                self.engine.lock().set_durable(self.flush_reached);
                self.engine.progress.notify_all();
                for stored in self.superseded.drain(..) {
                    stored.give_up(GivenUp::Superseded);
                }
                true
            }
            Err(error) => {
                self.note_failure(&error);
                self.names_unsynced_max = self.names_unsynced + NAMES_UNSYNCED_MAX;
                false
            }
        }
    }

    fn note_failure(&mut self, error: &weir_hal::Error) {
        self.engine.ledger.write_errors.add_one();
        if !std::mem::replace(&mut self.is_failing, true) {
            let reason = std::error::Error::source(error).map(ToString::to_string);
            warn!(%error, reason, "the cache cannot be written; objects stay in memory");
        }
    }

    fn note_success(&mut self) {
        if self.stuck.is_empty() && std::mem::replace(&mut self.is_failing, false) {
            info!("the cache can be written again");
        }
    }
}

/// Writes the buffer out and empties it. Returns the offset behind it.
fn write_out(file: &dyn File, buffer: &mut Vec<u8>, offset: u64) -> Result<u64, weir_hal::Error> {
    file.write_at(buffer, offset)?;
    let end = offset + buffer.len() as u64;
    buffer.clear();
    Ok(end)
}
