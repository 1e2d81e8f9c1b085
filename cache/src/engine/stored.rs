//! An object's record, while somebody reads it.
//!
//! Whoever holds a [`Stored`] holds a lease of its region, so the bytes stay where they are even
//! if the object has been evicted or replaced.
//!
//! # Why warm pieces are not summed again
//! A piece is given as a view of the page cache if it was compared with its sum, or written, in
//! this run, **and** all its pages are in memory now. What was compared went through the same
//! pages, so as long as they stay they are what was compared: memory that changes by itself is
//! not what sums on disk are for. Both halves are needed. Pages alone may have come into memory
//! by another way: with the head of the record, with the neighbour that shares them, by another
//! process that reads the file, or in a former run; a start therefore relies on nothing that it
//! finds warm, and compares each piece once. The comparison alone may be of pages that have gone
//! and would be read again from a medium that has decayed since; therefore the probe.
//!
//! What is left is the time between the probe, which is believed for [`TICK_NS`] or two since it
//! costs as much as sending a twentieth of the piece, and the last byte sent. A page that is
//! evicted then is read again by the kernel, which sends it unseen: a wrong byte needs a medium
//! that decays after the piece was last compared, does not notice it, and is read in just that
//! time. The same
//! holds for a page that was evicted and that another process, or a head read again, brought back
//! (what a neighbour brings back is compared again). The wait for such a read is the sending
//! thread's. A page that the device cannot read at all breaks the response.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::OnceCell;
use weir_hal::{File, Monotonic};

use super::{
    format::{Address, PAGE},
    hot::SMALL_PAGES,
    record::{Header, PIECE_BYTES},
    regions::Lease,
};

