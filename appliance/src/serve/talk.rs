//! HTTP/1 on one connection, from one request to the next.
//!
//! ```text
//!  wait for a head ──► refuse it: a typed answer, and close
//!        ▲         ├─► give an answer of this second again
//!        │         └─► a session of hyper's for this one request ──► close
//!        └───────────────────────────┘
//! ```
//!
//! A connection that waits has no buffers and no hyper: only its socket and a timer.
//!
//! Source: RFC 9112 §9 (connections, pipelining), §9.5 (timeouts).

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use hyper::{
    Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};
use tracing::debug;
use weir_hal::Wall;

use crate::serve::{
    Body, Client, Handler, Server,
    framing::Framing,
    head::{HEAD_BYTES_MAX, Plain, Refusal, examine, judge_beginning},
    outbox::{Outbox, Sending},
    protocol::Dialect,
    repeat::{self, Name, Repeats},
    reply,
    transfer::{self, Broken},
    wire::Wire,
};

/// Bytes that are read at a time while a head is waited for.
const SCRATCH_BYTES: usize = 16 << 10;

/// What the connections of one accept loop share.
#[derive(Debug)]
pub(crate) struct Desk {
    repeats: Mutex<Repeats>,
    scratch: Mutex<Box<[u8]>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            repeats: Mutex::default(),
            scratch: Mutex::new(vec![0; SCRATCH_BYTES].into()),
        }
    }

    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that HTTP/1 is spoken on, and with whom.
pub(crate) struct Talk<'a, H> {
    pub(crate) server: &'a Server<H>,
    pub(crate) desk: &'a Desk,
    pub(crate) client: Client,
    pub(crate) dialect: Dialect,
    pub(crate) draining: watch::Receiver<()>,
}

/// What the next thing on a connection is.
enum Next {
    /// A head of so many bytes.
    Head(usize),
    /// Something that becomes no request.
    Refused(Refusal),
    /// The end of the connection.
    Over,
}

/// What is done about a head.
enum Course {
    Refuse(Refusal),
    Repeat(repeat::Answer, Body),
    Ask {
        body: Framing,
        /// Under which name the answer may be kept.
        name: Option<Name>,
    },
}

