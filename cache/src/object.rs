//! Reading objects: whole or in part, while they grow or long after.

use std::{
    fmt::{self, Debug},
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use weir_hal::File;

use crate::{
    Error, Key, Pin,
    engine::{Body, Engine, Lease, PIECE_BYTES, Sight, Source, Stored},
};

/// One object, complete or being written. Clones are the same object.
///
/// It stays what it is: if its key is given to a newer object, this one can still be read.
#[derive(Clone)]
pub struct Object {
    engine: Arc<Engine>,
    body: Arc<Body>,
}

impl Object {
    pub(crate) const fn new(engine: Arc<Engine>, body: Arc<Body>) -> Self {
        Self { engine, body }
    }

    /// The name.
    pub fn key(&self) -> &Key {
        &self.body.key
    }

    /// What the writer left for its own use.
    pub fn metadata(&self) -> &Bytes {
        &self.body.metadata
    }

    /// Bytes of a complete object; `None` while it is being written.
    pub fn bytes(&self) -> Option<u64> {
        self.body.bytes()
    }

    /// Reads the bytes in `range`, clipped to the end of the object; `0..u64::MAX` is all.
    ///
    /// A reader of an object that is being written follows the writer. The bytes are to be handed
    /// to the kernel, not looked at: see [`Chunk::bytes`].
    pub fn read(&self, range: Range<u64>) -> Reader {
        self.reader(range, Form::View { pieces_max: 1 })
    }

    /// The same, up to 2 MiB at a time where so much lies in memory: for who hands whole chunks to
    /// the kernel, for each costs a call.
    pub fn read_runs(&self, range: Range<u64>) -> Reader {
        self.reader(
            range,
            Form::View {
                pieces_max: RUN_PIECES,
            },
        )
    }

    /// The same in memory of this process, each piece compared with its sum as it is read: for
    /// those who look at the bytes.
    pub fn read_copy(&self, range: Range<u64>) -> Reader {
        self.reader(range, Form::Copy)
    }

    /// Protects the complete object of this key from eviction: this one, unless it has been
    /// replaced or has gone since it was found. Never blocks.
    pub fn pin(&self) -> Option<Pin> {
        let body = self.engine.pin(&self.body)?;
        Some(Pin::new(Arc::clone(&self.engine), body))
    }

    fn reader(&self, range: Range<u64>, form: Form) -> Reader {
        Reader {
            object: self.clone(),
            range,
            form,
            is_cold: false,
        }
    }
}

impl Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Object")
            .field("key", self.key())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// A run through a range of one object.
#[derive(Debug)]
pub struct Reader {
    object: Object,
    /// What is still to be read.
    range: Range<u64>,
    form: Form,
    /// Some piece was not in memory: the others may not be either.
    is_cold: bool,
}

/// How a reader gives what is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As views of so many pieces.
    View {
        pieces_max: u64,
    },
    Copy,
}

/// Pieces of a run: 2 MiB. A thread that serves many gives a millisecond to none of them.
const RUN_PIECES: u64 = 8;

impl Reader {
    /// Waits for the next bytes: from disk at most 256 KiB, or what [`Object::read_runs`] says;
    /// from memory as they were appended.
    ///
    /// Returns `None` only at the end of the range or of a complete object. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Aborted`] if the writer gave up; [`Error::Read`] or [`Error::Damaged`] if the
    /// disk does not give back what was written.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped: the next call goes on at the same byte.
    pub async fn next(&mut self) -> Result<Option<Chunk>, Error> {
        while self.range.start < self.range.end {
            let body = Arc::clone(&self.object.body);
            let changed = body.changed();
            let chunk = match body.look(self.range.start) {
                Sight::Nothing => {
                    changed.await;
                    continue;
                }
                Sight::End => return Ok(None),
                Sight::Aborted => return Err(Error::Aborted),
                Sight::Bytes(bytes) => Chunk {
                    bytes: self.clip(&bytes),
                    stored: None,
                },
                Sight::Stored(stored, within) => self.next_stored(&stored, within).await?,
                Sight::Told(part) => {
                    self.object.engine.open_part(&body, part).await?;
                    continue;
                }
            };
            self.range.start += chunk.bytes.len() as u64;
            return Ok(Some(chunk));
        }
        Ok(None)
    }

    /// Reads what lies so far from the start of a record's body.
    async fn next_stored(&mut self, stored: &Arc<Stored>, within: u64) -> Result<Chunk, Error> {
        let Object { engine, body } = &self.object;
        let index = within / PIECE_BYTES as u64;
        let wanted_end = within.saturating_add(self.range.end - self.range.start);
        let (piece, source) = match self.form {
            Form::View { pieces_max } => {
                let end = wanted_end.div_ceil(PIECE_BYTES as u64);
                let pieces = index..end.min(index + pieces_max);
                let piece = engine.read_stored(body, stored, pieces).await?;
                (piece.bytes, piece.source)
            }
            Form::Copy => {
                let piece = engine.copy_stored(body, stored, index).await?;
                (piece, Source::Memory)
            }
        };
        // The remainder is below the size of a piece.
        let skipped = usize::try_from(within % PIECE_BYTES as u64).unwrap_or(0);
        let bytes = self.clip(&piece.slice(skipped.min(piece.len())..));
        self.is_cold |= source == Source::Cold;
        let next = within + bytes.len() as u64;
        if self.is_cold && next < wanted_end {
            engine.read_ahead(stored, next.div_ceil(PIECE_BYTES as u64));
        }
        let stored = (source != Source::Memory).then(|| StoredRange {
            file: Arc::clone(stored.file()),
            offset: stored.file_offset(within),
            bytes: bytes.len() as u64,
            _lease: stored.lease(),
        });
        Ok(Chunk { bytes, stored })
    }

    /// Cuts what lies beyond the range.
    fn clip(&self, bytes: &Bytes) -> Bytes {
        let wanted = self.range.end - self.range.start;
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        bytes.slice(..wanted.min(bytes.len()))
    }
}

/// Some bytes of an object, in order.
///
/// Whoever sends it has two ways. `bytes` go out by a (vectored) write, whatever they are. If
/// `stored` is there, the same bytes can go out by sendfile(2) instead, which saves the kernel
/// the walk through a mapping; the two are one range, so an adapter may find out by `stored`
/// what `bytes` are. Small objects and such as are not on disk yet have no `stored`: they are in
/// memory of this process.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The bytes: at least one.
    ///
    /// Of [`Object::read`], if `stored` is there, they are a view of the page cache and take no
    /// memory of this process. They were compared with their sum and in memory a moment ago. Hand
    /// them to the kernel: a process that looks at a page that has gone meanwhile, and cannot be
    /// read from the device any more, is ended. [`Object::read_copy`] has no such danger.
    pub bytes: Bytes,
    /// Where the same bytes lie on disk, if it is better to send them from there.
    pub stored: Option<StoredRange>,
}

/// Bytes of an object in a file or device. As long as this lives they are not written over, even
/// if the object has gone. What a connection has taken of them by then is safe for good.
#[derive(Debug, Clone)]
pub struct StoredRange {
    /// The open file.
    pub file: Arc<dyn File>,
    /// Where the bytes begin.
    pub offset: u64,
    /// How many they are.
    pub bytes: u64,
    _lease: Lease,
}
