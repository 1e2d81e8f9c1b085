//! The body of an answer on its way to one stream of HTTP/2.
//!
//! Source: RFC 9113 §8.1. A server may answer before it has the whole request, but there are
//! clients (curl of Debian 12) that lose such an answer when the stream ends behind it. So a client
//! that is still sending is heard out, for a moment, before its stream is ended.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::parcel::{Parcel, Progress};
use crate::serve::{Body, BodyError, Upload, body::Form, outbox::Outbox, upload::Leftover};
/// How long a client is heard out behind the answer.
const HEARING_WAIT: Duration = Duration::from_secs(1);

/// The body of an answer, and what goes with it.
#[derive(Debug)]
pub(super) struct Posting {
    body: Body,
    outbox: Outbox,
    progress: Arc<Progress>,
    /// What comes of the request behind the answer, if it has a body.
    leftover: Option<Leftover>,
    hearing: Option<Box<Hearing>>,
}

/// A client that is still sending what nobody wants.
#[derive(Debug)]
struct Hearing {
    rest: Upload,
    deadline: Pin<Box<Sleep>>,
}

impl Hearing {
    fn new(rest: Upload) -> Self {
        let deadline = Box::pin(sleep(HEARING_WAIT));
        Self { rest, deadline }
    }

    /// Ready when the client has said all, too much or nothing for too long.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(context) {
            if !matches!(frame, Some(Ok(_))) {
                return Poll::Ready(());
            }
        }
        self.deadline.as_mut().poll(context)
    }
}

impl Posting {
    /// Sends `body` through the connection of `outbox`; `progress` is told how far it comes.
    pub(super) const fn new(
        body: Body,
        outbox: Outbox,
        progress: Arc<Progress>,
        leftover: Option<Leftover>,
    ) -> Self {
        Self {
            body,
            outbox,
            progress,
            leftover,
            hearing: None,
        }
    }

    fn poll_hearing(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(rest) = self.leftover.take().and_then(|leftover| leftover.take()) {
            self.hearing = Some(Box::new(Hearing::new(rest)));
        }
        self.hearing
            .as_mut()
            .map_or(Poll::Ready(()), |hearing| hearing.poll(context))
    }

    fn is_heard_out(&self) -> bool {
        let is_left = self.leftover.as_ref().is_some_and(Leftover::is_there);
        !is_left && self.hearing.is_none()
    }
}

impl hyper::body::Body for Posting {
    type Data = Parcel;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Parcel>, BodyError>>> {
        let chunk = match ready!(self.body.poll_chunk(context, Form::View)) {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => {
                self.progress.answer();
                return Poll::Ready(Some(Err(error)));
            }
            None => {
                self.progress.answer();
                ready!(self.poll_hearing(context));
                return Poll::Ready(None);
            }
        };
        let parcel = Parcel::new(chunk, &self.outbox, &self.progress);
        Poll::Ready(Some(Ok(Frame::data(parcel))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.is_heard_out()
    }

    fn size_hint(&self) -> SizeHint {
        // An answer without a body has its own length, or none.
        if self.body.is_end_stream() {
            return SizeHint::default();
        }
        self.body.size_hint()
    }
}

impl Drop for Posting {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.progress.answer();
        }
    }
}
