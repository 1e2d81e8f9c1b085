//! One request, one endpoint, one response: HTTP/1.1 over kept connections, with deadlines of our
//! own for each part, believing nothing that comes back.
//!
//! Source: RFC 9112 (HTTP/1.1), RFC 9110 §7.6 (forwarding). What is checked beyond hyper stands in
//! `head`; how a body may end in `download`.
//! Refuses: upgrades, CONNECT, HTTP/0.9, trailers, and to send a streamed body twice.

mod connect;
mod counters;
mod download;
mod error;
mod head;
mod names;
mod outgoing;
mod pool;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    error::Error as _,
    fmt::{self, Debug},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri, Version,
    body::Incoming,
    client::conn::{TrySendError, http1},
    header::{HOST, HeaderValue},
    http::request::Parts,
};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tracing::debug;
use weir_cache::rules::forwarded_response_headers;
use weir_hal::Network;

pub use counters::{CounterCells, Counters};
pub use download::{Download, OnEnd};
pub use error::{Ambiguity, ExchangeError, FailureKind};
pub use head::Framing;
pub(crate) use names::Names;
pub use outgoing::{Outgoing, Upload, UploadError};
pub(crate) use pool::Pool;

use self::{
    outgoing::{Progress, Watched},
    pool::Lease,
    wire::{Wire, WireState},
};
use crate::fetch::{Endpoint, Identity};

/// Bytes the head of a response may have. A redirect with long cookies has a few KiB. (Fields are
/// limited to 100 by hyper, which keeps that many on the stack.)
const RESPONSE_HEAD_BYTES_MAX: usize = 32 * 1024;

/// Bytes of a connection that are read at once.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(RESPONSE_HEAD_BYTES_MAX <= BUFFER_BYTES_MAX);

/// Interim responses before the one that counts. 103 may come a few times.
const INTERIM_MAX: u32 = 16;

/// Told of each interim response (1xx).
pub type Interim = Arc<dyn Fn(StatusCode, &HeaderMap) + Send + Sync>;

/// Sends requests to endpoints.
#[derive(Clone)]
pub struct Client {
    network: Arc<dyn Network>,
    identity: Arc<Identity>,
}

/// An exchange that failed, and the body that was not touched by it.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) error: ExchangeError,
    /// The body, if nothing of the request was sent; it may be sent elsewhere.
    pub(crate) unsent: Option<Outgoing>,
}

impl Unanswered {
    fn unsent(error: ExchangeError, body: Outgoing) -> Self {
        let unsent = Some(body);
        Self { error, unsent }
    }
}

impl From<ExchangeError> for Unanswered {
    fn from(error: ExchangeError) -> Self {
        let unsent = None;
        Self { error, unsent }
    }
}

impl Client {
    /// A client that connects over `network` and says in each request that it is `identity`.
    pub fn new(network: Arc<dyn Network>, identity: Arc<Identity>) -> Self {
        Self { network, identity }
    }

    /// Who the client says it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Asks `endpoint` once. Of the request's target, path and query count; its fields are sent
    /// without those that are for one hop alone, with Via and CDN-Loop added. Each interim response
    /// is shown to `interim`. The response has no field that is for one hop alone.
    ///
    /// A request without a body and of a safe method is sent a second time if the connection it
    /// went over had been kept from before and died without a byte.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ExchangeError`]; every failure is counted at the endpoint.
    ///
    /// # Cancel safety
    /// Who drops the future, or the body of the response before its end, closes the connection.
    pub async fn send(
        &self,
        endpoint: &Arc<Endpoint>,
        request: Request<Outgoing>,
        interim: Option<Interim>,
    ) -> Result<Response<Download>, ExchangeError> {
        let (head, body) = request.into_parts();
        let answered = self.attempt(endpoint, &head, body, interim).await;
        answered.map_err(|unanswered| unanswered.error)
    }

