//! One question put to the origins, and the answer taken in: a task of its own, which the client
//! that began it does not slow down and cannot stop.
//!
//! ```text
//! ask ──► head ─┬─ 304 ───────────► the stored head is made anew             ─► Arrived
//!               ├─ may be stored ─► object begun, body appended as it comes  ─► Arrived
//!               ├─ error ─────────► nothing is shared but the failure        ─► Own
//!               └─ anything else ─► for whoever asked alone                  ─► Own
//! ```
//!
//! Source: RFC 9111 §3 (storing), §3.3 (incomplete responses), §4.3 (validation); RFC 5861.

use std::sync::Arc;

use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, HeaderName, HeaderValue, PRAGMA, RANGE,
    },
};
use tokio::sync::oneshot;
use weir_cache::{
    Key, Object,
    rules::{Stored, Storing, conditional, end_to_end, freshened, storing, strip_conditions},
};

use super::{
    Core,
    ahead::list_text,
    ask::{Reply, outgoing},
    failure::Failure,
    flights::{State, Ticket},
    kept::{Kept, Sliced, Varies},
    pour::{Extent, Pour},
    question::Question,
    shelf::Found,
    slices::{Slices, is_sliced},
    wanted::Wanted,
};
use crate::fetch::{
    Class,
    exchange::{Download, Framing},
};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// An answer that is in the store, or comes into it.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) found: Found,
    /// The status that came back: 304 if the stored response was confirmed.
    pub(super) fwd_status: StatusCode,
    /// All fields of the answer, where some of them are for the client alone that it is to
    /// (RFC 9111 §5.2.2.4, §5.2.2.7).
    pub(super) fields: Option<Arc<HeaderMap>>,
}

impl Arrival {
    /// What was found, or will be, after an answer of `fwd_status`.
    pub(super) fn new(found: Found, fwd_status: StatusCode) -> Self {
        Self {
            found,
            fwd_status,
            fields: None,
        }
    }

    /// The same for those who wait for an answer to another request.
    fn for_others(&self) -> Self {
        Self::new(self.found.clone(), self.fwd_status)
    }
}

/// What comes of a fill, for the client that began it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer that others may have too.
    Arrived(Arrival),
    /// An answer for this client alone.
    Own(Box<Own>),
    /// No answer.
    Failed(Failure),
}

/// An answer that is not stored.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) response: Response<Download>,
    /// Why not: a token for Cache-Status.
    pub(super) reason: String,
}

/// What is to be fetched.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) core: Arc<Core>,
    pub(super) question: Arc<Question>,
    /// Where the answer was looked for.
    pub(super) key: Key,
    /// What is stored already, and is to be confirmed or replaced.
    pub(super) base: Option<Found>,
    /// By what the answers to the question vary, as far as is known.
    pub(super) varies: Option<Arc<Varies>>,
    /// The flight that it leads, if it is not on its own.
    pub(super) ticket: Option<Ticket>,
    pub(super) wanted: Wanted,
}

/// What a reply becomes.
enum Taken {
    /// An object, which the pour fills.
    Arrived(Box<(Arrival, Option<Pour>)>),
    /// It is not stored, for this reason.
    NotStored(Box<Reply>, String),
}

impl Fill {
    /// Removes what has a successor that is not stored.
    async fn clear_base(&self) {
        if let Some(base) = &self.base {
            self.core.shelf.evict_object(&base.object).await;
        }
    }

    /// Removes what has changed since so many changes.
    async fn clear_changed(&self, changes: u64) {
        let key = &self.question.store_key;
        if self.core.flights.has_changed(key, changes) {
            self.core.shelf.evict(key.clone()).await;
        }
    }

