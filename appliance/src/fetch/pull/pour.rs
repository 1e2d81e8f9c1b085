//! The body of an answer on its way into the store, mended if it breaks.
//!
//! A body that breaks off is asked for again from the first byte that is missing, by Range and
//! If-Range, at whichever origin answers: it must be the same representation, with the same strong
//! validator and the same length. Where that cannot be, the object is given up: those who read it
//! see their connection break, and nothing is kept.
//!
//! Source: RFC 9110 §13.1.5 (If-Range), §14 (ranges), §15.3.7.3 (combining parts).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE},
};
use tracing::debug;
use weir_cache::{
    Writer,
    rules::{ContentRange, Stored, combinable},
};

use super::{
    Core,
    ask::{Reply, outgoing, strip_conditions},
    question::Question,
};
use crate::fetch::{Endpoint, exchange::Download};

/// Longest wait for memory for the next bytes.
const MEMORY_WAIT: Duration = Duration::from_secs(10);

/// Times that one body is mended: as often as a route has tiers, and once more.
const MENDS_MAX: usize = 4;

/// A body that comes into the store.
#[derive(Debug)]
pub(super) struct Pour {
    writer: Writer,
    body: Download,
    head: Arc<Stored>,
    received_bytes: u64,
    /// Who sends it, and who broke it off before.
    endpoints: Vec<Arc<Endpoint>>,
}

/// Why a body does not become an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The origin broke off, or lied about the length.
    Origin,
    /// The store did not take it.
    Store,
}

impl Pour {
    /// The body of `reply` goes to `writer`; `head` is what the object was begun with.
    pub(super) fn new(writer: Writer, reply: Reply, head: Arc<Stored>) -> Self {
        Self {
            writer,
            body: reply.response.into_body(),
            head,
            received_bytes: 0,
            endpoints: vec![reply.endpoint],
        }
    }

    /// Takes in all of the body, or gives the object up.
    pub(super) async fn run(mut self, core: &Core, question: &Question) {
        let outcome = self.take_all(core, question).await;
        let counters = &core.counters;
        match outcome {
            Ok(()) if self.writer.commit().is_ok() => counters.fills_completed.add(1),
            Ok(()) | Err(Broken::Store) => counters.fills_not_kept.add(1),
            // Dropping the writer gives the object up.
            Err(Broken::Origin) => counters.fills_broken.add(1),
        }
    }

    async fn take_all(&mut self, core: &Core, question: &Question) -> Result<(), Broken> {
        let mut mends_left = MENDS_MAX;
        loop {
            match self.take(core).await {
                Err(Broken::Origin) if mends_left > 0 => mends_left -= 1,
                outcome => return outcome,
            }
            let bytes = self.received_bytes;
            debug!(uri = %question.uri, bytes, "a body broke off and is asked for again");
            self.body = self.rest(core, question).await.ok_or(Broken::Origin)?;
            core.counters.fills_mended.add(1);
        }
    }

    /// Takes in what comes until it ends or breaks.
    async fn take(&mut self, core: &Core) -> Result<(), Broken> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|_broken| Broken::Origin)?;
            // Trailer fields are dropped.
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            self.append(core, bytes).await?;
        }
        let is_short = self
            .head
            .length()
            .is_some_and(|length| self.received_bytes < length);
        if is_short {
            Err(Broken::Origin)
        } else {
            Ok(())
        }
    }

    async fn append(&mut self, core: &Core, bytes: Bytes) -> Result<(), Broken> {
        self.received_bytes += bytes.len() as u64;
        core.counters.bytes_received.add(bytes.len() as u64);
        let is_long = match self.head.length() {
            Some(length) => self.received_bytes > length,
            None => self.received_bytes > core.object_bytes_max,
        };
        if is_long {
            return Err(Broken::Store);
        }
        let appended = self.writer.append_within(bytes, MEMORY_WAIT).await;
        appended.map_err(|_full| Broken::Store)
    }

    /// Asks for the bytes that are missing.
    async fn rest(&mut self, core: &Core, question: &Question) -> Option<Download> {
        let headers = self.headers(question)?;
        let request = outgoing(question, Method::GET, headers);
        let reply = core.ask(question, request, &self.endpoints).await.ok()?;
        let is_rest = self.is_rest(question, &reply.response);
        self.endpoints.push(reply.endpoint);
        is_rest.then(|| reply.response.into_body())
    }

    /// The fields of the request for what is missing; `None` if nothing could tell that it is of
    /// the same representation.
    fn headers(&self, question: &Question) -> Option<HeaderMap> {
        let validator = strong_validator(&self.head)?;
        let mut headers = question.headers.clone();
        strip_conditions(&mut headers);
        let range = format!("bytes={}-", self.received_bytes);
        headers.insert(RANGE, HeaderValue::try_from(range).ok()?);
        headers.insert(IF_RANGE, validator);
        Some(headers)
    }

    fn is_rest(&self, question: &Question, response: &Response<Download>) -> bool {
        let headers = response.headers();
        let part = headers.get(CONTENT_RANGE).and_then(ContentRange::parse);
        let Some(part) = part else { return false };
        let length = self.head.length();
        let is_whole =
            part.complete == Some(part.last + 1) && (length.is_none() || part.complete == length);
        let now = self.head.received_at();
        let head = Stored::new(question.asked(), response.status(), headers, now, now);
        response.status() == StatusCode::PARTIAL_CONTENT
            && part.first == self.received_bytes
            && is_whole
            && combinable(&self.head, &head)
    }
}

/// What tells one representation from all others of its URI, byte by byte (RFC 9110 §8.8.1).
pub(super) fn strong_validator(head: &Stored) -> Option<HeaderValue> {
    let etag = head.headers().get(ETAG)?;
    etag.as_bytes().starts_with(b"\"").then(|| etag.clone())
}
