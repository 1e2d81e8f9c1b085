//! An answer on its way to its client: a head, a body, and how the client is told where that ends.
//!
//! Nothing is copied of what lies on disk, the head shares packets with the first bytes of the
//! body, and an answer that cannot be completed is left visibly short.
//!
//! Source: RFC 9112 §6 (message body), §7.1 (chunked), §8 (incomplete messages).

use std::{
    io::{self, IoSlice},
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use hyper::body::Body as _;
use weir_cache::Chunk;

use crate::serve::{
    Body, BodyError,
    body::Form,
    link::End,
    response::{Ending, Written},
};

/// Why an answer did not get to its client whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The body ended early.
    #[error("the body broke off")]
    Body(#[from] BodyError),
    /// The connection failed.
    #[error("the connection failed")]
    Connection(#[from] io::Error),
}

/// An answer that is being sent.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// What goes before the chunk: what is left of the head, or the frame of a chunk.
    lead: Bytes,
    body: Body,
    ending: Ending,
    is_last_of_connection: bool,
    /// The chunk that is being sent.
    chunk: Option<Chunk>,
    /// How much of it has been sent.
    sent: usize,
    /// Whether nothing follows the chunk.
    is_last: bool,
}

impl Transfer {
    /// Sends a head, and behind it `body`, if it tells of one.
    pub(crate) fn new(written: Written, body: Body) -> Self {
        let is_without = written.ending == Ending::After(0);
        Self {
            lead: written.head,
            body: if is_without { Body::empty() } else { body },
            ending: written.ending,
            is_last_of_connection: written.is_last_of_connection,
            chunk: None,
            sent: 0,
            is_last: false,
        }
    }

    /// Whether nothing may follow on the connection.
    pub(crate) const fn is_last_of_connection(&self) -> bool {
        self.is_last_of_connection
    }

    /// Sends what can be sent now; ready when that was all.
    pub(crate) fn poll(
        &mut self,
        end: &mut End,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        let sent = ready!(self.poll_parts(end, context));
        if sent.is_err() && self.ending == Ending::WithConnection {
            // Its client would take the end of the connection for that of the body.
            end.break_off();
        }
        Poll::Ready(sent)
    }

    fn poll_parts(&mut self, end: &mut End, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            let is_waiting = self.poll_chunk(context)?.is_pending();
            if self.chunk.is_none() && self.lead.is_empty() {
                let flushed = end.poll_flush(context)?;
                return if is_waiting {
                    Poll::Pending
                } else {
                    flushed.map(Ok)
                };
            }
            if ready!(self.poll_write(end, context))? == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
        }
    }

    /// Takes the next chunk, unless there is one, or none will come.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Broken> {
        while self.chunk.is_none() && !self.is_last {
            let chunk = if self.body.is_end_stream() {
                None
            } else {
                match self.body.poll_chunk(context, Form::Runs) {
                    Poll::Ready(chunk) => chunk.transpose()?,
                    Poll::Pending => return Ok(Poll::Pending),
                }
            };
            self.is_last = chunk.is_none();
            // An empty chunk would be taken for the last one.
            self.chunk = chunk.filter(|chunk| !chunk.bytes.is_empty());
            if self.chunk.is_some() || self.is_last {
                self.frame()?;
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Accounts for the chunk that was taken, or for the end.
    fn frame(&mut self) -> Result<(), Broken> {
        self.sent = 0;
        let bytes = self.chunk.as_ref().map_or(0, |chunk| chunk.bytes.len());
        match &mut self.ending {
            Ending::WithConnection => {}
            Ending::After(left) => match left.checked_sub(bytes as u64) {
                Some(0) => {
                    *left = 0;
                    self.is_last = true;
                }
                Some(bytes_missing) if self.is_last => {
                    return Err(BodyError::Short { bytes_missing }.into());
                }
                Some(rest) => *left = rest,
                None => return Err(BodyError::Long.into()),
            },
            Ending::InChunks => {
                let end = if self.is_last { "\r\n" } else { "" };
                let frame = format!("{bytes:x}\r\n{end}");
                self.lead = [&self.lead, frame.as_bytes()].concat().into();
            }
        }
        Ok(())
    }

    /// Writes as much as goes of what is there.
    fn poll_write(&mut self, end: &mut End, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(chunk) = &self.chunk else {
            let count = ready!(end.poll_put(context, &[IoSlice::new(&self.lead)]))?;
            return Poll::Ready(Ok(self.note(count)));
        };
        let rest = chunk.bytes.slice(self.sent..);
        let count = match end.on_disk(chunk) {
            Some(_) if !self.lead.is_empty() => end.poll_put_more(context, &self.lead),
            Some(stored) => {
                let offset = stored.offset + self.sent as u64;
                end.poll_put_file(context, &*stored.file, offset, rest.len())
            }
            None if self.lead.is_empty() => end.poll_put(context, &[IoSlice::new(&rest)]),
            None => end.poll_put(context, &[IoSlice::new(&self.lead), IoSlice::new(&rest)]),
        };
        let count = ready!(count)?;
        Poll::Ready(Ok(self.note(count)))
    }

    /// Notes that so much has been written.
    fn note(&mut self, count: usize) -> usize {
        let of_lead = count.min(self.lead.len());
        self.lead.advance(of_lead);
        self.sent += count - of_lead;
        if self
            .chunk
            .as_ref()
            .is_some_and(|chunk| self.sent >= chunk.bytes.len())
        {
            self.chunk = None;
            if self.ending == Ending::InChunks {
                self.lead = Bytes::from_static(b"\r\n");
            }
        }
        count
    }
}
