//! What passes by the store: other methods, HEAD, and answers for one client alone.
//!
//! Source: RFC 9110 §7.6 (forwarding), §9.2 (methods); RFC 9111 §4.3.5 (freshening by HEAD), §4.4
//! (invalidation).

use std::{collections::BTreeSet, sync::Arc};

use http_body_util::BodyExt as _;
use hyper::{Method, Response, StatusCode, Uri, body::Body as _};
use weir_cache::{
    Key,
    rules::{CacheKey, Forward, HeadUpdate, forwarded_response_headers, head_update, invalidated},
};

use super::{
    Core, answer::Told, ask::outgoing, failure::Failure, get::Need, question::Question,
    shelf::Found,
};
use crate::{
    fetch::exchange::{Download, Outgoing},
    serve::{Body, Upload},
};

impl Core {
    /// Passes a request on as it is, with its body. If it succeeds, what it may have changed is
    /// not used any more.
    pub(super) async fn pass_on(&self, question: Question, upload: Upload) -> Response<Body> {
        question.counters().passed.add(1);
        let Some(upload) = self.sent_by(upload) else {
            question.counters().uploads_refused.add(1);
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "uploads");
            return self.names.failed(&failure, Forward::Method);
        };
        let request = outgoing(&question, question.method.clone(), question.headers.clone());
        let request = request.map(|_empty| upload);
        let reply = match self.ask(&question, request).await {
            Ok(reply) => reply,
            Err(failure) => {
                question.counters().failed.add(1);
                return self.names.failed(&failure, Forward::Method);
            }
        };
        let keys = self.changed(&question, &reply.response);
        self.invalidate(&question, keys).await;
        let told = Told::forwarded(Forward::Method, reply.response.status());
        self.relay(reply.response, &told)
    }

    /// The body of a request, with its place among those that are on their way to an origin, which
    /// it keeps to its end. `None` if there is no place.
    fn sent_by(&self, upload: Upload) -> Option<Outgoing> {
        if upload.is_end_stream() {
            return Some(Outgoing::Empty);
        }
        let place = Arc::clone(&self.uploads).try_acquire_owned().ok()?;
        let upload = upload.map_frame(move |frame| {
            let _until_the_end = &place;
            frame
        });
        Some(Outgoing::streamed(upload))
    }

    /// What `response` to an unsafe request says has changed.
    fn changed(&self, question: &Question, response: &Response<Download>) -> BTreeSet<Key> {
        let uris = invalidated(question.asked(), response.status(), response.headers());
        uris.iter().filter_map(|uri| self.key_of(uri)).collect()
    }

    /// Removes what has changed, before anybody hears of it.
    async fn invalidate(&self, question: &Question, keys: BTreeSet<Key>) {
        for key in keys {
            self.flights.note_change(&key);
            if self.shelf.evict(key).await {
                question.counters().invalidated.add(1);
            }
        }
    }

    fn key_of(&self, uri: &Uri) -> Option<Key> {
        let routes = self.routes.load();
        let route = routes.find(uri.path())?;
        CacheKey::new(uri, &route.key_rules).map(|key| key.store_key())
    }

    /// Asks for a head alone, which may tell something of what is stored.
    pub(super) async fn ask_head(
        self: &Arc<Self>,
        question: &Arc<Question>,
        need: &Need,
    ) -> Response<Body> {
        let request = outgoing(question, Method::HEAD, question.headers.clone());
        let reply = match self.ask(question, request).await {
            Ok(reply) => reply,
            Err(failure) => return self.without_origin(question, need, &failure),
        };
        let found = need.place.found.as_ref();
        if let Some(found) = found.filter(|_| reply.response.status() == StatusCode::OK) {
            let headers = reply.response.headers();
            let update = head_update(&found.head, headers, reply.requested_at, reply.received_at);
            self.learn(found, update).await;
        }
        let told = Told::forwarded(need.fwd, reply.response.status());
        self.relay(reply.response, &told)
    }

    /// Takes in what a HEAD has told of the stored response to a GET.
    async fn learn(&self, found: &Found, update: HeadUpdate) {
        match update {
            HeadUpdate::Freshened(head) => {
                self.shelf.refresh(found, Arc::new(*head), true);
            }
            HeadUpdate::Invalid => {
                self.shelf.evict(found.object.key().clone()).await;
            }
        }
    }

    /// Passes an answer on as it comes.
    pub(super) fn relay(&self, response: Response<Download>, told: &Told) -> Response<Body> {
        let (head, body) = response.into_parts();
        let mut response = Response::new(Body::relayed(body));
        *response.status_mut() = head.status;
        *response.headers_mut() = forwarded_response_headers(&head.headers);
        self.names.stamp(response.headers_mut(), told);
        response
    }
}
