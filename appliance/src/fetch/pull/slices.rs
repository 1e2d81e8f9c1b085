//! Long responses, fetched and stored in slices, so that whoever jumps to the end of a film does
//! not wait for its beginning, and nobody fetches what nobody watches.
//!
//! Under the key of the whole lies its head; each slice is an object of its own, whose name tells
//! the representation it is of. A slice is fetched by Range and If-Range when somebody comes near
//! it. What has changed at the origin meanwhile is noticed with the next slice: the answer under
//! way breaks visibly and the head goes, so that the next request begins anew with what is there
//! now. The slices of before are never named again. The same where an origin says that it gives
//! parts, and gives the whole instead: that is remembered, and it is fetched whole from then on.
//!
//! Source: RFC 9110 §14 (ranges), §13.1.5 (If-Range), §15.3.7.3 (combining parts).
//!
//! # Limits
//! Each reader has at most [`READ_AHEAD`] slices fetched beyond the one it reads. What comes in no
//! parts is remembered of [`UNDIVIDED_MAX`] keys; the least recently used is forgotten.

use std::{
    num::NonZeroUsize,
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{ACCEPT_RANGES, CONTENT_RANGE, HeaderValue, IF_RANGE, RANGE},
};
use lru::LruCache;
use tokio::time::timeout;
use weir_cache::{
    Chunk, Key, Object,
    rules::{ContentRange, Stored, strip_conditions},
};

use super::{
    Core,
    ask::{Reply, outgoing},
    failure::Failure,
    fill::Arrival,
    flights::{Boarding, State, Ticket},
    kept::{Kept, Sliced},
    pour::{Extent, Pour, is_same, strong_validator},
    question::Question,
    shelf::Found,
};
use crate::{
    fetch::exchange::Download,
    hash::fnv1a,
    serve::{Body, BodyError, Chain, Form},
};

/// Slices that are fetched ahead of a reader: two of 8 MiB are 13 s of 10 Mb/s.
const READ_AHEAD: u64 = 2;

/// Longest wait for a slice to begin.
const SLICE_WAIT: Duration = Duration::from_secs(30);

/// Keys remembered of what comes in no parts: 1 MiB at most, and an origin that gives none has
/// fewer films that are in demand.
const UNDIVIDED_MAX: usize = 1_024;

/// Why the body of a sliced response broke off.
#[derive(Debug, thiserror::Error)]
enum SliceError {
    /// No origin has the slice.
    #[error("no origin gave the next slice")]
    NoOrigin,
    /// The origin has another representation by now.
    #[error("the representation has changed at the origin")]
    Changed,
    /// Nothing came for too long.
    #[error("the next slice did not begin within {} s", SLICE_WAIT.as_secs())]
    TimedOut,
}

/// Whether a response is fetched in slices of so many bytes: it is longer than two of them, and
/// its parts can be asked for and told from those of others.
pub(super) fn is_sliced(head: &Stored, slice_bytes: u32) -> bool {
    let takes_ranges = match head.part() {
        Some(_) => true,
        None => head
            .headers()
            .get_all(ACCEPT_RANGES)
            .iter()
            .any(|value| value.as_bytes().eq_ignore_ascii_case(b"bytes")),
    };
    let is_long = head
        .length()
        .is_some_and(|length| length / 2 > u64::from(slice_bytes));
    is_long && takes_ranges && strong_validator(head).is_some()
}

/// What has to be fetched whole, though its origin says that it gives parts of it.
#[derive(Debug)]
pub(super) struct Undivided(Mutex<LruCache<Key, ()>>);

impl Default for Undivided {
    fn default() -> Self {
        let keys_max = NonZeroUsize::new(UNDIVIDED_MAX).expect("a constant above zero");
        Self(Mutex::new(LruCache::new(keys_max)))
    }
}

impl Undivided {
    /// Whether what `key` names came whole where a part was asked for.
    pub(super) fn contains(&self, key: &Key) -> bool {
        self.lock().get(key).is_some()
    }

