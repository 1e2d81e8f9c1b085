//! One connection of HTTP/1: what has come and nobody has looked at yet, the body of the present
//! request, and the way out.
//!
//! Its talk and the body of a request, which a handler may have given to somebody else, take turns
//! by a lock that is never held while anybody waits.
//!
//! Source: RFC 9112 §2.2 (empty lines before a request), §6 (bodies), §9.6 (closing); RFC 9110
//! §10.1.1 (100-continue).

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{io::ReadBuf, time::timeout};
use weir_cache::{Chunk, StoredRange};
use weir_hal::{Connection, File};

use crate::serve::{
    Interim,
    framing::{Framing, Malformed},
    head,
    outbox::Taker,
};

/// Bytes that a connection keeps room for while it waits: those of a usual head.
const INBOX_BYTES_KEPT: usize = 1 << 10;

/// Bytes of a body that are read at a time.
const BODY_BYTES_AT_ONCE: usize = 16 << 10;

/// How long a connection is read on that is to be closed, and how many bytes: a client that still
/// sends would otherwise lose the answer it has not read yet.
const LINGER_WAIT: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 256 << 10;

/// Why the body of a request cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// It ended too early.
    #[error("the connection ended within the request")]
    Ended,
    /// Nobody can tell where it ends.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// A connection of HTTP/1. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Link(Arc<Mutex<End>>);

/// Our end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    io: Box<dyn Connection>,
    taker: Taker,
    /// What has come, and nobody has taken yet.
    inbox: Vec<u8>,
    /// How much of it was searched for the end of a head.
    searched: usize,
    /// What is left of the body of the present request.
    body: Framing,
    /// Nothing more is read of it: who still does sees it break.
    is_closing: bool,
    /// Its client waits for word before it sends that.
    is_go_on_due: bool,
    interim: Interim,
}

impl Link {
    /// A connection of which `ahead` has been read already, and whose bytes `taker` takes.
    pub(crate) fn new(io: Box<dyn Connection>, ahead: &[u8], taker: Taker) -> Self {
        Self(Arc::new(Mutex::new(End {
            io,
            taker,
            inbox: ahead.to_vec(),
            searched: 0,
            body: Framing::NONE,
            is_closing: false,
            is_go_on_due: false,
            interim: Interim::default(),
        })))
    }

    /// For the length of one poll.
    pub(crate) fn lock(&self) -> MutexGuard<'_, End> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody else has this connection any more.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Drops what is left of the body of the present request, as far as it is there and nobody
    /// wants it. Returns whether that was all of it.
    pub(crate) fn is_heard_out(&self) -> bool {
        if self.is_alone() {
            let mut end = self.lock();
            while let Ok(Some(_unwanted)) = end.take_body() {}
        }
        self.lock().body.is_over()
    }

    /// Closes the connection, once the client has had a chance to read what it was sent.
    pub(crate) async fn close(self) {
        self.lock().is_closing = true;
        let linger = async {
            poll_fn(|context| Pin::new(&mut *self.lock().io).poll_shutdown(context)).await?;
            let mut left = LINGER_BYTES_MAX;
            while left > 0 {
                let mut room = [0; 1 << 10];
                let mut buffer = ReadBuf::new(&mut room);
                poll_fn(|context| Pin::new(&mut *self.lock().io).poll_read(context, &mut buffer))
                    .await?;
                let count = buffer.filled().len();
                left = if count == 0 {
                    0
                } else {
                    left.saturating_sub(count)
                };
            }
            io::Result::Ok(())
        };
        // Whatever comes of it, the connection goes.
        drop(timeout(LINGER_WAIT, linger).await);
    }

    /// Ends a connection whose client has nothing more to say.
    pub(crate) fn end(self) {
        let context = &mut Context::from_waker(Waker::noop());
        // What cannot be said at once is not worth a wait.
        drop(Pin::new(&mut *self.lock().io).poll_shutdown(context));
    }
}