    /// Fetches, tells `client` what comes of it as soon as the head is there, and goes on until
    /// all of the body is.
    pub(super) async fn run(mut self, client: Option<oneshot::Sender<Outcome>>) {
        let changes = self.core.flights.changes();
        let (outcome, pour) = self.answer().await;
        if outcome.is_successor() {
            // Before anybody hears of it: who asks next must not be given the old one.
            self.clear_base().await;
        }
        if let Some(client) = client {
            // Who has gone meanwhile does not want it any more.
            drop(client.send(outcome));
        }
        if let Some(pour) = pour {
            self.finish(pour).await;
        }
        self.clear_changed(changes).await;
    }

    /// Takes in an answer that has come already, if it may be stored.
    ///
    /// # Errors
    /// Gives the answer back if it may not.
    pub(super) fn keep(mut self, reply: Reply) -> Result<Arrival, Box<Reply>> {
        let changes = self.core.flights.changes();
        let (arrival, pour) = match self.take_in(reply) {
            Taken::Arrived(arrived) => *arrived,
            Taken::NotStored(reply, _) => return Err(reply),
        };
        tokio::spawn(async move {
            if let Some(pour) = pour {
                self.finish(pour).await;
            }
            self.clear_changed(changes).await;
        });
        Ok(arrival)
    }

    /// Waits until all of the body is there.
    async fn finish(&self, pour: Pour) {
        let (object, head) = (pour.object(), Arc::clone(pour.head()));
        if pour.run(&self.core, &self.question).await {
            self.look_into(&object, &head).await;
        }
    }

    async fn answer(&mut self) -> (Outcome, Option<Pour>) {
        let reply = match self.ask().await {
            Ok(reply) => reply,
            Err(failure) => {
                self.tell(|| State::Failed(failure.clone()));
                return (Outcome::Failed(failure), None);
            }
        };
        let status = reply.response.status();
        if status == StatusCode::NOT_MODIFIED && self.base.is_some() {
            return match self.confirm(&reply) {
                Some(arrival) => (Outcome::Arrived(arrival), None),
                None => Box::pin(self.answer_anew()).await,
            };
        }
        if Failure::is_error(status) && !self.is_kept_though_error(&reply) {
            self.tell(|| State::Failed(Failure::of_response(&reply.response)));
            return (Outcome::own(reply, "origin-error".to_owned()), None);
        }
        match self.take_in(reply) {
            Taken::Arrived(arrived) => {
                let (arrival, pour) = *arrived;
                self.core.flights.forget_loner(&self.key);
                self.tell(|| State::Found(Box::new(arrival.for_others())));
                (Outcome::Arrived(arrival), pour)
            }
            Taken::NotStored(reply, reason) => {
                self.tell(|| State::NotShared);
                if self.wanted.is_more_than_asked() && is_about_range(status) {
                    drop(reply);
                    return Box::pin(self.answer_as_asked()).await;
                }
                (Outcome::own(*reply, reason), None)
            }
        }
    }

    /// The answer was about a range that the client did not ask for.
    async fn answer_as_asked(&mut self) -> (Outcome, Option<Pour>) {
        self.wanted = Wanted::AsAsked;
        self.answer().await
    }

    /// Whether an error says of itself that it may be used again, and takes nobody's place.
    fn is_kept_though_error(&self, reply: &Reply) -> bool {
        self.base.is_none() && self.judge(reply).is_ok()
    }

    /// The 304 was about something else: what is stored is of no use, so the whole answer is
    /// asked for.
    async fn answer_anew(&mut self) -> (Outcome, Option<Pour>) {
        self.base = None;
        self.answer().await
    }

    async fn ask(&self) -> Result<Reply, Failure> {
        let mut headers = self.question.headers.clone();
        if self.wanted != Wanted::AsAsked {
            strip_conditions(&mut headers);
        }
        if let Some(range) = self.wanted.range() {
            headers.insert(RANGE, range);
        }
        if let Some(base) = &self.base {
            conditional(&base.head, &mut headers);
        }
        let request = outgoing(&self.question, Method::GET, headers);
        self.core.ask(&self.question, request).await
    }

