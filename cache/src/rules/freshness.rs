//! How long a stored response is fresh, and how old it is.
//!
//! Source: RFC 9111 §4.2; RFC 9110 §15.1 (statuses cacheable by default).
//!
//! Refuses: to give a lifetime of the cache's own, or any use when stale, to a response that sets a
//! cookie and says neither that it is public nor for how long it is fresh.

use std::time::Duration;

use http::{
    HeaderMap, StatusCode,
    header::{AGE, DATE, EXPIRES, LAST_MODIFIED, SET_COOKIE},
};
use weir_hal::Wall;

use super::{
    Policy, Stored,
    date::{parse_s, seconds},
    directives::{Directives, Marks},
    fields::{delta_seconds, members},
    vary::vary,
};

/// No response is taken for fresh for longer than this by its Last-Modified alone.
const HEURISTIC_MAX: Duration = Duration::from_hours(24);
/// Which part of the time since its last change a response is fresh for, if it does not say.
const HEURISTIC_DIVISOR: u64 = 10;

/// The current age of a stored response (RFC 9111 §4.2.3).
pub fn age(stored: &Stored, now: Wall) -> Duration {
    stored.facts().age_at_receipt + now.since(stored.received_at())
}

/// For how long after its birth a stored response is fresh (RFC 9111 §4.2.1); `None` if neither
/// it nor the policy says.
pub fn lifetime(policy: &Policy, stored: &Stored) -> Option<Duration> {
    let facts = stored.facts();
    let own = facts
        .lifetime_s
        .map(|seconds| Duration::from_secs(seconds.into()));
    let lifetime = own.or_else(|| granted(policy, stored.status(), facts))?;
    Some(policy.ttl_max.map_or(lifetime, |max| lifetime.min(max)))
}

/// The lifetime that the policy gives to a response that says nothing.
fn granted(policy: &Policy, status: StatusCode, facts: &Facts) -> Option<Duration> {
    facts.marks.has(Marks::HEURISTIC).then_some(())?;
    let ttl = if is_missing(status) {
        policy.ttl_missing
    } else {
        policy.ttl_default
    };
    ttl.or_else(|| policy.is_heuristic.then(|| facts.heuristic()).flatten())
}

/// What the fields of a response say of its reuse, read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts {
    pub(super) marks: Marks,
    /// Its own lifetime in seconds; 0 if it is invalid.
    pub(super) lifetime_s: Option<u32>,
    pub(super) stale_while_revalidate_s: Option<u32>,
    pub(super) stale_if_error_s: Option<u32>,
    /// How old it was when it came.
    pub(super) age_at_receipt: Duration,
    /// When it was made, in seconds since 1970.
    pub(super) date_s: u64,
    /// When the representation was last changed, if that is known.
    pub(super) modified_s: Option<u64>,
}

impl Facts {
    /// Whether the policy may add something to what the response says: it is for all, or says
    /// itself for how long it may be shared.
    pub(super) const fn may_be_granted(&self) -> bool {
        self.marks.has(Marks::HEURISTIC) || self.lifetime_s.is_some()
    }

    /// Reads the fields of a response, requested and received at these times.
    pub(super) fn of(
        status: StatusCode,
        headers: &HeaderMap,
        requested_at: Wall,
        received_at: Wall,
    ) -> (Self, Directives) {
        let directives = Directives::of(headers);
        let received_s = seconds(received_at);
        let date_s = date_s(headers, received_s).unwrap_or(received_s);
        let mut marks = directives.marks;
        if is_for_all(status, headers, marks) {
            marks.add(Marks::HEURISTIC);
        }
        if vary(headers).is_none() {
            marks.add(Marks::VARY_ANY);
        }
        let facts = Self {
            marks,
            lifetime_s: explicit_lifetime_s(&directives, headers, date_s, received_s),
            stale_while_revalidate_s: directives.stale_while_revalidate,
            stale_if_error_s: directives.stale_if_error,
            age_at_receipt: age_at_receipt(headers, date_s, requested_at, received_at),
            date_s,
            modified_s: headers
                .get(LAST_MODIFIED)
                .and_then(|value| parse_s(value.as_bytes(), received_s)),
        };
        (facts, directives)
    }

    /// A tenth of the time since the last change (RFC 9111 §4.2.2).
    fn heuristic(&self) -> Option<Duration> {
        let unchanged_s = self.date_s.checked_sub(self.modified_s?)?;
        Some(Duration::from_secs(unchanged_s / HEURISTIC_DIVISOR).min(HEURISTIC_MAX))
    }
}

/// The date of a response, if it has one that can be read.
pub(super) fn date_s(headers: &HeaderMap, received_s: u64) -> Option<u64> {
    parse_s(headers.get(DATE)?.as_bytes(), received_s)
}

/// Whether a response says of itself how long it is fresh.
pub(super) fn is_lifetime_explicit(directives: &Directives, headers: &HeaderMap) -> bool {
    directives.lifetime_s().is_some()
        || !directives.marks.has(Marks::TARGETED) && headers.contains_key(EXPIRES)
}

/// Whether a response may be given a lifetime of the cache's own: one that is for all.
pub(super) fn is_for_all(status: StatusCode, headers: &HeaderMap, marks: Marks) -> bool {
    let is_usual = is_cacheable_by_default(status) && !headers.contains_key(SET_COOKIE);
    is_usual || marks.has(Marks::PUBLIC)
}

/// Whether the policy may give a lifetime to this status (RFC 9110 §15.1).
pub(super) fn is_cacheable_by_default(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308) || is_missing(status)
}

/// Whether it is the answer to a request for what is not there.
fn is_missing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 405 | 410 | 414 | 501)
}

/// The lifetime that a response gives itself, in seconds (RFC 9111 §4.2.1).
fn explicit_lifetime_s(
    directives: &Directives,
    headers: &HeaderMap,
    date_s: u64,
    received_s: u64,
) -> Option<u32> {
    if !is_lifetime_explicit(directives, headers) {
        return None;
    }
    directives.lifetime_s().or_else(|| {
        let expires = headers.get_all(EXPIRES).iter();
        // One that cannot be read means that it is stale (RFC 9111 §5.3).
        let expires_s = expires
            .map(|line| parse_s(line.as_bytes(), received_s).unwrap_or(0))
            .min()?;
        Some(u32::try_from(expires_s.saturating_sub(date_s)).unwrap_or(u32::MAX))
    })
}

/// How old a response was when it came (RFC 9111 §4.2.3).
fn age_at_receipt(
    headers: &HeaderMap,
    date_s: u64,
    requested_at: Wall,
    received_at: Wall,
) -> Duration {
    // Of several the first counts, and what is none does not (RFC 9111 §5.1).
    let age_s = members(headers, &AGE)
        .next()
        .and_then(delta_seconds)
        .unwrap_or(0);
    let apparent_s = seconds(received_at).saturating_sub(date_s);
    let delay = received_at.since(requested_at);
    Duration::from_secs(apparent_s).max(Duration::from_secs(age_s.into()) + delay)
}