/// How exactly it is noted when a piece was last seen in memory, which is believed to the end of
/// the next tick: a quarter of a second at most.
const TICK_NS: u64 = 1 << 27;

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
    /// What is known of each piece.
    marks: Box<[Mark]>,
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
    /// A record found at a place; `is_verified` if its directory vouches for its body.
    pub(super) fn new(header: Header, hash: u64, at: Address, is_verified: bool) -> Self {
        let verified = OnceCell::new_with(is_verified.then_some(()));
        Self {
            body_offset: at.offset + header.bytes() as u64,
            marks: header.sums.iter().map(|_| Mark::default()).collect(),
            header,
            hash,
            region: at.region,
            page: at.page,
            verified,
        }
    }

    /// A record that has just been written.
    pub(super) fn written(header: Header, hash: u64, at: Address) -> Self {
        let record = Self::new(header, hash, at, true);
        record.marks.iter().for_each(Mark::compared);
        record
    }

    /// Reads the header of the record at a place. Blocks.
    ///
    /// Returns `None` if there is none, or not one of the generation that is asked for.
    pub(super) fn read_header(
        file: &dyn File,
        at: Address,
        generation: Option<u64>,
    ) -> Result<Option<Header>, weir_hal::Error> {
        let mut head = vec![0; PAGE];
        let filled = file.read_at(&mut head, at.offset)?;
        head.truncate(filled);
        let Some(bytes) = Header::bytes_told(&head) else {
            return Ok(None);
        };
        if bytes > head.len() {
            head.resize(bytes, 0);
            let filled = file.read_at(&mut head, at.offset)?;
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

    /// Whether both are one record.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.is_at(other.region, other.page) && self.header.generation == other.header.generation
    }

    /// Whether it is kept in memory whole.
    pub(super) fn is_small(&self) -> bool {
        let pages = self.header.pages();
        pages.is_some_and(|pages| pages <= SMALL_PAGES)
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory_bytes(&self) -> usize {
        let sums = size_of_val(&*self.header.sums) + size_of_val(&*self.marks);
        size_of::<Self>() + self.header.key.as_str().len() + self.header.metadata.len() + sums
    }

    /// Whether a piece was compared with its sum in this run and is still in memory.
    fn is_warm(&self, file: &dyn File, index: u64, now: Monotonic) -> bool {
        let (Some(mark), Ok((offset, bytes))) = (self.mark(index), self.place_of(index)) else {
            return false;
        };
        // A probe that fails, or does not tell, costs a comparison.
        mark.is_warm(now, || file.is_resident(offset, bytes).unwrap_or(false))
    }

    /// Compares the whole body with its sums. Blocks.
    pub(super) fn check(&self, file: &dyn File) -> Result<(), ReadFailure> {
        let mut pieces = 0..self.header.sums.len() as u64;
        pieces.try_for_each(|index| self.read_piece(file, index).map(drop))
    }

    /// Reads one piece, through the page cache, and compares it with its sum. Blocks.
    pub(super) fn read_piece(&self, file: &dyn File, index: u64) -> Result<Bytes, ReadFailure> {
        let (offset, bytes) = self.place_of(index)?;
        self.unmark_neighbours(file, index, offset, bytes);
        let mut piece = vec![0; bytes];
        let filled = file.read_at(&mut piece, offset);
        if filled.map_err(ReadFailure::Device)? < bytes {
            return Err(ReadFailure::Damaged);
        }
        self.compare(piece, index)
    }

    /// The same if it takes no wait for the device; otherwise `None`.
    pub(super) fn read_resident(
        &self,
        file: &dyn File,
        index: u64,
    ) -> Result<Option<Bytes>, ReadFailure> {
        let (offset, bytes) = self.place_of(index)?;
        let mut piece = vec![0; bytes];
        let is_resident = file.read_resident_at(&mut piece, offset);
        if is_resident.map_err(ReadFailure::Device)? {
            return self.compare(piece, index).map(Some);
        }
        Ok(None)
    }

    /// Where in the store a piece lies, and its bytes.
    fn place_of(&self, index: u64) -> Result<(u64, usize), ReadFailure> {
        let start = index * PIECE_BYTES as u64;
        let rest = self.header.body_bytes.saturating_sub(start);
        let bytes = usize::try_from(rest.min(PIECE_BYTES as u64));
        let bytes = bytes.map_err(|_too_long| ReadFailure::Damaged)?;
        Ok((self.body_offset + start, bytes))
    }

    /// The piece, if it is what its sum was taken of.
    pub(super) fn compare(&self, piece: Vec<u8>, index: u64) -> Result<Bytes, ReadFailure> {
        let sum = usize::try_from(index).ok();
        let sum = sum.and_then(|index| self.header.sums.get(index));
        if sum != Some(&crc32c::crc32c(&piece)) {
            return Err(ReadFailure::Damaged);
        }
        self.mark(index).into_iter().for_each(Mark::compared);
        Ok(piece.into())
    }

    /// A read that brings in the page that a piece shares with its neighbour brings in bytes of
    /// the neighbour that it does not compare: what was known of that is not known any more.
    fn unmark_neighbours(&self, file: &dyn File, index: u64, offset: u64, bytes: usize) {
        let last = offset + (bytes as u64).saturating_sub(1);
        for (shared, neighbour) in [(offset, index.wrapping_sub(1)), (last, index + 1)] {
            if !file.is_resident(shared, 1).unwrap_or(false)
                && let Some(mark) = self.mark(neighbour)
            {
                mark.forget();
            }
        }
    }

    fn mark(&self, index: u64) -> Option<&Mark> {
        self.marks.get(usize::try_from(index).ok()?)
    }
}

/// What is known of a piece: nothing (0), that it was compared with its sum or written in this run
/// (1), or also in which tick it was last seen in memory (that tick, and 2).
#[derive(Debug, Default)]
struct Mark(AtomicU32);

impl Mark {
    const UNKNOWN: u32 = 0;
    const COMPARED: u32 = 1;

    fn compared(&self) {
        self.0.store(Self::COMPARED, Ordering::Relaxed);
    }

    fn forget(&self) {
        self.0.store(Self::UNKNOWN, Ordering::Relaxed);
    }

    /// Whether the piece was compared and is in memory, by `probe` unless it was seen just now.
    fn is_warm(&self, now: Monotonic, probe: impl FnOnce() -> bool) -> bool {
        let known = self.0.load(Ordering::Relaxed);
        if known == Self::UNKNOWN {
            return false;
        }
        // It comes round after 18 years.
        let tick = u32::try_from(now.as_nanos() / TICK_NS % (u64::from(u32::MAX) - 1));
        let seen = tick.unwrap_or_default() + 2;
        let is_recent = known != Self::COMPARED && seen.wrapping_sub(known) <= 1;
        if is_recent {
            return true;
        }
        // Who forgets it meanwhile is right.
        let order = Ordering::Relaxed;
        probe() && self.0.compare_exchange(known, seen, order, order) != Err(Self::UNKNOWN)
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

    pub(super) fn is_warm(&self, index: u64, now: Monotonic) -> bool {
        self.record.is_warm(&*self.file, index, now)
    }

    /// Where in the store a piece begins: by this it is known among those who read it.
    pub(super) fn piece_offset(&self, index: u64) -> u64 {
        self.file_offset(index * PIECE_BYTES as u64)
    }

    /// Pieces as the page cache holds them, unchecked. The region is not written over as long as
    /// the view lives.
    pub(super) fn view(&self, pieces: Range<u64>) -> Result<Bytes, ReadFailure> {
        let (offset, _) = self.record.place_of(pieces.start)?;
        let (last, last_bytes) = self.record.place_of(pieces.end - 1)?;
        let bytes = usize::try_from(last - offset).map_err(|_too_long| ReadFailure::Damaged)?;
        let bytes = bytes + last_bytes;
        let bytes = self.file.view(offset, bytes).map_err(ReadFailure::Device)?;
        Ok(Bytes::from_owner(Leased {
            bytes,
            _lease: self.lease(),
        }))
    }

    /// Resolves once the whole body is known to be what was written, by `check` if need be.
    pub(super) async fn verify<F>(&self, check: impl FnOnce() -> F) -> Result<(), ReadFailure>
    where
        F: Future<Output = Result<(), ReadFailure>>,
    {
        self.record.verified.get_or_try_init(check).await.copied()
    }
}

/// Bytes of a region, and what keeps it from being written over.
struct Leased {
    bytes: Bytes,
    _lease: Lease,
}

impl AsRef<[u8]> for Leased {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
