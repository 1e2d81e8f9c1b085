//! An object's file, while readers and the index know of it.
//!
//! The file is removed when it has been given up *and* nobody can read it any more: the last
//! reference hands its path to the store's thread. So a reader never meets a file that has gone
//! or become another object, and the budget counts exactly what lies on disk.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use bytes::Bytes;
use tokio::sync::OnceCell;
use weir_hal::{Access, Disk, File};

use super::{
    layout::{PIECE_BYTES, PieceSums, decode_trailer},
    ledger::Charge,
};

/// A file that holds one object.
#[derive(Debug)]
pub(crate) struct Stored {
    place: FilePlace,
    /// The sums of the pieces; absent until the whole body was compared with them once.
    sums: OnceCell<Box<[u32]>>,
    /// The open file that readers share, closed with the last of them.
    handle: Mutex<Option<Weak<dyn File>>>,
    end: OnceLock<GivenUp>,
    removals: Arc<Removals>,
    /// Taken only by `drop`.
    charge: Option<Charge>,
}

/// Where the parts of an object lie.
#[derive(Debug, Clone)]
pub(super) struct FilePlace {
    pub(super) path: PathBuf,
    pub(super) header_sum: u32,
    /// Bytes before the body.
    pub(super) header_bytes: u64,
    pub(super) body_bytes: u64,
    pub(super) file_bytes: u64,
}

/// Why a file is no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// A newer object of the same key is safe on disk.
    Superseded,
    /// It was evicted or is damaged.
    Dropped,
}

/// Why bytes on disk cannot be had.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// The file cannot be opened now, which says nothing about what it holds.
    Open(weir_hal::Error),
    /// The device cannot read it.
    Device(weir_hal::Error),
    /// It is not what was written.
    Damaged,
    /// The runtime is shutting down.
    Interrupted,
}

impl Stored {
    /// A file whose body is what `sums` say, because it has just been written.
    pub(super) fn written(
        place: FilePlace,
        sums: Box<[u32]>,
        charge: Charge,
        removals: Arc<Removals>,
    ) -> Self {
        Self::new(place, OnceCell::new_with(Some(sums)), charge, removals)
    }

    /// A file that was found at a start; its body is checked before the first use.
    pub(super) fn found(place: FilePlace, charge: Charge, removals: Arc<Removals>) -> Self {
        Self::new(place, OnceCell::new(), charge, removals)
    }

    fn new(
        place: FilePlace,
        sums: OnceCell<Box<[u32]>>,
        charge: Charge,
        removals: Arc<Removals>,
    ) -> Self {
        Self {
            place,
            sums,
            handle: Mutex::new(None),
            end: OnceLock::new(),
            removals,
            charge: Some(charge),
        }
    }

    /// Bytes of the object.
    pub(crate) const fn body_bytes(&self) -> u64 {
        self.place.body_bytes
    }

    /// Where in the file the byte at `offset` of the object lies.
    pub(crate) const fn file_offset(&self, offset: u64) -> u64 {
        self.place.header_bytes + offset
    }

    /// Bytes of the disk budget it takes.
    pub(super) fn charged_bytes(&self) -> u64 {
        self.charge.as_ref().map_or(0, Charge::bytes)
    }

    /// Has the file removed when the last reference is gone. The first reason counts.
    pub(super) fn give_up(&self, why: GivenUp) {
        // A file that was already given up stays so.
        self.end.get_or_init(|| why);
    }

    /// Opens the file, or shares the handle of another reader. Blocks.
    pub(crate) fn open(&self, disk: &dyn Disk) -> Result<Arc<dyn File>, ReadFailure> {
        if let Some(file) = self.handle().as_ref().and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file = disk
            .open(&self.place.path, Access::Read)
            .map_err(ReadFailure::Open)?;
        *self.handle() = Some(Arc::downgrade(&file));
        Ok(file)
    }

    /// The sums to check pieces by, which `check` must have found to be right first.
    pub(crate) const fn sums(&self) -> &OnceCell<Box<[u32]>> {
        &self.sums
    }

    /// Reads the whole body once, in pieces, and compares it with its sums. Blocks.
    pub(crate) fn check(&self, file: &dyn File) -> Result<Box<[u32]>, ReadFailure> {
        let body_end = self.file_offset(self.place.body_bytes);
        let trailer_bytes = self.place.file_bytes.saturating_sub(body_end);
        let trailer = read_exactly(file, body_end, trailer_bytes)?;
        let sums = decode_trailer(self.place.header_sum, &trailer).ok_or(ReadFailure::Damaged)?;
        if sums.len() as u64 != self.place.body_bytes.div_ceil(PIECE_BYTES as u64) {
            return Err(ReadFailure::Damaged);
        }
        for (index, &sum) in (0..).zip(&sums) {
            self.read_piece(file, index, sum)?;
        }
        Ok(sums)
    }

    /// Reads one piece and compares it with its sum. Blocks.
    pub(crate) fn read_piece(
        &self,
        file: &dyn File,
        index: u64,
        sum: u32,
    ) -> Result<Bytes, ReadFailure> {
        let start = index * PIECE_BYTES as u64;
        let bytes = self
            .place
            .body_bytes
            .saturating_sub(start)
            .min(PIECE_BYTES as u64);
        let piece = read_exactly(file, self.file_offset(start), bytes)?;
        let mut sums = PieceSums::default();
        sums.update(&piece);
        if sums.finish().first() != Some(&sum) {
            return Err(ReadFailure::Damaged);
        }
        Ok(piece.into())
    }

    fn handle(&self) -> MutexGuard<'_, Option<Weak<dyn File>>> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let (Some(&why), Some(charge)) = (self.end.get(), self.charge.take()) {
            let path = std::mem::take(&mut self.place.path);
            self.removals.lock().push(Removal {
                path,
                why,
                _charge: charge,
            });
        }
    }
}

fn read_exactly(file: &dyn File, offset: u64, bytes: u64) -> Result<Vec<u8>, ReadFailure> {
    let Ok(bytes) = usize::try_from(bytes) else {
        return Err(ReadFailure::Damaged);
    };
    let mut buffer = vec![0; bytes];
    let filled = file
        .read_at(&mut buffer, offset)
        .map_err(ReadFailure::Device)?;
    if filled < buffer.len() {
        return Err(ReadFailure::Damaged);
    }
    Ok(buffer)
}

/// Files that nobody can read any more, waiting for the store's thread.
///
/// # Limits
/// Never more than there are files on disk: each holds its part of the disk budget.
#[derive(Debug, Default)]
pub(super) struct Removals(Mutex<Vec<Removal>>);

/// A file to remove. Its room is free when this is dropped.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) path: PathBuf,
    pub(super) why: GivenUp,
    _charge: Charge,
}

impl Removals {
    pub(super) fn take(&self) -> Vec<Removal> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Removal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
