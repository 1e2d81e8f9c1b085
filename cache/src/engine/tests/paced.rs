//! A simulated disk that writes only as much as it is allowed to.

use std::{
    io::IoSlice,
    path::Path,
    sync::{Arc, Condvar, Mutex},
};

use bytes::Bytes;
use weir_hal::{Access, Disk, Error, File, sim};

/// Clones are the same disk.
#[derive(Debug, Clone)]
pub(super) struct Paced {
    disk: sim::Disk,
    pace: Arc<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that may still be written; `None` is as many as come.
    allowed: Option<u64>,
    is_waiting: bool,
}

impl Paced {
    /// A disk that writes as much as comes, until it is told otherwise.
    pub(super) fn new() -> Self {
        Self {
            disk: sim::Disk::new(1),
            pace: Arc::default(),
        }
    }

    /// Lets so many more bytes pass, and no others.
    pub(super) fn allow(&self, bytes: u64) {
        let mut state = self.pace.state.lock().unwrap();
        state.allowed = Some(state.allowed.unwrap_or(0) + bytes);
        self.pace.changed.notify_all();
    }

    /// Lets everything pass.
    pub(super) fn release(&self) {
        self.pace.state.lock().unwrap().allowed = None;
        self.pace.changed.notify_all();
    }

    /// Whether somebody waits to be allowed to write.
    pub(super) fn is_waiting(&self) -> bool {
        self.pace.state.lock().unwrap().is_waiting
    }
}

impl Pace {
    /// Waits until something may be written, which may be more than is left.
    fn pass(&self, bytes: u64) {
        let mut state = self.state.lock().unwrap();
        state.is_waiting = true;
        let is_exhausted = |state: &mut State| state.allowed == Some(0);
        state = self.changed.wait_while(state, is_exhausted).unwrap();
        state.is_waiting = false;
        state.allowed = state.allowed.map(|allowed| allowed.saturating_sub(bytes));
    }
}

impl Disk for Paced {
    fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn File>, Error> {
        let file = self.disk.open(path, access)?;
        let pace = Arc::clone(&self.pace);
        Ok(Arc::new(PacedFile { file, pace }))
    }

    fn create_directory(&self, path: &Path) -> Result<(), Error> {
        self.disk.create_directory(path)
    }

    left_to!(disk);
}

#[derive(Debug)]
struct PacedFile {
    file: Arc<dyn File>,
    pace: Arc<Pace>,
}

impl File for PacedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        self.pace.pass(bytes.len() as u64);
        self.file.write_at(bytes, offset)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> Result<(), Error> {
        self.pace
            .pass(parts.iter().map(|part| part.len() as u64).sum());
        self.file.write_vectored_at(parts, offset)
    }

    fn begin_sync(&self, offset: u64, bytes: u64) {
        self.file.begin_sync(offset, bytes);
    }

    fn sync(&self) -> Result<(), Error> {
        self.file.sync()
    }

    fn read_resident_at(&self, buffer: &mut [u8], offset: u64) -> Result<bool, Error> {
        self.file.read_resident_at(buffer, offset)
    }

    fn is_resident(&self, offset: u64, bytes: usize) -> Result<bool, Error> {
        self.file.is_resident(offset, bytes)
    }

    fn view(&self, offset: u64, bytes: usize) -> Result<Bytes, Error> {
        self.file.view(offset, bytes)
    }

    fn forget(&self, offset: u64, bytes: u64) {
        self.file.forget(offset, bytes);
    }

    fn detach(&self, offset: u64, bytes: u64) -> Result<(), Error> {
        self.file.detach(offset, bytes)
    }

    fn advise_random(&self) {
        self.file.advise_random();
    }

    fn resize(&self, bytes: u64) -> Result<(), Error> {
        self.file.resize(bytes)
    }

    fn bytes(&self) -> Result<u64, Error> {
        self.file.bytes()
    }

    fn lock_exclusive(&self) -> Result<(), Error> {
        self.file.lock_exclusive()
    }
}
