//! The body of an answer on its way into the store, mended if it breaks.
//!
//! A body that breaks off is asked for again from the first byte that is missing, by Range and
//! If-Range, at whichever origin answers: it must be the same representation, with the same strong
//! validator and the same length. Where that cannot be, the object is given up: those who read it
//! see their connection break, and nothing is kept. An origin that falls silent is not waited for
//! alone: another one is asked for the rest beside it, and whoever sends first goes on.
//!
//! Source: RFC 9110 §13.1.5 (If-Range), §14 (ranges), §15.3.7.3 (combining parts).

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Frame,
    header::{CONTENT_RANGE, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE},
};
use tokio::time::timeout;
use tracing::debug;
use weir_cache::{
    Object, Writer,
    rules::{ContentRange, Stored, combinable, strip_conditions},
};

use super::{
    Core,
    ask::{Reply, outgoing},
    flights::Ticket,
    question::Question,
};
use crate::fetch::{
    Endpoint,
    exchange::{Download, ExchangeError, Outgoing},
};

/// Longest wait for memory for the next bytes.
const MEMORY_WAIT: Duration = Duration::from_secs(10);

/// Times that one body is mended: as often as a route may sensibly have tiers.
const MENDS_MAX: usize = 4;

/// How long an origin is waited for alone, while another might send the rest; as long as for the
/// head of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// How long after nobody could be asked that is looked at again.
const SILENCE_PAUSE: Duration = Duration::from_millis(200);

/// How long before the response something must have changed last, so that a second change in the
/// same second cannot have gone unnoticed, whatever the clocks (RFC 9110 §8.8.2.2).
const MODIFIED_BEFORE_MIN: Duration = Duration::from_mins(1);

/// Which bytes of the representation an object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    first: u64,
    /// Where it ends, if that is known.
    end: Option<u64>,
}

impl Extent {
    /// These bytes.
    pub(super) const fn of(range: Range<u64>) -> Self {
        Self {
            first: range.start,
            end: Some(range.end),
        }
    }

    /// The bytes of a response with `head`.
    pub(super) fn of_response(head: &Stored) -> Self {
        match head.part() {
            Some(part) => Self::of(part.first..part.last.saturating_add(1)),
            None => Self {
                first: 0,
                end: head.length(),
            },
        }
    }
}

/// A body that comes into the store.
#[derive(Debug)]
pub(super) struct Pour {
    writer: Writer,
    body: Download,
    head: Arc<Stored>,
    extent: Extent,
    /// Where in the representation the next byte belongs.
    position: u64,
    /// Who sends it, and who broke it off before.
    endpoints: Vec<Arc<Endpoint>>,
    /// The flight that lasts as long as this.
    _ticket: Option<Ticket>,
}

/// Why a body does not become an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The origin broke off, or lied about the length.
    Origin,
    /// The store did not take it.
    Store,
}

/// What comes of a body.
type Came = Result<Frame<Bytes>, ExchangeError>;

/// What comes of asking another endpoint while one is silent.
enum Overtaking {
    /// The silent one went on.
    Came(Option<Came>),
    /// The other one has the rest.
    Won,
    /// Nobody else has it.
    Lost,
}

impl Pour {
    /// The bytes of `extent`, which the body of `reply` begins with, go to `writer`; `head` is what
    /// the object was begun with.
    pub(super) fn new(writer: Writer, reply: Reply, head: Arc<Stored>, extent: Extent) -> Self {
        Self {
            writer,
            body: reply.response.into_body(),
            head,
            position: extent.first,
            extent,
            endpoints: vec![reply.endpoint],
            _ticket: None,
        }
    }

    /// What it fills.
    pub(super) fn object(&self) -> Object {
        self.writer.object()
    }

    /// The head of what it fills.
    pub(super) const fn head(&self) -> &Arc<Stored> {
        &self.head
    }