    fn note(&self, key: &Key) {
        self.lock().put(key.clone(), ());
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Key, ()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response in slices, and how to come by them.
#[derive(Debug, Clone)]
pub(super) struct Slices {
    core: Arc<Core>,
    question: Arc<Question>,
    /// The object of the whole, which has its head alone.
    whole: Object,
    sliced: Arc<Sliced>,
    length: u64,
}

impl Slices {
    /// The slices of what was found, if it lies in slices.
    pub(super) fn of(core: &Arc<Core>, question: &Arc<Question>, found: &Found) -> Option<Self> {
        let sliced = Arc::clone(found.sliced.as_ref()?);
        Some(Self {
            core: Arc::clone(core),
            question: Arc::clone(question),
            whole: found.object.clone(),
            length: sliced.head.length()?,
            sliced,
        })
    }

    /// The bytes of `range`, which lies within the whole.
    pub(super) fn read(self, range: Range<u64>) -> Body {
        Body::chained(Reading {
            slices: self,
            position: range.start,
            end: range.end,
            now: Now::Between,
        })
    }

    /// Has all slices in the store, one after the other. Returns how many bytes were missing;
    /// `None` if one of them does not come.
    pub(super) async fn complete(self) -> Option<u64> {
        let mut bytes = 0;
        for index in 0..self.length.div_ceil(u64::from(self.sliced.slice_bytes)) {
            let key = self.key_of(index)?;
            if let Ok(Some((_, Kept::Response(head)))) = self.core.shelf.look(&key).await
                && is_same(&self.sliced.head, &head)
            {
                continue;
            }
            let object = self.clone().slice(index).await.ok()?;
            let mut body = Body::stored(&object, 0..u64::MAX, None);
            while let Some(frame) = body.frame().await {
                bytes += frame.ok()?.data_ref().map_or(0, Bytes::len) as u64;
            }
        }
        Some(bytes)
    }

    /// Bytes of the first slice.
    pub(super) fn first_bytes(&self) -> u64 {
        self.extent(0).end
    }

    /// Has the slice that begins at `position` come out of `reply`, which begins there too.
    pub(super) fn pour(&self, position: u64, reply: Reply) -> Option<Pour> {
        let slice_bytes = u64::from(self.sliced.slice_bytes);
        if !position.is_multiple_of(slice_bytes) {
            return None;
        }
        let index = position / slice_bytes;
        let key = self.key_of(index)?;
        let now = self.core.clock.monotonic();
        let Boarding::Lead(ticket) = self.core.flights.board(&key, now) else {
            return None;
        };
        let begun = self.begin(&key, index, reply, &ticket);
        begun.map(|pour| pour.holding(ticket))
    }

    /// Begins the object of a slice, whose bytes come as the body of `reply`.
    fn begin(&self, key: &Key, index: u64, reply: Reply, ticket: &Ticket) -> Option<Pour> {
        let (requested_at, received_at) = (reply.requested_at, reply.received_at);
        let (status, headers) = (reply.response.status(), reply.response.headers());
        let asked = self.question.asked();
        let head = Stored::new(asked, status, headers, requested_at, received_at);
        let head = Arc::new(head);
        let metadata = Kept::Response(Arc::clone(&head)).encode();
        let class = self.question.route.class;
        let writer = self.core.shelf.store().begin(key, class, metadata).ok()?;
        let found = Found {
            object: writer.object(),
            head: Arc::clone(&head),
            sliced: None,
        };
        ticket.tell(State::Found(Box::new(Arrival::new(found, status))));
        let extent = self.extent(index);
        Some(Pour::new(writer, reply, head, Extent::of(extent)))
    }

    /// Which bytes of the whole a slice has.
    fn extent(&self, index: u64) -> Range<u64> {
        let bytes = u64::from(self.sliced.slice_bytes);
        let start = index.saturating_mul(bytes).min(self.length);
        start..start.saturating_add(bytes).min(self.length)
    }

    /// The name of a slice in the store; `None` if it is too long.
    fn key_of(&self, index: u64) -> Option<Key> {
        let tag = self.tag();
        Key::new(&format!("{} {tag:016x}.{index}", self.whole.key()))
    }

    /// Tells this representation, in slices of this size, from others of its URI.
    fn tag(&self) -> u64 {
        let validator = strong_validator(&self.sliced.head);
        let validator = validator.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
        let numbers = [self.length, u64::from(self.sliced.slice_bytes)];
        let numbers = numbers.into_iter().flat_map(u64::to_le_bytes);
        fnv1a(validator.iter().copied().chain(numbers))
    }

    /// The slice of this number, as it is or comes.
    async fn slice(self, index: u64) -> Result<Object, SliceError> {
        let key = self.key_of(index).ok_or(SliceError::NoOrigin)?;
        if let Ok(Some((object, Kept::Response(head)))) = self.core.shelf.look(&key).await
            && is_same(&self.sliced.head, &head)
        {
            return Ok(object);
        }
        let now = self.core.clock.monotonic();
        let mut flight = match self.core.flights.board(&key, now) {
            Boarding::Lead(ticket) => {
                let flight = ticket.follow();
                tokio::spawn(self.fetch(key, index, ticket));
                flight
            }
            Boarding::Follow(flight) => flight,
            Boarding::Alone | Boarding::Full => return Err(SliceError::NoOrigin),
        };
        let landed = flight.wait_for(|state| !matches!(state, State::Waiting));
        let state = match timeout(SLICE_WAIT, landed).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_gone)) => return Err(SliceError::NoOrigin),
            Err(_elapsed) => return Err(SliceError::TimedOut),
        };
        match state {
            State::Found(arrival) => Ok(arrival.found.object),
            State::NotShared => Err(SliceError::Changed),
            State::Failed(_) | State::NotAsked | State::Waiting => Err(SliceError::NoOrigin),
        }
    }

    /// Fetches a slice for all who follow.
    async fn fetch(self, key: Key, index: u64, ticket: Ticket) {
        let extent = self.extent(index);
        let Some(headers) = self.headers(&extent) else {
            return;
        };
        let request = outgoing(&self.question, Method::GET, headers);
        let reply = match self.core.ask_more(&self.question, request, &[]).await {
            Ok(reply) => reply,
            Err(failure) => return ticket.tell(State::Failed(failure)),
        };
        if Failure::is_error(reply.response.status()) {
            return ticket.tell(State::Failed(Failure::of_response(&reply.response)));
        }
        if !self.is_slice(&reply.response, &extent) {
            if self.is_whole(&reply.response) {
                self.core.undivided.note(self.whole.key());
            }
            drop(reply);
            // Whoever asks from now on finds what is there now; that may have come already.
            self.core.shelf.evict_object(&self.whole).await;
            self.question.counters().slices_changed.add(1);
            return ticket.tell(State::NotShared);
        }
        let Some(pour) = self.begin(&key, index, reply, &ticket) else {
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "no-memory");
            return ticket.tell(State::Failed(failure));
        };
        let (core, question) = (Arc::clone(&self.core), Arc::clone(&self.question));
        pour.holding(ticket).run(&core, &question).await;
    }

    fn headers(&self, extent: &Range<u64>) -> Option<HeaderMap> {
        let mut headers = self.question.headers.clone();
        strip_conditions(&mut headers);
        let range = format!("bytes={}-{}", extent.start, extent.end - 1);
        headers.insert(RANGE, HeaderValue::try_from(range).ok()?);
        headers.insert(IF_RANGE, strong_validator(&self.sliced.head)?);
        Some(headers)
    }

    /// Whether a response is the slice of this extent, and of this representation.
    fn is_slice(&self, response: &Response<Download>, extent: &Range<u64>) -> bool {
        let part = response.headers().get(CONTENT_RANGE);
        let expected = ContentRange {
            first: extent.start,
            last: extent.end - 1,
            complete: Some(self.length),
        };
        response.status() == StatusCode::PARTIAL_CONTENT
            && part.and_then(ContentRange::parse) == Some(expected)
            && self.is_of_same(response)
    }

    /// Whether a response is all of this representation.
    fn is_whole(&self, response: &Response<Download>) -> bool {
        response.status() == StatusCode::OK && self.is_of_same(response)
    }

    fn is_of_same(&self, response: &Response<Download>) -> bool {
        let at = self.sliced.head.received_at();
        let (status, headers) = (response.status(), response.headers());
        let head = Stored::new(self.question.asked(), status, headers, at, at);
        is_same(&self.sliced.head, &head)
    }
}

