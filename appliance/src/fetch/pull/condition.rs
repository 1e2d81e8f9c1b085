//! What of a stored response a client asks for, by its conditions and its range.
//!
//! Source: RFC 9111 §4.3.2 (conditions at a cache), RFC 9110 §13.1 (preconditions), §13.2.2
//! (precedence), §14.2 (Range). Pure. If-Match and If-Unmodified-Since are the origin's to judge,
//! and ignored here, as RFC 9110 §13.1.1 and §13.1.4 allow.

use std::ops::Range;

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE},
};
use weir_cache::rules::{Stored, parse_http_date};

use super::question::Question;
use crate::serve::{
    precondition::{is_listed, is_same_strong, is_same_weak, only_value},
    range::{Selection, select},
};

/// What of it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it, under its own status.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// Nothing, for the client has it: 304.
    NotModified,
    /// Nothing, for it is not that long: 416.
    Unsatisfiable,
}

/// Evaluates the conditions and the range of a GET or HEAD for a response with `head`, all of which
/// has `length` bytes.
pub(super) fn evaluate(question: &Question, head: &Stored, length: Option<u64>) -> Verdict {
    let headers = &question.headers;
    let is_plain = matches!(
        head.status(),
        StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION | StatusCode::PARTIAL_CONTENT
    );
    if !is_plain {
        return Verdict::Whole;
    }
    if is_known(headers, head) {
        return Verdict::NotModified;
    }
    if question.method != Method::GET || !is_current(headers, head) {
        return Verdict::Whole;
    }
    let Some((range, length)) = only_value(headers, RANGE).zip(length) else {
        return Verdict::Whole;
    };
    match select(range, length) {
        Selection::Whole => Verdict::Whole,
        Selection::Part(range) => Verdict::Part(range),
        Selection::Unsatisfiable => Verdict::Unsatisfiable,
    }
}

/// Whether the client says that it has this. A date counts only where there is no entity tag
/// (RFC 9110 §13.1.3).
fn is_known(headers: &HeaderMap, head: &Stored) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        let etag = head.etag().and_then(|etag| etag.to_str().ok());
        return is_listed(headers, IF_NONE_MATCH, etag, is_same_weak);
    }
    let mut dates = headers.get_all(IF_MODIFIED_SINCE).iter();
    let since = dates.next();
    let since = since.and_then(|date| parse_http_date(date, head.received_at()));
    since.is_some_and(|since| head.modified_at() <= since) && dates.next().is_none()
}

/// Whether If-Range, if there is one, names this.
fn is_current(headers: &HeaderMap, head: &Stored) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    let Some(wanted) = only_value(headers, IF_RANGE) else {
        return false;
    };
    let etag = head.etag().and_then(|etag| etag.to_str().ok());
    let modified = head.headers().get(LAST_MODIFIED);
    etag.is_some_and(|etag| is_same_strong(wanted.trim_ascii(), etag))
        || modified.is_some_and(|modified| modified.as_bytes() == wanted.as_bytes())
}