impl<H: Handler> Talk<'_, H> {
    /// Answers request after request until the connection ends; once draining, until its answer is
    /// out.
    pub(crate) async fn run(self, mut wire: Wire) {
        let mut alarm = Alarm::default();
        let mut draining = self.draining.clone();
        let mut stop = pin!(draining.changed());
        loop {
            let next = tokio::select! {
                biased;
                next = self.next(&mut wire, &mut alarm) => next,
                _ = &mut stop => Next::Over,
            };
            let bytes = match next {
                Next::Head(bytes) => bytes,
                Next::Refused(refusal) => return self.refuse(wire, refusal).await,
                Next::Over => return wire.end(),
            };
            wire = match self.course(&wire, bytes) {
                Course::Refuse(refusal) => return self.refuse(wire, refusal).await,
                Course::Repeat(answer, body) => {
                    wire.consume(bytes);
                    let sent = transfer::send(&mut wire, answer.head, body).await;
                    if let Err(broken) = sent {
                        return self.count_broken(&broken);
                    }
                    wire
                }
                Course::Ask { body, name } => {
                    wire.begin(bytes, body);
                    // Boxed, so that a connection that waits does not keep room for it.
                    let session = Box::pin(self.session(wire, name));
                    let Some(wire) = session.await else {
                        return;
                    };
                    wire
                }
            };
        }
    }

    /// Waits for a whole head, for as long as a client may take for one.
    async fn next(&self, wire: &mut Wire, alarm: &mut Alarm) -> Next {
        let limits = self.server.limits();
        let mut began_at = None;
        let mut deadline = None;
        poll_fn(|context| {
            loop {
                if let Some(bytes) = wire.head_bytes().filter(|bytes| *bytes <= HEAD_BYTES_MAX) {
                    return Poll::Ready(Next::Head(bytes));
                }
                if let Err(refusal) = judge_beginning(wire.inbox()) {
                    return Poll::Ready(Next::Refused(refusal));
                }
                let filled = {
                    let scratch = &self.desk.scratch;
                    let mut scratch = scratch.lock().unwrap_or_else(PoisonError::into_inner);
                    wire.poll_fill(context, &mut scratch)
                };
                match filled {
                    Poll::Ready(Ok(1..)) => continue,
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Over),
                    Poll::Pending => {}
                }
                // The time for a head runs from its first byte on.
                if !wire.inbox().is_empty() && began_at.is_none() {
                    began_at = Some(Instant::now());
                    deadline = None;
                }
                let deadline = *deadline.get_or_insert_with(|| match began_at {
                    Some(began_at) => began_at + limits.head_wait,
                    None => Instant::now() + limits.request_wait,
                });
                return alarm.poll(context, deadline).map(|()| {
                    self.server.handler().counters().connections_timed_out.add(1);
                    match began_at {
                        Some(_) => Next::Refused(Refusal::TIMED_OUT),
                        None => Next::Over,
                    }
                });
            }
        })
        .await
    }

    fn course(&self, wire: &Wire, bytes: usize) -> Course {
        if self.dialect == Dialect::PlainHttp {
            return Course::Refuse(Refusal::PLAIN_HTTP);
        }
        match examine(wire.inbox().get(..bytes).unwrap_or_default()) {
            Err(refusal) => Course::Refuse(refusal),
            Ok(head) => {
                let plain = head.plain.as_ref().zip(self.server.now());
                let plain = plain.filter(|_| !self.is_draining());
                if let Some((answer, body)) = plain.and_then(|(plain, now)| self.again(plain, now)) {
                    return Course::Repeat(answer, body);
                }
                Course::Ask {
                    body: head.framing,
                    name: plain.map(|(plain, _)| self.desk.repeats().name(plain)),
                }
            }
        }
    }

    /// Gives an answer of this second again.
    fn again(&self, plain: &Plain<'_>, now: Wall) -> Option<(repeat::Answer, Body)> {
        let answer = self.desk.repeats().find(plain, now)?;
        let body = answer.again()?;
        let counters = self.server.handler().counters();
        counters.requests.add(1);
        counters.responses_2xx.add(1);
        Some((answer, body))
    }

    /// Has hyper read one request and write the answer. Returns the connection if another request
    /// may follow.
    async fn session(&self, wire: Wire, name: Option<Name>) -> Option<Wire> {
        let (outbox, interim) = (wire.outbox().clone(), wire.interim().clone());
        let client = Client {
            interim: Some(interim),
            ..self.client.clone()
        };
        let name = Mutex::new(name);
        let service = service_fn(|request| {
            let name = name.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.respond(request, &client, &outbox, name)
        });
        let mut connection = http1::Builder::new()
            // A client may say that it has nothing more to ask and still wait for the answer.
            .half_close(true)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(wire), service);
        let ended = Pin::new(&mut connection).await;
        if let Err(error) = ended {
            self.server.count_failure(&error);
            return None;
        }
        let wire = connection.into_parts().io.into_inner();
        if wire.is_ready_for_next() {
            return Some(wire);
        }
        wire.close().await;
        None
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        client: &Client,
        outbox: &Outbox,
        name: Option<Name>,
    ) -> Result<Response<Sending>, Infallible> {
        let mut response = self.server.answer(request, client).await;
        if let Some(interim) = &client.interim {
            interim.written().await;
        }
        if self.is_draining() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        } else if let Some((name, now)) = name.zip(self.server.now()) {
            self.desk.repeats().keep(name, &response, now);
        }
        Ok(response.map(|body| Sending::new(body, outbox.clone())))
    }

    /// Answers what is no request, and closes the connection.
    async fn refuse(&self, mut wire: Wire, refusal: Refusal) {
        let counters = self.server.handler().counters();
        counters.requests_malformed.add(1);
        let mut response = self.server.counted(reply::text(refusal.status, refusal.line));
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        let (parts, body) = response.into_parts();
        let bytes = body.size_hint().exact().unwrap_or_default();
        let now = self.server.now();
        let head = repeat::head(parts.status, &parts.headers, bytes, now);
        if transfer::send(&mut wire, head, body).await.is_ok() {
            wire.close().await;
        }
    }

    fn count_broken(&self, broken: &Broken) {
        debug!(?broken, "an answer broke off");
        if matches!(broken, Broken::Body(_)) {
            self.server.handler().counters().bodies_broken.add(1);
        }
    }

    fn is_draining(&self) -> bool {
        self.draining.has_changed().unwrap_or(true)
    }
}

/// A timer that is set again and again, and seldom goes off. It is moved when it does: to set it
/// for later costs nothing.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Completes at `deadline`.
    fn poll(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl Refusal {
    const TIMED_OUT: Self = Self {
        status: StatusCode::REQUEST_TIMEOUT,
        line: "the request did not come in time",
    };

    /// What a client is told that speaks plain HTTP to a listener of TLS.
    const PLAIN_HTTP: Self = Self {
        status: StatusCode::BAD_REQUEST,
        line: "this port speaks TLS: ask with https://",
    };
}