    /// Connects to `endpoint` for the sake of its round trip alone.
    pub(crate) async fn measure(&self, endpoint: &Endpoint) {
        let within = endpoint.settings.timeouts.connect;
        let connecting = connect::connect(&self.network, endpoint);
        let measured = timeout(within, connecting).await;
        if !matches!(measured, Ok(Ok(_))) {
            debug!(
                endpoint = endpoint.url(),
                "its round trip cannot be measured"
            );
        }
    }

    /// As [`Client::send`]; gives back a body of which nothing was sent.
    pub(crate) async fn attempt(
        &self,
        endpoint: &Arc<Endpoint>,
        head: &Parts,
        body: Outgoing,
        interim: Option<Interim>,
    ) -> Result<Response<Download>, Box<Unanswered>> {
        endpoint.counters.requests.add(1);
        let answered = self.converse(endpoint, head, body, interim).await;
        match &answered {
            Ok(response) => endpoint.counters.count_status(response.status()),
            Err(unanswered) => {
                let error = &unanswered.error;
                endpoint.counters.count_failure(error.kind());
                debug!(%error, endpoint = endpoint.url(), "no answer");
            }
        }
        answered.map_err(Box::new)
    }

    async fn converse(
        &self,
        endpoint: &Arc<Endpoint>,
        head: &Parts,
        body: Outgoing,
        interim: Option<Interim>,
    ) -> Result<Response<Download>, Unanswered> {
        if let Err(error) = self.identity.check(&head.headers) {
            return Err(Unanswered::unsent(error.into(), body));
        }
        let Some(target) = target(endpoint, head) else {
            return Err(Unanswered::unsent(ExchangeError::Unsendable, body));
        };
        let lease = match self.lease(endpoint).await {
            Ok(lease) => lease,
            Err(error) => return Err(Unanswered::unsent(error, body)),
        };
        let is_reused = lease.is_reused;
        let is_repeatable = is_reused && body.is_empty() && head.method.is_safe();
        let ask = |lease, body| {
            let request = self.prepare(endpoint, head, target.clone(), body);
            exchange(endpoint, lease, request, interim.clone())
        };
        match ask(lease, body).await {
            Err(Refusal::Stale { body, .. }) if is_reused => {
                endpoint.counters.requests_resent.add(1);
                let lease = match self.open(endpoint).await {
                    Ok(lease) => lease,
                    Err(error) => return Err(Unanswered::unsent(error, body)),
                };
                ask(lease, body).await.map_err(Unanswered::from)
            }
            Err(Refusal::Silent { .. }) if is_repeatable => {
                endpoint.counters.requests_resent.add(1);
                let lease = self.open(endpoint).await?;
                ask(lease, Outgoing::Empty).await.map_err(Unanswered::from)
            }
            other => other.map_err(Unanswered::from),
        }
    }

    /// A connection that was kept, or a new one.
    async fn lease(&self, endpoint: &Arc<Endpoint>) -> Result<Lease, ExchangeError> {
        if let Some(lease) = endpoint.pool.reuse().await {
            endpoint.counters.connections_reused.add(1);
            return Ok(lease);
        }
        let deadline = Instant::now() + endpoint.settings.timeouts.connect;
        match timeout_at(deadline, endpoint.pool.reuse_or_slot()).await {
            Ok(Ok(lease)) => {
                endpoint.counters.connections_reused.add(1);
                Ok(lease)
            }
            Ok(Err(slot)) => self.connect(endpoint, slot, deadline).await,
            Err(_elapsed) => Err(busy(endpoint)),
        }
    }

    /// A new connection.
    async fn open(&self, endpoint: &Arc<Endpoint>) -> Result<Lease, ExchangeError> {
        let deadline = Instant::now() + endpoint.settings.timeouts.connect;
        match timeout_at(deadline, endpoint.pool.slot()).await {
            Ok(slot) => self.connect(endpoint, slot, deadline).await,
            Err(_elapsed) => Err(busy(endpoint)),
        }
    }

