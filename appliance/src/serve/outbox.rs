//! Which bytes of a connection of HTTP/2 lie on disk: what the bodies of answers tell the end that
//! sends them.
//!
//! hyper knows bytes and nothing else, so a chunk out of the store goes through it as a view of the
//! page cache, which costs nothing as long as nobody looks at it. What it is a view of is announced
//! here; when hyper hands its slices to be written, the [`Wire`](crate::serve::wire) finds the
//! announced ones again by their addresses, and has the kernel send them from the file.
//!
//! An announcement keeps its view mapped and its region leased until it is taken back, so an
//! address never comes to mean something else.
//!
//! Refuses: to read a single byte of what is announced. A page that cannot be read any more ends
//! the process that looks at it; the kernel only fails the call.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use weir_cache::StoredRange;
use weir_hal::Connection;

/// Bytes from which on a chunk is sent from its file. Fewer go out with the header fields in one
/// call: to copy them costs less than a call of their own.
const SEND_FILE_BYTES_MIN: usize = 16 << 10;

/// Who takes the bytes of a connection, and so what must not be handed to it as a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Taker {
    /// The kernel, a whole body at a time: what is long is sent from its file.
    #[default]
    Kernel,
    /// The kernel, in frames too short for calls of their own: it takes views.
    KernelInFrames,
    /// This process, which encrypts: all that lies on disk is read from its file.
    Process,
}

impl Taker {
    /// Bytes from which on a chunk is not handed over as a view, but sent from its file.
    pub(crate) const fn announced_bytes_min(self) -> usize {
        match self {
            Self::Kernel => SEND_FILE_BYTES_MIN,
            Self::KernelInFrames => usize::MAX,
            Self::Process => 0,
        }
    }
}

/// What lies on disk of the bytes that wait to be sent: one or two chunks of each stream. Clones
/// are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox {
    taker: Taker,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    announced: VecDeque<Announced>,
    /// A byte that was to be sent could not be read: nothing may leave any more.
    is_broken: bool,
}

#[derive(Debug)]
struct Announced {
    view: Bytes,
    stored: StoredRange,
}

impl Announced {
    /// How far into the view `slice` begins; `None` if it lies outside.
    fn position_of(&self, slice: &[u8]) -> Option<usize> {
        let position = slice
            .as_ptr()
            .addr()
            .checked_sub(self.view.as_ptr().addr())?;
        let end = position.checked_add(slice.len())?;
        (end <= self.view.len()).then_some(position)
    }
}

impl Outbox {
    /// An outbox of a connection whose bytes `taker` takes.
    pub(crate) fn new(taker: Taker) -> Self {
        let queue = Arc::default();
        Self { taker, queue }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that `view` lies in `stored`, until it is taken back by [`Self::withdraw`]; it may be
    /// sent in pieces, among those of others.
    pub(crate) fn announce_owned(&self, view: &Bytes, stored: &StoredRange) {
        if view.len() >= self.taker.announced_bytes_min() {
            self.lock().announced.push_back(Announced {
                view: view.clone(),
                stored: stored.clone(),
            });
        }
    }

    /// Takes back what was said of `view`. Of two that are the same, as two answers with one object
    /// are, it takes back one.
    pub(crate) fn withdraw(&self, view: &Bytes) {
        let mut queue = self.lock();
        let is_it =
            |one: &Announced| one.view.as_ptr() == view.as_ptr() && one.view.len() == view.len();
        if let Some(index) = queue.announced.iter().position(is_it) {
            queue.announced.swap_remove_back(index);
        }
    }

    /// Ends the connection before another byte leaves it.
    pub(crate) fn break_off(&self) {
        self.lock().is_broken = true;
    }

    /// How many of `slices` come before the first that lies on disk.
    ///
    /// # Errors
    /// When the connection was broken off.
    pub(crate) fn plain(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let queue = self.lock();
        if queue.is_broken {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let announced = &queue.announced;
        if announced.is_empty() {
            return Ok(slices.len());
        }
        let is_plain =
            |slice: &&io::IoSlice<'_>| announced.iter().all(|one| one.position_of(slice).is_none());
        Ok(slices.iter().take_while(is_plain).count())
    }

    /// Sends `slice`, which was announced, by way of its file.
    pub(crate) fn poll_send(
        &self,
        io: Pin<&mut dyn Connection>,
        context: &mut Context<'_>,
        slice: &[u8],
    ) -> Poll<io::Result<usize>> {
        let announced = &self.lock().announced;
        let mut places = announced.iter();
        let place = places.find_map(|one| Some((one, one.position_of(slice)?)));
        let Some((one, position)) = place else {
            return Poll::Ready(Err(io::ErrorKind::NotFound.into()));
        };
        let offset = one.stored.offset + position as u64;
        io.poll_send_file(context, &*one.stored.file, offset, slice.len())
    }
}
