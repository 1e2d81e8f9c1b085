//! What goes out on one stream of HTTP/2: bytes that know whether their client takes them.
//!
//! The frames of many streams share a connection, and hyper hands each chunk of a body over whole,
//! long before its client takes it. So the bytes themselves tell their stream how far they have
//! come, and take their announcement back when they go, sent or not.
//!
//! A view of the page cache must not be looked at ([`outbox`](crate::serve::outbox)), but the codec
//! copies the first bytes of each frame behind its head. Whoever wants to copy gets bytes that were
//! read through the file; only who writes vectors gets the view.

use std::{
    cell::OnceCell,
    io::IoSlice,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::{Buf, Bytes};
use weir_cache::{Chunk, StoredRange};

use crate::serve::outbox::Outbox;

/// Bytes that are copied at a time: what the codec of HTTP/2 wants to see behind a frame's head.
const COPY_BYTES_MAX: usize = 256;

/// How far one stream has come. Raised by its bytes, read by the watch over its connection.
#[derive(Debug, Default)]
pub(super) struct Progress {
    taken_bytes: AtomicU64,
    waiting_bytes: AtomicU64,
    is_answered: AtomicBool,
}

impl Progress {
    /// Bytes that have left so far.
    pub(super) fn taken_bytes(&self) -> u64 {
        self.taken_bytes.load(Ordering::Relaxed)
    }

    /// Whether bytes wait for the client.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) > 0
    }

    /// Whether the whole answer was handed over, or broke for a reason of ours.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed)
    }

    fn hand_over(&self, bytes: usize) {
        self.waiting_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) {
        self.taken_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.waiting_bytes
            .fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// The answer has been handed over, or is broken.
    pub(super) fn answer(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }
}

/// A chunk of a body on its way.
#[derive(Debug)]
pub(super) struct Parcel {
    bytes: Bytes,
    view: Option<View>,
    progress: Arc<Progress>,
}

/// What is to be known of a chunk that lies on disk.
#[derive(Debug)]
struct View {
    /// The chunk as it was.
    whole: Bytes,
    stored: StoredRange,
    outbox: Outbox,
    /// The next bytes, for who wants to copy them.
    copy: OnceCell<Vec<u8>>,
}

impl View {
    /// Reads the bytes from `position` on. Should the device not give them, nothing more leaves the
    /// connection: what stands in for them here reaches nobody.
    fn read(&self, position: usize) -> Vec<u8> {
        let left = self.whole.len().saturating_sub(position);
        let mut copy = vec![0; left.min(COPY_BYTES_MAX)];
        let offset = self.stored.offset + position as u64;
        let read = self.stored.file.read_at(&mut copy, offset);
        if read.ok() != Some(copy.len()) {
            self.outbox.break_off();
        }
        copy
    }
}

impl Parcel {
    pub(super) fn new(chunk: Chunk, outbox: &Outbox, progress: &Arc<Progress>) -> Self {
        progress.hand_over(chunk.bytes.len());
        let view = chunk.stored.map(|stored| {
            outbox.announce_owned(&chunk.bytes, &stored);
            View {
                whole: chunk.bytes.clone(),
                stored,
                outbox: outbox.clone(),
                copy: OnceCell::new(),
            }
        });
        Self {
            bytes: chunk.bytes,
            view,
            progress: Arc::clone(progress),
        }
    }
}

impl Buf for Parcel {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        let Some(view) = &self.view else {
            return &self.bytes;
        };
        let position = view.whole.len() - self.bytes.len();
        view.copy.get_or_init(|| view.read(position))
    }

    fn chunks_vectored<'d>(&'d self, slices: &mut [IoSlice<'d>]) -> usize {
        match slices.first_mut() {
            Some(slice) if !self.bytes.is_empty() => {
                *slice = IoSlice::new(&self.bytes);
                1
            }
            _ => 0,
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
        self.progress.take(bytes);
        if let Some(view) = &mut self.view {
            view.copy.take();
        }
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.progress.take(self.bytes.len());
        if let Some(view) = &self.view {
            view.outbox.withdraw(&view.whole);
        }
    }
}