    /// Has a flight last as long as this.
    pub(super) fn holding(self, ticket: Ticket) -> Self {
        Self {
            _ticket: Some(ticket),
            ..self
        }
    }

    /// Takes in all of the extent, or gives the object up. Tells whether it is whole.
    pub(super) async fn run(mut self, core: &Core, question: &Question) -> bool {
        let outcome = match self.take_all(core, question).await {
            Ok(last) => {
                let committed = self.writer.commit_within(last, MEMORY_WAIT).await;
                committed.map(drop).map_err(|_not_kept| Broken::Store)
            }
            // Dropping the writer gives the object up.
            Err(broken) => Err(broken),
        };
        let counters = question.counters();
        match outcome {
            Ok(()) => counters.fills_completed.add(1),
            Err(Broken::Store) => counters.fills_not_kept.add(1),
            Err(Broken::Origin) => counters.fills_broken.add(1),
        }
        outcome.is_ok()
    }

    /// Takes in all but the last bytes, which it returns: they are shown with the whole, so that
    /// who has read them finds it stored.
    async fn take_all(&mut self, core: &Core, question: &Question) -> Result<Bytes, Broken> {
        let mut mends_left = MENDS_MAX;
        loop {
            match self.take(core, question).await {
                Err(Broken::Origin) if mends_left > 0 => mends_left -= 1,
                outcome => return outcome,
            }
            let position = self.position;
            debug!(uri = %question.uri, position, "a body broke off and is asked for again");
            self.body = self.rest(core, question).await.ok_or(Broken::Origin)?;
            question.counters().fills_mended.add(1);
        }
    }

    /// Takes in what comes until the extent is whole, or the body breaks. Returns the last bytes,
    /// or none if it cannot be told which are the last.
    async fn take(&mut self, core: &Core, question: &Question) -> Result<Bytes, Broken> {
        while self.extent.end.is_none_or(|end| self.position < end) {
            let Some(frame) = self.frame(core, question).await else {
                // What was announced has come, or there was nothing to announce.
                let is_short = self.extent.end.is_some();
                return if is_short {
                    Err(Broken::Origin)
                } else {
                    Ok(Bytes::new())
                };
            };
            let frame = frame.map_err(|_broken| Broken::Origin)?;
            if let Ok(bytes) = frame.into_data() {
                question.counters().bytes_received.add(bytes.len() as u64);
                let bytes = self.clip(core, bytes)?;
                if self.extent.end == Some(self.position) {
                    return Ok(bytes);
                }
                let appended = self.writer.append_within(bytes, MEMORY_WAIT).await;
                appended.map_err(|_full| Broken::Store)?;
            }
        }
        Ok(Bytes::new())
    }

    /// What comes next, from whoever sends first.
    async fn frame(&mut self, core: &Core, question: &Question) -> Option<Came> {
        let tiers = &question.route.tiers;
        let mut patience = SILENCE_MAX;
        // Where it ends is not known of what is being made just now: there a pause says nothing.
        while self.extent.end.is_some() {
            if let Ok(frame) = timeout(patience, self.body.frame()).await {
                return frame;
            }
            patience = SILENCE_PAUSE;
            let request = self.request(question);
            let request = request.filter(|_| core.tiers.may_ask_beside(tiers, &self.endpoints));
            if let Some(request) = request {
                match self.overtake(core, question, request).await {
                    Overtaking::Came(frame) => return frame,
                    Overtaking::Won => patience = SILENCE_MAX,
                    Overtaking::Lost => {}
                }
            }
        }
        self.body.frame().await
    }

    /// Asks another endpoint for the rest, while the silent one may still go on.
    async fn overtake(
        &mut self,
        core: &Core,
        question: &Question,
        request: Request<Outgoing>,
    ) -> Overtaking {
        let silent = self.endpoints.clone();
        let reply = tokio::select! {
            biased;
            frame = self.body.frame() => return Overtaking::Came(frame),
            reply = core.ask_more(question, request, &silent) => reply,
        };
        let Some(rest) = reply.ok().and_then(|reply| self.accept(question, reply)) else {
            return Overtaking::Lost;
        };
        let (uri, position) = (&question.uri, self.position);
        debug!(%uri, position, "an origin fell silent and another one goes on");
        std::mem::replace(&mut self.body, rest).give_up(SILENCE_MAX);
        question.counters().fills_mended.add(1);
        Overtaking::Won
    }

