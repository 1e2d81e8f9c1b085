//! How a GET or HEAD comes to its answer.
//!
//! Source: RFC 9111 §4 (constructing responses from caches), §4.2.4 (stale responses), §5.2.1.7
//! (only-if-cached); RFC 5861; RFC 9211 §2 (how that is told).

use std::{sync::Arc, time::Duration};

use hyper::{Method, Response, StatusCode, Version, header::AUTHORIZATION};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot, watch},
    time::timeout,
};
use weir_cache::rules::{Forward, Refusal, Reuse, StaleReason, reuse};
use weir_hal::Wall;

use super::{
    Core,
    again::HitAgain,
    answer::Told,
    failure::Failure,
    fill::{Arrival, Fill, Outcome, Own},
    flights::{Boarding, State, Ticket},
    question::Question,
    shelf::{Found, NoWord, Place},
    wanted::Wanted,
};
use crate::{
    fetch::is_blocking_reload,
    serve::{Body, Repeat},
};

/// Longest wait for the answer to another request: as long as a playlist of 10 s segments may be
/// held back until it changes.
pub(super) const FOLLOW_WAIT: Duration = Duration::from_secs(30);

/// Longest wait for an answer where something stale may stand in for an error: then that is served,
/// and the answer is taken in when it comes.
const STALE_WAIT: Duration = Duration::from_secs(2);

/// What is still needed to answer a question, and what there is.
#[derive(Debug)]
pub(super) struct Need {
    /// Where the answer will be; what is found there is to be validated.
    pub(super) place: Place,
    /// What is found may stand in for an error.
    if_error: bool,
    /// Why the request goes forward.
    pub(super) fwd: Forward,
}

impl Need {
    /// How long an answer is waited for, if something stale may be served instead. What is held
    /// back on purpose is not late.
    fn patience(&self, question: &Question) -> Option<Duration> {
        let has_stale = self.if_error && self.place.found.is_some();
        (has_stale && !is_blocking_reload(question.uri.query())).then_some(STALE_WAIT)
    }
}

