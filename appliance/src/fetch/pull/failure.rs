//! No answer from any origin.

use hyper::{
    Response, StatusCode,
    header::{HeaderValue, RETRY_AFTER},
};

/// When a client may ask again, where the origin does not say.
const RETRY_AFTER_S: u64 = 5;

/// Why there is no answer, and what the client is told instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// 502, 503 or 504, or the error that an origin gave.
    pub(super) status: StatusCode,
    pub(super) retry_after: HeaderValue,
    /// For Cache-Status: a token.
    pub(super) reason: &'static str,
}

impl Failure {
    /// The answer is `status`, for the reason that is told by a token.
    pub(super) fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            retry_after: HeaderValue::from(RETRY_AFTER_S),
            reason,
        }
    }

    /// An origin answered with an error.
    pub(super) fn of_response<B>(response: &Response<B>) -> Self {
        let told = response.headers().get(RETRY_AFTER);
        Self {
            retry_after: told.cloned().unwrap_or(HeaderValue::from(RETRY_AFTER_S)),
            ..Self::new(response.status(), "origin-error")
        }
    }

    /// One sentence for a person.
    pub(super) fn line(&self) -> &'static str {
        match self.status {
            StatusCode::GATEWAY_TIMEOUT => "no origin answered in time",
            StatusCode::SERVICE_UNAVAILABLE => "the origins are asked as much as they may be",
            _ => "no origin gave an answer",
        }
    }

    /// Whether a stale response may stand in for it (RFC 5861 §4).
    pub(super) fn is_error(status: StatusCode) -> bool {
        matches!(status.as_u16(), 500 | 502 | 503 | 504)
    }
}
