//! One listener: takes connections, speaks HTTP/1.1 on each, drains them at the end.
//!
//! Source: RFC 9112 (HTTP/1.1). The data listener and the management listener are two
//! [`Handler`]s behind this one loop. Every wait has a deadline: for a request
//! ([`Limits::request_wait`]), for the client to take bytes ([`Limits::pace`]), for the
//! last answers at shutdown.
//!
//! Refuses: connections beyond [`Limits::room`], which are closed at once, requests beyond
//! [`Limits::request_rate`], and request bodies beyond [`Limits::body_bytes_max`].

use std::{convert::Infallible, future::poll_fn, pin::pin, sync::Arc, time::Duration};

use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, warn};
use weir_hal::Accepted;

use crate::serve::{
    Body, Client, CounterCells, Entrance, Limits, Upload,
    admission::{Admission, Refused},
    guard::Guarded,
    outbox::{Outbox, Sending},
    protocol::{self, Dialect},
    reply,
    request_rate::{RequestRates, Verdict},
    tls::Tls,
    upload::Leftover,
    wire::Wire,
};

/// Bytes a request head may have; a player sends well under 1 KiB. (Fields are limited to 100 by
/// hyper, which keeps that many on the stack.)
const REQUEST_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Pause after a failed accept, so that a want of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests; one for each kind of listener.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request of `client`. The body of an answer to HEAD is never sent, only its size.
    fn answer(
        &self,
        request: Request<Upload>,
        client: &Client,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Where the listener counts.
    fn counters(&self) -> &Arc<CounterCells>;
}

/// A [`Handler`] and the limits its listeners share.
#[derive(Debug)]
pub struct Server<H> {
    handler: H,
    limits: Limits,
    admission: Arc<Admission>,
    request_rates: Option<RequestRates>,
    started: Instant,
}

impl<H: Handler> Server<H> {
    /// A server that answers by `handler` within `limits`.
    pub fn new(handler: H, limits: Limits) -> Self {
        Self {
            handler,
            limits,
            admission: Admission::new(limits.room),
            request_rates: limits.request_rate.map(RequestRates::new),
            started: Instant::now(),
        }
    }

