//! The store as its users see it: configuration, objects coming and going, pins.

use std::{
    fmt::{self, Debug},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::time::timeout;
use weir_hal::{Clock, Disk};

use crate::{
    Class, Classes, Error, Key, Object,
    engine::{Body, Counters, Engine, Offline, Running},
};

/// Where a store keeps its objects, and how much of everything it may take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// A directory, which is made if it is missing and gets one file; or a file, or a block
    /// device.
    pub path: PathBuf,
    /// Bytes of the store, all reserved when it is formatted. A store that exists grows or
    /// shrinks to this.
    pub bytes_max: u64,
    /// Bytes of objects that are being written or not yet on disk, bookkeeping included.
    ///
    /// Beside these the store takes an eighth as much, but at least 1 MiB and at most 64 MiB, for
    /// heads of records and small objects kept at hand; 1 MiB of buffers for reading; and the
    /// index, under 20 bytes an object. What the page cache holds of it is the system's.
    pub memory_bytes_max: usize,
    /// Bytes of a region, from 16 KiB to 128 MiB; by default as suits `bytes_max`. A store that
    /// exists keeps its regions. What is longer than a quarter of a region is written in parts, of
    /// which an object may have 1,024.
    pub region_bytes: Option<u64>,
    /// Bytes a second at which what is on disk is read and compared with its sums, for rot that
    /// nobody would meet until it is too late; 0 for not at all.
    pub scrub_bytes_per_s: u64,
    /// What the classes are promised.
    pub classes: Classes,
    /// Bytes that may be written in a day, an hour's worth at once; `None`: as many as come.
    ///
    /// Beyond it live segments alone are written, and what must be to keep a pinned object.
    pub write_bytes_a_day: Option<u64>,
    /// Whether whatever is at `path` is formatted, and lost, instead of opened.
    pub is_format_allowed: bool,
}

/// A store of objects. Clones are the same store; the last one dropped closes it.
///
/// Closing waits for the write of at most one object, and abandons what is not on disk yet: call
/// [`Store::flush`] first. Writers of a closed store fail, readers go on.
#[derive(Clone)]
pub struct Store {
    running: Arc<Running>,
}

impl Store {
    /// Opens the store at `config.path`, or makes one where nothing is, and finds what is whole in
    /// it. Objects are stamped by the wall time of `clock`. Blocks.
    ///
    /// # Errors
    /// Whatever stands in the way, each in one sentence that names its remedy. Nothing that was
    /// there has been changed then, unless formatting was allowed.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers share the disk with the store"
    )]
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        config: &Config,
    ) -> Result<Self, Error> {
        let running = Arc::new(Running::start(&*disk, clock, config)?);
        Ok(Self { running })
    }

    /// Begins an object. Never blocks.
    ///
    /// An older object of the same key stays readable until the new one is committed; of two
    /// that are being written at once, the one committed last remains.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::MetadataTooLong`] (above 64 KiB) or [`Error::Closed`].
    pub fn begin(&self, key: &Key, class: Class, metadata: Bytes) -> Result<Writer, Error> {
        let body = self.engine().begin(key, class, metadata)?;
        Ok(Writer {
            engine: Arc::clone(self.engine()),
            body,
            state: WriterState::Open,
        })
    }

    /// Finds the complete object of `key`, or else one that is being written. Never blocks.
    ///
    /// Waits for the device if the object was not used lately, and keeps nobody else waiting. Has
    /// no limit of time: a device that hangs keeps it pending. Counts as a use. While the
    /// returned object or a reader of it lives, the object is not evicted to make room. Must be
    /// called within a tokio runtime.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn find(&self, key: &Key) -> Option<Object> {
        let body = self.engine().find(key).await?;
        Some(Object::new(Arc::clone(self.engine()), body))
    }

    /// A count to be read before a find: as long as [`Store::is_unchanged_since`] it, the same key
    /// finds the same object, or nothing again.
    pub fn changes(&self) -> u64 {
        self.engine().changes()
    }

    /// Whether nothing that can be found may have changed since `changes` was read; counts then as
    /// a find that was spared. It does not keep an object from being evicted, or from growing too
    /// old for its class: ask for it itself every second or so.
    pub fn is_unchanged_since(&self, changes: u64) -> bool {
        let is_unchanged = self.engine().changes() == changes;
        if is_unchanged {
            self.engine().note_hit();
        }
        is_unchanged
    }

    /// As [`Store::find`], for a thread that may wait: reads up to 16 KiB of the disk, if the
    /// object was not used lately.
    pub fn get(&self, key: &Key) -> Option<Object> {
        let body = self.engine().get(key)?;
        Some(Object::new(Arc::clone(self.engine()), body))
    }

    /// Protects the complete object of `key` from eviction. For a thread that may wait, as
    /// [`Store::get`]; others find the object and use [`Object::pin`].
    pub fn pin(&self, key: &Key) -> Option<Pin> {
        let found = self.engine().find_complete(key)?;
        Object::new(Arc::clone(self.engine()), found).pin()
    }

    /// Removes the complete object of `key`; whoever is reading it may finish. For a thread that
    /// may wait, as [`Store::get`].
    ///
    /// Returns false, and removes nothing, if it is pinned or not there.
    pub fn evict(&self, key: &Key) -> bool {
        self.engine().evict(key)
    }

    /// The keys of complete objects that begin with `prefix`, in order.
    ///
    /// Reads the head of every record: for tools, not for requests.
    pub fn keys(&self, prefix: &str) -> Vec<Key> {
        self.engine().keys(prefix)
    }

    /// Whether three quarters of the memory are taken, so that whoever can do without an object
    /// should: the rest is for live segments.
    pub fn is_short_of_memory(&self) -> bool {
        self.engine().is_short_of_memory()
    }

    /// By how many bytes the pinned objects are more than the disk has room for, with a quarter of
    /// it left for all others. Whoever can do without a pin drops as many; what is pinned beyond
    /// them stays in memory in the end, and keeps live segments out. Never blocks.
    pub fn pinned_excess_bytes(&self) -> u64 {
        self.engine().pinned_excess_bytes()
    }

    /// The number of this opening: one more than that of the one before, unless half of what told
    /// of it was lost, and durable before anything is stored.
    pub fn opening(&self) -> u64 {
        self.engine().opening()
    }

    /// Reads the counters.
    pub fn counters(&self) -> Counters {
        self.engine().counters()
    }

    /// Why the device is not written any more, if so: it failed too often. Lasts until the store is
    /// opened again. Never blocks.
    pub fn offline(&self) -> Option<&Offline> {
        self.engine().offline()
    }

    /// Waits until all that is committed by now would survive a power cut, and all that is
    /// evicted by now and not being read would stay away. Blocks.
    ///
    /// Returns false if that took longer than `within`, at once if the device fails, or if some
    /// object lives in memory alone because the disk is full or failed, or the object was not
    /// admitted to it.
    pub fn flush(&self, within: Duration) -> bool {
        self.engine().flush(within)
    }

    fn engine(&self) -> &Arc<Engine> {
        self.running.engine()
    }
}

