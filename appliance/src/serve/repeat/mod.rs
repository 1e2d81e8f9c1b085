//! Answers that are given again: within the second in which they were made, to requests whose heads
//! are the same, byte for byte.
//!
//! At the live edge thousands of players ask for the same segment within seconds, with the same
//! fields. The first of them in each second is answered the long way; the head of its answer is
//! kept in its final bytes, and the others get it for the price of a look-up. Nothing in a head is
//! finer than a second: not Date; and Age and what is left of a lifetime are late by one at most.
//!
//! Since all of a request is compared, nobody here need know which fields an answer depends on.
//! What else it depends on (the object, bans, routes, who may ask) only those who made it know:
//! each says so by a [`Repeat`] in the extensions of the response, or by taking away that of
//! another. They are asked each time whether the answer still holds, count it like any other, and
//! give the body.
//!
//! # Limits
//! [`ANSWERS_MAX`] answers of a second for each thread that serves, to requests of at most
//! [`REQUEST_BYTES_MAX`], with heads of at most [`HEAD_BYTES_MAX`]; those beyond go the long way.

use std::{
    collections::HashMap,
    fmt::Debug,
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use hyper::{Response, StatusCode, body::Body as _, header::HeaderValue};
use weir_cache::{Object, Store, rules::http_date};
use weir_hal::Wall;

use crate::serve::{
    Body, Client,
    response::{Ending, Written},
};

/// Answers that one thread keeps of one second: half a MiB as players ask, 6 MiB at most.
const ANSWERS_MAX: usize = 512;

/// Bytes of a body that is kept with its answer, so that nobody has to read it again.
const SHORT_BYTES_MAX: u64 = 8 << 10;

/// Bytes a request may have whose answer is kept; a player sends a few hundred.
const REQUEST_BYTES_MAX: usize = 2_048;

/// Bytes the head of an answer may have that is kept; ours have 600.
const HEAD_BYTES_MAX: usize = 2_048;

/// Knows whether an answer may be given once more.
pub(crate) trait Again: Debug + Send + Sync {
    /// The body for `client`, if the answer to the same request would still be the same, but for
    /// what changes with time; counts it then as any other answer.
    fn again(&self, client: &Client) -> Option<Body>;
}

/// The extension of a response that may be given again within the second, to the same request.
#[derive(Debug, Clone)]
pub(crate) struct Repeat(Arc<dyn Again>);

impl Repeat {
    pub(crate) fn new(again: impl Again + 'static) -> Self {
        Self(Arc::new(again))
    }

    /// As [`Again::again`].
    pub(crate) fn again(&self, client: &Client) -> Option<Body> {
        self.0.again(client)
    }

    /// Replaces the extension of `response`, if it has one, by what `wrap` makes of it.
    pub(crate) fn wrap<B, A: Again + 'static>(
        response: &mut Response<B>,
        wrap: impl FnOnce(Self) -> A,
    ) {
        if let Some(repeat) = response.extensions_mut().remove::<Self>() {
            response.extensions_mut().insert(Self::new(wrap(repeat)));
        }
    }
}

/// The whole of an object, again and again.
#[derive(Debug)]
pub(crate) struct Whole {
    /// All of it, if it is short.
    kept: OnceLock<Bytes>,
    /// The changes of the store before it was last found.
    changes: AtomicU64,
}

impl Default for Whole {
    fn default() -> Self {
        Self {
            kept: OnceLock::new(),
            changes: AtomicU64::new(u64::MAX),
        }
    }
}

impl Whole {
    /// The body of the object that `find` finds in `store`, always the same one: looked for only if
    /// the store has changed since, or it is long.
    pub(crate) fn again(
        &self,
        store: &Store,
        find: impl FnOnce() -> Option<Object>,
    ) -> Option<Body> {
        if let Some(kept) = self.kept.get()
            && store.is_unchanged_since(self.changes.load(Ordering::Relaxed))
        {
            return Some(Body::document(kept.clone()));
        }
        let changes = store.changes();
        let body = self.body(&find()?)?;
        self.changes.store(changes, Ordering::Relaxed);
        Some(body)
    }

    /// The body of `object`, if it is complete.
    fn body(&self, object: &Object) -> Option<Body> {
        if let Some(kept) = self.kept.get() {
            return Some(Body::document(kept.clone()));
        }
        let bytes = object.bytes()?;
        if bytes <= SHORT_BYTES_MAX
            && let Some(Ok(Some(chunk))) = at_hand(object.read(0..bytes).next())
            && chunk.stored.is_none()
            && chunk.bytes.len() as u64 == bytes
        {
            let kept = self.kept.get_or_init(|| chunk.bytes);
            return Some(Body::document(kept.clone()));
        }
        Some(Body::stored(object, 0..bytes, Some(bytes)))
    }
}

/// What `future` gives without a wait; it is given up otherwise.
pub(crate) fn at_hand<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

/// An answer that may be given again.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its head.
    pub(crate) written: Written,
    repeat: Repeat,
}

impl Answer {
    /// What may be given again of `response`, whose head was written; `None` if nothing may.
    pub(crate) fn of(response: &Response<Body>, written: &Written) -> Option<Self> {
        let repeat = response.extensions().get::<Repeat>()?.clone();
        let is_fit = response.status() == StatusCode::OK
            && matches!(written.ending, Ending::After(_))
            && !written.is_last_of_connection
            && written.head.len() <= HEAD_BYTES_MAX;
        let written = written.clone();
        is_fit.then_some(Self { written, repeat })
    }

    /// The body, if the answer still holds.
    pub(crate) fn again(&self, client: &Client) -> Option<Body> {
        let body = self.repeat.again(client)?;
        let bytes = body.size_hint().exact().map(Ending::After);
        debug_assert_eq!(bytes, Some(self.written.ending), "{:?}", self.repeat);
        Some(body)
    }
}

/// What is the same for a second.
#[derive(Debug, Default)]
pub(crate) struct Second {
    number: u64,
    date: Option<HeaderValue>,
    /// By the heads of their requests.
    answers: HashMap<Bytes, Answer>,
}

impl Second {
    /// Goes on to the second of `now`.
    pub(crate) fn at(&mut self, now: Wall) -> &mut Self {
        let number = now.as_nanos() / 1_000_000_000;
        if self.number != number || self.date.is_none() {
            self.number = number;
            self.date = Some(http_date(now));
            self.answers.clear();
        }
        self
    }

    /// The Date of what is answered now (RFC 9110 §6.6.1).
    pub(crate) fn date(&self) -> &[u8] {
        self.date.as_ref().map_or(&[], HeaderValue::as_bytes)
    }

    /// What was answered to a request with this head.
    pub(crate) fn find(&self, request: &[u8]) -> Option<Answer> {
        self.answers.get(request).cloned()
    }

    /// Keeps the answer to a request with this head.
    pub(crate) fn keep(&mut self, request: Bytes, answer: Answer) {
        if self.answers.len() < ANSWERS_MAX && request.len() <= REQUEST_BYTES_MAX {
            self.answers.insert(request, answer);
        }
    }
}

#[cfg(test)]
mod tests;
