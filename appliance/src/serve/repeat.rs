//! Answers that are given again: within the second in which they were made, to requests that differ
//! in nothing an answer can depend on.
//!
//! At the live edge thousands of players ask for the same segment within seconds. The first of them
//! in each second is answered the long way; what came out is kept in its final bytes, and the
//! others get it for the price of a look-up. Nothing in an answer is finer than a second: not Date,
//! not Age, not what is left of a lifetime.
//!
//! Only a handler knows whether an answer may be given again, and says so by a [`Repeat`] in its
//! extensions. It is asked each time whether that still holds, and for the body.
//!
//! # Limits
//! [`ANSWERS_MAX`] answers a serving thread, whose heads have at most [`HEAD_BYTES_MAX`]; those
//! beyond go the long way. All of them are forgotten with the next answer in another second.

use std::{
    collections::HashMap,
    fmt::Debug,
    io::Write as _,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Body as _,
    header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING, VARY},
};
use weir_cache::rules::http_date;
use weir_hal::Wall;

use crate::serve::{Body, head::Plain};

/// Answers that one thread keeps: 250 KiB with their keys, of what is asked for in one second.
const ANSWERS_MAX: usize = 256;

/// Bytes the head of an answer may have that is kept; ours have 600.
const HEAD_BYTES_MAX: usize = 2_048;

/// Says whether an answer may be given once more.
pub(crate) trait Again: Debug + Send + Sync {
    /// The body, if the answer would still be the same; whoever counts answers counts one more.
    fn again(&self) -> Option<Body>;
}

/// The extension of a response that may be given again within the second, by whatever fields it is
/// asked for that [`Plain`] leaves out, unless its Vary names one of them.
#[derive(Debug, Clone)]
pub(crate) struct Repeat(Arc<dyn Again>);

impl Repeat {
    pub(crate) fn new(again: impl Again + 'static) -> Self {
        Self(Arc::new(again))
    }
}

/// What `future` gives without a wait; it is given up otherwise.
pub(crate) fn at_hand<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

/// By what an answer is found: all of a request that an answer can depend on.
pub(crate) type Name = Box<[u8]>;

/// The answers of one second.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    second: u64,
    answers: HashMap<Name, Answer>,
    /// Room for a name.
    name: Vec<u8>,
}

/// An answer in its final form.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Status line and fields.
    pub(crate) head: Bytes,
    repeat: Repeat,
}

impl Answer {
    /// The body, if the answer still holds.
    pub(crate) fn again(&self) -> Option<Body> {
        self.repeat.0.again()
    }
}

impl Repeats {
    /// The answer to a request that was made in this second.
    pub(crate) fn find(&mut self, plain: &Plain<'_>, now: Wall) -> Option<Answer> {
        if self.second != second(now) {
            return None;
        }
        self.write_name(plain);
        self.answers.get(self.name.as_slice()).cloned()
    }

    /// The name of the answer to a request, for [`Self::keep`].
    pub(crate) fn name(&mut self, plain: &Plain<'_>) -> Name {
        self.write_name(plain);
        self.name.as_slice().into()
    }

    fn write_name(&mut self, plain: &Plain<'_>) {
        self.name.clear();
        for part in [
            plain.target.as_bytes(),
            plain.host,
            plain.accept_encoding,
            plain.origin,
        ] {
            self.name.extend_from_slice(part);
            // No part of a request holds a line feed.
            self.name.push(b'\n');
        }
    }

    /// Keeps `response` for the rest of this second, if it may be given again.
    pub(crate) fn keep(&mut self, name: Name, response: &Response<Body>, now: Wall) {
        if self.second != second(now) {
            self.second = second(now);
            self.answers.clear();
        }
        if self.answers.len() >= ANSWERS_MAX {
            return;
        }
        if let Some(answer) = answer(response, now) {
            self.answers.insert(name, answer);
        }
    }
}

fn second(now: Wall) -> u64 {
    now.as_nanos() / 1_000_000_000
}

fn answer(response: &Response<Body>, now: Wall) -> Option<Answer> {
    let repeat = response.extensions().get::<Repeat>()?.clone();
    let headers = response.headers();
    let bytes = response.body().size_hint().exact()?;
    let is_fit = response.status() == StatusCode::OK
        && !headers.contains_key(CONNECTION)
        && !headers.contains_key(TRANSFER_ENCODING)
        && varies_by_its_name_alone(headers);
    if !is_fit {
        return None;
    }
    let head = head(response.status(), headers, bytes, Some(now));
    (head.len() <= HEAD_BYTES_MAX).then_some(Answer { head, repeat })
}

