//! One listener: takes connections, finds out what is spoken on each, drains them at the end.
//!
//! The data listener and the management listener are two
//! [`Handler`]s behind this one loop. Every wait has a deadline: for a request
//! ([`Limits::request_wait`], [`Limits::head_wait`]), for the client to take bytes
//! ([`Limits::pace`]), for the last answers at shutdown.
//!
//! Refuses: connections beyond [`Limits::room`], which are closed at once, requests beyond
//! [`Limits::request_rate`], and request bodies beyond [`Limits::body_bytes_max`].

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use hyper::{
    Request, Response, StatusCode, Version,
    header::{CONNECTION, HeaderValue},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, warn};
use weir_hal::{Accepted, Clock, Wall};

use crate::serve::{
    Body, Client, CounterCells, Entrance, Limits, Upload,
    account::of_class,
    admission::{Admission, Refused},
    guard::Guarded,
    head::{FIELDS_MAX, Refusal},
    link::Link,
    outbox::Outbox,
    protocol::{self, Dialect, Opened},
    reply::{self, Probed},
    request_rate::{RequestRates, Verdict},
    talk::{Desk, Talk},
    tls::Tls,
    upload::Source,
    wire::Wire,
};

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
    clock: Arc<dyn Clock>,
}

impl<H: Handler> Server<H> {
    /// A server that answers by `handler` within `limits`, and dates its answers by `clock`.
    pub fn new(handler: H, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            handler,
            limits,
            admission: Admission::new(limits.room),
            request_rates: limits.request_rate.map(RequestRates::new),
            started: Instant::now(),
            clock,
        }
    }

    /// The time.
    pub(crate) fn now(&self) -> Wall {
        self.clock.wall()
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
        let desk = Arc::new(Desk::new());
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
                            let shared = (tls.clone(), Arc::clone(&desk));
                            let draining = draining.clone();
                            connections.spawn(server.converse(io, client, shared, draining));
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
        (tls, desk): (Option<Arc<Tls>>, Arc<Desk>),
        mut draining: watch::Receiver<()>,
    ) {
        let wait = self.limits.request_wait;
        let opened = tokio::select! {
            opened = protocol::open(io, tls.as_deref(), wait, self.handler.counters()) => opened,
            // Nobody has asked for anything yet.
            _ = draining.changed() => return,
        };
        let Some(Opened {
            io,
            ahead,
            taker,
            dialect,
        }) = opened
        else {
            return;
        };
        if dialect == Dialect::Http2 {
            let wire = Wire::new(io, ahead, Outbox::new(taker));
            return self.converse_http2(wire, client, draining).await;
        }
        let link = Link::new(io, &ahead, taker);
        let talk = Talk {
            server: &self,
            desk: &desk,
            client,
            draining,
        };
        if dialect == Dialect::PlainHttp {
            talk.turn_away(link, Refusal::PLAIN_HTTP).await;
        } else {
            talk.run(link).await;
        }
    }

    /// Answers one request of any version.
    pub(crate) async fn answer(
        &self,
        mut request: Request<Upload>,
        client: &Client,
    ) -> Response<Body> {
        let counters = self.handler.counters();
        counters.requests.add(1);
        let version = request.version();
        let response = if let Err(refusal) = protocol::normalize(&mut request) {
            counters.requests_malformed.add(1);
            refused(version, refusal)
        } else if request.headers().len() > FIELDS_MAX {
            counters.requests_malformed.add(1);
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            reply::text(status, "the request has too many fields")
        } else if request.body_mut().is_too_long() {
            reply::text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
        } else {
            self.handler.answer(request, client).await
        };
        self.counted(response)
    }

    /// How long a client must wait that asks too often. Asked once for each request.
    pub(crate) fn throttle(&self, client: &Client) -> Option<Duration> {
        let rates = self.request_rates.as_ref()?;
        let counters = self.handler.counters();
        match rates.ask(client.address.ip().into(), self.started.elapsed()) {
            Verdict::Allowed => None,
            Verdict::AllowedByForgetting => {
                counters.clients_forgotten.add(1);
                None
            }
            Verdict::TooOften(wait) => Some(wait),
        }
    }

    /// Answers a client that asks too often, and may ask again after `wait`.
    pub(crate) fn turn_down(&self, wait: Duration) -> Response<Body> {
        let counters = self.handler.counters();
        counters.requests.add(1);
        counters.requests_throttled.add(1);
        self.counted(reply::too_often(wait))
    }

    /// The body of a request that comes from `source`.
    pub(crate) fn upload(&self, source: Source) -> Upload {
        Upload::new(source, &self.limits, self.handler.counters())
    }

    /// Counts `response`. What probes are told, who ask a box most while it is ill, would be errors
    /// of a service that nobody was denied.
    pub(crate) fn counted(&self, response: Response<Body>) -> Response<Body> {
        let counters = self.handler.counters();
        if response.extensions().get::<Probed>().is_some() {
            counters.probes.add(1);
            return response;
        }
        let classes = [
            &counters.responses_2xx,
            &counters.responses_3xx,
            &counters.responses_4xx,
            &counters.responses_5xx,
        ];
        of_class(response.status(), classes).add(1);
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

/// The answer to a request that nobody can tell the host of: who sends one may send worse.
fn refused(version: Version, refusal: &str) -> Response<Body> {
    let mut response = reply::text(StatusCode::BAD_REQUEST, refusal);
    if version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}