impl Core {
    /// Answers from what is stored, or by asking.
    pub(super) async fn get(self: &Arc<Self>, question: Arc<Question>) -> Response<Body> {
        let Ok(place) = self.find(&question).await else {
            question.counters().lookups_timed_out.add(1);
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "disk-timeout");
            return self.names.failed(&failure, Forward::Miss);
        };
        // A hit is what most requests are: the state of all that may follow it otherwise is not
        // carried along with each of them.
        let Some(found) = &place.found else {
            return Box::pin(self.miss(question, place)).await;
        };
        match self.reuse(&question, found, question.asked_at) {
            Reuse::Fresh { ttl } => {
                let mut response = self.hit(&question, found, seconds(ttl));
                if let Some(again) = HitAgain::of(self, &question, &place, ttl) {
                    response.extensions_mut().insert(Repeat::new(again));
                }
                response
            }
            Reuse::Accepted { since } => self.hit(&question, found, -seconds(since)),
            Reuse::Refused(Refusal::OnlyIfCached) => self.names.only_if_cached(),
            verdict @ (Reuse::Stale { .. }
            | Reuse::OtherVariant
            | Reuse::OtherRange
            | Reuse::Refused(Refusal::Method)) => {
                Box::pin(self.ask_beyond(question, place, verdict)).await
            }
        }
    }

    /// Finds what is stored and was not purged since.
    async fn find(&self, question: &Question) -> Result<Place, NoWord> {
        let place = self.shelf.find(question).await?;
        let is_current = |found: &Found| !self.is_banned(question, &found.head);
        Ok(Place {
            found: place.found.filter(is_current),
            ..place
        })
    }

    /// Answers where what is stored is not enough.
    async fn ask_beyond(
        self: &Arc<Self>,
        question: Arc<Question>,
        place: Place,
        verdict: Reuse,
    ) -> Response<Body> {
        let Reuse::Stale {
            since,
            while_revalidating,
            if_error,
            reason,
            ..
        } = verdict
        else {
            let fwd = match verdict {
                Reuse::OtherVariant => Forward::VaryMiss,
                Reuse::OtherRange => Forward::Partial,
                Reuse::Fresh { .. }
                | Reuse::Accepted { .. }
                | Reuse::Stale { .. }
                | Reuse::Refused(_) => Forward::Method,
            };
            return self.fetch_beside(question, place, fwd).await;
        };
        if let Some(found) = place.found.as_ref().filter(|_| while_revalidating) {
            question.counters().hits_while_revalidating.add(1);
            let response = self.hit(&question, found, -seconds(since));
            self.validate_soon(question, place);
            return response;
        }
        let fwd = match reason {
            StaleReason::Expired | StaleReason::NoCache => Forward::Stale,
            StaleReason::Request => Forward::Request,
        };
        let need = Need {
            place,
            if_error,
            fwd,
        };
        self.fetch(question, need).await
    }

    /// What the rules say of using `found` for `question` when it was asked.
    pub(super) fn verdict(&self, question: &Question, found: &Found) -> Reuse {
        self.reuse(question, found, question.asked_at)
    }

    fn reuse(&self, question: &Question, found: &Found, now: Wall) -> Reuse {
        let policy = question.policy(&self.outlines, found.head.headers());
        reuse(&policy, question.asked(), &found.head, now)
    }

    fn hit(self: &Arc<Self>, question: &Arc<Question>, found: &Found, ttl: i64) -> Response<Body> {
        question.counters().hits.add(1);
        self.answer(question, found, &Told::hit(ttl))
    }

    async fn miss(self: &Arc<Self>, question: Arc<Question>, place: Place) -> Response<Body> {
        if question.wishes.is_only_if_cached {
            return self.names.only_if_cached();
        }
        let fwd = if place.varies.is_some() {
            Forward::VaryMiss
        } else {
            Forward::UriMiss
        };
        self.fetch_beside(question, place, fwd).await
    }

    /// Fetches without regard to what was found.
    async fn fetch_beside(
        self: &Arc<Self>,
        question: Arc<Question>,
        place: Place,
        fwd: Forward,
    ) -> Response<Body> {
        let need = Need {
            place: Place {
                found: None,
                ..place
            },
            if_error: false,
            fwd,
        };
        self.fetch(question, need).await
    }

    /// Asks an origin, or waits for somebody else who does.
    async fn fetch(self: &Arc<Self>, question: Arc<Question>, need: Need) -> Response<Body> {
        let is_head = question.method == Method::HEAD;
        let is_private =
            question.wishes.is_no_store || question.headers.contains_key(AUTHORIZATION);
        let boarding = if is_head || is_private {
            Boarding::Alone
        } else {
            self.flights.board(&need.place.key, self.clock.monotonic())
        };
        if matches!(boarding, Boarding::Lead(_))
            && let Some((found, ttl)) = self.landed(&question).await
        {
            return self.hit(&question, &found, ttl);
        }
        question.counters().misses.add(1);
        match boarding {
            _ if is_head => self.ask_head(&question, &need).await,
            Boarding::Lead(ticket) => self.lead(question, need, Some(ticket)).await,
            Boarding::Alone => self.lead(question, need, None).await,
            Boarding::Follow(flight) => self.follow(question, need, flight).await,
            Boarding::Full => self.lead_in_crowd(question, need).await,
        }
    }

    /// What came to be stored between the look at the store and the boarding, and for how long it
    /// is fresh: the end of a flight in which this request would have followed.
    async fn landed(&self, question: &Question) -> Option<(Found, i64)> {
        let found = self.find(question).await.ok()?.found?;
        match self.reuse(question, &found, question.asked_at) {
            Reuse::Fresh { ttl } => Some((found, seconds(ttl))),
            Reuse::Accepted { .. }
            | Reuse::Stale { .. }
            | Reuse::OtherVariant
            | Reuse::OtherRange
            | Reuse::Refused(_) => None,
        }
    }

    /// Asks for this client, one of a limited number.
    async fn lead_in_crowd(
        self: &Arc<Self>,
        question: Arc<Question>,
        need: Need,
    ) -> Response<Body> {
        question.counters().flights_full.add(1);
        let Ok(_place) = self.crowd.try_acquire() else {
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "crowded");
            return self.without_origin(&question, &need, &failure);
        };
        self.lead(question, need, None).await
    }

    /// Asks an origin: for all who follow, if there is a ticket.
    async fn lead(
        self: &Arc<Self>,
        question: Arc<Question>,
        need: Need,
        ticket: Option<Ticket>,
    ) -> Response<Body> {
        // Of an answer to a request with no-store nothing may be kept, nor what a 304 tells.
        let found = need.place.found.as_ref();
        let base = found.filter(|_| !question.wishes.is_no_store).cloned();
        let is_alone = ticket.is_none() && base.is_none();
        let wanted = if is_alone {
            Wanted::AsAsked
        } else {
            question.wanted()
        };
        let fill = Fill {
            wanted,
            core: Arc::clone(self),
            question: Arc::clone(&question),
            key: need.place.key.clone(),
            base,
            varies: need.place.varies.clone(),
            ticket,
        };
        let (sender, outcome) = oneshot::channel();
        tokio::spawn(fill.run(Some(sender)));
        let outcome = match need.patience(&question) {
            Some(patience) => timeout(patience, outcome).await.unwrap_or_else(|_late| {
                let failure = Failure::new(StatusCode::GATEWAY_TIMEOUT, "late");
                Ok(Outcome::Failed(failure))
            }),
            None => outcome.await,
        };
        match outcome {
            Ok(Outcome::Arrived(arrival)) => {
                let told = Told::forwarded(need.fwd, arrival.fwd_status).stored(&arrival);
                wait_for_end(&question, &arrival.found).await;
                self.answer(&question, &arrival.found, &told)
            }
            Ok(Outcome::Own(own)) => self.own(&question, &need, *own),
            Ok(Outcome::Failed(failure)) => self.without_origin(&question, &need, &failure),
            // The runtime is shutting down.
            Err(_gone) => {
                let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "shutdown");
                self.without_origin(&question, &need, &failure)
            }
        }
    }

    /// Waits for the answer to another request.
    async fn follow(
        self: &Arc<Self>,
        question: Arc<Question>,
        need: Need,
        mut flight: watch::Receiver<State>,
    ) -> Response<Body> {
        let is_early = matches!(*flight.borrow_and_update(), State::Waiting);
        let landed = flight.wait_for(|state| !matches!(state, State::Waiting));
        let patience = need.patience(&question).unwrap_or(FOLLOW_WAIT);
        let state = match timeout(patience, landed).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_gone)) => State::NotAsked,
            Err(_elapsed) => State::Failed(Failure::new(
                StatusCode::GATEWAY_TIMEOUT,
                "collapsed-timeout",
            )),
        };
        match state {
            State::Found(arrival) => {
                let Some(told) = self.shared(&question, &arrival, (need.fwd, is_early)) else {
                    return self.lead_uncollapsed(question, need).await;
                };
                question.counters().collapsed.add(1);
                wait_for_end(&question, &arrival.found).await;
                self.answer(&question, &arrival.found, &told)
            }
            State::Failed(failure) => self.without_origin(&question, &need, &failure),
            State::NotAsked => self.take_over(question, need).await,
            State::NotShared | State::Waiting => self.lead_uncollapsed(question, need).await,
        }
    }

    /// Answers who waited for one that did not ask: by what that found stored, or else by another
    /// flight, which one of those leads who waited: each round has one less.
    async fn take_over(self: &Arc<Self>, question: Arc<Question>, need: Need) -> Response<Body> {
        if let Some((found, ttl)) = self.landed(&question).await {
            return self.collapse(&question, &found, ttl);
        }
        match self.flights.board(&need.place.key, self.clock.monotonic()) {
            // Another may have landed between the look and the boarding.
            Boarding::Lead(ticket) => match self.landed(&question).await {
                Some((found, ttl)) => self.collapse(&question, &found, ttl),
                None => self.lead(question, need, Some(ticket)).await,
            },
            Boarding::Follow(flight) => Box::pin(self.follow(question, need, flight)).await,
            Boarding::Alone => self.lead_uncollapsed(question, need).await,
            Boarding::Full => self.lead_in_crowd(question, need).await,
        }
    }

    /// Answers who waited with what came to be stored meanwhile.
    fn collapse(
        self: &Arc<Self>,
        question: &Arc<Question>,
        found: &Found,
        ttl: i64,
    ) -> Response<Body> {
        question.counters().collapsed.add(1);
        self.answer(question, found, &Told::hit(ttl))
    }

    /// Asks for this client after all, which waited for an answer that is not for it.
    async fn lead_uncollapsed(
        self: &Arc<Self>,
        question: Arc<Question>,
        need: Need,
    ) -> Response<Body> {
        question.counters().uncollapsed.add(1);
        self.lead(question, need, None).await
    }

    /// What is told of an answer that came for another request, if it answers this one too.
    /// `is_early`: it came after this one was asked, so that it is as fresh as an answer could be.
    fn shared(
        &self,
        question: &Question,
        arrival: &Arrival,
        (fwd, is_early): (Forward, bool),
    ) -> Option<Told> {
        if self.is_banned(question, &arrival.found.head) {
            return None;
        }
        let ttl = match self.reuse(question, &arrival.found, self.clock.wall()) {
            Reuse::Fresh { ttl } => seconds(ttl),
            Reuse::Accepted { since } => -seconds(since),
            Reuse::Stale { reason, .. } if is_early && reason != StaleReason::NoCache => 0,
            Reuse::Stale { .. } | Reuse::OtherVariant | Reuse::OtherRange | Reuse::Refused(_) => {
                return None;
            }
        };
        // Who comes when it is here already is answered by the cache: it has an age by now.
        Some(if is_early {
            Told::forwarded(fwd, arrival.fwd_status).collapsed()
        } else {
            Told::hit(ttl)
        })
    }

    /// An answer for this client alone; an error yields to what is stored, where it may.
    fn own(self: &Arc<Self>, question: &Arc<Question>, need: &Need, own: Own) -> Response<Body> {
        let status = own.response.status();
        if need.if_error && Failure::is_error(status) {
            let failure = Failure::of_response(&own.response);
            return self.without_origin(question, need, &failure);
        }
        question.counters().passed.add(1);
        let told = Told::forwarded(need.fwd, status).because(own.reason);
        self.relay(own.response, &told)
    }

    /// Answers with what is stored though it is stale, or tells of the failure.
    pub(super) fn without_origin(
        self: &Arc<Self>,
        question: &Arc<Question>,
        need: &Need,
        failure: &Failure,
    ) -> Response<Body> {
        let may_be_stale = need.if_error && failure.is_origins_fault;
        if let Some(found) = need.place.found.as_ref().filter(|_| may_be_stale) {
            question.counters().hits_on_error.add(1);
            let told = Told::hit_on_error(failure.reason);
            return self.answer(question, found, &told);
        }
        question.counters().failed.add(1);
        self.names.failed(failure, need.fwd)
    }

    /// Validates what was found, while it is used already.
    fn validate_soon(self: &Arc<Self>, mut question: Arc<Question>, place: Place) {
        if self.flights.is_under_way(&place.key) {
            return;
        }
        let background = Arc::clone(&self.background);
        let Ok(permit) = background.try_acquire_owned() else {
            question.counters().background_refused.add(1);
            return;
        };
        let now = self.clock.monotonic();
        let Boarding::Lead(ticket) = self.flights.board(&place.key, now) else {
            return;
        };
        // A HEAD that found something stale has the whole validated.
        let asked = Arc::make_mut(&mut question);
        asked.method = Method::GET;
        // Nobody waits for the answer.
        asked.interim = None;
        let fill = Fill {
            core: Arc::clone(self),
            question,
            key: place.key,
            base: place.found,
            varies: place.varies,
            ticket: Some(ticket),
            wanted: Wanted::Whole,
        };
        tokio::spawn(validate(fill, permit));
    }
}

async fn validate(fill: Fill, _permit: OwnedSemaphorePermit) {
    fill.run(None).await;
}

/// Waits until all of an object is there whose length nobody knows, if the client could not tell
/// its end from a break: before HTTP/1.1 there are no chunks.
async fn wait_for_end(question: &Question, found: &Found) {
    let is_open = found.object.bytes().or(found.head.length()).is_none();
    if question.version >= Version::HTTP_11 || !is_open {
        return;
    }
    let mut reader = found.object.read(0..u64::MAX);
    let reading = async { while let Ok(Some(_)) = reader.next().await {} };
    // Who waited in vain gets what there is, and an end that is none.
    drop(timeout(FOLLOW_WAIT, reading).await);
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}
