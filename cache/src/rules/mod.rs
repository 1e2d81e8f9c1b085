//! The rules of a shared HTTP cache: what may be stored, for how long it is fresh, for which
//! request it may be used, and what has to be asked anew.
//!
//! Source: RFC 9111 (HTTP Caching), RFC 9213 (CDN-Cache-Control), RFC 5861 (stale-while-revalidate,
//! stale-if-error), RFC 8246 (immutable), RFC 9211 (Cache-Status), RFC 9110 §7.6.1 (hop-by-hop
//! fields), RFC 3986 §6.2.2 (names).
//!
//! Refuses: to do anything. There is no I/O and no clock here: time is an argument, and the same
//! arguments give the same answer. Where the RFC leaves a choice, the answer is the one that is
//! never wrong, and a [`Policy`] may say otherwise.

mod cache_status;
mod codec;
mod date;
mod directives;
mod fields;
mod freshness;
mod invalidation;
mod key;
mod partial;
mod reference;
mod reuse;
mod stored;
mod storing;
mod structured;
mod validation;
mod vary;

use std::time::Duration;

use http::{HeaderMap, Method, Uri};

pub use cache_status::{CacheStatus, Forward};
pub use date::{http_date, parse_http_date};
pub use directives::Wishes;
pub use fields::end_to_end;
pub use freshness::{age, lifetime};
pub use invalidation::invalidated;
pub use key::{CacheKey, KeyRules, QueryRule};
pub use partial::{ContentRange, combinable};
pub use reference::{has_plain_port, is_same_origin, resolve};
pub use reuse::{Refusal, Reuse, StaleReason, reuse};
pub use stored::{Stored, response_headers};
pub use storing::{NotStored, Storing, storing};
pub use validation::{HeadUpdate, conditional, freshened, head_update, strip_conditions};
pub use vary::{preferred_language, variant_key};

/// What a route and a class of content add to the RFC. The default adds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Lifetime of a response that says nothing of its own, if its status is cacheable by default
    /// (200, 203, 204, 206, 300, 301, 308) and it sets no cookie, or if it says public.
    pub ttl_default: Option<Duration>,
    /// The same for 404, 405, 410, 414 and 501.
    pub ttl_missing: Option<Duration>,
    /// No response is fresh for longer than this.
    pub ttl_max: Option<Duration>,
    /// Whether such a response is fresh for a tenth of the time since its Last-Modified, at most a
    /// day, if neither of both says better (RFC 9111 §4.2.2).
    pub is_heuristic: bool,
    /// For how long a stale response may be used while it is revalidated, where it says nothing.
    pub stale_while_revalidate: Duration,
    /// For how long a stale response may be used if the origin fails, where it says nothing.
    pub stale_if_error: Duration,
    /// Never store: licenses and keys.
    pub is_never_stored: bool,
}

/// A request, as far as the rules look at it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target URI, with scheme and authority.
    pub uri: &'a Uri,
    /// All fields, as they came.
    pub headers: &'a HeaderMap,
}

#[cfg(test)]
mod tests;
