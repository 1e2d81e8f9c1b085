//! HTTP/1 on one connection, from one request to the next.
//!
//! ```text
//!  wait for a head ──► refuse it: a typed answer, and close
//!        ▲         ├─► give an answer of this second again
//!        │         └─► have it answered ──► close, if anything is left to be heard
//!        └───────────────────────────┘
//! ```
//!
//! A connection that waits has no buffers: only its socket and a timer. Requests that come before
//! their turn wait in the kernel.
//!
//! Source: RFC 9112 §9 (connections, pipelining), §9.5 (timeouts).

use std::{
    error::Error,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode, header::CONNECTION};
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};
use tracing::debug;

use crate::serve::{
    Body, Client, Handler, Server, Upload,
    framing::Framing,
    head::{HEAD_BYTES_MAX, Head, Refusal, examine, judge_beginning},
    link::Link,
    repeat::{Answer, Second},
    reply,
    response::{Asked, Written},
    transfer::{Broken, Transfer},
    upload::Source,
};

/// Bytes that are read at a time while a head is waited for.
const SCRATCH_BYTES: usize = 16 << 10;

/// What the connections of one accept loop share.
#[derive(Debug)]
pub(crate) struct Desk {
    second: Mutex<Second>,
    scratch: Mutex<Box<[u8]>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            second: Mutex::default(),
            scratch: Mutex::new(vec![0; SCRATCH_BYTES].into()),
        }
    }

    fn second(&self) -> MutexGuard<'_, Second> {
        self.second.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scratch(&self) -> MutexGuard<'_, Box<[u8]>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that HTTP/1 is spoken on, and with whom.
pub(crate) struct Talk<'a, H> {
    pub(crate) server: &'a Server<H>,
    pub(crate) desk: &'a Desk,
    pub(crate) client: Client,
    pub(crate) draining: watch::Receiver<()>,
}

/// What comes of waiting for a head.
enum Next {
    /// One of so many bytes.
    Head(usize),
    /// Something that becomes no request.
    Refused(Refusal),
    /// The end of the connection.
    Over,
}

/// What becomes of a connection behind an answer.
enum Behind {
    /// It is used for the next request.
    Next,
    /// It is closed.
    Close,
    /// The request was refused.
    Refused(Refusal),
}

/// What an answer has to know of its request.
struct Question {
    /// Its head.
    bytes: Bytes,
    asked: Asked,
    is_persistent: bool,
    /// Whether the same question may have the same answer.
    is_repeatable: bool,
}

