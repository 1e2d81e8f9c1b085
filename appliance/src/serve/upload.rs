//! What follows the header fields of a request: bytes that only a handler who wants them reads.
//!
//! Source: RFC 9110 §6.4 (content), §15.5.14 (413); RFC 9112 §6.3. A body beyond
//! [`Limits::body_bytes_max`](crate::serve::Limits) or slower than
//! [`Limits::body_wait`](crate::serve::Limits) ends in an error, however it is framed.
//!
//! Refuses: trailer fields, which are dropped.

use std::{
    error::Error,
    fmt::{self, Debug},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap,
    body::{Body as _, Frame, Incoming, SizeHint},
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio::time::{Sleep, sleep};

use crate::serve::{CounterCells, Limits, link::Link};

/// Why a client is not heard any more.
type Broken = Box<dyn Error + Send + Sync>;

/// Why the body of a request ended early.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is longer than the listener allows: 413.
    #[error("the body of the request is longer than {bytes_max} bytes")]
    TooLong {
        /// The most that is allowed.
        bytes_max: u64,
    },
    /// The rest did not come in time: 408.
    #[error("the body of the request did not come in time")]
    TimedOut,
    /// The connection ended, or its framing broke: 400.
    #[error("the body of the request is broken")]
    Broken(#[source] Broken),
}

/// Why a request to the management API has no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoJson {
    /// Its Content-Type says so: 415.
    OtherType,
    /// It did not come: 400.
    Unread,
}

/// The JSON in a request to the management API.
///
/// # Errors
/// [`NoJson`]. The Content-Type counts: a page of another origin cannot send this one without
/// asking, and is not allowed to.
pub(crate) async fn json(headers: &HeaderMap, body: Upload) -> Result<Bytes, NoJson> {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let media_type = media_type.unwrap_or_default().split(|byte| *byte == b';');
    let is_json = media_type.take(1).any(|media_type| {
        media_type
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    });
    if !is_json {
        return Err(NoJson::OtherType);
    }
    let collected = body.collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|_unread| NoJson::Unread)
}

/// The body of a request.
///
/// As long as nobody reads it, the client that waits for `100 Continue` is not told to go on; who
/// drops it unread has the connection closed behind the answer, unless the rest is at hand.
#[derive(Default)]
pub struct Upload(Option<Box<Sending>>);

/// Where a body comes from.
pub(crate) enum Source {
    /// A connection of HTTP/1.
    Link(Link),
    /// A stream of HTTP/2.
    Stream(Incoming),
}

/// A client that still sends.
struct Sending {
    source: Source,
    bytes_max: u64,
    bytes_left: u64,
    wait: Duration,
    /// Where it counts that it is cut off; `None` once it has.
    counters: Option<Arc<CounterCells>>,
    /// When all must have come; it runs from the first poll on.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Who gets the rest when nobody else wants it.
    leftover: Option<Leftover>,
}

/// What a handler has left unread of a body, for who must hear the client out. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leftover(Arc<Mutex<Option<Upload>>>);

impl Leftover {
    fn lock(&self) -> MutexGuard<'_, Option<Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something is left, as far as is known yet.
    pub(crate) fn is_there(&self) -> bool {
        self.lock().is_some()
    }

    /// What is left.
    pub(crate) fn take(&self) -> Option<Upload> {
        self.lock().take()
    }
}

impl Upload {
    /// No body.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// The body that comes from `source`, within `limits`. One beyond them is counted.
    pub(crate) fn new(source: Source, limits: &Limits, counters: &Arc<CounterCells>) -> Self {
        if source.bytes_left() == Some(0) {
            return Self::empty();
        }
        Self(Some(Box::new(Sending {
            source,
            bytes_max: limits.body_bytes_max,
            bytes_left: limits.body_bytes_max,
            wait: limits.body_wait,
            counters: Some(Arc::clone(counters)),
            deadline: None,
            leftover: None,
        })))
    }

    /// The same, whose rest goes to `leftover` when it is dropped unread.
    pub(crate) fn leaving(mut self, leftover: Option<Leftover>) -> Self {
        if let Some(sending) = &mut self.0 {
            sending.leftover = leftover;
        }
        self
    }

    /// True if the client announced more than is allowed: nothing of it need be read to tell. It is
    /// counted as cut off.
    pub(crate) fn is_too_long(&mut self) -> bool {
        self.0.as_mut().is_some_and(|sending| {
            let announced = sending.source.bytes_left();
            let is_too_long = announced.is_some_and(|bytes| bytes > sending.bytes_max);
            if is_too_long {
                sending.count();
            }
            is_too_long
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut sending) = self.0.take()
            && let Some(leftover) = sending.leftover.take()
        {
            *leftover.lock() = Some(Self(Some(sending)));
        }
    }
}

impl Source {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        match self {
            Self::Link(link) => {
                let bytes = ready!(link.lock().poll_body(context));
                Poll::Ready(bytes.map(|bytes| Ok(bytes?)))
            }
            Self::Stream(incoming) => {
                let frame = ready!(Pin::new(incoming).poll_frame(context));
                let data = frame.map(|frame| frame.map(Frame::into_data)).transpose()?;
                // Trailer fields come last.
                Poll::Ready(data.and_then(Result::ok).map(Ok))
            }
        }
    }

    /// Bytes still to come, if that is known.
    fn bytes_left(&self) -> Option<u64> {
        match self {
            Self::Link(link) => link.lock().body().bytes_left(),
            Self::Stream(incoming) if incoming.is_end_stream() => Some(0),
            Self::Stream(incoming) => incoming.size_hint().exact(),
        }
    }
}

impl Sending {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, UploadError>>> {
        match self.source.poll_data(context) {
            Poll::Ready(data) => {
                Poll::Ready(data.map(|data| self.charge(data.map_err(UploadError::Broken)?)))
            }
            Poll::Pending => {
                let wait = self.wait;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(wait)));
                ready!(deadline.as_mut().poll(context));
                self.count();
                Poll::Ready(Some(Err(UploadError::TimedOut)))
            }
        }
    }

    fn charge(&mut self, bytes: Bytes) -> Result<Bytes, UploadError> {
        let Some(left) = self.bytes_left.checked_sub(bytes.len() as u64) else {
            self.count();
            let bytes_max = self.bytes_max;
            return Err(UploadError::TooLong { bytes_max });
        };
        self.bytes_left = left;
        Ok(bytes)
    }

    fn count(&mut self) {
        if let Some(counters) = self.counters.take() {
            counters.uploads_cut.add(1);
        }
    }
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Some(sending) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let data = ready!(sending.poll_data(context));
        if !matches!(data, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|sending| sending.source.bytes_left() == Some(0))
    }

    fn size_hint(&self) -> SizeHint {
        let bytes_left = self
            .0
            .as_ref()
            .map_or(Some(0), |sending| sending.source.bytes_left());
        bytes_left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Debug for Upload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => formatter.write_str("Upload(empty)"),
            Some(sending) => write!(formatter, "Upload({} bytes left)", sending.bytes_left),
        }
    }
}
