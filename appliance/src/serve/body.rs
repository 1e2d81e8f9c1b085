//! What follows the header fields: nothing, a document, an object out of the store, or what an
//! origin sends.
//!
//! Source: RFC 9112 §6.3, §8 (message body length, incomplete messages). A body that cannot be
//! completed ends in an error, which breaks the connection: the client sees too few bytes or no
//! last chunk, never a clean end that lies.

use std::{
    error::Error,
    fmt::{self, Debug},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::timeout;
use weir_cache::{Chunk, Reader};

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
}

/// The body of a response.
pub struct Body(Content);

enum Content {
    Document(Bytes),
    Stored(Stored),
    Relayed(Relayed),
}

/// Trailer fields of it are dropped: nobody here asks for any (RFC 9110 §6.5.1).
type Relayed = UnsyncBoxBody<Bytes, BodyError>;

struct Stored {
    /// Reading the next chunk; `None` once there is none.
    next: Option<NextChunk>,
    /// Bytes still to come; `None` if the object is still being written.
    bytes_left: Option<u64>,
}

type NextChunk = Pin<Box<dyn Future<Output = (Reader, Result<Option<Chunk>, BodyError>)> + Send>>;

impl Body {
    /// No bytes at all.
    pub fn empty() -> Self {
        Self(Content::Document(Bytes::new()))
    }

    /// All of `bytes`.
    pub fn document(bytes: Bytes) -> Self {
        Self(Content::Document(bytes))
    }

    /// What `reader` gives, `bytes` in all; `None` if that is not known yet.
    pub fn stored(reader: Reader, bytes: Option<u64>) -> Self {
        Self(Content::Stored(Stored {
            next: Some(next_chunk(reader)),
            bytes_left: bytes,
        }))
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
        Self(Content::Relayed(body.boxed_unsync()))
    }
}

/// Reads one chunk, within [`CHUNK_WAIT`]. Boxed because a body is polled, not awaited: one
/// allocation for each 256 KiB.
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
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(reading) = &mut self.next else {
            return Poll::Ready(None);
        };
        let (reader, chunk) = ready!(reading.as_mut().poll(context));
        self.next = None;
        let Some(chunk) = chunk.transpose() else {
            return Poll::Ready(self.missing().map(Err));
        };
        Poll::Ready(Some(chunk.map(|chunk| {
            if let Some(bytes_left) = &mut self.bytes_left {
                *bytes_left = bytes_left.saturating_sub(chunk.bytes.len() as u64);
            }
            self.next = Some(next_chunk(reader));
            Frame::data(chunk.bytes)
        })))
    }

    /// What is wrong if the object ends here.
    fn missing(&self) -> Option<BodyError> {
        let bytes_missing = self.bytes_left.filter(|bytes_left| *bytes_left > 0)?;
        Some(BodyError::Short { bytes_missing })
    }
}

/// The next bytes of `relayed`; what follows them ends it.
fn poll_data(
    relayed: &mut Relayed,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
    let frame = ready!(Pin::new(relayed).poll_frame(context));
    let is_trailers = |frame: &Frame<Bytes>| frame.is_trailers();
    Poll::Ready(frame.filter(|frame| !frame.as_ref().is_ok_and(is_trailers)))
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Content::Document(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Document(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stored(stored) => stored.poll_chunk(context),
            Content::Relayed(relayed) => poll_data(relayed, context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Document(bytes) => bytes.is_empty(),
            Content::Stored(stored) => stored.next.is_none() || stored.bytes_left == Some(0),
            Content::Relayed(relayed) => relayed.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Document(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stored(stored) => stored
                .bytes_left
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Content::Relayed(relayed) => relayed.size_hint(),
        }
    }
}

impl Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Document(bytes) => write!(formatter, "Document({} bytes)", bytes.len()),
            Content::Stored(stored) => write!(formatter, "Stored({:?})", stored.bytes_left),
            Content::Relayed(_) => formatter.write_str("Relayed"),
        }
    }
}
