//! Who sends requests to endpoints: over a connection that was kept, or a new one.

use std::{
    error::Error as _,
    fmt::{self, Debug},
    sync::Arc,
};

use hyper::{
    Method, Request, Response, Uri, Version,
    client::conn::http1,
    header::{HOST, HeaderValue},
    http::request::Parts,
};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};
use tracing::debug;
use weir_hal::Network;

use super::{
    Download, ExchangeError, Interim, Outgoing, connect, head,
    outgoing::{Progress, Watched},
    pool::Lease,
    turn::{Refusal, exchange},
    wire::Wire,
};
use crate::fetch::{Endpoint, Identity};

/// Bytes the head of a response may have. A redirect with long cookies has a few KiB. (Fields are
/// limited to 100 by hyper, which keeps that many on the stack.)
const RESPONSE_HEAD_BYTES_MAX: usize = 32 * 1024;

/// Bytes of a connection that are read at once.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(RESPONSE_HEAD_BYTES_MAX <= BUFFER_BYTES_MAX);

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
    pub(super) fn unsent(error: ExchangeError, body: Outgoing) -> Self {
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

    /// Looks the name of `endpoint` up again, if that is due.
    pub(crate) async fn look_up(&self, endpoint: &Endpoint) {
        let place = (endpoint.host.as_str(), endpoint.port);
        let network = self.network.as_ref();
        let found = endpoint.names.addresses(network, place, &endpoint.counters);
        if let Err(error) = found.await {
            debug!(%error, endpoint = endpoint.url(), "its name cannot be looked up");
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
            Ok(response) => endpoint.note_status(response.status()),
            Err(unanswered) => {
                let error = &unanswered.error;
                endpoint.note_failure(error);
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
        if let Some(lease) = endpoint.pool.reuse(&endpoint.names).await {
            endpoint.counters.connections_reused.add(1);
            return Ok(lease);
        }
        let deadline = Instant::now() + endpoint.settings.timeouts.connect;
        match timeout_at(deadline, endpoint.pool.reuse_or_slot(&endpoint.names)).await {
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
        let (stream, address) = connected.unwrap_or_else(|_elapsed| {
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
        Ok(Lease::new(sender, address, state, &task))
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
