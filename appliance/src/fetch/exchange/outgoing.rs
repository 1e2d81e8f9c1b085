//! The body of a request on its way to an origin.

use std::{
    error::Error,
    fmt::{self, Debug},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// Why the body of a request could not be read; whoever reads it knows more.
pub type UploadError = Box<dyn Error + Send + Sync>;

/// A body that is read as it comes.
pub type Upload = Pin<Box<dyn Body<Data = Bytes, Error = UploadError> + Send>>;

/// The body of a request: mostly none.
#[derive(Default)]
pub enum Outgoing {
    /// No body at all.
    #[default]
    Empty,
    /// A body that comes from a client, and can be sent once. Who reads it sets its deadlines.
    Streamed(Upload),
}

impl Outgoing {
    /// A body that is read from `body` as it comes; none if `body` is at its end already.
    pub fn streamed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<UploadError>,
    {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Streamed(Box::pin(Converted(Box::pin(body))))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Debug for Outgoing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "Empty",
            Self::Streamed(_) => "Streamed",
        })
    }
}

/// A body whose errors are ours.
struct Converted<B>(Pin<Box<B>>);

impl<B: Body<Data = Bytes, Error: Into<UploadError>>> Body for Converted<B> {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let frame = self.0.as_mut().poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// How far the sending of a request is, so that an origin is given its time from the last byte.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Mutex<Sending>>);

#[derive(Debug, Clone, Copy)]
struct Sending {
    latest: Instant,
    is_waiting_for_client: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Sending {
            latest: Instant::now(),
            is_waiting_for_client: false,
        })))
    }

    /// Since when the origin keeps us waiting.
    pub(super) fn waiting_since(&self) -> Instant {
        let sending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sending.is_waiting_for_client {
            Instant::now()
        } else {
            sending.latest
        }
    }

    fn note(&self, is_waiting_for_client: bool) {
        let mut sending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sending = Sending {
            latest: Instant::now(),
            is_waiting_for_client,
        };
    }
}

/// A body that tells how far it is.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) body: Outgoing,
    pub(super) progress: Progress,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Outgoing::Streamed(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = body.as_mut().poll_frame(context);
        self.progress.note(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Outgoing::Empty => true,
            Outgoing::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Outgoing::Empty => SizeHint::with_exact(0),
            Outgoing::Streamed(body) => body.size_hint(),
        }
    }
}
