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

/// What lies on disk of the bytes that wait to be sent, in their order. Clones are the same.
///
/// As long as hyper's queue, which holds 16 chunks at most.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<VecDeque<Announced>>>);

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
    fn lock(&self) -> MutexGuard<'_, VecDeque<Announced>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, chunk: Chunk) -> Bytes {
        if let Some(stored) = chunk.stored
            && chunk.bytes.len() >= SEND_FILE_BYTES_MIN
        {
            let view = chunk.bytes.clone();
            self.lock().push_back(Announced { view, stored });
        }
        chunk.bytes
    }

    /// How many of `slices` come before the first that lies on disk.
    pub(crate) fn plain(&self, slices: &[io::IoSlice<'_>]) -> usize {
        let announced = self.lock();
        if announced.is_empty() {
            return slices.len();
        }
        let is_plain =
            |slice: &&io::IoSlice<'_>| announced.iter().all(|one| one.position_of(slice).is_none());
        slices.iter().take_while(is_plain).count()
    }

    /// Sends `slice`, which was announced, by way of its file.
    pub(crate) fn poll_send(
        &self,
        io: Pin<&mut dyn Connection>,
        context: &mut Context<'_>,
        slice: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut announced = self.lock();
        let mut places = announced.iter().enumerate();
        let place = places.find_map(|(index, one)| Some((index, one, one.position_of(slice)?)));
        let Some((index, one, position)) = place else {
            return Poll::Ready(Err(io::ErrorKind::NotFound.into()));
        };
        let offset = one.stored.offset + position as u64;
        let sent = ready!(io.poll_send_file(context, &*one.stored.file, offset, slice.len()))?;
        let is_all = position + sent >= one.view.len();
        // What came before was cut off by hyper, or is all sent.
        announced.drain(..index + usize::from(is_all));
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
