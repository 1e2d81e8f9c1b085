//! An object's record, while somebody reads it.
//!
//! Whoever holds a [`Stored`] holds a lease of its region, so the bytes stay where they are even
//! if the object has been evicted or replaced.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OnceCell;
use weir_hal::File;

use super::{
    format::{Geometry, PAGE, PAGE_BYTES},
    record::{Header, PIECE_BYTES},
    regions::Lease,
};

/// What is known of a record that was read or written.
#[derive(Debug)]
pub(crate) struct Record {
    pub(super) header: Header,
    /// The hash of its key on disk.
    pub(super) hash: u64,
    pub(super) region: u32,
    pub(super) page: u32,
    /// Where in the store the body begins.
    body_offset: u64,
    /// Set when the whole body has been compared with its sums, or was written in this run.
    verified: OnceCell<()>,
}

/// Why bytes on disk cannot be had.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// The device cannot read them.
    Device(weir_hal::Error),
    /// They are not what was written.
    Damaged,
    /// The runtime is shutting down.
    Interrupted,
}

impl Record {
    pub(super) fn new(
        header: Header,
        hash: u64,
        (geometry, region, page): (Geometry, u32, u32),
        is_verified: bool,
    ) -> Self {
        let verified = OnceCell::new_with(is_verified.then_some(()));
        Self {
            body_offset: geometry.page_offset(region, page) + header.bytes() as u64,
            header,
            hash,
            region,
            page,
            verified,
        }
    }

    /// Reads the header of the record at a place. Blocks.
    ///
    /// Returns `None` if there is none, or not one of the generation that is asked for.
    pub(super) fn read_header(
        file: &dyn File,
        (geometry, region, page): (Geometry, u32, u32),
        generation: Option<u64>,
    ) -> Result<Option<Header>, weir_hal::Error> {
        let offset = geometry.page_offset(region, page);
        let mut head = vec![0; PAGE];
        let filled = file.read_at(&mut head, offset)?;
        head.truncate(filled);
        let Some(bytes) = Header::bytes_told(&head) else {
            return Ok(None);
        };
        if bytes > head.len() {
            head.resize(bytes, 0);
            let filled = file.read_at(&mut head, offset)?;
            head.truncate(filled);
        }
        let header = Header::decode(&head);
        let is_right = |header: &Header| generation.is_none_or(|it| header.generation == it);
        Ok(header.filter(is_right))
    }

    pub(super) const fn is_at(&self, region: u32, page: u32) -> bool {
        self.region == region && self.page == page
    }

    /// Where in the store the body begins.
    pub(super) const fn body_offset(&self) -> u64 {
        self.body_offset
    }

    /// Whether the body is known to be what was written.
    pub(super) fn is_verified(&self) -> bool {
        self.verified.initialized()
    }

    /// Whether it is small enough to be kept at hand.
    pub(super) fn is_light(&self) -> bool {
        self.header.bytes() as u64 <= PAGE_BYTES
    }

    /// Reads the whole body once, in pieces, and compares it with its sums. Blocks.
    pub(super) fn check(&self, file: &dyn File) -> Result<(), ReadFailure> {
        (0..self.header.sums.len() as u64)
            .try_for_each(|index| self.read_piece(file, index).map(drop))
    }

    /// Reads one piece and compares it with its sum. Blocks.
    pub(super) fn read_piece(&self, file: &dyn File, index: u64) -> Result<Bytes, ReadFailure> {
        let (mut piece, offset) = self.piece(index)?;
        let filled = file.read_at(&mut piece, offset);
        if filled.map_err(ReadFailure::Device)? < piece.len() {
            return Err(ReadFailure::Damaged);
        }
        self.compare(piece, index)
    }

    /// The same if it takes no wait for the device; otherwise `None`.
    fn read_resident(&self, file: &dyn File, index: u64) -> Result<Option<Bytes>, ReadFailure> {
        let (mut piece, offset) = self.piece(index)?;
        let is_resident = file.read_resident_at(&mut piece, offset);
        if is_resident.map_err(ReadFailure::Device)? {
            return self.compare(piece, index).map(Some);
        }
        Ok(None)
    }

    /// An empty buffer for a piece, and where it lies.
    fn piece(&self, index: u64) -> Result<(Vec<u8>, u64), ReadFailure> {
        let start = index * PIECE_BYTES as u64;
        let rest = self.header.body_bytes.saturating_sub(start);
        let bytes = usize::try_from(rest.min(PIECE_BYTES as u64));
        let buffer = vec![0; bytes.map_err(|_too_long| ReadFailure::Damaged)?];
        Ok((buffer, self.body_offset + start))
    }

    fn compare(&self, piece: Vec<u8>, index: u64) -> Result<Bytes, ReadFailure> {
        let sum = usize::try_from(index).ok();
        let sum = sum.and_then(|index| self.header.sums.get(index));
        if sum != Some(&crc32c::crc32c(&piece)) {
            return Err(ReadFailure::Damaged);
        }
        Ok(piece.into())
    }
}

/// A record in a region that nobody writes over.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(super) record: Arc<Record>,
    pub(super) file: Arc<dyn File>,
    pub(super) lease: Lease,
}

impl Stored {
    /// Bytes of the object.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.record.header.body_bytes
    }

    /// Where in the file the byte at `offset` of the object lies.
    pub(crate) fn file_offset(&self, offset: u64) -> u64 {
        self.record.body_offset + offset
    }

    pub(crate) const fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    pub(crate) fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Reads one piece, off the async threads if that takes a wait.
    ///
    /// The first reader after an unclean stop has the whole body checked first.
    pub(super) async fn read(self: &Arc<Self>, index: u64) -> Result<Bytes, ReadFailure> {
        let check = || {
            let stored = Arc::clone(self);
            blocking(move || stored.record.check(&*stored.file))
        };
        self.record.verified.get_or_try_init(check).await?;
        if let Some(piece) = self.record.read_resident(&*self.file, index)? {
            return Ok(piece);
        }
        let stored = Arc::clone(self);
        blocking(move || stored.record.read_piece(&*stored.file, index)).await
    }
}

/// Runs work that waits for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadFailure> + Send + 'static,
) -> Result<T, ReadFailure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(ReadFailure::Interrupted),
        },
    }
}
