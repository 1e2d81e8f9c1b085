//! What is fetched before anybody has asked for it: into the store, and to nobody.
//!
//! It goes the way of a request: found fresh, it is left alone; under way, it is waited for; else
//! one fill fetches it, which those who come meanwhile follow. Only what the rules let the store
//! keep is kept.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, StatusCode, Uri,
    header::{HeaderValue, USER_AGENT},
};
use tokio::{sync::oneshot, time::timeout};
use weir_cache::{Object, rules::Reuse};

use super::{
    Core, Pull,
    fill::{Fill, Outcome},
    flights::{Boarding, FLIGHTS_MAX, State},
    get::FOLLOW_WAIT,
    question::Question,
    shelf::Found,
    slices::Slices,
};
use crate::{
    fetch::{Class, playlist},
    serve::Body,
};

/// Why something is not in the store now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBrought {
    /// Its path is on no route, or it has no name.
    #[error("no route leads there")]
    NoRoute,
    /// No origin gave it.
    #[error("the origins answered {status} ({reason})")]
    Failed {
        /// The status a client would have been given.
        status: StatusCode,
        /// Why, as in Cache-Status.
        reason: &'static str,
    },
    /// It came, and may not be kept, or cannot.
    #[error("it is not kept: {0}")]
    NotKept(String),
    /// It began to come, and broke off.
    #[error("it broke off on its way")]
    Broken,
    /// The disk did not tell in time what is there.
    #[error("the disk does not answer")]
    Disk,
}

/// How something came to be in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It was there, and fresh, or its origin confirmed it.
    Present,
    /// Somebody else was fetching it already.
    Joined,
    /// It was fetched.
    Fetched,
}

/// Something that is in the store now.
#[derive(Debug)]
pub struct Brought {
    /// How it came there.
    pub way: Way,
    /// What it is to a player.
    pub class: Class,
    /// Bytes that were fetched for it.
    pub bytes: u64,
    object: Object,
}

impl Brought {
    /// The text of a playlist; `None` if it is none that is looked into.
    pub async fn list(&self) -> Option<Bytes> {
        if !self.class.is_list() {
            return None;
        }
        list_text(&self.object).await
    }
}

impl Pull {
    /// Has what stands at `uri`, which has scheme and authority, in the store, all of it.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`NotBrought`], which says why it is not there.
    ///
    /// # Cancel safety
    /// Who drops the future does not stop a fill that has begun.
    pub async fn bring(&self, uri: Uri) -> Result<Brought, NotBrought> {
        let core = &self.core;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("weir-prewarm"));
        let now = core.clock.wall();
        let question = Question::ahead(uri, headers, (&core.routes.load(), now));
        let question = Arc::new(question.map_err(|_nowhere| NotBrought::NoRoute)?);
        let (way, found) = core.bring(&question).await?;
        let fetched = |bytes: u64| if way == Way::Fetched { bytes } else { 0 };
        let bytes = match Slices::of(core, &question, &found) {
            Some(slices) => {
                let first = fetched(slices.first_bytes());
                first + slices.complete().await.ok_or(NotBrought::Broken)?
            }
            None => fetched(found.object.bytes().unwrap_or(0)),
        };
        Ok(Brought {
            way: if bytes > 0 { Way::Fetched } else { way },
            class: Class::of(question.uri.path(), Some(found.head.headers())),
            bytes,
            object: found.object,
        })
    }

    /// Whether the store has no memory to spare for what nobody waits for.
    pub fn is_short_of_memory(&self) -> bool {
        self.core.shelf.store().is_short_of_memory()
    }
}

impl Core {
    /// Has the answer to `question` in the store: the whole of it, or its head and one slice.
    pub(super) async fn bring(
        self: &Arc<Self>,
        question: &Arc<Question>,
    ) -> Result<(Way, Found), NotBrought> {
        let place = self.shelf.find(question).await;
        let mut place = place.map_err(|_no_word| NotBrought::Disk)?;
        let is_current = |found: &Found| !self.is_banned(question, &found.head);
        place.found = place.found.filter(is_current);
        let verdict = place
            .found
            .as_ref()
            .map(|found| self.verdict(question, found));
        match (&verdict, &place.found) {
            (Some(Reuse::Fresh { .. }), Some(found)) => {
                return Ok((Way::Present, found.clone()));
            }
            (Some(Reuse::Stale { .. }), _) => {}
            _ => place.found = None,
        }
        let mut flight = match self.flights.board(&place.key, self.clock.monotonic()) {
            Boarding::Follow(flight) => flight,
            Boarding::Alone => return Err(NotBrought::NotKept("not-shared".to_owned())),
            Boarding::Full => return Err(NotBrought::NotKept("crowded".to_owned())),
            Boarding::Lead(ticket) => {
                let fill = Fill {
                    core: Arc::clone(self),
                    question: Arc::clone(question),
                    key: place.key,
                    base: place.found,
                    varies: place.varies,
                    ticket: Some(ticket),
                    wanted: question.wanted(),
                };
                return fetched(fill).await;
            }
        };
        let landed = flight.wait_for(|state| !matches!(state, State::Waiting));
        let state = timeout(FOLLOW_WAIT, landed).await;
        match state.map(|state| state.map(|state| state.clone())) {
            Ok(Ok(State::Found(arrival))) => Ok((Way::Joined, arrival.found)),
            Ok(Ok(State::Failed(failure))) => Err(NotBrought::Failed {
                status: failure.status,
                reason: failure.reason,
            }),
            _not_shared_or_late => Err(NotBrought::NotKept("not-shared".to_owned())),
        }
    }

    /// Whether so many requests are under way that nothing should be asked which nobody waits for.
    pub(super) fn is_crowded(&self, question: &Question) -> bool {
        self.flights.count() >= FLIGHTS_MAX / 2
            || self.shelf.store().is_short_of_memory()
            || question.route.tiers.is_crowded()
    }
}

/// All of a list; `None` if it is too long to be looked into, or does not come to its end.
pub(super) async fn list_text(object: &Object) -> Option<Bytes> {
    let bytes_max = playlist::BYTES_MAX as u64;
    if object.bytes().is_some_and(|bytes| bytes > bytes_max) {
        return None;
    }
    let body = Body::stored(object, 0..bytes_max + 1, None);
    let text = body.collect().await.ok()?.to_bytes();
    (text.len() as u64 <= bytes_max).then_some(text)
}

/// Waits until all is there that `fill` fetches.
async fn fetched(fill: Fill) -> Result<(Way, Found), NotBrought> {
    let (sender, outcome) = oneshot::channel();
    // Others may follow it by then: it goes on even if nobody waits here any more.
    let filling = tokio::spawn(fill.run(Some(sender)));
    let (Ok(()), Ok(outcome)) = (filling.await, outcome.await) else {
        return Err(NotBrought::Broken);
    };
    match outcome {
        Outcome::Arrived(arrival) if arrival.fwd_status == StatusCode::NOT_MODIFIED => {
            Ok((Way::Present, arrival.found))
        }
        Outcome::Arrived(arrival) => {
            let is_whole = arrival.found.object.bytes().is_some();
            let found = (Way::Fetched, arrival.found);
            is_whole.then_some(found).ok_or(NotBrought::Broken)
        }
        Outcome::Own(own) => {
            let status = own.response.status();
            Err(if status.is_success() {
                NotBrought::NotKept(own.reason)
            } else {
                NotBrought::Failed {
                    status,
                    reason: "origin-error",
                }
            })
        }
        Outcome::Failed(failure) => Err(NotBrought::Failed {
            status: failure.status,
            reason: failure.reason,
        }),
    }
}
