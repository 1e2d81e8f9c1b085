//! Reading the bytes of objects on disk.
//!
//! ```text
//! piece ─► small and at hand ─────────────────────────────────────────────► bytes
//!            │ no
//!            ├─► checked in this run, and in memory ──────────────────────► view
//!            └─► turn ─► cold reader: read, compare with the sum ─────────► view
//! ```
//!
//! What a caller on an async thread awaits here never waits for the device: that is done by
//! the cold readers.
//!
//! Refuses: to serve what was not compared with its sum (see [`super::stored`]).

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use tracing::warn;

use super::{
    Engine,
    body::Body,
    record::PIECE_BYTES,
    state::{State, Why},
    stored::{ReadFailure, Record, Stored},
};
use crate::Error;

/// A piece of an object on disk, of 256 KiB at most, or a run of them.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    pub(crate) source: Source,
}

impl Piece {
    const fn in_memory(bytes: Bytes) -> Self {
        Self {
            bytes,
            source: Source::Memory,
        }
    }
}

/// Where a piece came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Memory of this process.
    Memory,
    /// The page cache, at once.
    Warm,
    /// The device.
    Cold,
}

impl Engine {
    /// The first of `pieces` of an object, with those behind it that are warm as it is; nothing is
    /// copied of what is in memory.
    pub(crate) async fn read_stored(
        &self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
        pieces: Range<u64>,
    ) -> Result<Piece, Error> {
        self.check_records(body).await?;
        let piece = if stored.record.is_small() {
            self.small(stored).await.map(Piece::in_memory)
        } else {
            self.view(stored, pieces).await
        };
        piece.map_err(|failure| self.read_failed(body, failure))
    }

    /// One piece of an object in memory of this process.
    pub(crate) async fn copy_stored(
        &self,
        body: &Arc<Body>,
        stored: &Arc<Stored>,
        index: u64,
    ) -> Result<Bytes, Error> {
        self.check_records(body).await?;
        let piece = async {
            if stored.record.is_small() {
                return self.small(stored).await;
            }
            stored.verify(|| self.check(stored)).await?;
            self.copy(stored, index).await
        };
        piece
            .await
            .map_err(|failure| self.read_failed(body, failure))
    }

    /// Has a piece read and checked before it is wanted, if nobody has to wait for that.
    pub(crate) fn read_ahead(&self, stored: &Arc<Stored>, index: u64) {
        let is_there = index * (PIECE_BYTES as u64) < stored.body_bytes();
        if !is_there || stored.is_warm(index, self.clock.monotonic()) {
            return;
        }
        let ahead = Arc::clone(stored);
        let work = move || ahead.record.read_piece(&*ahead.file, index).map(drop);
        if self.cold.read_ahead(stored.piece_offset(index), work) {
            self.ledger.pieces_ahead.add_one();
        }
    }

    /// The body of a small object: from memory, or into it by one read.
    async fn small(&self, stored: &Arc<Stored>) -> Result<Bytes, ReadFailure> {
        if let Some(kept) = self.small_at_hand(&stored.record) {
            return Ok(kept);
        }
        let body = self.copy(stored, 0).await?;
        let mut state = self.look();
        let hash = state.index.hash(stored.record.hash);
        state.hot.keep(hash, &stored.record, Some(body.clone()));
        Ok(body)
    }

    fn small_at_hand(&self, record: &Record) -> Option<Bytes> {
        let mut state = self.look();
        let hash = state.index.hash(record.hash);
        state.hot.body(hash, record)
    }

    /// Pieces as the page cache holds them, once they are known to be right.
    async fn view(&self, stored: &Arc<Stored>, pieces: Range<u64>) -> Result<Piece, ReadFailure> {
        stored.verify(|| self.check(stored)).await?;
        let source = self.warm(stored, pieces.start).await?;
        let run = match source {
            Source::Cold => pieces.start..pieces.start + 1,
            Source::Memory | Source::Warm => self.run(stored, pieces),
        };
        let count = match source {
            Source::Cold => &self.ledger.pieces_cold,
            Source::Memory | Source::Warm => &self.ledger.pieces_warm,
        };
        count.add(run.end - run.start);
        let index = run.start;
        match stored.view(run) {
            Ok(bytes) => Ok(Piece { bytes, source }),
            // There is no room for another mapping.
            Err(_) => self.copy(stored, index).await.map(Piece::in_memory),
        }
    }

    /// The first of `pieces`, which is warm, and those behind it that are as well.
    fn run(&self, stored: &Stored, pieces: Range<u64>) -> Range<u64> {
        let now = self.clock.monotonic();
        let Range { start, end } = pieces;
        let mut others = start + 1..end;
        let run_end = others.find(|index| !stored.is_warm(*index, now));
        start..run_end.unwrap_or(others.end)
    }

    /// Checks all of a body, piece by piece, so that others may read between.
    pub(super) async fn check(&self, stored: &Arc<Stored>) -> Result<(), ReadFailure> {
        for index in 0..stored.record.header.sums.len() as u64 {
            self.warm(stored, index).await?;
        }
        Ok(())
    }

    /// Has a piece read and compared with its sum, unless that was done and it is in memory.
    async fn warm(&self, stored: &Arc<Stored>, index: u64) -> Result<Source, ReadFailure> {
        if stored.is_warm(index, self.clock.monotonic()) {
            return Ok(Source::Warm);
        }
        let turn = self.cold.turn(stored.piece_offset(index)).await;
        if stored.is_warm(index, self.clock.monotonic()) {
            return Ok(Source::Cold);
        }
        let cold = Arc::clone(stored);
        let read = move || cold.record.read_piece(&*cold.file, index).map(drop);
        self.cold.read(turn, read).await?;
        Ok(Source::Cold)
    }

    /// A piece in memory of this process, compared with its sum.
    async fn copy(&self, stored: &Arc<Stored>, index: u64) -> Result<Bytes, ReadFailure> {
        if let Some(piece) = stored.record.read_resident(&*stored.file, index)? {
            return Ok(piece);
        }
        let turn = self.cold.turn(stored.piece_offset(index)).await;
        if let Some(piece) = stored.record.read_resident(&*stored.file, index)? {
            return Ok(piece);
        }
        let cold = Arc::clone(stored);
        let read = move || cold.record.read_piece(&*cold.file, index);
        self.cold.read(turn, read).await
    }

    /// Counts a failed read, drops the object, and returns the error.
    pub(super) fn read_failed(&self, body: &Arc<Body>, failure: ReadFailure) -> Error {
        let key = body.key.clone();
        let error = match failure {
            ReadFailure::Interrupted => return Error::Closed,
            ReadFailure::Device(source) => Error::Read { key, source },
            ReadFailure::Damaged => Error::Damaged { key },
        };
        self.ledger.read_errors.add_one();
        let mut state = self.lock();
        if state.table.is_current(body) {
            state.table.remove(&body.key);
        }
        // One that still grows could not be completed.
        let aborted = body.abort();
        state.forget_links(&aborted);
        self.lose(&mut state, body, &error);
        error
    }

    /// Forgets an object that cannot be read.
    fn lose(&self, state: &mut State, body: &Body, error: &Error) {
        state.forget_links(&body.part_links());
        let Some(head) = body.stored() else {
            return;
        };
        let Record { region, page, .. } = *head.record;
        if let Some(item) = state.remove(body.hash, region, page) {
            warn!(key = %body.key, %error, "dropped an object that cannot be read");
            state.kill(&item, Why::Dropped);
            self.work.notify_one();
        }
    }
}
