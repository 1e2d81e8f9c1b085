//! What an origin is asked, out of what a client asked.
//!
//! Source: RFC 9110 §7.6 (message forwarding).

use std::sync::Arc;

use hyper::{HeaderMap, Method, Request, Response, Uri, header::HeaderName};
use tracing::debug;
use weir_hal::Wall;

use super::{Core, failure::Failure, question::Question};
use crate::fetch::{
    Endpoint,
    exchange::{Download, Outgoing},
    is_blocking_reload,
    tiers::{Ask, InterimCallback},
};

/// Fields by which some origins answer for another resource than the one that is asked for. They
/// are not in the name under which an answer is stored, so whoever sends them could have others
/// given a wrong one.
const UNKEYED: [HeaderName; 12] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-scheme"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-host"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-host"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// What came back, when, and from whom.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) response: Response<Download>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) requested_at: Wall,
    pub(super) received_at: Wall,
}

impl Core {
    /// Asks the origins of the question's route. The client hears of interim responses.
    pub(super) async fn ask(
        &self,
        question: &Question,
        request: Request<Outgoing>,
    ) -> Result<Reply, Failure> {
        let interim = question.interim.clone().map(|interim| {
            let route = Arc::clone(&question.route);
            InterimCallback(Arc::new(move |status, headers| {
                if !interim.tell(status, headers) {
                    route.counters.interims_dropped.add(1);
                }
            }))
        });
        let ask = Ask {
            interim,
            ..Ask::new(request, question.key.as_str().as_bytes())
        };
        self.send(question, ask).await
    }

    /// The same for more of an answer that has begun; those in `avoided` are asked only if nobody
    /// else is left.
    pub(super) async fn ask_more(
        &self,
        question: &Question,
        request: Request<Outgoing>,
        avoided: &[Arc<Endpoint>],
    ) -> Result<Reply, Failure> {
        let ask = Ask {
            avoided,
            ..Ask::new(request, question.key.as_str().as_bytes())
        };
        self.send(question, ask).await
    }

    async fn send(&self, question: &Question, ask: Ask<'_>) -> Result<Reply, Failure> {
        let requested_at = self.clock.wall();
        let ask = Ask {
            // What is held back on purpose is not late.
            is_hedged: !is_blocking_reload(question.uri.query()),
            ..ask
        };
        let answered = self.tiers.send(&question.route.tiers, ask).await;
        let answered = answered.map_err(|failed| {
            debug!(uri = %question.uri, %failed, "no origin has answered");
            Failure::of_all(&failed)
        })?;
        Ok(Reply {
            response: answered.response,
            endpoint: answered.endpoint,
            requested_at,
            received_at: self.clock.wall(),
        })
    }
}

/// The request for `question` with these fields of the client's, as an origin is asked: only the
/// parameters that count are passed on.
pub(super) fn outgoing(
    question: &Question,
    method: Method,
    mut headers: HeaderMap,
) -> Request<Outgoing> {
    if matches!(method, Method::GET | Method::HEAD) {
        for name in &UNKEYED {
            headers.remove(name);
        }
    }
    let mut request = Request::new(Outgoing::Empty);
    *request.method_mut() = method;
    *request.uri_mut() = question
        .key
        .path_and_query()
        .parse()
        .unwrap_or(Uri::from_static("/"));
    // The exchange leaves out what ends with the connection.
    *request.headers_mut() = headers;
    request
}
