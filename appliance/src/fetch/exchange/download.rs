//! The body of a response on its way in.
//!
//! It ends cleanly only when all that was announced has come. An origin that falls silent, breaks
//! off, sends less or more than it may, or trickles, ends it with an error, and its connection with
//! it; at a clean end the connection goes back to where the next request finds it.

use std::{
    error::Error as _,
    fmt::{self, Debug},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{ExchangeError, FailureKind, head::Framing, pool::Lease};
use crate::fetch::Endpoint;

/// Bytes an origin must send within the stall timeout, however often it sends a few: at 10 s this
/// is 13 kb/s, below any stream that a player would be given.
const PROGRESS_BYTES_MIN: u64 = 16 * 1024;

/// Told how a body ended: whole, or by which failure. A body that nobody wanted to the end says
/// nothing of its origin.
pub type OnEnd = Box<dyn FnOnce(Result<(), FailureKind>) + Send>;

/// The body of a response from an endpoint. Trailers are dropped.
pub struct Download {
    incoming: Incoming,
    framing: Framing,
    /// Bytes still to come; `None` if that is not known.
    bytes_left: Option<u64>,
    bytes_received: u64,
    endpoint: Arc<Endpoint>,
    /// `None` once the body is over.
    lease: Option<Lease>,
    stall: Stall,
    on_end: Option<OnEnd>,
}

impl Download {
    pub(super) fn new(
        incoming: Incoming,
        framing: Framing,
        endpoint: Arc<Endpoint>,
        lease: Lease,
    ) -> Self {
        let mut download = Self {
            incoming,
            framing,
            bytes_left: match framing {
                Framing::None => Some(0),
                Framing::Length(bytes) => Some(bytes),
                Framing::Chunked | Framing::Close => None,
            },
            bytes_received: 0,
            stall: Stall::new(endpoint.settings.timeouts.stall),
            endpoint,
            lease: Some(lease),
            on_end: None,
        };
        if download.bytes_left == Some(0) {
            download.finish();
        }
        download
    }

    /// How its end is known. A body that ends with its connection may have been cut short without
    /// anybody knowing, and must not be stored.
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// Bytes still to come; `None` if that is not known.
    pub const fn bytes_left(&self) -> Option<u64> {
        self.bytes_left
    }

    /// Bytes that have come.
    pub const fn bytes_received(&self) -> u64 {
        self.bytes_received
    }

    /// Has `on_end` told how the body ends; at once if it has ended.
    pub(crate) fn on_end(&mut self, on_end: OnEnd) {
        if self.lease.is_none() {
            on_end(Ok(()));
        } else {
            self.on_end = Some(on_end);
        }
    }

    /// It has been silent for so long, and what is missing comes from elsewhere: that is a stall.
    pub(crate) fn give_up(mut self, waited: Duration) {
        drop(self.fail(ExchangeError::Stalled { within: waited }));
    }

    fn take(&mut self, bytes: &Bytes) -> Result<(), ExchangeError> {
        let count = bytes.len() as u64;
        self.bytes_received += count;
        self.endpoint.counters.bytes_received.add(count);
        self.stall.came(count);
        let bytes_max = self.endpoint.settings.response_bytes_max;
        if self.bytes_received > bytes_max {
            return Err(ExchangeError::TooLong { bytes_max });
        }
        if let Some(left) = &mut self.bytes_left {
            *left = left.saturating_sub(count);
        }
        if self.bytes_left == Some(0) {
            self.finish();
        }
        Ok(())
    }

    /// All has come.
    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.endpoint.pool.keep(lease);
        }
        if let Some(on_end) = self.on_end.take() {
            on_end(Ok(()));
        }
    }

    /// It is over before its end: the connection goes with it.
    fn fail(&mut self, error: ExchangeError) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        self.lease = None;
        let kind = error.kind();
        self.endpoint.note_failure(&error);
        if let Some(on_end) = self.on_end.take() {
            on_end(Err(kind));
        }
        Poll::Ready(Some(Err(error)))
    }

    fn broken(&self, error: hyper::Error) -> ExchangeError {
        let source = error.source().and_then(|source| source.downcast_ref());
        let is_end = source.is_some_and(|it: &io::Error| it.kind() == io::ErrorKind::UnexpectedEof);
        match self.bytes_left {
            Some(bytes_missing) if is_end => ExchangeError::Short { bytes_missing },
            Some(_) | None => ExchangeError::Broken(error),
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = ExchangeError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        let this = self.get_mut();
        while this.lease.is_some() {
            let frame = match Pin::new(&mut this.incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => {
                    let error = this.broken(error);
                    return this.fail(error);
                }
                Poll::Ready(None) => {
                    this.finish();
                    continue;
                }
                Poll::Pending if this.stall.is_over(context) => {
                    let within = this.stall.limit;
                    return this.fail(ExchangeError::Stalled { within });
                }
                Poll::Pending => return Poll::Pending,
            };
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            return match this.take(&bytes) {
                Ok(()) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Err(error) => this.fail(error),
            };
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes_left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Debug for Download {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Download")
            .field("endpoint", &self.endpoint)
            .field("framing", &self.framing)
            .field("bytes_received", &self.bytes_received)
            .finish_non_exhaustive()
    }
}

/// How long the origin has kept us waiting since it last sent enough. Only time in which nothing
/// lies ready counts, so a slow reader is never held against it.
#[derive(Debug)]
struct Stall {
    limit: Duration,
    waited: Duration,
    bytes: u64,
    waiting_since: Option<Instant>,
    /// Made at the first wait and kept.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            waited: Duration::ZERO,
            bytes: 0,
            waiting_since: None,
            timer: None,
        }
    }

    fn came(&mut self, bytes: u64) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.bytes += bytes;
        if self.bytes >= PROGRESS_BYTES_MIN {
            self.bytes = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Nothing came; is the time over? If not, wakes the task when it will be.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let deadline = since + self.limit.saturating_sub(self.waited);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(context).is_ready()
    }
}