    /// The stored response holds on.
    fn confirm(&self, reply: &Reply) -> Option<Arrival> {
        let base = self.base.as_ref()?;
        let headers = reply.response.headers();
        let head = freshened(&base.head, headers, reply.requested_at, reply.received_at)?;
        let is_bound = is_stricter(&base.head, headers);
        let found = self.core.shelf.refresh(base, Arc::new(head), is_bound);
        self.question.counters().confirmed.add(1);
        let arrival = Arrival::new(found, StatusCode::NOT_MODIFIED);
        self.tell(|| State::Found(Box::new(arrival.clone())));
        Some(arrival)
    }

    /// Stores the answer, if it may be.
    fn take_in(&mut self, reply: Reply) -> Taken {
        match self.judge(&reply) {
            Ok(head) => self.begin(reply, head),
            Err(reason) => Taken::NotStored(Box::new(reply), reason),
        }
    }

    /// The head under which the answer may be stored, or why it may not.
    fn judge(&self, reply: &Reply) -> Result<Stored, String> {
        let (asked, response) = (self.question.asked(), &reply.response);
        let (status, headers) = (response.status(), response.headers());
        let policy = self.question.policy(&self.core.outlines, headers);
        if let Storing::No(reason) = storing(&policy, asked, status, headers) {
            if matches!(self.wanted, Wanted::Whole) {
                let now = self.core.clock.monotonic();
                self.core.flights.note_loner(&self.key, now);
            }
            return Err(reason.to_string());
        }
        if status == StatusCode::PARTIAL_CONTENT && !self.wanted.is_met_by(headers) {
            return Err("part".to_owned());
        }
        if response.body().framing() == Framing::Close {
            // Its end cannot be told from a break.
            return Err("close-delimited".to_owned());
        }
        if self.core.shelf.store().is_short_of_memory() {
            self.question.counters().not_stored_no_memory.add(1);
            return Err("no-memory".to_owned());
        }
        let (requested_at, received_at) = (reply.requested_at, reply.received_at);
        Ok(Stored::new(
            asked,
            status,
            headers,
            requested_at,
            received_at,
        ))
    }

    /// Begins an object for the answer, or the first of several.
    fn begin(&mut self, reply: Reply, head: Stored) -> Taken {
        let Some(key) = self.key_of(&head) else {
            return Taken::NotStored(Box::new(reply), "vary".to_owned());
        };
        let slice_bytes = self.question.route.slice_bytes;
        let is_sliced =
            |bytes: &u32| is_sliced(&head, *bytes) && !self.core.undivided.contains(&key);
        if let Some(slice_bytes) = slice_bytes.filter(is_sliced) {
            return self.begin_slices(reply, &key, head, slice_bytes);
        }
        if head
            .length()
            .is_some_and(|length| length > self.core.object_bytes_max)
        {
            return Taken::NotStored(Box::new(reply), "too-long".to_owned());
        }
        let (status, head) = (head.status(), Arc::new(head));
        let metadata = Kept::Response(Arc::clone(&head)).encode();
        let class = self.question.route.class;
        let Ok(writer) = self.core.shelf.store().begin(&key, class, metadata) else {
            return Taken::NotStored(Box::new(reply), "no-memory".to_owned());
        };
        if let Some(varies) = &self.varies {
            let at = (&**varies, &key);
            self.core.shelf.note_language(&self.question, at, &head);
        }
        let found = Found {
            object: writer.object(),
            head: Arc::clone(&head),
            sliced: None,
        };
        let fields = own_fields(&head, reply.response.headers());
        let arrival = Arrival {
            fields,
            ..Arrival::new(found, status)
        };
        let extent = Extent::of_response(&head);
        let pour = Pour::new(writer, reply, head, extent);
        Taken::Arrived(Box::new((arrival, Some(pour))))
    }

