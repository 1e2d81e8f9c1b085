//! What an origin is asked, out of what a client asked.
//!
//! Source: RFC 9110 §7.6 (message forwarding), §13 (conditional requests), §14.2 (Range).

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE},
};
use weir_cache::rules::forwarded_request_headers;
use weir_hal::Wall;

use super::{Core, failure::Failure, question::Question};
use crate::fetch::exchange::{Download, Outgoing};

/// What came back, and when.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) response: Response<Download>,
    pub(super) requested_at: Wall,
    pub(super) received_at: Wall,
}

impl Core {
    /// Asks the origins of the question's route.
    pub(super) async fn ask(
        &self,
        question: &Question,
        request: Request<Outgoing>,
    ) -> Result<Reply, Failure> {
        let requested_at = self.clock.wall();
        let endpoint = self
            .tiers
            .endpoint(&question.route.origins)
            .ok_or_else(|| Failure::new(StatusCode::BAD_GATEWAY, "no-origin"))?;
        let sent = self.tiers.client.send(&endpoint, request, None).await;
        let response = sent.map_err(|error| {
            let status = if error.kind().is_timeout() {
                StatusCode::GATEWAY_TIMEOUT
            } else {
                StatusCode::BAD_GATEWAY
            };
            Failure::new(status, error.kind().as_str())
        })?;
        Ok(Reply {
            response,
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
    headers: &HeaderMap,
) -> Request<Outgoing> {
    let mut request = Request::new(Outgoing::Empty);
    *request.method_mut() = method;
    *request.uri_mut() = question
        .key
        .path_and_query()
        .parse()
        .unwrap_or(Uri::from_static("/"));
    *request.headers_mut() = forwarded_request_headers(headers);
    request
}

/// Takes out what asks for less than the whole: that is for the cache to answer.
pub(super) fn strip_conditions(headers: &mut HeaderMap) {
    for name in [
        IF_MATCH,
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_UNMODIFIED_SINCE,
        IF_RANGE,
        RANGE,
    ] {
        headers.remove(name);
    }
}
