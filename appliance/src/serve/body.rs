//! What follows the header fields: nothing, a document, an object out of the store, or what an
//! origin sends.
//!
//! Source: RFC 9112 §6.3, §8 (message body length, incomplete messages). A body that cannot be
//! completed ends in an error, which breaks the connection: the client sees too few bytes or no
//! last chunk, never a clean end that lies.

use std::{
    error::Error,
    fmt::{self, Debug},
    mem,
    ops::Range,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::timeout;
use weir_cache::{Chunk, Object, Reader};

use crate::serve::Account;

/// Longest wait for the next bytes of an object: from the disk, or from a source that is still
/// sending it. A source that falls silent leaves its segment open: who reads that is broken off.
const CHUNK_WAIT: Duration = Duration::from_secs(30);

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The object was given up, or the disk failed.
    #[error("cannot read the object to its end")]
    Read(#[source] weir_cache::Error),
    /// No bytes came for too long.
    #[error("no bytes of the object came for {} s", CHUNK_WAIT.as_secs())]
    Stalled,
    /// What was passed on from elsewhere broke off.
    #[error("what is relayed broke off")]
    Relayed(#[source] Box<dyn Error + Send + Sync>),
    /// The object is not as long as it was said to be.
    #[error("the object is {bytes_missing} bytes short")]
    Short {
        /// Bytes that were announced and are not there.
        bytes_missing: u64,
    },
    /// More of it came than was announced.
    #[error("the body is longer than was announced")]
    Long,
}

/// The body of a response.
///
/// Taken as a [`hyper::body::Body`] its bytes are in memory of this process and may be looked at:
/// encrypted, compressed, compared.
pub struct Body {
    content: Content,
    /// Who counts what is handed on.
    account: Option<Arc<dyn Account>>,
}

enum Content {
    Document(Bytes),
    Stored(Stored),
    Chained(Box<dyn Chain>),
    Relayed(Relayed),
    Watched(Box<Watched>),
}

/// What was handed on of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sent {
    /// How many bytes.
    pub(crate) bytes: u64,
    /// Whether that was all.
    pub(crate) is_whole: bool,
}

/// A body, and who wants to know what becomes of it.
struct Watched {
    body: Body,
    sent: Sent,
    ended: Option<Box<dyn FnOnce(Sent) + Send>>,
}

/// A body that goes through several others.
pub(crate) trait Chain: Send {
    /// The next bytes, in `form`; see [`Body::poll_chunk`].
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        form: Form,
    ) -> Poll<Option<Result<Chunk, BodyError>>>;

    /// Bytes still to come.
    fn bytes_left(&self) -> u64;
}

/// Trailer fields of it are dropped: nobody here asks for any (RFC 9110 §6.5.1).
type Relayed = UnsyncBoxBody<Bytes, BodyError>;

struct Stored {
    reading: Reading,
    /// Bytes still to come; `None` if the object is still being written.
    bytes_left: Option<u64>,
}

enum Reading {
    /// Nobody has asked yet, so nobody has said in which form.
    Ahead(Object, Range<u64>),
    /// The next chunk may be at hand.
    Begun(Reader),
    /// It was not. Boxed because a body is polled, not awaited.
    Waiting(NextChunk),
    Over,
}

type NextChunk = Pin<Box<dyn Future<Output = (Reader, Next)> + Send>>;
type Next = Result<Option<Chunk>, BodyError>;

/// How the bytes of an object are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// To the kernel alone: as a view of the page cache, see [`Chunk::bytes`].
    View,
    /// The same, as much of it at a time as lies there.
    Runs,
    /// To anybody.
    Copy,
}

impl Body {
    /// No bytes at all.
    pub fn empty() -> Self {
        Self::of(Content::Document(Bytes::new()))
    }

    /// All of `bytes`.
    pub fn document(bytes: Bytes) -> Self {
        Self::of(Content::Document(bytes))
    }

    /// What lies in `range` of `object`, `bytes` in all; `None` if that is not known yet.
    pub fn stored(object: &Object, range: Range<u64>, bytes: Option<u64>) -> Self {
        Self::of(Content::Stored(Stored {
            reading: Reading::Ahead(object.clone(), range),
            bytes_left: bytes,
        }))
    }

    /// What `chain` gives, one body after the other.
    pub(crate) fn chained(chain: impl Chain + 'static) -> Self {
        Self::of(Content::Chained(Box::new(chain)))
    }

    /// What `body` gives, passed on as it comes. An error of it breaks the connection visibly.
    ///
    /// Deadlines are the affair of `body`: nothing here waits less than for ever.
    pub fn relayed<B>(body: B) -> Self
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let body = body.map_err(|error| BodyError::Relayed(error.into()));
        Self::of(Content::Relayed(body.boxed_unsync()))
    }

    /// The same, and tells `ended` once nothing more is wanted of it. Of an answer to HEAD, nothing
    /// ever is.
    pub(crate) fn watched(self, ended: impl FnOnce(Sent) + Send + 'static) -> Self {
        Self::of(Content::Watched(Box::new(Watched {
            sent: Sent {
                bytes: 0,
                is_whole: self.is_end_stream(),
            },
            body: self,
            ended: Some(Box::new(ended)),
        })))
    }

    /// The same, and has `account` count what is handed on.
    pub(crate) fn charged(self, account: &Arc<dyn Account>) -> Self {
        let account = Some(Arc::clone(account));
        Self { account, ..self }
    }

    const fn of(content: Content) -> Self {
        let account = None;
        Self { content, account }
    }

    /// The next bytes, in `form`.
    pub(crate) fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        form: Form,
    ) -> Poll<Option<Result<Chunk, BodyError>>> {
        let chunk = ready!(self.content.poll_chunk(context, form));
        if let (Some(account), Some(Ok(chunk))) = (&self.account, &chunk) {
            account.sent(chunk.bytes.len() as u64);
        }
        Poll::Ready(chunk)
    }
}

