//! Whether a response may be stored.
//!
//! Source: RFC 9111 §3, §3.3, §3.5, §5.2.2; RFC 9110 §9.3.3 (POST), §15 (statuses).
//!
//! Refuses: what it may not keep, and also what it could never use again.

use std::fmt::{self, Display};

use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_LOCATION, ETAG, LAST_MODIFIED},
};

use super::{
    Asked, CacheKey, ContentRange, KeyRules, Policy, Wishes,
    directives::{Directives, Marks},
    freshness::{is_cacheable_by_default, is_for_all, is_lifetime_explicit},
    reference::resolve,
    vary::vary,
};

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
    /// The request had Authorization, and the response does not say that it may be shared.
    Authorization,
    /// The method of the request is not understood to be cacheable.
    Method,
    /// It is not fresh, cannot be validated, and must not be used stale.
    NoLifetime,
    /// The response said no-store.
    NoStore,
    /// It is a part whose place is not certain.
    Part,
    /// The policy says never.
    Policy,
    /// The response said private.
    Private,
    /// The request said no-store.
    RequestNoStore,
    /// The status is not final, is about the request alone, or is not understood where it must be.
    Status,
    /// The response varies by more than a request says.
    VaryAny,
}

impl NotStored {
    /// The token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Method => "method",
            Self::NoLifetime => "no-lifetime",
            Self::NoStore => "no-store",
            Self::Part => "part",
            Self::Policy => "policy",
            Self::Private => "private",
            Self::RequestNoStore => "request-no-store",
            Self::Status => "status",
            Self::VaryAny => "vary-any",
        }
    }
}

impl Display for NotStored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Decides whether the response of `status` and `headers`, as it came, to `asked` may be stored.
///
/// A stored response that a 304 has changed is to be asked about again: the 304 may say no-store.
pub fn storing(
    policy: &Policy,
    asked: Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Storing {
    let directives = Directives::of(headers);
    let refusal = refused_by_request(policy, asked)
        .or_else(|| refused_by_status(status, headers, directives.marks))
        .or_else(|| refused_by_response(asked, headers, &directives))
        .or_else(|| refused_as_useless(policy, status, headers, &directives))
        .or_else(|| refused_as_post(asked, status, headers, &directives));
    refusal.map_or(Storing::Yes, Storing::No)
}

fn refused_by_request(policy: &Policy, asked: Asked<'_>) -> Option<NotStored> {
    if policy.is_never_stored {
        return Some(NotStored::Policy);
    }
    if !matches!(*asked.method, Method::GET | Method::POST) {
        return Some(NotStored::Method);
    }
    Wishes::of(asked.headers)
        .is_no_store
        .then_some(NotStored::RequestNoStore)
}

fn refused_by_status(status: StatusCode, headers: &HeaderMap, marks: Marks) -> Option<NotStored> {
    let must_understand = marks.has(Marks::MUST_UNDERSTAND);
    let is_refused = status.is_informational()
        || is_about_request(status)
        || must_understand && !is_understood(status);
    if is_refused {
        return Some(NotStored::Status);
    }
    let is_part = status == StatusCode::PARTIAL_CONTENT;
    (is_part && ContentRange::of(status, headers).is_none()).then_some(NotStored::Part)
}

fn refused_by_response(
    asked: Asked<'_>,
    headers: &HeaderMap,
    directives: &Directives,
) -> Option<NotStored> {
    let marks = directives.marks;
    // Who understands the status ignores no-store (RFC 9111 §5.2.2.3).
    if marks.has(Marks::NO_STORE) && !marks.has(Marks::MUST_UNDERSTAND) {
        return Some(NotStored::NoStore);
    }
    if marks.has(Marks::PRIVATE) {
        return Some(NotStored::Private);
    }
    let is_shared = marks.has(SHARED) || directives.s_maxage.is_some();
    if asked.headers.contains_key(AUTHORIZATION) && !is_shared {
        return Some(NotStored::Authorization);
    }
    vary(headers).is_none().then_some(NotStored::VaryAny)
}

/// What lets a response to a request with Authorization be shared, beside s-maxage (RFC 9111
/// §3.5).
const SHARED: Marks = Marks::PUBLIC.with(Marks::MUST_REVALIDATE);

fn refused_as_useless(
    policy: &Policy,
    status: StatusCode,
    headers: &HeaderMap,
    directives: &Directives,
) -> Option<NotStored> {
    let marks = directives.marks;
    let is_explicit = is_lifetime_explicit(directives, headers);
    let may_be_stored = is_explicit || marks.has(Marks::PUBLIC) || is_cacheable_by_default(status);
    if !may_be_stored {
        return Some(NotStored::NoLifetime);
    }
    let has_validator = matches!(status.as_u16(), 200 | 203 | 206)
        && (headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED));
    // What sets a cookie and says nothing more gets nothing from the policy.
    let is_for_all = is_for_all(status, headers, marks);
    let is_ever_fresh = !marks.has(Marks::NO_CACHE)
        && match directives.lifetime_s() {
            Some(lifetime_s) => lifetime_s > 0,
            None => is_explicit || is_for_all && is_granted(policy),
        };
    let windows = [directives.stale_if_error, directives.stale_while_revalidate];
    let granted = policy.stale_if_error + policy.stale_while_revalidate;
    let is_allowed = !granted.is_zero() && (is_explicit || is_for_all);
    let is_used_stale = !marks.has(Marks::STRICT)
        && (is_allowed || windows.iter().any(|window| window.is_some_and(|s| s > 0)));
    let is_of_use = has_validator || is_ever_fresh || is_used_stale;
    (!is_of_use).then_some(NotStored::NoLifetime)
}

/// Whether the policy may give a lifetime of its own.
const fn is_granted(policy: &Policy) -> bool {
    policy.ttl_default.is_some() || policy.ttl_missing.is_some() || policy.is_heuristic
}

/// A response to POST may answer a later GET only if it says how long it is fresh and that it is
/// what a GET would have brought (RFC 9110 §9.3.3).
fn refused_as_post(
    asked: Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    directives: &Directives,
) -> Option<NotStored> {
    if *asked.method != Method::POST {
        return None;
    }
    let is_own = headers
        .get(CONTENT_LOCATION)
        .is_some_and(|location| is_same_resource(asked.uri, location));
    let is_fit = status == StatusCode::OK && is_lifetime_explicit(directives, headers) && is_own;
    (!is_fit).then_some(NotStored::Method)
}

/// Whether a reference names the target itself.
fn is_same_resource(target: &Uri, reference: &HeaderValue) -> bool {
    let key = |uri: &Uri| CacheKey::new(uri, &KeyRules::default());
    let named = reference
        .to_str()
        .ok()
        .and_then(|reference| resolve(target, reference));
    named.is_some_and(|named| key(&named).is_some_and(|named| key(target) == Some(named)))
}

/// Whether the status is one whose meaning for caches this cache acts by: the final ones of
/// RFC 9110 §15, but 304.
const fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=206 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}

/// Whether the status says something of the request alone: another request for the same URI would
/// bring something else, so that whoever asks oddly could keep the resource from all others. Of
/// 428, 429, 431 and 511 RFC 6585 wants it, too.
const fn is_about_request(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        304 | 407 | 408 | 411..=413 | 415..=417 | 421 | 425 | 426 | 428 | 429 | 431 | 511
    )
}
