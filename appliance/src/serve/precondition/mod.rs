//! Which answer a GET or HEAD gets, from its conditional fields and the selected representation.
//!
//! Source: RFC 9110 §8.8 (validators), §13.1 (preconditions), §13.2.2 (precedence), §14.2 (Range);
//! RFC 9111 §4.3.2 (conditions that a cache evaluates). Pure.

use hyper::{
    HeaderMap, Method,
    header::{
        AsHeaderName, DATE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
        IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
    },
};
use weir_cache::rules::parse_http_date;
use weir_hal::Wall;

use crate::serve::range::{Parts, Selection, select};

/// How much older than its response a date must be to tell versions apart: what changed twice in
/// one second has one date (RFC 9110 §8.8.2.2).
const MODIFIED_BEFORE_MIN_NANOS: u64 = 1_000_000_000;

/// Whose word the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The representation is ours.
    Origin,
    /// It is stored on behalf of an origin, to whom alone some conditions apply (RFC 9111 §4.3.2).
    Cache,
}

/// The representation a request selected, as far as conditions look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Representation<'a> {
    /// The fields of an answer with all of it: `ETag`, `Last-Modified` and `Date` count.
    pub(crate) headers: &'a HeaderMap,
    /// Whose it is.
    pub(crate) role: Role,
    /// When it changed last, or what stands in for that; `None` if nobody knows.
    pub(crate) modified_at: Option<Wall>,
    /// Its size; `None` if that is not known yet.
    pub(crate) bytes: Option<u64>,
}

impl Representation<'_> {
    fn etag(&self) -> Option<&str> {
        self.headers.get(ETAG)?.to_str().ok()
    }

    /// When it changed last, as the answer tells.
    fn last_modified(&self, now: Wall) -> Option<Wall> {
        parse_http_date(self.headers.get(LAST_MODIFIED)?, now)
    }

    /// The same, if two versions cannot have it.
    fn strong_date(&self, now: Wall) -> Option<Wall> {
        let modified = self.last_modified(now)?;
        let answered = match self.headers.get(DATE) {
            Some(date) => parse_http_date(date, now)?,
            None => now,
        };
        let age_nanos = answered.as_nanos().checked_sub(modified.as_nanos())?;
        (age_nanos >= MODIFIED_BEFORE_MIN_NANOS).then_some(modified)
    }
}

/// The answer that the conditions leave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one request"
)]
pub(crate) enum Verdict {
    /// 200 with all of it.
    Whole,
    /// 206 with these bytes.
    Parts(Parts),
    /// 304
    NotModified,
    /// 412
    PreconditionFailed,
    /// 416
    RangeNotSatisfiable,
}

/// Evaluates the conditions of a request for `representation`, in the order of §13.2.2.
pub(crate) fn evaluate(
    method: &Method,
    headers: &HeaderMap,
    representation: &Representation<'_>,
    now: Wall,
) -> Verdict {
    if representation.role == Role::Origin && !is_as_expected(headers, representation, now) {
        return Verdict::PreconditionFailed;
    }
    if is_known(headers, representation, now) {
        return Verdict::NotModified;
    }
    if method != Method::GET || !is_range_current(headers, representation, now) {
        return Verdict::Whole;
    }
    // A range of something whose end is not known yet cannot be promised, and need not be.
    let Some((range, bytes)) = only_value(headers, RANGE).zip(representation.bytes) else {
        return Verdict::Whole;
    };
    match select(range, bytes) {
        Selection::Whole => Verdict::Whole,
        Selection::Parts(parts) => Verdict::Parts(parts),
        Selection::Unsatisfiable => Verdict::RangeNotSatisfiable,
    }
}

/// True unless `If-Match`, or else `If-Unmodified-Since`, says that it is another one.
fn is_as_expected(headers: &HeaderMap, representation: &Representation<'_>, now: Wall) -> bool {
    if headers.contains_key(IF_MATCH) {
        return is_listed(headers, IF_MATCH, representation.etag(), is_same_strong);
    }
    let since = date(headers, IF_UNMODIFIED_SINCE, now);
    let modified = representation.last_modified(now);
    since
        .zip(modified)
        .is_none_or(|(since, modified)| modified <= since)
}

/// True if `If-None-Match`, or else `If-Modified-Since`, says that the client has it.
fn is_known(headers: &HeaderMap, representation: &Representation<'_>, now: Wall) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return is_listed(headers, IF_NONE_MATCH, representation.etag(), is_same_weak);
    }
    let since = date(headers, IF_MODIFIED_SINCE, now);
    let modified = representation.modified_at;
    since
        .zip(modified)
        .is_some_and(|(since, modified)| modified <= since)
}

/// True if `If-Range` is absent or names the present representation.
fn is_range_current(headers: &HeaderMap, representation: &Representation<'_>, now: Wall) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    let Some(wanted) = only_value(headers, IF_RANGE).map(str::trim_ascii) else {
        return false;
    };
    if wanted.ends_with('"') {
        let etag = representation.etag();
        return etag.is_some_and(|etag| is_same_strong(wanted, etag));
    }
    // An exact match, not an earlier or later date (§13.1.5).
    let wanted = date(headers, IF_RANGE, now);
    wanted.is_some() && wanted == representation.strong_date(now)
}

/// The date in a field; a list of dates, or anything else, is none.
fn date(headers: &HeaderMap, name: impl AsHeaderName, now: Wall) -> Option<Wall> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    parse_http_date(first, now)
}

/// The value of a field that may stand only once.
pub(crate) fn only_value(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    first.to_str().ok()
}

/// True if the list of entity tags in `name` is `*` or holds one that `is_same` as `etag`.
pub(crate) fn is_listed(
    headers: &HeaderMap,
    name: impl AsHeaderName,
    etag: Option<&str>,
    is_same: fn(&str, &str) -> bool,
) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| {
            list.trim_ascii() == "*"
                || etag.is_some_and(|etag| entity_tags(list).any(|listed| is_same(listed, etag)))
        })
}

/// The entity tags of a list, as far as it is well formed.
fn entity_tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let opening = rest.len() - opaque.len();
        let (tag, tail) = rest.split_at_checked(opening + opaque.find('"')? + 1)?;
        rest = tail;
        Some(tag)
    })
}

/// Strong comparison: both strong, and the same (RFC 9110 §8.8.3.2).
pub(crate) fn is_same_strong(one: &str, other: &str) -> bool {
    one == other && one.starts_with('"')
}

/// Weak comparison: the same but for the mark of weakness.
pub(crate) fn is_same_weak(one: &str, other: &str) -> bool {
    one.strip_prefix("W/").unwrap_or(one) == other.strip_prefix("W/").unwrap_or(other)
}

#[cfg(test)]
mod tests;
