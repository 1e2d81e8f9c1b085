//! What an origin is asked, out of what a client asked.
//!
//! Source: RFC 9110 §7.6 (message forwarding), §13 (conditional requests), §14.2 (Range).

use hyper::{
    HeaderMap, Request, Response, Uri,
    header::{
        HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
        RANGE, VIA,
    },
};
use weir_cache::rules::forwarded_request_headers;
use weir_hal::Wall;

use super::{Core, failure::Failure, question::Question};
use crate::fetch::{Download, Outgoing};

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
        todo!()
    }
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