/// A way through the slices.
struct Reading {
    slices: Slices,
    position: u64,
    end: u64,
    now: Now,
}

/// What a reading does.
enum Now {
    /// The next slice has to be opened.
    Between,
    Opening(Opening),
    /// Part of a slice.
    Within(Body),
}

type Opening = Pin<Box<dyn Future<Output = Result<Object, SliceError>> + Send>>;

impl Reading {
    /// Opens the slice at the position, and has those behind it fetched.
    fn open(&self) -> Opening {
        let index = self.position / u64::from(self.slices.sliced.slice_bytes);
        for ahead in 1..=READ_AHEAD {
            if self.slices.extent(index + ahead).start >= self.end {
                break;
            }
            let ahead = self.slices.clone().slice(index + ahead);
            tokio::spawn(async move { drop(ahead.await) });
        }
        Box::pin(self.slices.clone().slice(index))
    }

    /// What is wanted of the slice at the position.
    fn part(&self, object: &Object) -> Body {
        let index = self.position / u64::from(self.slices.sliced.slice_bytes);
        let extent = self.slices.extent(index);
        let end = self.end.min(extent.end);
        let within = self.position - extent.start..end - extent.start;
        Body::stored(object, within, Some(end - self.position))
    }
}

impl Chain for Reading {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        form: Form,
    ) -> Poll<Option<Result<Chunk, BodyError>>> {
        while self.position < self.end {
            match &mut self.now {
                Now::Between => self.now = Now::Opening(self.open()),
                Now::Opening(opening) => match ready!(opening.as_mut().poll(context)) {
                    Ok(object) => self.now = Now::Within(self.part(&object)),
                    Err(error) => {
                        let error = BodyError::Relayed(Box::new(error));
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Now::Within(body) => match ready!(body.poll_chunk(context, form)) {
                    Some(Ok(chunk)) => {
                        self.position += chunk.bytes.len() as u64;
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => self.now = Now::Between,
                },
            }
        }
        Poll::Ready(None)
    }

    fn bytes_left(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }
}
