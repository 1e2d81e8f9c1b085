//! What the client is told.
//!
//! Source: RFC 9110 §15 (status), §10.2.3 (Retry-After); RFC 9211 (Cache-Status); RFC 9111 §5.1
//! (Age), §5.2.1.7 (only-if-cached).

use std::{borrow::Cow, ops::Range, sync::Arc};

use hyper::{HeaderMap, Method, Response, StatusCode, header::RETRY_AFTER};
use weir_cache::{
    Object,
    rules::{self, CacheStatus, Forward},
};

use super::{
    Core, failure::Failure, fill::Arrival, question::Question, shelf::Found, slices::Slices,
};
use crate::serve::{Body, Stamps, reply};

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
    /// The fields of the answer, if they are not those of what is stored.
    fields: Option<Arc<HeaderMap>>,
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
        fields: None,
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
            fields: arrival.fields.clone(),
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

/// How this box tells of itself in answers.
#[derive(Debug)]
pub(super) struct Names(Stamps);

impl Names {
    /// Of the node called `node`.
    pub(super) fn new(node: &str) -> Self {
        Self(Stamps::new(node))
    }

    /// Says in `headers` how the answer came about.
    pub(super) fn stamp(&self, headers: &mut HeaderMap, told: &Told) {
        let status = CacheStatus {
            is_hit: told.fwd.is_none(),
            fwd: told.fwd,
            fwd_status: told.fwd_status.map(|status| status.as_u16()),
            ttl: told.ttl,
            is_stored: told.is_stored,
            is_collapsed: told.is_collapsed,
            detail: told.detail.as_deref(),
            ..CacheStatus::default()
        };
        self.0.pulled(headers, status, told.is_from_here);
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
    pub(super) fn answer(
        self: &Arc<Self>,
        question: &Arc<Question>,
        found: &Found,
        told: &Told,
    ) -> Response<Body> {
        let mut headers = if told.fwd.is_some() {
            // It is as the origin just gave or confirmed it.
            let own = told.fields.as_deref();
            own.unwrap_or(found.head.headers()).clone()
        } else {
            rules::response_headers(&found.head, question.asked_at)
        };
        self.names.stamp(&mut headers, told);
        let source = Source::of(self, question, found);
        let status = found.head.status();
        if !has_conditions(&question.method, status) {
            let mut response = Response::new(source.whole());
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            return response;
        }
        let whole = reply::Whole {
            headers,
            role: reply::Role::Cache,
            modified_at: Some(found.head.modified_at()),
            bytes: source.length(),
            read: &|range| source.part(range),
        };
        let asked_at = question.asked_at;
        let mut response = reply::conditional(&question.method, &question.headers, whole, asked_at);
        match response.status() {
            StatusCode::OK => *response.status_mut() = status,
            StatusCode::RANGE_NOT_SATISFIABLE => self.names.stamp(response.headers_mut(), told),
            _ => {}
        }
        response
    }
}

/// Whether conditions and ranges are about such answers: those that a plain GET wants. Of another
/// method they are the origin's to judge.
fn has_conditions(method: &Method, status: StatusCode) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && matches!(status.as_u16(), 200 | 203 | 206)
}

/// Where the bytes of an answer are.
enum Source<'a> {
    /// All of them in one object, which may still grow.
    Object(&'a Object, Option<u64>),
    /// Some of them in one object, so far from the start.
    Part(&'a Object, u64, Option<u64>),
    Slices(Slices, u64),
}

impl<'a> Source<'a> {
    fn of(core: &Arc<Core>, question: &Arc<Question>, found: &'a Found) -> Self {
        let (object, length) = (&found.object, found.head.length());
        if let Some((slices, length)) = Slices::of(core, question, found).zip(length) {
            return Self::Slices(slices, length);
        }
        match found.head.part() {
            Some(part) => Self::Part(object, part.first, length),
            None => Self::Object(object, object.bytes().or(length)),
        }
    }

    /// Bytes of the whole representation, if that is known.
    fn length(&self) -> Option<u64> {
        match self {
            Self::Object(_, length) | Self::Part(_, _, length) => *length,
            Self::Slices(_, length) => Some(*length),
        }
    }

    fn whole(&self) -> Body {
        self.part(0..self.length().unwrap_or(u64::MAX))
    }

    fn part(&self, range: Range<u64>) -> Body {
        let bytes = Some(range.end - range.start);
        match self {
            Self::Object(object, None) => Body::stored(object, range, None),
            Self::Object(object, Some(_)) => Body::stored(object, range, bytes),
            // All that there is of it: the answer that was stored.
            Self::Part(object, _, length) if range.start == 0 && Some(range.end) == *length => {
                Body::stored(object, 0..u64::MAX, object.bytes())
            }
            Self::Part(object, first, _) => {
                // The rules see to it that the part holds what is asked for.
                let within = range.start.saturating_sub(*first)..range.end.saturating_sub(*first);
                Body::stored(object, within, bytes)
            }
            Self::Slices(slices, _) => slices.clone().read(range),
        }
    }
}

/// The request names nothing.
pub(super) fn malformed() -> Response<Body> {
    reply::text(StatusCode::BAD_REQUEST, "the request names no resource")
}