    async fn connect(
        &self,
        endpoint: &Arc<Endpoint>,
        slot: OwnedSemaphorePermit,
        deadline: Instant,
    ) -> Result<Lease, ExchangeError> {
        let connecting = connect::connect(&self.network, endpoint);
        let connected = timeout_at(deadline, connecting).await;
        let stream = connected.unwrap_or_else(|_elapsed| {
            let within = endpoint.settings.timeouts.connect;
            Err(ExchangeError::ConnectTimedOut { within })
        })?;
        let wire = Wire::new(stream);
        let state = wire.state();
        let (sender, connection) = http1::Builder::new()
            .max_header_size(RESPONSE_HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(ExchangeError::Closed)?;
        endpoint.counters.connections_opened.add(1);
        let (counters, watched) = (Arc::clone(&endpoint.counters), Arc::clone(&state));
        let task = tokio::spawn(async move {
            let _slot = slot;
            // A failure that an exchange meets is its own to count.
            let is_unasked = connection.await.is_err_and(|error| is_unexpected(&error));
            if is_unasked || watched.is_unasked() {
                counters.connections_unasked.add(1);
            }
        });
        Ok(Lease::new(sender, state, &task))
    }

    fn prepare(
        &self,
        endpoint: &Endpoint,
        head: &Parts,
        target: Uri,
        body: Outgoing,
    ) -> Request<Watched> {
        let mut headers = head::ready_request(&head.method, !body.is_empty(), &head.headers);
        self.identity.stamp(&mut headers);
        let asked_host = || headers.get(HOST).cloned();
        let host = endpoint.settings.host.clone().or_else(asked_host);
        let own_host = || HeaderValue::from_str(endpoint.authority.as_str());
        if let Some(host) = host.or_else(|| own_host().ok()) {
            headers.insert(HOST, host);
        }
        let progress = Progress::new();
        let mut request = Request::new(Watched { body, progress });
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = target;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        request
    }
}

impl Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.identity.name())
    }
}

/// Whether hyper found bytes behind the end of a response. It has no name for that error, but it is
/// the only one of its kind that has no cause.
fn is_unexpected(error: &hyper::Error) -> bool {
    error.source().is_none() && !error.is_incomplete_message() && !error.is_canceled()
}

fn busy(endpoint: &Endpoint) -> ExchangeError {
    let max = endpoint.settings.connections_max;
    ExchangeError::Busy { max }
}

/// The target in origin-form; `None` if the request has none.
fn target(endpoint: &Endpoint, head: &Parts) -> Option<Uri> {
    let asked = head.uri.path_and_query()?;
    let is_path = asked.as_str().starts_with('/') && head.method != Method::CONNECT;
    if !is_path {
        return None;
    }
    if endpoint.base_path.is_empty() {
        return Some(Uri::from(asked.clone()));
    }
    format!("{}{asked}", endpoint.base_path).parse().ok()
}

/// Why there is no response, and whether that may be the fault of a connection that was kept.
enum Refusal {
    /// The connection was gone before anything was sent.
    Stale {
        body: Outgoing,
        error: ExchangeError,
    },
    /// The connection ended without a byte.
    Silent { error: ExchangeError },
    /// Anything else.
    Failed { error: ExchangeError },
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Silent { error } | Refusal::Failed { error } => error.into(),
            Refusal::Stale { body, error } => Self::unsent(error, body),
        }
    }
}

