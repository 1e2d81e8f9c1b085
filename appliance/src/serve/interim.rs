//! What is told of an answer before it is there: interim responses, passed on as they come.
//!
//! hyper writes none. They are written beside it when it has nothing of its own to write: behind
//! the answer before, and ahead of the one that is still being made, which waits for them.
//!
//! Source: RFC 9110 §15.2 (1xx), §15.2.1 (100 is hyper's own), RFC 8297 (103 Early Hints).
//! Refuses: clients of HTTP/1.0, which know none, and 101, which nobody asked for.
//!
//! # Limits
//! [`WAITING_MAX`] of them wait to be written; those beyond are dropped.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use hyper::{HeaderMap, StatusCode};
use tokio::io::AsyncWrite;

/// Interim responses that wait for their connection.
const WAITING_MAX: usize = 8;

/// Bytes that one may have.
const BYTES_MAX: usize = 16 << 10;

/// The interim responses of one connection. Clones are of the same.
#[derive(Debug, Clone, Default)]
pub struct Interim(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Somebody may tell something: until then a flush looks at nothing else.
    is_used: AtomicBool,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Bytes>,
    /// The task of the connection.
    task: Option<Waker>,
}

impl Interim {
    /// Makes ready to tell. Must be awaited by the task of the connection, as a handler is.
    pub async fn open(&self) {
        self.0.is_used.store(true, Ordering::Relaxed);
        poll_fn(|context| {
            self.lock().task = Some(context.waker().clone());
            Poll::Ready(())
        })
        .await;
    }

    /// Tells the client this much before its answer, if it is worth telling.
    pub fn tell(&self, status: StatusCode, headers: &HeaderMap) {
        let is_told = status.is_informational()
            && status != StatusCode::CONTINUE
            && status != StatusCode::SWITCHING_PROTOCOLS;
        let mut line = self.lock();
        if !is_told || line.waiting.len() >= WAITING_MAX {
            return;
        }
        let bytes = written(status, headers);
        if bytes.len() > BYTES_MAX {
            return;
        }
        line.waiting.push_back(bytes);
        if let Some(task) = &line.task {
            task.wake_by_ref();
        }
    }

    /// Waits until all is written that was told. To be awaited by the task of the connection.
    pub(crate) async fn written(&self) {
        if !self.0.is_used.swap(false, Ordering::Relaxed) {
            return;
        }
        self.0.is_used.store(true, Ordering::Relaxed);
        poll_fn(|context| {
            let mut line = self.lock();
            if line.waiting.is_empty() {
                return Poll::Ready(());
            }
            line.task = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        self.0.is_used.store(false, Ordering::Relaxed);
    }

    /// Writes what was told. To be called when nothing else waits to be written.
    pub(crate) fn poll_write(
        &self,
        mut io: Pin<&mut (impl AsyncWrite + ?Sized)>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.0.is_used.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let mut line = self.lock();
        while let Some(first) = line.waiting.front_mut() {
            if first.is_empty() {
                line.waiting.pop_front();
                continue;
            }
            let written = ready!(io.as_mut().poll_write(context, first))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            first.advance(written);
        }
        if let Some(task) = line.task.take() {
            task.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response without content, as it goes over the wire (RFC 9112 §2.1).
fn written(status: StatusCode, headers: &HeaderMap) -> Bytes {
    let mut bytes = BytesMut::new();
    let reason = status.canonical_reason().unwrap_or("Interim");
    bytes.put_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).as_bytes());
    for (name, value) in headers {
        bytes.put_slice(name.as_str().as_bytes());
        bytes.put_slice(b": ");
        bytes.put_slice(value.as_bytes());
        bytes.put_slice(b"\r\n");
    }
    bytes.put_slice(b"\r\n");
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use hyper::header::{HeaderValue, LINK};

    use super::*;

    #[test]
    fn early_hints_are_written_as_they_came_and_nothing_else_is() {
        let interim = Interim::default();
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_static("</a.css>; rel=preload"));
        let context = &mut Context::from_waker(Waker::noop());
        let mut wire = Vec::new();
        interim.tell(StatusCode::CONTINUE, &headers);
        interim.tell(StatusCode::SWITCHING_PROTOCOLS, &headers);
        interim.tell(StatusCode::OK, &headers);
        interim.tell(StatusCode::EARLY_HINTS, &headers);
        // Nobody has opened it: a flush does not look.
        assert!(interim.poll_write(Pin::new(&mut wire), context).is_ready());
        assert_eq!(wire, b"");
        assert!(std::pin::pin!(interim.open()).poll(context).is_ready());
        assert!(interim.poll_write(Pin::new(&mut wire), context).is_ready());
        let expected = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&wire), expected);
        assert!(std::pin::pin!(interim.written()).poll(context).is_ready());
    }

    #[test]
    fn an_answer_waits_for_what_was_told_before_it() {
        let interim = Interim::default();
        let context = &mut Context::from_waker(Waker::noop());
        assert!(std::pin::pin!(interim.open()).poll(context).is_ready());
        interim.tell(StatusCode::PROCESSING, &HeaderMap::new());
        let mut written = std::pin::pin!(interim.written());
        assert!(written.as_mut().poll(context).is_pending());
        let mut wire = Vec::new();
        assert!(interim.poll_write(Pin::new(&mut wire), context).is_ready());
        assert!(written.poll(context).is_ready());
    }

    #[test]
    fn a_flood_of_hints_is_cut_off() {
        let interim = Interim::default();
        for _ in 0..100 {
            interim.tell(StatusCode::EARLY_HINTS, &HeaderMap::new());
        }
        assert_eq!(interim.lock().waiting.len(), WAITING_MAX);
    }
}