impl Content {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        form: Form,
    ) -> Poll<Option<Result<Chunk, BodyError>>> {
        let bytes = match self {
            Self::Document(bytes) if bytes.is_empty() => None,
            Self::Document(bytes) => Some(Ok(mem::take(bytes))),
            Self::Stored(stored) => return stored.poll_chunk(context, form),
            Self::Chained(chain) => return chain.poll_chunk(context, form),
            Self::Relayed(relayed) => ready!(poll_data(relayed, context)),
            Self::Watched(watched) => return watched.poll_chunk(context, form),
        };
        Poll::Ready(bytes.map(|bytes| {
            Ok(Chunk {
                bytes: bytes?,
                stored: None,
            })
        }))
    }
}

impl Watched {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        form: Form,
    ) -> Poll<Option<Result<Chunk, BodyError>>> {
        let chunk = ready!(self.body.poll_chunk(context, form));
        match &chunk {
            Some(Ok(chunk)) => {
                self.sent.bytes += chunk.bytes.len() as u64;
                self.sent.is_whole = self.body.is_end_stream();
            }
            Some(Err(_)) => self.sent.is_whole = false,
            None => self.sent.is_whole = true,
        }
        Poll::Ready(chunk)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            ended(self.sent);
        }
    }
}

/// Waits for one chunk, no longer than [`CHUNK_WAIT`].
fn next_chunk(mut reader: Reader) -> NextChunk {
    Box::pin(async move {
        let chunk = match timeout(CHUNK_WAIT, reader.next()).await {
            Ok(chunk) => chunk.map_err(BodyError::Read),
            Err(_elapsed) => Err(BodyError::Stalled),
        };
        (reader, chunk)
    })
}

impl Stored {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        form: Form,
    ) -> Poll<Option<Result<Chunk, BodyError>>> {
        let (reader, next) = match mem::replace(&mut self.reading, Reading::Over) {
            Reading::Ahead(object, range) => match form {
                Form::View => ready!(self.poll_reader(context, object.read(range))),
                Form::Runs => ready!(self.poll_reader(context, object.read_runs(range))),
                Form::Copy => ready!(self.poll_reader(context, object.read_copy(range))),
            },
            Reading::Begun(reader) => ready!(self.poll_reader(context, reader)),
            Reading::Waiting(waiting) => ready!(self.poll_waiting(context, waiting)),
            Reading::Over => return Poll::Ready(None),
        };
        let Some(chunk) = next.transpose() else {
            return Poll::Ready(self.missing().map(Err));
        };
        Poll::Ready(Some(chunk.inspect(|chunk| {
            if let Some(bytes_left) = &mut self.bytes_left {
                *bytes_left = bytes_left.saturating_sub(chunk.bytes.len() as u64);
            }
            self.reading = Reading::Begun(reader);
        })))
    }

    /// Takes what is at hand, which is the rule, without an allocation or a timer.
    fn poll_reader(
        &mut self,
        context: &mut Context<'_>,
        mut reader: Reader,
    ) -> Poll<(Reader, Next)> {
        let next = pin!(reader.next()).poll(context);
        match next {
            Poll::Ready(next) => Poll::Ready((reader, next.map_err(BodyError::Read))),
            Poll::Pending => self.poll_waiting(context, next_chunk(reader)),
        }
    }

    fn poll_waiting(
        &mut self,
        context: &mut Context<'_>,
        mut waiting: NextChunk,
    ) -> Poll<(Reader, Next)> {
        let next = waiting.as_mut().poll(context);
        if next.is_pending() {
            self.reading = Reading::Waiting(waiting);
        }
        next
    }

    /// What is wrong if the object ends here.
    fn missing(&self) -> Option<BodyError> {
        let bytes_missing = self.bytes_left.filter(|bytes_left| *bytes_left > 0)?;
        Some(BodyError::Short { bytes_missing })
    }

    fn is_over(&self) -> bool {
        matches!(self.reading, Reading::Over) || self.bytes_left == Some(0)
    }
}

/// The next bytes of `relayed`; what follows them ends it.
fn poll_data(
    relayed: &mut Relayed,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, BodyError>>> {
    let frame = ready!(Pin::new(relayed).poll_frame(context));
    Poll::Ready(frame.and_then(|frame| frame.map(|frame| frame.into_data().ok()).transpose()))
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = ready!(self.poll_chunk(context, Form::Copy));
        Poll::Ready(chunk.map(|chunk| chunk.map(|chunk| Frame::data(chunk.bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Document(bytes) => bytes.is_empty(),
            Content::Stored(stored) => stored.is_over(),
            Content::Chained(chain) => chain.bytes_left() == 0,
            Content::Relayed(relayed) => relayed.is_end_stream(),
            Content::Watched(watched) => watched.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Document(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stored(stored) => stored
                .bytes_left
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Content::Chained(chain) => SizeHint::with_exact(chain.bytes_left()),
            Content::Relayed(relayed) => relayed.size_hint(),
            Content::Watched(watched) => watched.body.size_hint(),
        }
    }
}

impl Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Document(bytes) => write!(formatter, "Document({} bytes)", bytes.len()),
            Content::Stored(stored) => write!(formatter, "Stored({:?})", stored.bytes_left),
            Content::Chained(chain) => write!(formatter, "Chained({:?})", chain.bytes_left()),
            Content::Relayed(_) => formatter.write_str("Relayed"),
            Content::Watched(watched) => watched.body.fmt(formatter),
        }
    }
}
