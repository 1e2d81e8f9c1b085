//! Which answer a GET or HEAD gets, from its conditional fields and the selected representation.
//!
//! Source: RFC 9110 §8.8.3 (`ETag`), §13.1 (preconditions), §13.2.2 (precedence), §14.2 (Range).
//! Pure. Nothing here has a modification date, so the two date conditions are ignored, as
//! §13.1.3 and §13.1.4 demand.

use std::ops::Range;

use hyper::{
    HeaderMap, Method,
    header::{AsHeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE},
};

use crate::serve::range::{Selection, select};

/// The representation a request selected, as far as conditions look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Representation<'a> {
    /// Its entity tag with quotes.
    pub(crate) etag: Option<&'a str>,
    /// Its size; `None` while it is being written.
    pub(crate) bytes: Option<u64>,
}

/// The answer that the conditions leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 200 with all of it.
    Whole,
    /// 206 with these bytes.
    Part(Range<u64>),
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
    representation: Representation<'_>,
) -> Verdict {
    if headers.contains_key(IF_MATCH)
        && !is_listed(headers, IF_MATCH, representation.etag, is_same_strong)
    {
        return Verdict::PreconditionFailed;
    }
    if headers.contains_key(IF_NONE_MATCH)
        && is_listed(headers, IF_NONE_MATCH, representation.etag, is_same_weak)
    {
        return Verdict::NotModified;
    }
    if method != Method::GET || !is_range_current(headers, representation.etag) {
        return Verdict::Whole;
    }
    // A range of something whose end is not known yet cannot be promised, and need not be.
    let Some((range, bytes)) = only_value(headers, RANGE).zip(representation.bytes) else {
        return Verdict::Whole;
    };
    match select(range, bytes) {
        Selection::Whole => Verdict::Whole,
        Selection::Part(part) => Verdict::Part(part),
        Selection::Unsatisfiable => Verdict::RangeNotSatisfiable,
    }
}

/// True if `If-Range` is absent or names the present representation.
fn is_range_current(headers: &HeaderMap, etag: Option<&str>) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    match (only_value(headers, IF_RANGE), etag) {
        (Some(wanted), Some(etag)) => is_same_strong(wanted.trim_ascii(), etag),
        (None, _) | (_, None) => false,
    }
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
mod tests {
    use hyper::header::HeaderName;
    use proptest::prelude::*;

    use super::*;

    const PLAYED: Representation<'static> = Representation {
        etag: Some("\"a,1\""),
        bytes: Some(100),
    };

    fn verdict(fields: &[(HeaderName, &str)]) -> Verdict {
        verdict_on(&Method::GET, fields, PLAYED)
    }

    fn verdict_on(
        method: &Method,
        fields: &[(HeaderName, &str)],
        representation: Representation<'_>,
    ) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value.parse().expect("a field value"));
        }
        evaluate(method, &headers, representation)
    }

    #[test]
    fn sends_all_when_nothing_is_asked() {
        assert_eq!(verdict(&[]), Verdict::Whole);
    }

    #[test]
    fn spares_a_client_what_it_has() {
        for list in [
            "\"a,1\"",
            "W/\"a,1\"",
            "\"b\", \"a,1\"",
            ",, \"b\",W/\"a,1\" ,",
            "*",
        ] {
            let verdict = verdict(&[(IF_NONE_MATCH, list)]);
            assert_eq!(verdict, Verdict::NotModified, "{list}");
        }
        assert_eq!(
            verdict(&[(IF_NONE_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a,1\"")]),
            Verdict::NotModified
        );
    }

    #[test]
    fn sends_what_a_client_has_not() {
        for list in ["\"b\"", "a,1", "\"a\"", "\"a,1", "", "W/", "\"*\"", "x*"] {
            let verdict = verdict(&[(IF_NONE_MATCH, list)]);
            assert_eq!(verdict, Verdict::Whole, "{list}");
        }
    }

    #[test]
    fn refuses_when_if_match_misses() {
        assert_eq!(verdict(&[(IF_MATCH, "\"a,1\"")]), Verdict::Whole);
        assert_eq!(verdict(&[(IF_MATCH, "*")]), Verdict::Whole);
        for list in ["\"b\"", "W/\"a,1\""] {
            let verdict = verdict(&[(IF_MATCH, list)]);
            assert_eq!(verdict, Verdict::PreconditionFailed, "{list}");
        }
    }

    #[test]
    fn looks_at_if_match_before_if_none_match_before_range() {
        let none_match = (IF_NONE_MATCH, "\"a,1\"");
        assert_eq!(
            verdict(&[(IF_MATCH, "\"b\""), none_match.clone()]),
            Verdict::PreconditionFailed
        );
        assert_eq!(
            verdict(&[none_match, (RANGE, "bytes=500-")]),
            Verdict::NotModified
        );
    }

    #[test]
    fn cuts_ranges_for_get_only() {
        let range = [(RANGE, "bytes=10-19")];
        assert_eq!(verdict(&range), Verdict::Part(10..20));
        assert_eq!(verdict_on(&Method::HEAD, &range, PLAYED), Verdict::Whole);
        assert_eq!(
            verdict(&[(RANGE, "bytes=100-")]),
            Verdict::RangeNotSatisfiable
        );
        assert_eq!(
            verdict(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=3-4")]),
            Verdict::Whole
        );
    }

    #[test]
    fn cuts_no_range_of_a_representation_that_changed() {
        let range = (RANGE, "bytes=10-19");
        for (tag, expected) in [
            ("\"a,1\"", Verdict::Part(10..20)),
            ("\"b\"", Verdict::Whole),
            ("W/\"a,1\"", Verdict::Whole),
            ("Thu, 20 Nov 2025 00:00:00 GMT", Verdict::Whole),
        ] {
            assert_eq!(
                verdict(&[range.clone(), (IF_RANGE, tag)]),
                expected,
                "{tag}"
            );
        }
    }

    #[test]
    fn cuts_no_range_of_what_is_being_written() {
        let growing = Representation {
            bytes: None,
            ..PLAYED
        };
        assert_eq!(
            verdict_on(&Method::GET, &[(RANGE, "bytes=10-19")], growing),
            Verdict::Whole
        );
    }

    proptest! {
        #[test]
        fn never_panics_on_any_value(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let Ok(value) = hyper::header::HeaderValue::from_bytes(&value) else {
                return Ok(());
            };
            let mut headers = HeaderMap::new();
            for name in [IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE] {
                headers.insert(name, value.clone());
            }
            evaluate(&Method::GET, &headers, PLAYED);
            headers.remove(IF_MATCH);
            evaluate(&Method::GET, &headers, PLAYED);
        }
    }
}
