//! An answer whose head is in its final bytes, on its way to the client: without hyper, and without
//! a copy of what lies on disk.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use hyper::body::Body as _;
use weir_cache::Chunk;

use crate::serve::{Body, BodyError, body::Form, wire::Wire};

/// Why an answer did not get to its client whole.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The body ended early.
    Body(BodyError),
    /// The connection failed.
    Connection,
}

/// Sends `head` and `body`, whose length the head has told, in as few packets as they fit in.
pub(crate) async fn send(wire: &mut Wire, head: Bytes, body: Body) -> Result<(), Broken> {
    let mut transfer = Transfer {
        head,
        body,
        chunk: None,
        sent: 0,
    };
    poll_fn(|context| transfer.poll(wire, context)).await
}

struct Transfer {
    /// What is left of it.
    head: Bytes,
    body: Body,
    /// The chunk that is being sent.
    chunk: Option<Chunk>,
    /// How much of it has been sent.
    sent: usize,
}

impl Transfer {
    fn poll(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            let is_waiting = self.chunk.is_none() && !self.poll_chunk(context)?;
            if self.head.is_empty() && self.chunk.is_none() {
                return if is_waiting {
                    Poll::Pending
                } else {
                    wire.poll_push(context).map_err(|_failed| Broken::Connection)
                };
            }
            let written = ready!(self.poll_write(wire, context));
            match written {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Connection)),
            }
        }
    }

    /// Takes the next chunk, if it is there. Returns false if there will be one.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Result<bool, Broken> {
        if self.body.is_end_stream() {
            return Ok(true);
        }
        match self.body.poll_chunk(context, Form::View) {
            Poll::Pending => Ok(false),
            Poll::Ready(chunk) => {
                self.chunk = chunk.transpose().map_err(Broken::Body)?;
                self.sent = 0;
                Ok(true)
            }
        }
    }

    /// Writes as much as goes of what is there.
    fn poll_write(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(chunk) = &self.chunk else {
            let count = ready!(wire.poll_put(context, &[IoSlice::new(&self.head)]))?;
            self.head.advance(count);
            return Poll::Ready(Ok(count));
        };
        if let Some(stored) = wire.outbox().from_file(chunk) {
            if !self.head.is_empty() {
                let count = ready!(wire.poll_put_more(context, &[IoSlice::new(&self.head)]))?;
                self.head.advance(count);
                return Poll::Ready(Ok(count));
            }
            let (file, offset) = (&*stored.file, stored.offset + self.sent as u64);
            let left = chunk.bytes.len() - self.sent;
            let count = ready!(wire.poll_put_file(context, file, offset, left))?;
            return Poll::Ready(Ok(self.note(0, count)));
        }
        let rest = chunk.bytes.slice(self.sent..);
        let slices = [IoSlice::new(&self.head), IoSlice::new(&rest)];
        let slices = if self.head.is_empty() {
            &slices[1..]
        } else {
            &slices
        };
        let count = ready!(wire.poll_put(context, slices))?;
        let of_head = count.min(self.head.len());
        Poll::Ready(Ok(self.note(of_head, count - of_head)))
    }

    /// Notes that so much has been written of the head and of the chunk.
    fn note(&mut self, of_head: usize, of_chunk: usize) -> usize {
        self.head.advance(of_head);
        self.sent += of_chunk;
        let bytes = self.chunk.as_ref().map_or(0, |chunk| chunk.bytes.len());
        if self.sent >= bytes {
            self.chunk = None;
        }
        of_head + of_chunk
    }
}