    /// What answers.
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// What clients are allowed.
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Serves the connections of `entrance` until `shutdown` completes; then closes it, lets
    /// answers under way go out for at most `drain`, and cuts what is left.
    ///
    /// May be called once for each of several listeners; they share the limits. Must be called
    /// within a tokio runtime.
    pub async fn run(
        self: Arc<Self>,
        entrance: Entrance,
        shutdown: impl Future<Output = ()> + Send,
        drain: Duration,
    ) {
        let Entrance { mut listener, tls } = entrance;
        let (drain_all, draining) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = poll_fn(|context| listener.poll_accept(context)) => match accepted {
                    Ok(accepted) => {
                        if let Some((io, client)) = self.admit(accepted, tls.is_some()) {
                            let server = Arc::clone(&self);
                            let (tls, draining) = (tls.clone(), draining.clone());
                            connections.spawn(server.converse(io, client, tls, draining));
                        }
                    }
                    Err(error) => self.pause(&error).await,
                },
            }
        }
        drop(listener);
        drain_all.send_replace(());
        self.drain(connections, drain).await;
    }

    fn admit(&self, (io, address): Accepted, is_encrypted: bool) -> Option<(Guarded, Client)> {
        let counters = self.handler.counters();
        let place = match self.admission.admit(address.ip()) {
            Ok(place) => place,
            Err(refused) => {
                counters.connections_refused.add(1);
                if refused == Refused::ClientFull {
                    counters.connections_refused_client.add(1);
                }
                return None;
            }
        };
        counters.connections_accepted.add(1);
        let io = Guarded::new(io, self.limits.pace, Arc::clone(counters), place);
        let client = Client {
            interim: None,
            address,
            is_encrypted,
        };
        Some((io, client))
    }

    async fn pause(&self, error: &weir_hal::Error) {
        warn!(%error, kind = %error.kind(), "cannot accept a connection");
        self.handler.counters().accept_errors.add(1);
        sleep(ACCEPT_PAUSE).await;
    }

    async fn drain(&self, mut connections: JoinSet<()>, within: Duration) {
        let all_closed = async { while connections.join_next().await.is_some() {} };
        if timeout(within, all_closed).await.is_err() {
            let cut = connections.len() as u64;
            self.handler.counters().connections_cut.add(cut);
            warn!(cut, "cut connections that outlasted the drain");
            connections.shutdown().await;
        }
    }

    /// Finds out what is spoken on one connection, and speaks it.
    async fn converse(
        self: Arc<Self>,
        io: Guarded,
        client: Client,
        tls: Option<Arc<Tls>>,
        mut draining: watch::Receiver<()>,
    ) {
        let wait = self.limits.request_wait;
        let opened = tokio::select! {
            opened = protocol::open(io, tls.as_deref(), wait, self.handler.counters()) => opened,
            // Nobody has asked for anything yet.
            _ = draining.changed() => return,
        };
        let Some((io, dialect)) = opened else {
            return;
        };
        match dialect {
            Dialect::Http1 | Dialect::PlainHttp => {
                self.converse_http1(io, client, dialect, draining).await;
            }
            Dialect::Http2 => self.converse_http2(io, client, draining).await,
        }
    }

    /// Speaks HTTP/1.1 on one connection until it ends; once draining, until its answer is out.
    async fn converse_http1(
        &self,
        io: Wire,
        mut client: Client,
        dialect: Dialect,
        mut draining: watch::Receiver<()>,
    ) {
        let outbox = io.outbox().clone();
        client.interim = Some(io.interim().clone());
        let service = service_fn(|request| self.respond(request, &client, dialect, &outbox));
        // Without hyper's `pipeline_flush`: it holds an answer back while the next request has
        // begun to arrive and is not whole yet.
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                // A client may say that it has nothing more to ask and still wait for the answer.
                .half_close(true)
                .header_read_timeout(self.limits.request_wait)
                .max_header_size(REQUEST_HEAD_BYTES_MAX)
                .max_buf_size(REQUEST_HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(io), service)
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = draining.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            self.count_failure(&error);
        }
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        client: &Client,
        dialect: Dialect,
        outbox: &Outbox,
    ) -> Result<Response<Sending>, Infallible> {
        let response = if dialect == Dialect::PlainHttp {
            self.handler.counters().requests.add(1);
            self.counted(plain_http())
        } else {
            self.answer(request, client, None).await
        };
        if let Some(interim) = &client.interim {
            interim.written().await;
        }
        Ok(response.map(|body| Sending::new(body, outbox.clone())))
    }

    /// Answers one request of any version; `leftover` gets what is not read of its body.
    pub(crate) async fn answer(
        &self,
        mut request: Request<Incoming>,
        client: &Client,
        leftover: Option<Leftover>,
    ) -> Response<Body> {
        let limits = &self.limits;
        self.handler.counters().requests.add(1);
        if let Some(wait) = self.throttle(client) {
            return self.counted(reply::too_often(wait));
        }
        let refusal = protocol::normalize(&mut request).err();
        let request = request.map(|body| {
            Upload::new(body, limits.body_bytes_max, limits.body_wait).leaving(leftover)
        });
        self.counted(if let Some(refusal) = refusal {
            reply::text(StatusCode::BAD_REQUEST, refusal)
        } else if request.headers().len() > protocol::FIELDS_MAX {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            reply::text(status, "the request has too many fields")
        } else if request.body().is_too_long() {
            reply::text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
        } else {
            self.handler.answer(request, client).await
        })
    }

    /// How long a client must wait that asks too often.
    pub(crate) fn throttle(&self, client: &Client) -> Option<Duration> {
        let rates = self.request_rates.as_ref()?;
        let counters = self.handler.counters();
        match rates.ask(client.address.ip().into(), self.started.elapsed()) {
            Verdict::Allowed => None,
            Verdict::AllowedByForgetting => {
                counters.clients_forgotten.add(1);
                None
            }
            Verdict::TooOften(wait) => {
                counters.requests_throttled.add(1);
                Some(wait)
            }
        }
    }

    fn counted(&self, response: Response<Body>) -> Response<Body> {
        let counters = self.handler.counters();
        match response.status().as_u16() {
            ..300 => counters.responses_2xx.add(1),
            300..400 => counters.responses_3xx.add(1),
            400..500 => counters.responses_4xx.add(1),
            500.. => counters.responses_5xx.add(1),
        }
        response
    }

    pub(crate) fn count_failure(&self, error: &hyper::Error) {
        let counters = self.handler.counters();
        if error.is_parse() {
            counters.requests_malformed.add(1);
        } else if error.is_user() {
            counters.bodies_broken.add(1);
        } else if error.is_timeout() {
            counters.connections_timed_out.add(1);
        }
        debug!(%error, "connection failed");
    }
}

/// What a client is told that speaks plain HTTP to a listener of TLS.
fn plain_http() -> Response<Body> {
    let text = "this port speaks TLS: ask with https://";
    let mut response = reply::text(StatusCode::BAD_REQUEST, text);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}
