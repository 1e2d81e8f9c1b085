//! The plain engine: one file an object, in one directory, written by one thread.
//!
//! ```text
//! append ──► chunks in memory ──commit──► queue ──► weir-store ──► incoming.tmp
//!                  │                                                │ sync, rename
//!               readers ◄──────────────── 256 KiB, summed ── {sequence}.object
//! ```
//!
//! Callers never wait for the disk: they meet an index in memory and a body that is shared by
//! its writer, its readers and the thread. Memory is bounded by a budget from which every object
//! pays until it is on disk; the queue to the thread is bounded by the same budget, because each
//! of its objects holds a part. Disk is bounded by a second budget from which every file pays
//! until it is removed. What does not fit is refused and counted.
//!
//! Locks: the index, then a body; lists of removals are leaves. None is held across I/O.
//!
//! Refuses: to be clever on disk. A file system orders, allocates and journals; a start reads the
//! head of every file.

mod body;
mod index;
mod keeper;
mod layout;
mod ledger;
mod recovery;
mod stored;

use std::{
    io::ErrorKind,
    panic::resume_unwind,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use bytes::Bytes;
use tracing::warn;
use weir_hal::{Disk, File};

pub(crate) use self::{
    body::{Body, Sight},
    layout::PIECE_BYTES,
    stored::Stored,
};
use self::{
    index::Index,
    keeper::Keeper,
    layout::METADATA_BYTES_MAX,
    ledger::Ledger,
    recovery::Directory,
    stored::{ReadFailure, Removals},
};
use crate::{Class, Config, Counters, Error, Key};

/// An engine and its thread; dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Running {
    engine: Arc<Engine>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(disk: Arc<dyn Disk>, config: &Config) -> Result<Self, Error> {
        let directory = Directory::claim(&*disk, &config.path)?;
        let engine = Arc::new(Engine {
            disk,
            ledger: Ledger::new(config.bytes_max, config.memory_bytes_max as u64),
            index: Mutex::new(Index::new()),
            removals: Arc::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
        });
        let sequence = recovery::recover(&engine, directory.path())?;
        let keeper = Keeper::new(Arc::clone(&engine), directory, sequence);
        let thread = thread::Builder::new()
            .name("weir-store".to_owned())
            .spawn(move || keeper.run())
            .map_err(|source| Error::Thread { source })?;
        Ok(Self {
            engine,
            thread: Some(thread),
        })
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.engine.lock().is_closed = true;
        self.engine.work.notify_all();
        if let Some(Err(panic)) = self.thread.take().map(thread::JoinHandle::join)
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

/// What callers and the thread share.
#[derive(Debug)]
pub(crate) struct Engine {
    disk: Arc<dyn Disk>,
    ledger: Ledger,
    index: Mutex<Index>,
    removals: Arc<Removals>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes those who wait for a flush.
    progress: Condvar,
}

impl Engine {
    pub(crate) fn begin(
        &self,
        key: &Key,
        class: Class,
        metadata: Bytes,
    ) -> Result<Arc<Body>, Error> {
        if metadata.len() > METADATA_BYTES_MAX {
            return Err(Error::MetadataTooLong {
                key: key.clone(),
                bytes: metadata.len(),
                bytes_max: METADATA_BYTES_MAX,
            });
        }
        let overhead_bytes = Body::overhead_bytes(key, &metadata);
        let Some(charge) = self.ledger.memory.reserve(overhead_bytes) else {
            return Err(self.refuse_memory());
        };
        let body = Arc::new(Body::growing(key.clone(), class, metadata, charge));
        let mut index = self.lock();
        if index.is_closed {
            return Err(Error::Closed);
        }
        index.begin(&body);
        Ok(body)
    }

    pub(crate) fn commit(&self, body: &Arc<Body>) -> Result<(), Error> {
        let mut index = self.lock();
        if index.is_closed {
            return Err(Error::Closed);
        }
        body.finish();
        index.commit(body);
        drop(index);
        self.ledger.commits.add_one();
        self.work.notify_one();
        Ok(())
    }

    pub(crate) fn abort(&self, body: &Arc<Body>) {
        self.lock().end(body);
        self.ledger.aborts.add_one();
        body.abort();
    }

    /// Counts a refusal and returns its error.
    pub(crate) fn refuse_memory(&self) -> Error {
        self.ledger.refused_no_memory.add_one();
        Error::NoMemory
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Body>> {
        let body = self.lock().find(key);
        let count = if body.is_some() {
            &self.ledger.hits
        } else {
            &self.ledger.misses
        };
        count.add_one();
        body
    }

    pub(crate) fn pin(&self, key: &Key) -> Option<Arc<Body>> {
        self.lock().pin(key)
    }

    pub(crate) fn unpin(&self, body: &Arc<Body>) {
        self.lock().unpin(body);
    }

    pub(crate) fn evict(&self, key: &Key) -> bool {
        let is_evicted = self.lock().evict(key);
        if is_evicted {
            self.ledger.evictions.add_one();
            self.work.notify_one();
        }
        is_evicted
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<Key> {
        self.lock().keys(prefix)
    }

    pub(crate) fn counters(&self) -> Counters {
        let ledger = &self.ledger;
        Counters {
            objects: self.lock().len() as u64,
            bytes: ledger.disk.used(),
            bytes_max: ledger.disk.bytes_max(),
            memory_bytes: ledger.memory.used(),
            memory_bytes_max: ledger.memory.bytes_max(),
            hits: ledger.hits.value(),
            misses: ledger.misses.value(),
            commits: ledger.commits.value(),
            aborts: ledger.aborts.value(),
            evictions: ledger.evictions.value(),
            read_errors: ledger.read_errors.value(),
            write_errors: ledger.write_errors.value(),
            refused_no_space: ledger.refused_no_space.value(),
            refused_no_memory: ledger.refused_no_memory.value(),
            recovered: ledger.recovered.value(),
            discarded: ledger.discarded.value(),
        }
    }

    pub(crate) fn flush(&self, within: Duration) -> bool {
        let mut index = self.lock();
        let flush = index.ask_flush();
        self.work.notify_one();
        let (index, _) = self
            .progress
            .wait_timeout_while(index, within, |index| !index.is_done(flush))
            .unwrap_or_else(PoisonError::into_inner);
        index.is_done(flush) && !index.has_memory_only()
    }

    /// Opens an object's file for reading, off the async threads.
    pub(crate) async fn open_stored(
        &self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
    ) -> Result<Arc<dyn File>, Error> {
        let (disk, file) = (Arc::clone(&self.disk), Arc::clone(stored));
        let opened = blocking(move || file.open(&*disk)).await;
        opened.map_err(|failure| self.read_failed(body, failure))
    }

    /// Reads one piece of an object's file, off the async threads.
    ///
    /// The first reader after a start has the whole body checked first.
    pub(crate) async fn read_stored(
        &self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
        file: &Arc<dyn File>,
        index: u64,
    ) -> Result<Bytes, Error> {
        let piece = read_piece(stored, file, index).await;
        piece.map_err(|failure| self.read_failed(body, failure))
    }

    /// Counts a failed read, drops an object that cannot be read, and returns the error.
    fn read_failed(&self, body: &Arc<Body>, failure: ReadFailure) -> Error {
        let key = body.key.clone();
        let (is_lost, error) = match failure {
            ReadFailure::Interrupted => return Error::Closed,
            ReadFailure::Open(source) => {
                let is_lost = source.kind() == ErrorKind::NotFound;
                (is_lost, Error::Read { key, source })
            }
            ReadFailure::Device(source) => (true, Error::Read { key, source }),
            ReadFailure::Damaged => (true, Error::Damaged { key }),
        };
        self.ledger.read_errors.add_one();
        if is_lost && self.lock().drop_unreadable(body) {
            warn!(key = %body.key, %error, "dropped an object that cannot be read");
            self.work.notify_one();
        }
        error
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_piece(
    stored: &Arc<Stored>,
    file: &Arc<dyn File>,
    index: u64,
) -> Result<Bytes, ReadFailure> {
    let check = || {
        let (stored, file) = (Arc::clone(stored), Arc::clone(file));
        blocking(move || stored.check(&*file))
    };
    let sums = stored.sums().get_or_try_init(check).await?;
    let sum = usize::try_from(index)
        .ok()
        .and_then(|index| sums.get(index));
    let sum = *sum.ok_or(ReadFailure::Damaged)?;
    let (stored, file) = (Arc::clone(stored), Arc::clone(file));
    blocking(move || stored.read_piece(&*file, index, sum)).await
}

/// Runs work that waits for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadFailure> + Send + 'static,
) -> Result<T, ReadFailure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_cancelled) => Err(ReadFailure::Interrupted),
        },
    }
}

#[cfg(test)]
mod tests;
