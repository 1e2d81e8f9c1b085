//! Whether a stored response answers a request.
//!
//! Source: RFC 9111 §4, §4.2.4, §5.2.1; RFC 5861.

use std::time::Duration;

use http::HeaderMap;
use weir_hal::Wall;

use super::{Asked, Policy, Stored};

/// How a stored response may be used for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// As it is, and for so long.
    Fresh {
        /// What is left of its lifetime.
        ttl: Duration,
    },
    /// As it is, though it is stale: the request takes it so (max-stale).
    Accepted {
        /// For how long it has been stale.
        since: Duration,
    },
    /// It is to be validated first, or at least soon.
    Stale {
        /// For how long it has been stale; zero if it is fresh but must be validated.
        since: Duration,
        /// It may be used at once, while it is validated.
        while_revalidating: bool,
        /// It may be used if the origin fails or cannot be reached.
        if_error: bool,
        /// It must not be used without validation, whatever happens: without an origin, the
        /// answer is 504.
        must_revalidate: bool,
        /// Why.
        reason: StaleReason,
    },
    /// It was selected by other request fields (Vary).
    OtherVariant,
    /// It is a part that does not hold all that is asked for.
    OtherRange,
    /// It cannot be used.
    Refused(Refusal),
}

/// Why a stored response is to be validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StaleReason {
    /// Its lifetime is over, or it has none.
    Expired,
    /// It said no-cache.
    NoCache,
    /// The request asks for a fresher one (no-cache, max-age, min-fresh).
    Request,
}

/// Why a stored response cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The method is not GET or HEAD: forward it.
    Method,
    /// It would have to be validated, but the request is only for what is cached: answer 504.
    OnlyIfCached,
}

/// What a request says of caching (RFC 9111 §5.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// The oldest answer that is wanted.
    pub max_age: Option<Duration>,
    /// For how long the answer is to stay fresh.
    pub min_fresh: Option<Duration>,
    /// For how long the answer may have been stale.
    pub max_stale: Option<Duration>,
    /// Nothing is to be used without validation.
    pub is_no_cache: bool,
    /// Nothing of it is to be stored.
    pub is_no_store: bool,
    /// Without a stored answer the answer is 504.
    pub is_only_if_cached: bool,
}

impl Wishes {
    /// Reads Cache-Control, or Pragma where there is none.
    pub fn of(headers: &HeaderMap) -> Self {
        let _ = headers;
        todo!()
    }
}

/// Decides how `stored` may be used for `asked`, both of one cache key.
pub fn reuse(policy: &Policy, asked: Asked<'_>, stored: &Stored, now: Wall) -> Reuse {
    let _ = (policy, asked, stored, now);
    todo!()
}