    /// Stores the head of a response that lies in slices, and has the one that came poured.
    fn begin_slices(&self, reply: Reply, key: &Key, head: Stored, slice_bytes: u32) -> Taken {
        let status = head.status();
        let position = head.part().map_or(0, |part| part.first);
        let head = Arc::new(self.whole(head));
        let sliced = Arc::new(Sliced { slice_bytes, head });
        let metadata = Kept::Sliced(Arc::clone(&sliced)).encode();
        let class = self.question.route.class;
        let writer = self.core.shelf.store().begin(key, class, metadata);
        let committed = writer.and_then(|writer| {
            let object = writer.object();
            writer.commit().map(|_pin| object)
        });
        let Ok(object) = committed else {
            return Taken::NotStored(Box::new(reply), "no-memory".to_owned());
        };
        let found = Found {
            object,
            head: Arc::clone(&sliced.head),
            sliced: Some(sliced),
        };
        let reading = Slices::of(&self.core, &self.question, &found);
        let pour = reading.and_then(|reading| reading.pour(position, reply));
        Taken::Arrived(Box::new((Arrival::new(found, status), pour)))
    }

    /// The head of the whole of which a part has come.
    fn whole(&self, head: Stored) -> Stored {
        let Some(length) = head.part().and_then(|part| part.complete) else {
            return head;
        };
        let mut headers = head.headers().clone();
        headers.remove(CONTENT_RANGE);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        let (requested_at, received_at) = (head.requested_at(), head.received_at());
        let asked = self.question.asked();
        Stored::new(asked, StatusCode::OK, &headers, requested_at, received_at)
    }

    /// Reads what a list promises, so that its lifetime is known.
    async fn look_into(&self, object: &Object, head: &Stored) {
        let class = Class::of(self.question.uri.path(), Some(head.headers()));
        if !class.is_list() || head.status() != StatusCode::OK {
            return;
        }
        let Some(body) = list_text(object).await else {
            return;
        };
        let outline = self.core.outlines.note(&self.question.store_key, &body);
        self.core.follow_list(&self.question, outline, &body);
    }

    /// Where a response with `head` is stored.
    fn key_of(&mut self, head: &Stored) -> Option<Key> {
        let names: Vec<_> = head.varies_by().cloned().collect();
        if names.is_empty() && self.varies.is_none() {
            return Some(self.question.store_key.clone());
        }
        let generation = head.received_at().as_nanos();
        let known = self.varies.as_ref();
        let noted = (names, generation);
        let varies = self.core.shelf.note_varying(&self.question, known, noted)?;
        let key = varies.key(&self.question);
        self.varies = Some(varies);
        key
    }

    fn tell(&self, state: impl FnOnce() -> State) {
        if let Some(ticket) = &self.ticket {
            ticket.tell(state());
        }
    }
}

impl Outcome {
    /// Whether it takes the place of what was stored without being stored itself (RFC 9111 §4.3.3).
    fn is_successor(&self) -> bool {
        match self {
            Self::Own(own) => !own.response.status().is_server_error(),
            Self::Arrived(_) | Self::Failed(_) => false,
        }
    }

    fn own(reply: Reply, reason: String) -> Self {
        Self::Own(Box::new(Own {
            response: reply.response,
            reason,
        }))
    }
}

/// Whether an answer of this status is about the range that was asked for.
const fn is_about_range(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
    )
}

/// The fields of a response, if some of them are not in `head`.
fn own_fields(head: &Stored, headers: &HeaderMap) -> Option<Arc<HeaderMap>> {
    let is_withheld = headers
        .keys()
        .any(|name| !head.headers().contains_key(name));
    is_withheld.then(|| Arc::new(end_to_end(headers)))
}

/// Whether a response with the fields `headers` may allow less than `head` did.
///
/// A 304 seldom changes the rules of what it confirms. Where it does, the stored head must not
/// come back.
fn is_stricter(head: &Stored, headers: &HeaderMap) -> bool {
    [CACHE_CONTROL, CDN_CACHE_CONTROL, PRAGMA]
        .iter()
        .any(|name| {
            let told: Vec<_> = headers.get_all(name).iter().collect();
            let known: Vec<_> = head.headers().get_all(name).iter().collect();
            !told.is_empty() && told != known
        })
}