impl Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

/// The writing end of one object. Dropping it gives the object up.
pub struct Writer {
    engine: Arc<Engine>,
    body: Arc<Body>,
    state: WriterState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriterState {
    /// All that was appended was taken.
    Open,
    /// Something was refused: the object has a hole and must not be committed.
    Broken,
    /// Committed.
    Done,
}

impl Writer {
    /// The object, for whoever has it written and serves it: no use of it is counted.
    pub fn object(&self) -> Object {
        Object::new(Arc::clone(&self.engine), Arc::clone(&self.body))
    }

    /// Adds bytes at the end, without a copy. Never blocks.
    ///
    /// Memory is charged for the length of `bytes`: a small slice keeps all of a larger buffer
    /// alive for nothing.
    ///
    /// # Errors
    /// [`Error::NoMemory`], or [`Error::Aborted`] if what is on disk of it already has been
    /// damaged there; then the object is lost, and so are later attempts.
    pub fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        let outcome = match self.state {
            WriterState::Open => self.engine.append(&self.body, bytes),
            WriterState::Broken | WriterState::Done => Err(self.engine.refuse_memory()),
        };
        if outcome.is_err() {
            self.state = WriterState::Broken;
        }
        outcome
    }

    /// The same for a writer that can wait: where memory is short, until enough has gone to disk,
    /// at most `within`. It leaves a quarter of the memory to those who cannot.
    ///
    /// # Errors
    /// As [`Writer::append`].
    ///
    /// # Cancel safety
    /// None: the object has a hole if the future is dropped.
    pub async fn append_within(&mut self, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let waiting = engine.wait_for_room(bytes.len() as u64);
        if timeout(within, waiting).await.is_err() {
            self.state = WriterState::Broken;
            return Err(self.engine.refuse_memory());
        }
        self.append(bytes)
    }

    /// Completes the object: it is found by its key at once and written to disk soon. Never
    /// blocks.
    ///
    /// # Errors
    /// [`Error::NoMemory`] if an append was refused, [`Error::Aborted`] if what is on disk of it
    /// already has been damaged there, [`Error::Closed`] if the store has been closed; then the
    /// object is given up.
    pub fn commit(self) -> Result<Pin, Error> {
        self.commit_with(Bytes::new())
    }

    /// The same with the last bytes, waiting for memory as [`Writer::append_within`]: whoever has
    /// read them finds the object complete.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    ///
    /// # Cancel safety
    /// The object is given up if the future is dropped.
    pub async fn commit_within(self, last: Bytes, within: Duration) -> Result<Pin, Error> {
        let engine = Arc::clone(&self.engine);
        let waiting = engine.wait_for_room(last.len() as u64);
        if timeout(within, waiting).await.is_err() {
            return Err(self.engine.refuse_memory());
        }
        self.commit_with(last)
    }

    fn commit_with(mut self, last: Bytes) -> Result<Pin, Error> {
        if self.state == WriterState::Broken {
            return Err(Error::NoMemory);
        }
        self.engine.commit(&self.body, last)?;
        self.state = WriterState::Done;
        Ok(Pin::new(Arc::clone(&self.engine), Arc::clone(&self.body)))
    }

    /// Gives the object up: its readers get [`Error::Aborted`].
    pub fn abort(self) {
        drop(self);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.state != WriterState::Done {
            self.engine.abort(&self.body);
        }
    }
}

impl Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Writer")
            .field("key", &self.body.key)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Protection of one complete object: while a pin lives, the object is not evicted.
///
/// An object that is replaced or found damaged goes all the same.
#[derive(Clone)]
pub struct Pin {
    hold: Arc<Hold>,
}

impl Pin {
    pub(crate) fn new(engine: Arc<Engine>, body: Arc<Body>) -> Self {
        Self {
            hold: Arc::new(Hold { engine, body }),
        }
    }

    /// The name of the object.
    pub fn key(&self) -> &Key {
        &self.hold.body.key
    }

    /// Bytes of the object.
    pub fn bytes(&self) -> u64 {
        self.hold.body.bytes().unwrap_or(0)
    }
}

impl Debug for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pin")
            .field("key", self.key())
            .field("bytes", &self.bytes())
            .finish()
    }
}

/// What all clones of one pin share.
struct Hold {
    engine: Arc<Engine>,
    body: Arc<Body>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.engine.unpin(&self.body);
    }
}