/// Whether all fields that an answer varies by are in its [`Name`].
fn varies_by_its_name_alone(headers: &HeaderMap) -> bool {
    headers.get_all(VARY).iter().all(|value| {
        value.as_bytes().split(|byte| *byte == b',').all(|name| {
            let name = name.trim_ascii();
            name.eq_ignore_ascii_case(b"accept-encoding") || name.eq_ignore_ascii_case(b"origin")
        })
    })
}

/// The head of an answer as it goes over the wire (RFC 9112 §4, §5). Whoever has no clock sends no
/// Date (RFC 9110 §6.6.1).
pub(crate) fn head(status: StatusCode, headers: &HeaderMap, bytes: u64, now: Option<Wall>) -> Bytes {
    let mut head = Vec::with_capacity(1_024);
    let reason = status.canonical_reason().unwrap_or("Unknown");
    put(&mut head, &[b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", reason.as_bytes()]);
    for (name, value) in headers {
        if name != CONTENT_LENGTH {
            put(&mut head, &[name.as_str().as_bytes(), b": ", value.as_bytes()]);
        }
    }
    write!(head, "content-length: {bytes}\r\n").expect("a Vec takes every write");
    if let Some(now) = now.filter(|_| !headers.contains_key(DATE)) {
        put(&mut head, &[b"date: ", http_date(now).as_bytes()]);
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

fn put(head: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        head.extend_from_slice(part);
    }
    head.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::reply;

    const NOW: Wall = Wall::from_nanos(1_000_000_000_000_000_000);

    #[derive(Debug)]
    struct Always;

    impl Again for Always {
        fn again(&self) -> Option<Body> {
            Some(Body::document(Bytes::from_static(b"again")))
        }
    }

    fn plain(target: &str) -> Plain<'_> {
        Plain {
            target,
            host: b"h",
            accept_encoding: b"",
            origin: b"",
        }
    }

    fn keep(repeats: &mut Repeats, target: &str, response: &Response<Body>, now: Wall) {
        let name = repeats.name(&plain(target));
        repeats.keep(name, response, now);
    }

    fn response() -> Response<Body> {
        let mut response = reply::text(StatusCode::OK, "once");
        response.extensions_mut().insert(Repeat::new(Always));
        response
    }

    fn later(seconds: u64) -> Wall {
        Wall::from_nanos(NOW.as_nanos() + seconds * 1_000_000_000)
    }

    #[test]
    fn an_answer_is_given_again_within_its_second_only() {
        let mut repeats = Repeats::default();
        keep(&mut repeats, "/a", &response(), NOW);
        let answer = repeats.find(&plain("/a"), NOW).expect("it was kept");
        assert_eq!(
            String::from_utf8_lossy(&answer.head),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
             cache-control: no-store\r\ncontent-length: 5\r\n\
             date: Sun, 09 Sep 2001 01:46:40 GMT\r\n\r\n"
        );
        assert!(answer.again().is_some());
        assert!(repeats.find(&plain("/b"), NOW).is_none());
        assert!(repeats.find(&plain("/a"), later(1)).is_none());
        keep(&mut repeats, "/b", &response(), later(1));
        assert_eq!(repeats.answers.len(), 1, "the others are forgotten");
    }

    #[test]
    fn what_may_not_be_given_again_is_not_kept() {
        let plain = reply::text(StatusCode::OK, "once");
        let mut varying = response();
        varying.headers_mut().insert(VARY, "Cookie".parse().unwrap());
        let mut absent = response();
        *absent.status_mut() = StatusCode::NOT_FOUND;
        let mut closing = response();
        closing.headers_mut().insert(CONNECTION, "close".parse().unwrap());
        for response in [plain, varying, absent, closing] {
            let mut repeats = Repeats::default();
            keep(&mut repeats, "/a", &response, NOW);
            assert!(repeats.answers.is_empty(), "{response:?}");
        }
        let mut encoded = response();
        let vary = "Accept-Encoding, Origin".parse().unwrap();
        encoded.headers_mut().insert(VARY, vary);
        let mut repeats = Repeats::default();
        keep(&mut repeats, "/a", &encoded, NOW);
        assert_eq!(repeats.answers.len(), 1);
    }

    #[test]
    fn answers_of_one_second_are_bounded() {
        let mut repeats = Repeats::default();
        for number in 0..2 * ANSWERS_MAX {
            keep(&mut repeats, &format!("/{number}"), &response(), NOW);
        }
        assert_eq!(repeats.answers.len(), ANSWERS_MAX);
    }
}