impl End {
    /// What has come, and nobody has taken yet.
    pub(crate) fn inbox(&self) -> &[u8] {
        &self.inbox
    }

    /// How clients are told something before their answers.
    pub(crate) const fn interim(&self) -> &Interim {
        &self.interim
    }

    /// The head that has come, if it is there whole. Empty lines before it are dropped.
    pub(crate) fn head(&mut self) -> Option<usize> {
        let lines = self.inbox.chunks(2).take_while(|two| two == b"\r\n");
        let empty = 2 * lines.count();
        if empty > 0 {
            self.consume(empty);
        }
        let end = head::end(&self.inbox, self.searched);
        self.searched = self.inbox.len();
        end
    }

    /// Reads more, by way of `scratch`. Returns how much; 0 at the end of what comes.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut *self.io).poll_read(context, &mut buffer))?;
        self.inbox.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Takes so many bytes of what has come.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.inbox.drain(..bytes.min(self.inbox.len()));
        self.searched = 0;
        if self.inbox.is_empty() && self.inbox.capacity() > INBOX_BYTES_KEPT {
            self.inbox = Vec::new();
        }
    }

    /// Begins to read the body of a request whose head was taken.
    pub(crate) fn begin(&mut self, body: Framing, is_go_on_due: bool) {
        self.body = body;
        self.is_go_on_due = is_go_on_due;
        self.interim.renew();
    }

    /// What is left of the body of the present request.
    pub(crate) const fn body(&self) -> Framing {
        self.body
    }

    /// The next bytes of the body that have come already; `None` if there are none.
    fn take_body(&mut self) -> Result<Option<Bytes>, Malformed> {
        while !self.inbox.is_empty() && !self.body.is_over() {
            let piece = self.body.take(&self.inbox)?;
            let all = piece.frame + piece.content;
            let content = self.inbox.get(piece.frame..all).unwrap_or_default();
            let content = Bytes::copy_from_slice(content);
            self.consume(all);
            if !content.is_empty() {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// The next bytes of the body of the present request, `None` behind the last one.
    pub(crate) fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, LinkError>>> {
        if self.is_closing && !self.body.is_over() {
            return Poll::Ready(Some(Err(LinkError::Ended)));
        }
        loop {
            match self.take_body() {
                Err(malformed) => return Poll::Ready(Some(Err(malformed.into()))),
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Ok(None) if self.body.is_over() => return Poll::Ready(None),
                Ok(None) => {}
            }
            if mem::take(&mut self.is_go_on_due) {
                // The task of the connection writes it.
                self.interim.go_on();
            }
            let mut scratch = [0; BODY_BYTES_AT_ONCE];
            match ready!(self.poll_fill(context, &mut scratch)) {
                Ok(1..) => {}
                Ok(0) => return Poll::Ready(Some(Err(LinkError::Ended))),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// Writes what is told before the answer.
    pub(crate) fn poll_interim(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.interim.poll_write(Pin::new(&mut *self.io), context)
    }

    /// Writes `slices`, which are in memory of this process, or a view for the kernel.
    pub(crate) fn poll_put(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(context, slices)
    }

    /// The same, and says that more follows at once.
    pub(crate) fn poll_put_more(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_more(context, &[IoSlice::new(bytes)])
    }

    /// Where a chunk lies that is to be sent by [`Self::poll_put_file`].
    pub(crate) fn on_disk<'a>(&self, chunk: &'a Chunk) -> Option<&'a StoredRange> {
        let is_long = chunk.bytes.len() >= self.taker.announced_bytes_min();
        chunk.stored.as_ref().filter(|_| is_long)
    }

    /// Writes what a file holds.
    pub(crate) fn poll_put_file(
        &mut self,
        context: &mut Context<'_>,
        file: &dyn File,
        offset: u64,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_send_file(context, file, offset, bytes)
    }

    /// Has the connection end so that nobody takes its end for that of an answer.
    pub(crate) fn break_off(&self) {
        self.io.break_off();
    }

    /// Sends what a layer below may still hold.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(context)
    }
}
