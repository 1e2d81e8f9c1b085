//! Whether a response may be stored.
//!
//! Source: RFC 9111 §3, §3.5.

use std::fmt::{self, Display};

use http::{HeaderMap, StatusCode};

use super::{Asked, Policy};

/// Whether a response may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storing {
    /// It may.
    Yes,
    /// It must not, or would never be used.
    No(NotStored),
}

/// Why a response is not stored. Displayed as a token, for Cache-Status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotStored {
    /// The method of the request is not understood to be cacheable.
    Method,
    /// The status is not final, not understood, or not to be used again.
    Status,
    /// The request said no-store.
    RequestNoStore,
    /// The response said no-store.
    NoStore,
    /// The response said private.
    Private,
    /// The request had Authorization, and the response does not say that it may be shared.
    Authorization,
    /// The response varies by more than a request says.
    VaryAny,
    /// It is not fresh, and could not be validated.
    NoLifetime,
    /// It is a part that cannot be told from parts of other representations.
    Part,
    /// The policy says never.
    Policy,
}

impl Display for NotStored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::VaryAny => "vary-any",
            Self::NoLifetime => "no-lifetime",
            Self::Part => "part",
            Self::Policy => "policy",
        })
    }
}

/// Decides whether the response of `status` and `headers` to `asked` may be stored.
pub fn storing(
    policy: &Policy,
    asked: Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Storing {
    let _ = (policy, asked, status, headers);
    todo!()
}
