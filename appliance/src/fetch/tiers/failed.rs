//! That nobody has answered, why, and what a client is told.

use std::time::Duration;

use hyper::StatusCode;

use crate::fetch::exchange::{ExchangeError, FailureKind};

/// When a client may ask again if nobody knows better.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The route has no origin.
    NoOrigin,
    /// All URLs have failed of late, and are not asked for a while.
    Unavailable,
    /// The request has been here before.
    Loop,
    /// The request cannot be sent to an origin.
    Unsendable,
    /// The client broke off while it sent the request.
    Upload,
    /// No origin was reached, or what it said was no answer.
    Failed,
    /// No origin answered in time.
    TimedOut,
}

impl Reason {
    /// A stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoOrigin => "no-origin",
            Self::Unavailable => "origins-unavailable",
            Self::Loop => "loop",
            Self::Unsendable => "unsendable",
            Self::Upload => "upload",
            Self::Failed => "origins-failed",
            Self::TimedOut => "origins-timed-out",
        }
    }
}

/// Nobody has answered.
#[derive(Debug, thiserror::Error)]
#[error("no origin has answered ({}, {attempts} asked)", reason.as_str())]
pub struct AllFailed {
    /// Why.
    pub reason: Reason,
    /// Requests that were sent.
    pub attempts: u32,
    /// When an origin may be asked again.
    pub retry_after: Duration,
    /// The failure of the last that was asked.
    #[source]
    pub source: Option<ExchangeError>,
}

impl AllFailed {
    /// Nobody was asked.
    pub(super) fn unasked(reason: Reason, retry_after: Option<Duration>) -> Self {
        Self {
            reason,
            attempts: 0,
            retry_after: retry_after.unwrap_or_default().max(RETRY_AFTER),
            source: None,
        }
    }

    /// All that were asked have failed, `error` being the last.
    pub(super) fn asked(error: ExchangeError, attempts: u32) -> Self {
        let reason = match error.kind() {
            FailureKind::Refused if matches!(error, ExchangeError::Loop(_)) => Reason::Loop,
            FailureKind::Refused => Reason::Unsendable,
            FailureKind::Upload => Reason::Upload,
            kind if kind.is_timeout() => Reason::TimedOut,
            FailureKind::Resolve
            | FailureKind::Connect
            | FailureKind::ConnectTimeout
            | FailureKind::Busy
            | FailureKind::Tls
            | FailureKind::Closed
            | FailureKind::FirstByteTimeout
            | FailureKind::Malformed
            | FailureKind::Stall
            | FailureKind::Broken => Reason::Failed,
        };
        Self {
            reason,
            attempts,
            retry_after: RETRY_AFTER,
            source: Some(error),
        }
    }

    /// What a client is told.
    pub const fn status(&self) -> StatusCode {
        match self.reason {
            Reason::NoOrigin | Reason::Unavailable | Reason::Failed => StatusCode::BAD_GATEWAY,
            Reason::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Reason::Loop => StatusCode::LOOP_DETECTED,
            Reason::Unsendable => StatusCode::NOT_IMPLEMENTED,
            Reason::Upload => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether the origins are to blame, so that stale content may take the place of an answer.
    pub const fn is_origins_fault(&self) -> bool {
        matches!(
            self.reason,
            Reason::Unavailable | Reason::Failed | Reason::TimedOut
        )
    }
}
