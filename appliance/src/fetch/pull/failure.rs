//! No answer from any origin.

use std::{error::Error, iter::successors};

use hyper::{
    Response, StatusCode,
    header::{HeaderValue, RETRY_AFTER},
};

use crate::{fetch::tiers::AllFailed, serve::UploadError};

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
    /// Something stale may take the place of an answer.
    pub(super) is_origins_fault: bool,
}

impl Failure {
    /// The answer is `status`, for the reason that is told by a token.
    pub(super) fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            retry_after: HeaderValue::from(RETRY_AFTER_S),
            reason,
            is_origins_fault: true,
        }
    }

    /// Nobody answered.
    pub(super) fn of_all(failed: &AllFailed) -> Self {
        if let Some(failure) = Self::of_upload(failed) {
            return failure;
        }
        Self {
            retry_after: HeaderValue::from(failed.retry_after.as_secs().max(1)),
            is_origins_fault: failed.is_origins_fault(),
            ..Self::new(failed.status(), failed.reason.as_str())
        }
    }

    /// The body of the request was too long, or did not come in time.
    fn of_upload(failed: &AllFailed) -> Option<Self> {
        let error: &(dyn Error + 'static) = failed;
        let mut sources = successors(Some(error), |&error| error.source());
        let upload = sources.find_map(|error| error.downcast_ref::<UploadError>())?;
        let status = match upload {
            UploadError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            UploadError::TimedOut => StatusCode::REQUEST_TIMEOUT,
            UploadError::Broken(_) => StatusCode::BAD_REQUEST,
        };
        Some(Self {
            is_origins_fault: false,
            ..Self::new(status, "upload")
        })
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
            StatusCode::SERVICE_UNAVAILABLE => "too much is asked at this moment",
            StatusCode::LOOP_DETECTED => "the request has been here before",
            StatusCode::NOT_IMPLEMENTED => "no origin can be asked this",
            StatusCode::PAYLOAD_TOO_LARGE => "the body is too long",
            StatusCode::REQUEST_TIMEOUT => "the body of the request did not come in time",
            StatusCode::BAD_REQUEST => "the body of the request broke off",
            _ => "no origin gave an answer",
        }
    }

    /// Whether a stale response may stand in for it (RFC 5861 §4).
    pub(super) fn is_error(status: StatusCode) -> bool {
        matches!(status.as_u16(), 500 | 502 | 503 | 504)
    }
}
