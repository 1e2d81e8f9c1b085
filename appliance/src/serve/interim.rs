//! What is told of an answer before it is there: interim responses, passed on as they come.
//!
//! They are written while the answer is still being made, and all of them before it.
//!
//! Source: RFC 9110 §15.2 (1xx), §10.1.1 (100 is for this end alone to tell), RFC 8297 (103 Early
//! Hints). Refuses: clients of HTTP/1.0, which know none, and 101, which nobody asked for.
//!
//! # Limits
//! [`WAITING_MAX`] of them wait to be written; those beyond are dropped.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use hyper::{HeaderMap, StatusCode};
use tokio::io::AsyncWrite;

/// Interim responses that wait for their connection.
const WAITING_MAX: usize = 8;

/// Bytes that one may have.
const BYTES_MAX: usize = 16 << 10;

/// The interim responses to one request. Clones are of the same.
#[derive(Debug, Clone, Default)]
pub struct Interim(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Bytes>,
    /// The task of the connection.
    task: Option<Waker>,
}

impl Interim {
    /// Tells the client this much before its answer, if it is worth telling. Returns false if it is
    /// dropped for want of room.
    pub fn tell(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let is_worth_it = status.is_informational()
            && status != StatusCode::CONTINUE
            && status != StatusCode::SWITCHING_PROTOCOLS;
        !is_worth_it || self.put(written(status, headers))
    }

    /// Tells a client that waits for it to send the body of its request.
    pub(crate) fn go_on(&self) {
        self.put(written(StatusCode::CONTINUE, &HeaderMap::new()));
    }

    /// Those of another request, of which nobody tells yet.
    pub(crate) fn renew(&mut self) {
        if Arc::strong_count(&self.0) > 1 || !self.lock().waiting.is_empty() {
            *self = Self::default();
        }
    }

    fn put(&self, bytes: Bytes) -> bool {
        let mut line = self.lock();
        let has_room = line.waiting.len() < WAITING_MAX && bytes.len() <= BYTES_MAX;
        if has_room {
            line.waiting.push_back(bytes);
            if let Some(task) = &line.task {
                task.wake_by_ref();
            }
        }
        has_room
    }

    /// Has the caller woken when there is something to be written.
    pub(crate) fn watch(&self, context: &Context<'_>) {
        self.lock().task = Some(context.waker().clone());
    }

    /// Writes what was told. To be called when nothing else waits to be written.
    pub(crate) fn poll_write(
        &self,
        mut io: Pin<&mut (impl AsyncWrite + ?Sized)>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut line = self.lock();
        if line.waiting.is_empty() {
            return Poll::Ready(Ok(()));
        }
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
        io.poll_flush(context)
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        interim.go_on();
        assert!(interim.poll_write(Pin::new(&mut wire), context).is_ready());
        let expected = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n\
                        HTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&wire), expected);
    }

    #[test]
    fn what_comes_too_late_is_not_told_before_the_next_answer() {
        let mut interim = Interim::default();
        let late = interim.clone();
        interim.renew();
        late.tell(StatusCode::EARLY_HINTS, &HeaderMap::new());
        assert!(interim.lock().waiting.is_empty());
    }

    #[test]
    fn a_flood_of_hints_is_cut_off() {
        let interim = Interim::default();
        let tell = || interim.tell(StatusCode::EARLY_HINTS, &HeaderMap::new());
        let told = (0..100).filter(|_| tell()).count();
        assert_eq!(
            (told, interim.lock().waiting.len()),
            (WAITING_MAX, WAITING_MAX)
        );
    }
}