    /// Goes on behind `bytes`, as far as they belong to the extent, and returns these.
    fn clip(&mut self, core: &Core, mut bytes: Bytes) -> Result<Bytes, Broken> {
        if let Some(end) = self.extent.end {
            // What is beyond belongs to the next slice.
            let left = usize::try_from(end - self.position).unwrap_or(usize::MAX);
            bytes.truncate(left);
        }
        self.position += bytes.len() as u64;
        if self.position - self.extent.first > core.object_bytes_max {
            return Err(Broken::Store);
        }
        Ok(bytes)
    }

    /// Asks for the bytes that are missing.
    async fn rest(&mut self, core: &Core, question: &Question) -> Option<Download> {
        let request = self.request(question)?;
        let reply = core.ask_more(question, request, &self.endpoints).await;
        self.accept(question, reply.ok()?)
    }

    /// The body of `reply`, if it is what is missing.
    fn accept(&mut self, question: &Question, reply: Reply) -> Option<Download> {
        let is_rest = self.is_rest(question, &reply.response);
        self.endpoints.push(reply.endpoint);
        is_rest.then(|| reply.response.into_body())
    }

    /// The request for what is missing; `None` if nothing could tell that it is of the same
    /// representation.
    fn request(&self, question: &Question) -> Option<Request<Outgoing>> {
        let mut headers = question.headers.clone();
        strip_conditions(&mut headers);
        let range = match self.extent.end {
            Some(end) => format!("bytes={}-{}", self.position, end - 1),
            None => format!("bytes={}-", self.position),
        };
        headers.insert(RANGE, HeaderValue::try_from(range).ok()?);
        headers.insert(IF_RANGE, strong_validator(&self.head)?);
        Some(outgoing(question, Method::GET, headers))
    }

    fn is_rest(&self, question: &Question, response: &Response<Download>) -> bool {
        let headers = response.headers();
        let part = headers.get(CONTENT_RANGE).and_then(ContentRange::parse);
        let Some(part) = part else { return false };
        let at = self.head.received_at();
        let head = Stored::new(question.asked(), response.status(), headers, at, at);
        let end = part.last.checked_add(1);
        let (length, is_to_end) = (self.head.length(), part.complete == end);
        response.status() == StatusCode::PARTIAL_CONTENT
            && part.first == self.position
            && (self.extent.end == end || self.extent.end.is_none() && is_to_end)
            && (length.is_none() || part.complete == length)
            && is_same(&self.head, &head)
    }
}

/// What tells one representation from all others of its URI, byte by byte (RFC 9110 §8.8.1), as it
/// stands in If-Range: a strong entity tag, or a Last-Modified that is old enough where there is no
/// entity tag.
pub(super) fn strong_validator(head: &Stored) -> Option<HeaderValue> {
    if let Some(etag) = head.etag() {
        return etag.as_bytes().starts_with(b"\"").then(|| etag.clone());
    }
    let modified = head.last_modified()?;
    let age = head.received_at().since(modified);
    let value = head.headers().get(LAST_MODIFIED)?;
    (age >= MODIFIED_BEFORE_MIN).then(|| value.clone())
}

/// Whether two responses are of one representation, so that their bytes can be put together.
pub(super) fn is_same(one: &Stored, other: &Stored) -> bool {
    let is_untagged = one.etag().is_none() && other.etag().is_none();
    let has_same_time = strong_validator(one).is_some()
        && one.last_modified() == other.last_modified()
        && one.length() == other.length();
    combinable(one, other) || is_untagged && has_same_time
}
