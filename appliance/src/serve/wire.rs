//! One connection as HTTP is spoken on it: what was read ahead comes first, one request of HTTP/1
//! is handed out at a time, and what lies on the disk is sent from there.
//!
//! For each request hyper gets a session of its own: it reads the head and the body, and behind
//! them the end, though the connection goes on. So nothing of a request is read by two readers, and
//! a connection that waits for its client has no buffers.
//!
//! Source: sendfile(2), send(2) (`MSG_MORE`). Header fields that precede bytes on disk are written
//! with word that more follows, so that both share packets.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};
use weir_hal::{Connection, File};

use crate::serve::{Interim, framing::Framing, head, outbox::Outbox};

/// Bytes that the buffer of a connection keeps room for while it waits: those of a usual head.
const INBOX_BYTES_KEPT: usize = 1 << 10;

/// How long a connection is read on that is to be closed, and how many bytes: a client that still
/// sends would otherwise lose the answer it has not read yet.
const LINGER_WAIT: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 256 << 10;

/// A connection that HTTP is spoken on.
#[derive(Debug)]
pub(crate) struct Wire {
    io: Box<dyn Connection>,
    /// What was read, and not handed out yet.
    inbox: Vec<u8>,
    /// How much of it was searched for the end of a head.
    searched: usize,
    reading: Reading,
    outbox: Outbox,
    interim: Interim,
}

/// What whoever reads here gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// All that comes.
    Through,
    /// Nothing: the request is over, or there is none yet.
    Between,
    /// Nothing more, as it was told: the connection is to be used for the next request.
    Ended,
    /// A request: so much of its head, and its body.
    Request { head: usize, body: Framing },
    /// Nothing more, for what came makes no sense.
    Broken,
}

impl Wire {
    /// Speaks on `io`, of which `ahead` has been read already; `outbox` is told what lies on disk.
    pub(crate) fn new(io: Box<dyn Connection>, ahead: &[u8], outbox: Outbox) -> Self {
        Self {
            io,
            inbox: ahead.to_vec(),
            searched: 0,
            reading: Reading::Through,
            outbox,
            interim: Interim::default(),
        }
    }

    /// What the bodies sent here announce.
    pub(crate) const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What is told before an answer.
    pub(crate) const fn interim(&self) -> &Interim {
        &self.interim
    }

    /// What was read, and not handed out yet.
    pub(crate) fn inbox(&self) -> &[u8] {
        &self.inbox
    }

    /// The length of the head that was read, if it is there whole. Empty lines before it are
    /// dropped (RFC 9112 §2.2).
    pub(crate) fn head_bytes(&mut self) -> Option<usize> {
        let lines = self.inbox.chunks(2).take_while(|two| two == b"\r\n");
        let empty = 2 * lines.count();
        if empty > 0 {
            self.inbox.drain(..empty);
            self.searched = 0;
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
        ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
        self.inbox.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Drops a head that somebody has acted on.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.inbox.drain(..bytes.min(self.inbox.len()));
        self.searched = 0;
        if self.inbox.is_empty() && self.inbox.capacity() > INBOX_BYTES_KEPT {
            self.inbox = Vec::new();
        }
    }

    /// Hands out the request that was read: a head of so many bytes, and what follows it.
    pub(crate) fn begin(&mut self, head: usize, body: Framing) {
        self.searched = 0;
        self.outbox.begin_answer();
        self.reading = Reading::Request { head, body };
    }

    /// Whether the request was handed out to its end, and whoever read it wants another one.
    pub(crate) fn is_ready_for_next(&self) -> bool {
        self.reading == Reading::Ended
    }

    /// Ends a connection that waits for nothing more.
    pub(crate) fn end(mut self) {
        let context = &mut Context::from_waker(Waker::noop());
        // What cannot be said at once is not worth a wait.
        drop(Pin::new(&mut self.io).poll_shutdown(context));
    }

    /// Closes the connection, once the client has had a chance to read what it was sent.
    pub(crate) async fn close(mut self) {
        self.reading = Reading::Broken;
        let linger = async {
            poll_fn(|context| Pin::new(&mut self).poll_shutdown(context)).await?;
            let mut left = LINGER_BYTES_MAX;
            while left > 0 {
                let mut room = [0; 1 << 10];
                let mut buffer = ReadBuf::new(&mut room);
                let io = &mut self.io;
                poll_fn(|context| Pin::new(&mut *io).poll_read(context, &mut buffer)).await?;
                let count = buffer.filled().len();
                left = if count == 0 { 0 } else { left.saturating_sub(count) };
            }
            io::Result::Ok(())
        };
        // Whatever comes of it, the connection goes.
        drop(timeout(LINGER_WAIT, linger).await);
    }

    /// Writes `slices`, which are in memory of this process, or a view for the kernel.
    pub(crate) fn poll_put(
        &mut self,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(context, slices)
    }

    /// The same, and says that more follows at once.
    pub(crate) fn poll_put_more(
        &mut self,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_more(context, slices)
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

    /// Sends what a layer below may still hold.
    pub(crate) fn poll_push(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(context)
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut *self.io);
        let (plain, stored) = slices.split_at(self.outbox.plain(slices)?);
        match (plain, stored) {
            (plain, []) => io.poll_write_vectored(context, plain),
            ([], [first, ..]) => self.outbox.poll_send(io, context, first),
            (plain, [_, ..]) => io.poll_write_more(context, plain),
        }
    }

    /// Reads what was read ahead, and otherwise what comes.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.inbox.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let count = self.inbox.len().min(buffer.remaining());
        buffer.put_slice(self.inbox.get(..count).unwrap_or_default());
        self.consume(count);
        Poll::Ready(Ok(()))
    }

    /// Reads what is left of a request.
    fn poll_request(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        (mut head, mut body): (usize, Framing),
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.poll_next(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if read.is_empty() {
            self.reading = Reading::Broken;
            return Poll::Ready(Ok(()));
        }
        let of_head = head.min(read.len());
        head -= of_head;
        let rest = read.get(of_head..).unwrap_or_default();
        let Ok(of_body) = body.take(rest) else {
            self.reading = Reading::Broken;
            buffer.set_filled(before + of_head);
            return Poll::Ready(Ok(()));
        };
        // What is beyond is of the next request.
        let beyond = rest.get(of_body..).unwrap_or_default();
        if !beyond.is_empty() {
            self.inbox.splice(..0, beyond.iter().copied());
        }
        buffer.set_filled(before + of_head + of_body);
        self.reading = if head == 0 && body.is_over() {
            Reading::Between
        } else {
            Reading::Request { head, body }
        };
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.reading {
            Reading::Through => self.poll_next(context, buffer),
            Reading::Request { head, body } => self.poll_request(context, buffer, (head, body)),
            Reading::Between if self.outbox.is_answered() => {
                self.reading = Reading::Ended;
                Poll::Ready(Ok(()))
            }
            // hyper asks again once it has answered.
            Reading::Between => Poll::Pending,
            Reading::Ended | Reading::Broken => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, slices)
    }

    /// True, whatever the connection: hyper would copy the bytes of bodies otherwise, and a view is
    /// not to be looked at.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, interim, .. } = &mut *self;
        // hyper flushes when it has written all that it has.
        ready!(interim.poll_write(Pin::new(&mut *io), context))?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    /// Does nothing between two requests: hyper is done then, the connection is not.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reading == Reading::Ended {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
