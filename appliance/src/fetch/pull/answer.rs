//! What the client is told.
//!
//! Source: RFC 9110 §15 (status), §10.2.3 (Retry-After); RFC 9211 (Cache-Status); RFC 9111 §5.1
//! (Age), §5.2.1.7 (only-if-cached).

use std::borrow::Cow;

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
};
use weir_cache::rules::{self, CacheStatus, Forward};

use super::{Core, failure::Failure, fill::Arrival, question::Question, shelf::Found};
use crate::serve::{Body, reply};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// How an answer came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    fwd: Option<Forward>,
    fwd_status: Option<StatusCode>,
    ttl: Option<i64>,
    is_stored: bool,
    is_collapsed: bool,
    /// The bytes come from here, whoever was asked about them.
    is_from_here: bool,
    detail: Option<Cow<'static, str>>,
}

impl Told {
    const NOTHING: Self = Self {
        fwd: None,
        fwd_status: None,
        ttl: None,
        is_stored: false,
        is_collapsed: false,
        is_from_here: false,
        detail: None,
    };

    /// From the store alone, with so many seconds of its lifetime left.
    pub(super) const fn hit(ttl: i64) -> Self {
        Self {
            ttl: Some(ttl),
            is_from_here: true,
            ..Self::NOTHING
        }
    }

    /// From the store, because no origin had a better answer.
    pub(super) const fn hit_on_error(reason: &'static str) -> Self {
        Self {
            detail: Some(Cow::Borrowed(reason)),
            is_from_here: true,
            ..Self::NOTHING
        }
    }

    /// From an origin, which answered with `status`.
    pub(super) const fn forwarded(fwd: Forward, status: StatusCode) -> Self {
        Self {
            fwd: Some(fwd),
            fwd_status: Some(status),
            ..Self::NOTHING
        }
    }

    /// The answer is stored: by this request, or since long.
    pub(super) fn stored(self, arrival: &Arrival) -> Self {
        let is_confirmed = arrival.fwd_status == StatusCode::NOT_MODIFIED;
        Self {
            is_stored: !is_confirmed,
            is_from_here: is_confirmed,
            ..self
        }
    }

    /// The answer is to another request too.
    pub(super) fn collapsed(self) -> Self {
        Self {
            is_collapsed: true,
            ..self
        }
    }

    /// Why the answer is not stored.
    pub(super) fn because(self, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: Some(reason.into()),
            ..self
        }
    }
}

/// The names of this box in answers.
#[derive(Debug)]
pub(super) struct Names {
    node: String,
    hit: HeaderValue,
    miss: HeaderValue,
}

impl Names {
    /// Of the node called `node`. What cannot stand in a field becomes `?`.
    pub(super) fn new(node: &str) -> Self {
        let is_fit = |letter: &char| matches!(letter, ' '..='~');
        let fitting = node
            .chars()
            .map(|letter| Some(letter).filter(is_fit).unwrap_or('?'));
        let node: String = fitting.collect();
        Self {
            hit: reply::visible(format!("HIT from {node}")),
            miss: reply::visible(format!("MISS from {node}")),
            node,
        }
    }

    /// Says in `headers` how the answer came about. What caches behind this one said stays, before
    /// it (RFC 9211 §2).
    pub(super) fn stamp(&self, headers: &mut HeaderMap, told: &Told) {
        let status = CacheStatus {
            node: &self.node,
            is_hit: told.fwd.is_none(),
            fwd: told.fwd,
            fwd_status: told.fwd_status.map(|status| status.as_u16()),
            ttl: told.ttl,
            is_stored: told.is_stored,
            is_collapsed: told.is_collapsed,
            key: None,
            detail: told.detail.as_deref(),
        };
        if let Ok(value) = HeaderValue::try_from(status.to_string()) {
            headers.append(CACHE_STATUS, value);
        }
        let x_cache = if told.is_from_here {
            &self.hit
        } else {
            &self.miss
        };
        headers.insert(X_CACHE, x_cache.clone());
    }

    /// No origin had an answer.
    pub(super) fn failed(&self, failure: &Failure, fwd: Forward) -> Response<Body> {
        let mut response = reply::text(failure.status, failure.line());
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, failure.retry_after.clone());
        let told = Told {
            fwd: Some(fwd),
            detail: Some(Cow::Borrowed(failure.reason)),
            ..Told::NOTHING
        };
        self.stamp(headers, &told);
        response
    }

    /// It is not here, and the client does not want it from elsewhere.
    pub(super) fn only_if_cached(&self) -> Response<Body> {
        let line = "it is not in the cache, and was asked for from there alone";
        let mut response = reply::text(StatusCode::GATEWAY_TIMEOUT, line);
        let told = Told::NOTHING.because("only-if-cached");
        self.stamp(response.headers_mut(), &told);
        response
    }
}

impl Core {
    /// Answers with what is stored, as far as the conditions and the range of the client ask.
    pub(super) fn answer(&self, question: &Question, found: &Found, told: Told) -> Response<Body> {
        let mut headers = if told.fwd.is_some() {
            // It is as the origin just gave or confirmed it.
            found.head.headers().clone()
        } else {
            rules::response_headers(&found.head, self.clock.wall())
        };
        self.names.stamp(&mut headers, &told);
        let bytes = found.object.bytes().or(found.head.length());
        let mut response = Response::new(Body::stored(&found.object, 0..u64::MAX, bytes));
        *response.status_mut() = found.head.status();
        *response.headers_mut() = headers;
        response
    }
}

/// The request names nothing.
pub(super) fn malformed() -> Response<Body> {
    reply::text(StatusCode::BAD_REQUEST, "the request names no resource")
}
