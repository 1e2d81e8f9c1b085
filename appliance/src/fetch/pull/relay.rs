//! What passes by the store: other methods, HEAD, and answers for one client alone.
//!
//! Source: RFC 9110 §7.6 (forwarding, Max-Forwards), §9.2 (methods), §9.3.3 (POST); RFC 9111
//! §4.3.5 (freshening by HEAD), §4.4 (invalidation).

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Method, Response, StatusCode, Uri,
    body::{Body as HttpBody, Frame, SizeHint},
    header::{HeaderValue, MAX_FORWARDS},
};
use tokio::sync::OwnedSemaphorePermit;
use weir_cache::{
    Key,
    rules::{CacheKey, Forward, HeadUpdate, end_to_end, head_update, invalidated},
};

use super::{
    Core,
    answer::Told,
    ask::{Reply, outgoing},
    failure::Failure,
    fill::Fill,
    get::Need,
    question::Question,
    shelf::Found,
    wanted::Wanted,
};
use crate::{
    fetch::exchange::{Download, Outgoing},
    serve::{Body, Upload, UploadError, reply},
};

impl Core {
    /// Passes a request on as it is, with its body. If it succeeds, what it may have changed is
    /// not used any more.
    pub(super) async fn pass_on(
        self: &Arc<Self>,
        mut question: Question,
        upload: Upload,
    ) -> Response<Body> {
        if let Some(response) = count_down(&mut question) {
            return response;
        }
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
        match self.keep_posted(&Arc::new(question), reply, &told) {
            Ok(response) => response,
            Err(reply) => self.relay(reply.response, &told),
        }
    }

    /// Stores an answer to POST that says it is what GET would bring, and for how long (RFC 9110
    /// §9.3.3); gives others back.
    fn keep_posted(
        self: &Arc<Self>,
        question: &Arc<Question>,
        reply: Reply,
        told: &Told,
    ) -> Result<Response<Body>, Box<Reply>> {
        if question.method != Method::POST {
            return Err(Box::new(reply));
        }
        let fill = Fill {
            core: Arc::clone(self),
            question: Arc::clone(question),
            key: question.store_key.clone(),
            base: None,
            varies: None,
            ticket: None,
            wanted: Wanted::AsAsked,
        };
        let arrival = fill.keep(reply)?;
        let told = told.clone().stored(&arrival);
        Ok(self.answer(question, &arrival.found, &told))
    }

    /// The body of a request, with its place among those that are on their way to an origin, which
    /// it keeps to its end. `None` if there is no place.
    fn sent_by(&self, upload: Upload) -> Option<Outgoing> {
        if upload.is_end_stream() {
            return Some(Outgoing::Empty);
        }
        let place = Arc::clone(&self.uploads).try_acquire_owned().ok()?;
        Some(Outgoing::streamed(Placed {
            upload,
            _place: place,
        }))
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
        let is_told = reply.response.status() == StatusCode::OK && !question.wishes.is_no_store;
        if let Some(found) = found.filter(|_| is_told) {
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
                self.shelf.evict_object(&found.object).await;
            }
        }
    }

    /// Passes an answer on as it comes.
    pub(super) fn relay(&self, response: Response<Download>, told: &Told) -> Response<Body> {
        let (head, body) = response.into_parts();
        let mut response = Response::new(Body::relayed(body));
        *response.status_mut() = head.status;
        *response.headers_mut() = end_to_end(&head.headers);
        self.names.stamp(response.headers_mut(), told);
        response
    }
}

/// The body of a request, and its place among those that are on their way.
struct Placed {
    upload: Upload,
    _place: OwnedSemaphorePermit,
}

impl HttpBody for Placed {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        Pin::new(&mut self.upload).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.upload.is_end_stream()
    }

    /// What the client has announced is announced to the origin: not every one takes chunks, and
    /// what is cut short is then told from what is whole.
    fn size_hint(&self) -> SizeHint {
        self.upload.size_hint()
    }
}

/// Counts the proxies down that a TRACE or OPTIONS may still pass. Returns the answer of the last
/// one, if that is us.
fn count_down(question: &mut Question) -> Option<Response<Body>> {
    if !matches!(question.method, Method::TRACE | Method::OPTIONS) {
        return None;
    }
    let left: u64 = question
        .headers
        .get(MAX_FORWARDS)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    match left.checked_sub(1) {
        Some(left) => {
            question
                .headers
                .insert(MAX_FORWARDS, HeaderValue::from(left));
            None
        }
        None => reply::without_content(&question.method),
    }
}
