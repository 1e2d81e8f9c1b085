//! HTTP/2 on one connection.
//!
//! Source: RFC 9113; CVE-2023-44487 (rapid reset), CVE-2024-28182 and its kin (CONTINUATION
//! floods), CVE-2025-8671 (resets that a client makes the server send).
//!
//! What one connection can make this process hold: 16 KiB of a request's fields, 4 KiB of their
//! table, [`CONNECTION_WINDOW_BYTES`] of request bodies nobody has read yet, and for each of
//! [`STREAMS_MAX`] streams its state and at most two chunks of its answer. Those are views of the
//! page cache or shared with the store, so of all answers it is what is relayed that costs memory:
//! as much as one read of an origin, twice.
//!
//! Refuses: server push, which players never asked for, and `CONNECT`.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::CONTENT_LENGTH,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tracing::debug;

use super::{
    posting::Posting,
    streams::{Streams, Verdict, progress},
};
use crate::serve::{
    Body, Client, Handler, Server,
    outbox::Outbox,
    upload::{Leftover, Source},
    wire::Wire,
};

/// Streams open at one time: what browsers and `h2load` ask for.
const STREAMS_MAX: u32 = 100;

/// Bytes of a request's fields, each counted with 32 bytes more (RFC 9113 §6.5.2). The codec ends a
/// connection that sends four times as much, or more CONTINUATION frames than that needs.
const FIELDS_BYTES_MAX: u32 = 16 << 10;

/// Bytes of fields that requests of one connection may refer back to.
const FIELD_TABLE_BYTES: u32 = 4 << 10;

/// Bytes of a request's body that a client may send before the handler has read any.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;

/// The same of all requests of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 256 << 10;

/// Bytes of one answer that wait in the codec before hyper asks for more.
const SEND_BYTES_MAX: usize = 64 << 10;

/// Streams that were taken back before we had a look at them: more, and the connection ends.
const RESETS_PENDING_MAX: usize = 20;

/// Streams that we reset because of what the client did: more, and the connection ends.
const RESETS_PROVOKED_MAX: usize = 64;

/// Time between two questions whether a client is still there, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_WAIT: Duration = Duration::from_secs(10);

fn builder(streams: &Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(FIELDS_BYTES_MAX)
        .header_table_size(FIELD_TABLE_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_PROVOKED_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_WAIT);
    builder
}

/// Ends the streams of a connection with it, however it ends.
struct Ending(Streams);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<H: Handler> Server<H> {
    /// Speaks HTTP/2 on one connection until it ends; once draining, until its answers are out.
    pub(crate) async fn converse_http2(
        self: Arc<Self>,
        io: Wire,
        client: Client,
        mut draining: watch::Receiver<()>,
    ) {
        let counters = Arc::clone(self.handler().counters());
        counters.connections_http2.add(1);
        let limits = self.limits();
        let (pace, idle) = (limits.pace, limits.request_wait);
        let streams = Streams::new(pace, idle, Arc::clone(&counters));
        let _ending = Ending(streams.clone());
        let outbox = io.outbox().clone();
        let service = service_fn(|request| {
            let (server, outbox) = (Arc::clone(&self), outbox.clone());
            let client = client.clone();
            // Boxed, so that what a handler needs is given back when it has answered: the task of a
            // stream lives until the client has taken all.
            Box::pin(async move { Ok::<_, Infallible>(server.post(request, client, outbox).await) })
        });
        let mut connection = pin!(builder(&streams).serve_connection(TokioIo::new(io), service));
        let mut is_leaving = false;
        loop {
            let verdict = tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        self.count_failure(&error);
                    }
                    return;
                }
                _ = draining.changed(), if !is_leaving => Verdict::Idle,
                verdict = streams.watch() => verdict,
            };
            debug!(?verdict, "connection of HTTP/2");
            match verdict {
                Verdict::Idle => {
                    is_leaving = true;
                    streams.leave();
                    connection.as_mut().graceful_shutdown();
                }
                Verdict::Gone => return,
                Verdict::Stalled => return counters.connections_stalled.add(1),
                Verdict::Resetting => return counters.connections_resetting.add(1),
            }
        }
    }

    /// Answers one request by way of its stream.
    async fn post(
        &self,
        request: Request<Incoming>,
        client: Client,
        outbox: Outbox,
    ) -> Response<Posting> {
        let is_head = request.method() == Method::HEAD;
        let leftover = (!request.body().is_end_stream()).then(Leftover::default);
        let request = request.map(|incoming| {
            let upload = self.upload(Source::Stream(incoming));
            upload.leaving(leftover.clone())
        });
        let response = match self.throttle(&client) {
            Some(wait) => self.turn_down(wait),
            None => self.answer(request, &client).await,
        };
        let response = without_needless_body(response, is_head);
        response.map(|body| Posting::new(body, outbox, progress(), leftover))
    }
}

/// Takes the body from an answer that has none, which hyper does not. An answer to HEAD still tells
/// its size (RFC 9110 §9.3.2).
fn without_needless_body(mut response: Response<Body>, is_head: bool) -> Response<Body> {
    let status = response.status();
    let is_without = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if !is_head && !is_without {
        return response;
    }
    let bytes = response.body().size_hint().exact();
    if let Some(bytes) = bytes.filter(|_| is_head && !is_without) {
        let headers = response.headers_mut();
        headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| bytes.into());
    }
    response.map(|_| Body::empty())
}
