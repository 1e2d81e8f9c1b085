//! Whether a stored response answers a request.
//!
//! Source: RFC 9111 §4, §4.2.4, §5.2; RFC 5861; RFC 8246 §2.1 (immutable).
//!
//! A hit costs a few look-ups in the fields of the request, and sums: what the response said was
//! read when it was stored.

use std::time::Duration;

use http::Method;
use weir_hal::Wall;

use super::{
    Asked, Policy, Stored, Wishes,
    directives::Marks,
    freshness::{Facts, age, lifetime},
    partial::is_enough,
};

/// How much later than now a response may have come: whoever asks may have waited for the disk
/// since then.
const AHEAD_MAX: Duration = Duration::from_secs(10);

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
        /// The origin insists on validation: if it cannot be reached and `if_error` is not set,
        /// the answer is 504.
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

/// Decides how `stored` may be used for `asked`, both of one cache key.
pub fn reuse(policy: &Policy, asked: Asked<'_>, stored: &Stored, now: Wall) -> Reuse {
    if !matches!(*asked.method, Method::GET | Method::HEAD) {
        return Reuse::Refused(Refusal::Method);
    }
    if !stored.is_selected_by(asked.headers) {
        return Reuse::OtherVariant;
    }
    if !is_enough(asked, stored) {
        return Reuse::OtherRange;
    }
    let facts = stored.facts();
    let wishes = Wishes::of(asked.headers);
    let age = age(stored, now);
    let lifetime = lifetime(policy, stored).unwrap_or_default();
    // The clock was put back: for how long it has been here nobody knows.
    let is_ageless = stored.received_at().since(now) > AHEAD_MAX;
    let ttl = if is_ageless {
        Duration::ZERO
    } else {
        lifetime.saturating_sub(age)
    };
    let reason = if facts.marks.has(Marks::NO_CACHE) {
        StaleReason::NoCache
    } else if ttl.is_zero() {
        StaleReason::Expired
    } else if wants_fresher(&wishes, facts, age, ttl) {
        StaleReason::Request
    } else {
        return Reuse::Fresh { ttl };
    };
    let since = age.saturating_sub(lifetime);
    let windows = Windows::of(policy, facts, &wishes);
    let is_taken = reason == StaleReason::Expired && takes_stale(&wishes, age);
    if is_taken && since < windows.max_stale {
        return Reuse::Accepted { since };
    }
    let while_revalidating = is_taken && since < windows.while_revalidating;
    if wishes.is_only_if_cached && !while_revalidating {
        return Reuse::Refused(Refusal::OnlyIfCached);
    }
    let if_error = match reason {
        StaleReason::Expired => since < windows.if_error,
        StaleReason::NoCache => false,
        // It is fresh: better than an error, though the request would like it validated.
        StaleReason::Request => true,
    };
    Reuse::Stale {
        since,
        while_revalidating,
        if_error,
        must_revalidate: facts.marks.has(Marks::STRICT.with(Marks::S_MAXAGE)),
        reason,
    }
}

/// Whether a request wants a response other than this fresh one (RFC 9111 §5.2.1).
fn wants_fresher(wishes: &Wishes, facts: &Facts, age: Duration, ttl: Duration) -> bool {
    if wishes.is_no_cache {
        return true;
    }
    // What is immutable needs no validation for a mere reload (RFC 8246 §2.1).
    let is_too_old = wishes
        .max_age
        .is_some_and(|max_age| age > max_age || max_age.is_zero());
    is_too_old && !facts.marks.has(Marks::IMMUTABLE)
        || wishes.min_fresh.is_some_and(|min_fresh| ttl < min_fresh)
}

/// Whether a request may be answered from a stale response of this age at all.
fn takes_stale(wishes: &Wishes, age: Duration) -> bool {
    !wishes.is_no_cache
        && wishes.min_fresh.is_none()
        && wishes
            .max_age
            .is_none_or(|max_age| age <= max_age && !max_age.is_zero())
}

/// For how long a stale response may be used, and when.
struct Windows {
    while_revalidating: Duration,
    if_error: Duration,
    max_stale: Duration,
}

impl Windows {
    /// What the response, the request and the policy allow (RFC 9111 §4.2.4).
    ///
    /// s-maxage forbids as proxy-revalidate does, but by implication only: where the response
    /// itself has a stale directive beside it, that counts.
    fn of(policy: &Policy, facts: &Facts, wishes: &Wishes) -> Self {
        if facts.marks.has(Marks::STRICT) {
            return Self {
                while_revalidating: Duration::ZERO,
                if_error: Duration::ZERO,
                max_stale: Duration::ZERO,
            };
        }
        let is_implied = facts.marks.has(Marks::S_MAXAGE);
        let window = |own_s: Option<u32>, granted: Duration| match own_s {
            Some(own_s) => Duration::from_secs(own_s.into()),
            None if is_implied || !facts.may_be_granted() => Duration::ZERO,
            None => granted,
        };
        let allowed = |wish: Option<Duration>| wish.filter(|_| !is_implied).unwrap_or_default();
        let if_error = window(facts.stale_if_error_s, policy.stale_if_error);
        Self {
            while_revalidating: window(
                facts.stale_while_revalidate_s,
                policy.stale_while_revalidate,
            ),
            if_error: if_error.max(allowed(wishes.stale_if_error)),
            max_stale: allowed(wishes.max_stale),
        }
    }
}