/// Sends one request over one connection and reads the head of its response.
async fn exchange(
    endpoint: &Arc<Endpoint>,
    mut lease: Lease,
    mut request: Request<Watched>,
    interim: Option<Interim>,
) -> Result<Response<Download>, Refusal> {
    observe_interim(endpoint, &lease.state, &mut request, interim);
    let method = request.method().clone();
    let is_bodiless = request.body().body.is_empty();
    let progress = request.body().progress.clone();
    let received_before = lease.state.bytes_received();
    let begun = Instant::now();
    let mut answer = pin!(lease.sender.try_send_request(request));
    let answer = loop {
        let within = endpoint.settings.timeouts.first_byte;
        let deadline = progress.waiting_since() + within;
        tokio::select! {
            biased;
            answer = &mut answer => break answer,
            () = sleep_until(deadline) => {}
        }
        if progress.waiting_since() + within <= Instant::now() {
            let error = ExchangeError::FirstByteTimedOut { within };
            return Err(Refusal::Failed { error });
        }
    };
    match answer {
        Ok(response) => {
            if method.is_safe() {
                endpoint.take_first_byte(begun.elapsed());
            }
            let response = believe(endpoint, lease, &method, response);
            response.map_err(|error| Refusal::Failed { error })
        }
        Err(unsent) => Err(refused(&lease.state, is_bodiless, received_before, unsent)),
    }
}

/// Why a request that was to go over a connection has no answer.
fn refused(
    state: &WireState,
    is_bodiless: bool,
    received_before: u64,
    mut unsent: TrySendError<Request<Watched>>,
) -> Refusal {
    let request = unsent.take_message();
    let body = request.map(|request| request.into_body().body);
    let body = body.or((state.is_unsent() && is_bodiless).then_some(Outgoing::Empty));
    let is_silent = state.bytes_received() == received_before;
    match (body, classify(state, unsent.into_error())) {
        (Some(body), error) => Refusal::Stale { body, error },
        (None, error @ ExchangeError::Closed(_)) if is_silent => Refusal::Silent { error },
        (None, error) => Refusal::Failed { error },
    }
}

/// Shows interim responses to whoever asked for them, and ends a connection that floods us.
fn observe_interim(
    endpoint: &Arc<Endpoint>,
    state: &Arc<WireState>,
    request: &mut Request<Watched>,
    interim: Option<Interim>,
) {
    let (endpoint, state) = (Arc::clone(endpoint), Arc::clone(state));
    let seen = AtomicU32::new(0);
    hyper::ext::on_informational(request, move |response| {
        endpoint.counters.count_status(response.status());
        if seen.fetch_add(1, Ordering::Relaxed) >= INTERIM_MAX {
            state.shut();
        } else if let Some(interim) = &interim {
            interim(response.status(), response.headers());
        }
    });
}

fn classify(state: &WireState, error: hyper::Error) -> ExchangeError {
    if state.is_shut() && !state.is_unsent() {
        ExchangeError::Ambiguous(Ambiguity::InterimFlood)
    } else if error.is_parse_too_large() {
        ExchangeError::HeadTooLarge(error)
    } else if error.is_parse() {
        ExchangeError::Malformed(error)
    } else if error.is_user() {
        ExchangeError::Upload(error)
    } else {
        ExchangeError::Closed(error)
    }
}

/// Checks the head of a response, and makes it fit to be handed on.
fn believe(
    endpoint: &Arc<Endpoint>,
    lease: Lease,
    method: &Method,
    response: Response<Incoming>,
) -> Result<Response<Download>, ExchangeError> {
    let (mut head, incoming) = response.into_parts();
    if lease.state.is_shut() {
        return Err(ExchangeError::Ambiguous(Ambiguity::InterimFlood));
    }
    let framing = head::framing(method, (head.version, head.status), &head.headers);
    let framing = framing.map_err(ExchangeError::Ambiguous)?;
    let bytes_max = endpoint.settings.response_bytes_max;
    if matches!(framing, Framing::Length(bytes) if bytes > bytes_max) {
        return Err(ExchangeError::TooLong { bytes_max });
    }
    head.headers = forwarded_response_headers(&head.headers);
    let body = Download::new(incoming, framing, Arc::clone(endpoint), lease);
    Ok(Response::from_parts(head, body))
}
