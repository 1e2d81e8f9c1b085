//! A transport stream over HTTP, asked for again and again, and taken as datagrams are.
//!
//! A task on the appliance's runtime ([`asking`]) speaks HTTP and hands over what comes in pieces;
//! the receive thread takes them at its turns. Who sends faster than `receive.bitrate_max` is held
//! back by TCP, and nothing is lost of it.
//!
//! The time of a piece is that at which it was read, behind whatever TCP had to repeat: good enough
//! to date pictures, and no measure of the network's jitter.
//!
//! Refuses: to wait, and to judge what the bytes mean.

mod asking;
mod pace;

use std::sync::Arc;

use bytes::Bytes;
use hyper::Uri;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::AbortHandle,
};
use tokio_rustls::rustls::ClientConfig;
use weir_hal::{Board, Clock, Monotonic, Multicast, Wall};

use self::{asking::Asking, pace::Allowance};
use crate::{
    fetch::{
        Identity,
        exchange::Client,
        tls::{TlsError, client_config},
    },
    receive::{Counters, merge::Content},
};

/// Pieces that wait for the receive thread: as chunks of 1,316 bytes, a full turn of 1 Gb/s.
const PIECES_MAX: usize = 1_024;

/// Bytes of all of them together; the task reads no further before some are taken. A stall of 200
/// ms at 40 Mb/s, behind which the kernel's own buffer stands.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// Who asks for streams, whom it believes, and where its tasks run.
#[derive(Debug, Clone)]
pub struct StreamClient {
    client: Client,
    tls: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
}

impl StreamClient {
    /// A client on `board`, whose tasks run on the runtime of the caller. Reads the system's
    /// certificates, which may block on a slow disk.
    ///
    /// # Errors
    /// [`TlsError`] when TLS cannot be spoken.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new<M: Multicast>(board: &Board<M>) -> Result<Self, TlsError> {
        let identity = Arc::new(Identity::of_client());
        Ok(Self {
            client: Client::new(Arc::clone(&board.network), identity),
            tls: client_config(&*board.disk, None)?,
            clock: Arc::clone(&board.clock),
            runtime: Handle::current(),
        })
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct StreamRequest {
    /// The names of the channel and the rendition that it is for, and that the log tells of.
    pub of: Option<(String, String)>,
    /// Where it is.
    pub url: Uri,
    /// The same for people, without what may be a secret.
    pub shown: String,
    /// Bits a second that are taken of it at most.
    pub bitrate_bps_max: u64,
}

/// What the task tells the receive thread, in order.
#[derive(Debug)]
enum Piece {
    /// The stream begins.
    Answer,
    /// Bytes of it, and when they were read; their room is free once this is dropped.
    Media(Bytes, Wall, OwnedSemaphorePermit),
    /// It could not be had or broke off, and why; it will be asked for again.
    Failure(String),
}

/// One stream over HTTP; dropping it ends its connection.
#[derive(Debug)]
pub struct HttpSource {
    pieces: mpsc::Receiver<Piece>,
    task: AbortHandle,
    allowance: Allowance,
    is_answered: bool,
    failure: Option<String>,
    last_piece: Option<Wall>,
    counters: Counters,
}

impl HttpSource {
    /// Begins to ask for a stream at `now`.
    pub fn new(request: StreamRequest, client: &StreamClient, now: Monotonic) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let allowance = Allowance::new(request.bitrate_bps_max, now);
        let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX));
        let asking = Asking::new(request, client.clone(), (sender, room));
        let task = client.runtime.spawn(asking.run());
        Self {
            pieces,
            task: task.abort_handle(),
            allowance,
            is_answered: false,
            failure: None,
            last_piece: None,
            counters: Counters::default(),
        }
    }

    /// Takes what has come by `now` and calls `each` as [`super::Source::drain`] does. Never waits.
    ///
    /// # Limits
    /// `bitrate_bps_max`, of which a second may be saved up.
    pub fn drain(
        &mut self,
        now: Monotonic,
        mut each: impl FnMut(&mut Counters, Content<'_>, Wall) -> bool,
    ) {
        self.allowance.grow(now);
        while self.allowance.is_left()
            && let Ok(piece) = self.pieces.try_recv()
        {
            match piece {
                Piece::Answer => {
                    self.counters.http_answers += 1;
                    (self.is_answered, self.failure) = (true, None);
                }
                Piece::Media(bytes, received, _room) => {
                    self.allowance.take(bytes.len());
                    self.counters.datagrams += 1;
                    self.counters.bytes += bytes.len() as u64;
                    self.last_piece = Some(received);
                    each(&mut self.counters, Content::Bare(&bytes), received);
                }
                Piece::Failure(reason) => {
                    self.counters.http_failures += 1;
                    (self.is_answered, self.failure) = (false, Some(reason));
                }
            }
        }
    }

    /// True while an answer is read.
    pub fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Why none is, if that is known: one sentence.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// When the last piece was read.
    pub fn last_piece(&self) -> Option<Wall> {
        self.last_piece
    }

    /// Counters since it was made. Pieces count as datagrams.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Drop for HttpSource {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
