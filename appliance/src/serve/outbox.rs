//! Which bytes of a connection lie on disk: what the body of an answer tells the end that sends it.
//!
//! hyper knows bytes and nothing else, so a chunk out of the store goes through it as a view of the
//! page cache, which costs nothing as long as nobody looks at it. What it is a view of is announced
//! here; when hyper hands its slices to be written, the [`Wire`](crate::serve::wire) finds the
//! announced ones again by their addresses, and has the kernel send them from the file.
//!
//! An announcement keeps its view mapped and its region leased until all of it was sent, so an
//! address never comes to mean something else.
//!
//! Refuses: to read a single byte of what is announced. A page that cannot be read any more ends
//! the process that looks at it; the kernel only fails the call.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use weir_cache::{Chunk, StoredRange};
use weir_hal::Connection;

use crate::serve::{Body, BodyError, body::Form};

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
    /// Bytes from which on a chunk is announced.
    const fn announced_bytes_min(self) -> usize {
        match self {
            Self::Kernel => SEND_FILE_BYTES_MIN,
            Self::KernelInFrames => usize::MAX,
            Self::Process => 0,
        }
    }
}

/// What lies on disk of the bytes that wait to be sent. Clones are the same.
///
/// As long as hyper's queue, which holds 16 chunks at most; for HTTP/2, one or two for each stream.
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
    /// The body of the present answer is with hyper to its end, or given up.
    is_answered: bool,
}

#[derive(Debug)]
struct Announced {
    view: Bytes,
    stored: StoredRange,
    /// Whether its owner takes it back, however it ends; otherwise it goes when it was sent, and
    /// whatever came before it.
    is_owned: bool,
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

    /// Where a chunk lies that is to be sent from its file.
    pub(crate) fn from_file<'a>(&self, chunk: &'a Chunk) -> Option<&'a StoredRange> {
        let is_long = chunk.bytes.len() >= self.taker.announced_bytes_min();
        chunk.stored.as_ref().filter(|_| is_long)
    }

    /// Notes that an answer is being made.
    pub(crate) fn begin_answer(&self) {
        self.lock().is_answered = false;
    }

    /// Whether the present answer is made, and all of it is with who sends it.
    pub(crate) fn is_answered(&self) -> bool {
        self.lock().is_answered
    }

    /// Tells what a chunk lies on, that is sent in its turn among all that are announced.
    fn announce(&self, chunk: Chunk) -> Bytes {
        if let Some(stored) = self.from_file(&chunk) {
            self.push(chunk.bytes.clone(), stored.clone(), false);
        }
        chunk.bytes
    }

    /// Tells that `view` lies in `stored`, until it is taken back by [`Self::withdraw`]; it may be
    /// sent in pieces, among those of others.
    pub(crate) fn announce_owned(&self, view: &Bytes, stored: &StoredRange) {
        if view.len() >= self.taker.announced_bytes_min() {
            self.push(view.clone(), stored.clone(), true);
        }
    }

    /// Takes back what was said of `view`. Of two that are the same, as two answers with one object
    /// are, it takes back one.
    pub(crate) fn withdraw(&self, view: &Bytes) {
        let mut queue = self.lock();
        let is_it = |one: &Announced| {
            one.is_owned && one.view.as_ptr() == view.as_ptr() && one.view.len() == view.len()
        };
        if let Some(index) = queue.announced.iter().position(is_it) {
            queue.announced.swap_remove_back(index);
        }
    }

    /// Ends the connection before another byte leaves it.
    pub(crate) fn break_off(&self) {
        self.lock().is_broken = true;
    }

    fn push(&self, view: Bytes, stored: StoredRange, is_owned: bool) {
        self.lock().announced.push_back(Announced {
            view,
            stored,
            is_owned,
        });
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
        let announced = &mut self.lock().announced;
        let mut places = announced.iter().enumerate();
        let place = places.find_map(|(index, one)| Some((index, one, one.position_of(slice)?)));
        let Some((index, one, position)) = place else {
            return Poll::Ready(Err(io::ErrorKind::NotFound.into()));
        };
        let offset = one.stored.offset + position as u64;
        let sent = ready!(io.poll_send_file(context, &*one.stored.file, offset, slice.len()))?;
        let is_all = position + sent >= one.view.len();
        if !one.is_owned {
            // What came before was cut off by hyper, or is all sent.
            announced.drain(..index + usize::from(is_all));
        }
        Poll::Ready(Ok(sent))
    }
}

/// The body of an answer, on its way to a connection whose outbox is told of what lies on disk.
#[derive(Debug)]
pub(crate) struct Sending {
    body: Body,
    outbox: Outbox,
}

impl Sending {
    /// Sends `body` through the connection of `outbox`.
    pub(crate) const fn new(body: Body, outbox: Outbox) -> Self {
        Self { body, outbox }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.outbox.lock().is_answered = true;
    }
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = ready!(self.body.poll_chunk(context, Form::View));
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(self.outbox.announce(chunk?)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