impl<H: Handler> Talk<'_, H> {
    /// Answers request after request until the connection ends; once draining, until its answer is
    /// out.
    pub(crate) async fn run(self, link: Link) {
        let mut alarm = Alarm::default();
        let mut draining = self.draining.clone();
        let mut stop = pin!(draining.changed());
        loop {
            let next = tokio::select! {
                biased;
                next = self.next(&link, &mut alarm) => next,
                _ = &mut stop => Next::Over,
            };
            let bytes = match next {
                Next::Head(bytes) => bytes,
                Next::Refused(refusal) => return self.refuse(link, refusal).await,
                Next::Over => return link.end(),
            };
            let wait = self.server.throttle(&self.client);
            let again = if wait.is_none() {
                self.again(&link, bytes)
            } else {
                None
            };
            let turn = match again {
                Some(transfer) => self.send(&link, transfer).await.map(|()| Behind::Next),
                // Boxed, so that a connection that waits does not keep room for it.
                None => Box::pin(self.turn(&link, bytes, wait)).await,
            };
            match turn {
                Ok(Behind::Next) => {}
                Ok(Behind::Close) => return link.close().await,
                Ok(Behind::Refused(refusal)) => return self.refuse(link, refusal).await,
                Err(broken) => return self.give_up(link, &broken),
            }
        }
    }

    /// Answers the first request by `refusal`, whatever it is.
    pub(crate) async fn turn_away(self, link: Link, refusal: Refusal) {
        match self.next(&link, &mut Alarm::default()).await {
            Next::Head(_) | Next::Refused(_) => self.refuse(link, refusal).await,
            Next::Over => link.end(),
        }
    }

    /// Waits for a whole head, for as long as a client may take for one.
    async fn next(&self, link: &Link, alarm: &mut Alarm) -> Next {
        let limits = self.server.limits();
        let mut began_at = None;
        let mut deadline = None;
        poll_fn(|context| {
            let mut end = link.lock();
            loop {
                if let Some(bytes) = end.head().filter(|bytes| *bytes <= HEAD_BYTES_MAX) {
                    return Poll::Ready(Next::Head(bytes));
                }
                if let Err(refusal) = judge_beginning(end.inbox()) {
                    return Poll::Ready(Next::Refused(refusal));
                }
                match end.poll_fill(context, &mut self.desk.scratch()) {
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Over),
                    Poll::Pending => break,
                }
            }
            // The time for a head runs from its first byte on.
            if !end.inbox().is_empty() && began_at.is_none() {
                began_at = Some(Instant::now());
                deadline = None;
            }
            let deadline = *deadline.get_or_insert_with(|| match began_at {
                Some(began_at) => began_at + limits.head_wait,
                None => Instant::now() + limits.request_wait,
            });
            alarm.poll(context, deadline).map(|()| {
                let counters = self.server.handler().counters();
                counters.connections_timed_out.add(1);
                match began_at {
                    Some(_) => Next::Refused(Refusal::TIMED_OUT),
                    None => Next::Over,
                }
            })
        })
        .await
    }

    /// Takes a head to which there is an answer of this second.
    fn again(&self, link: &Link, bytes: usize) -> Option<Transfer> {
        let mut end = link.lock();
        let request = end.inbox().get(..bytes)?;
        let answer = self.desk.second().at(self.server.now()).find(request)?;
        if self.is_draining() {
            return None;
        }
        let body = answer.again(&self.client)?;
        end.consume(bytes);
        let counters = self.server.handler().counters();
        counters.requests.add(1);
        counters.answers_repeated.add(1);
        counters.responses_2xx.add(1);
        Some(Transfer::new(answer.written, body))
    }

    /// Takes a head and has it answered, unless its client must `wait`.
    async fn turn(
        &self,
        link: &Link,
        bytes: usize,
        wait: Option<Duration>,
    ) -> Result<Behind, Broken> {
        let (question, request) = match self.take(link, bytes) {
            Ok(taken) => taken,
            Err(refusal) => return Ok(Behind::Refused(refusal)),
        };
        let response = match wait {
            Some(wait) => self.server.turn_down(wait),
            None => self.ask(link, request).await?,
        };
        let is_persistent = question.is_persistent
            && link.is_heard_out()
            && !response.headers().contains_key(CONNECTION)
            && !self.is_draining();
        let transfer = self.transfer(&question, response, is_persistent);
        let is_last = transfer.is_last_of_connection();
        self.send(link, transfer).await?;
        Ok(if is_last { Behind::Close } else { Behind::Next })
    }

    fn take(&self, link: &Link, bytes: usize) -> Result<(Question, Request<Upload>), Refusal> {
        let mut end = link.lock();
        let bytes = Bytes::copy_from_slice(end.inbox().get(..bytes).unwrap_or_default());
        let Head {
            request,
            framing,
            is_go_on_due,
            is_persistent,
        } = examine(&bytes)?;
        end.consume(bytes.len());
        end.begin(framing, is_go_on_due);
        drop(end);
        let is_get = request.method() == Method::GET;
        let question = Question {
            asked: Asked::by(&request),
            is_persistent,
            is_repeatable: is_get && framing == Framing::NONE && !is_go_on_due,
            bytes,
        };
        let upload = if framing.is_over() {
            Upload::empty()
        } else {
            self.server.upload(Source::Link(link.clone()))
        };
        Ok((question, request.map(|()| upload)))
    }

    /// Has the handler answer, and passes on what it tells before.
    async fn ask(&self, link: &Link, request: Request<Upload>) -> io::Result<Response<Body>> {
        let client = Client {
            interim: Some(link.lock().interim().clone()),
            ..self.client.clone()
        };
        let mut answering = pin!(self.server.answer(request, &client));
        let response = poll_fn(|context| match answering.as_mut().poll(context) {
            Poll::Ready(response) => Poll::Ready(Ok(response)),
            Poll::Pending => {
                let mut end = link.lock();
                end.interim().watch(context);
                match end.poll_interim(context) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                }
            }
        })
        .await?;
        poll_fn(|context| link.lock().poll_interim(context)).await?;
        Ok(response)
    }

    /// The answer in its final form, which is kept if it may be given again.
    fn transfer(
        &self,
        question: &Question,
        response: Response<Body>,
        is_persistent: bool,
    ) -> Transfer {
        let mut second = self.desk.second();
        let second = second.at(self.server.now());
        let written = Written::new(&response, question.asked, is_persistent, second.date());
        if question.is_repeatable
            && let Some(answer) = Answer::of(&response, &written)
        {
            second.keep(question.bytes.clone(), answer);
        }
        Transfer::new(written, response.into_body())
    }

    async fn send(&self, link: &Link, mut transfer: Transfer) -> Result<(), Broken> {
        poll_fn(|context| transfer.poll(&mut link.lock(), context)).await
    }

    /// Answers what is no request, and closes the connection.
    async fn refuse(&self, link: Link, refusal: Refusal) {
        if refusal != Refusal::TIMED_OUT {
            let counters = self.server.handler().counters();
            counters.requests_malformed.add(1);
        }
        let response = self
            .server
            .counted(reply::text(refusal.status, refusal.line));
        let question = Question {
            bytes: Bytes::new(),
            asked: Asked::default(),
            is_persistent: false,
            is_repeatable: false,
        };
        let transfer = self.transfer(&question, response, false);
        if self.send(&link, transfer).await.is_ok() {
            link.close().await;
        }
    }

    /// Leaves an answer that broke off as it is.
    fn give_up(&self, link: Link, broken: &Broken) {
        debug!(error = broken as &dyn Error, "an answer broke off");
        if matches!(broken, Broken::Body(_)) {
            self.server.handler().counters().bodies_broken.add(1);
        }
        if !link.is_alone() {
            // Who still reads the body of the request would keep the connection open.
            link.end();
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
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
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
    pub(crate) const PLAIN_HTTP: Self = Self {
        status: StatusCode::BAD_REQUEST,
        line: "this port speaks TLS: ask with https://",
    };
}
