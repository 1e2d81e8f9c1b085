//! One question put to the origins, and the answer taken in: a task of its own, which the client
//! that began it does not slow down and cannot stop.
//!
//! ```text
//! ask ──► head ─┬─ 304 ─────────► the stored head is made anew          ─► Arrived
//!               ├─ may be stored ► object begun, body appended as it comes ─► Arrived
//!               ├─ error ────────► nothing is shared but the failure     ─► Own
//!               └─ anything else ► for whoever asked alone               ─► Own
//! ```
//!
//! Source: RFC 9111 §3 (storing), §4.3 (validation); RFC 5861.

use std::sync::Arc;

use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{CACHE_CONTROL, HeaderName, PRAGMA},
};
use tokio::sync::oneshot;
use weir_cache::{
    Key, Writer,
    rules::{Stored, Storing, conditional, freshened, storing},
};

use super::{
    Core,
    ask::{Reply, outgoing, strip_conditions},
    failure::Failure,
    flights::{State, Ticket},
    kept::{Kept, Varies},
    pour::Pour,
    question::Question,
    shelf::Found,
};
use crate::fetch::exchange::{Download, Framing};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// An answer that is in the store, or comes into it.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) found: Found,
    /// The status that came back: 304 if the stored response was confirmed.
    pub(super) fwd_status: StatusCode,
}

/// What comes of a fill, for the client that began it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer that others may have too.
    Arrived(Arrival),
    /// An answer for this client alone.
    Own(Own),
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

impl Outcome {
    fn own(reply: Reply, reason: String) -> Self {
        Self::Own(Own {
            response: reply.response,
            reason,
        })
    }
}

/// What is to be fetched.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) core: Arc<Core>,
    pub(super) question: Arc<Question>,
    /// What is stored already, and is to be confirmed or replaced.
    pub(super) base: Option<Found>,
    /// By what the answers to the question vary, as far as is known.
    pub(super) varies: Option<Arc<Varies>>,
    /// The flight that it leads, if it is not on its own.
    pub(super) ticket: Option<Ticket>,
    /// Conditions and range of the client are left to the origin: nobody else waits for it.
    pub(super) is_transparent: bool,
}

impl Fill {
    /// Fetches, tells `client` what comes of it as soon as the head is there, and goes on until
    /// all of the body is.
    pub(super) async fn run(mut self, client: Option<oneshot::Sender<Outcome>>) {
        let (outcome, pour) = self.answer().await;
        if let Some(client) = client {
            // Who has gone meanwhile does not want it any more.
            drop(client.send(outcome));
        }
        if let Some(pour) = pour {
            pour.run(&self.core, &self.question).await;
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
        if Failure::is_error(status) {
            self.tell(|| State::Failed(Failure::of_response(&reply.response)));
            return (Outcome::own(reply, "origin-error".to_owned()), None);
        }
        self.take_in(reply)
    }

    /// The 304 was about something else: what is stored is of no use, so the whole answer is
    /// asked for.
    async fn answer_anew(&mut self) -> (Outcome, Option<Pour>) {
        self.base = None;
        self.answer().await
    }

    async fn ask(&self) -> Result<Reply, Failure> {
        let mut headers = self.question.headers.clone();
        if !self.is_transparent {
            strip_conditions(&mut headers);
        }
        if let Some(base) = &self.base {
            conditional(&base.head, &mut headers);
        }
        let request = outgoing(&self.question, Method::GET, headers);
        self.core.ask(&self.question, request, &[]).await
    }

    /// The stored response holds on.
    fn confirm(&self, reply: &Reply) -> Option<Arrival> {
        let base = self.base.as_ref()?;
        let (asked, headers) = (self.question.asked(), reply.response.headers());
        let (requested_at, received_at) = (reply.requested_at, reply.received_at);
        let head = freshened(asked, &base.head, headers, requested_at, received_at)?;
        let is_bound = is_stricter(&base.head, headers);
        let found = self.core.shelf.refresh(base, Arc::new(head), is_bound);
        self.core.counters.confirmed.add(1);
        let arrival = Arrival {
            found,
            fwd_status: StatusCode::NOT_MODIFIED,
        };
        self.tell(|| State::Found(Box::new(arrival.clone())));
        Some(arrival)
    }

    /// Stores the answer, if it may be.
    fn take_in(&mut self, reply: Reply) -> (Outcome, Option<Pour>) {
        match self.begin(&reply) {
            Ok((writer, arrival)) => {
                self.core.flights.forget_loner(writer.object().key());
                self.tell(|| State::Found(Box::new(arrival.clone())));
                let pour = Pour::new(writer, reply, Arc::clone(&arrival.found.head));
                (Outcome::Arrived(arrival), Some(pour))
            }
            Err(reason) => {
                self.tell(|| State::NotShared);
                (Outcome::own(reply, reason), None)
            }
        }
    }

    /// Begins an object for the answer, or says why it is not stored.
    fn begin(&mut self, reply: &Reply) -> Result<(Writer, Arrival), String> {
        let (asked, response) = (self.question.asked(), &reply.response);
        let (status, headers) = (response.status(), response.headers());
        let policy = self.question.policy(&self.core.outlines, headers);
        match storing(&policy, asked, status, headers) {
            Storing::Yes => {}
            Storing::No(reason) => {
                let now = self.core.clock.monotonic();
                self.core.flights.note_loner(&self.question.store_key, now);
                return Err(reason.to_string());
            }
        }
        if response.body().framing() == Framing::Close {
            // Its end cannot be told from a break.
            return Err("close-delimited".to_owned());
        }
        let store = self.core.shelf.store();
        if store.is_short_of_memory() {
            self.core.counters.not_stored_no_memory.add(1);
            return Err("no-memory".to_owned());
        }
        let head = Stored::new(
            asked,
            status,
            headers,
            reply.requested_at,
            reply.received_at,
        );
        let key = self.key_of(&head).ok_or("vary")?;
        let head = Arc::new(head);
        let metadata = Kept::Response(Arc::clone(&head)).encode();
        let class = self.question.route.class;
        let writer = self.core.shelf.store().begin(&key, class, metadata);
        let writer = writer.map_err(|_full| "no-memory")?;
        let found = Found {
            object: writer.object(),
            head,
            sliced: None,
        };
        let fwd_status = status;
        Ok((writer, Arrival { found, fwd_status }))
    }

    /// Where a response with `head` is stored.
    fn key_of(&mut self, head: &Stored) -> Option<Key> {
        let names: Vec<_> = head.varies_by().cloned().collect();
        if names.is_empty() && self.varies.is_none() {
            return Some(self.question.store_key.clone());
        }
        let generation = head.received_at().as_nanos();
        let shelf = &self.core.shelf;
        let varies =
            shelf.note_varying(&self.question, self.varies.as_ref(), (names, generation))?;
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

/// Whether a response with the fields `headers` allows less than `head` did.
///
/// A 304 seldom changes the rules of what it confirms. Where it does, the stored head must not
/// come back.
fn is_stricter(head: &Stored, headers: &HeaderMap) -> bool {
    [CACHE_CONTROL, CDN_CACHE_CONTROL, PRAGMA].iter().any(|name| {
        let told: Vec<_> = headers.get_all(name).iter().collect();
        let known: Vec<_> = head.headers().get_all(name).iter().collect();
        !told.is_empty() && told != known
    })
}
