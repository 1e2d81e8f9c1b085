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
mod tests {
    use hyper::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;
    use weir_cache::rules::http_date;

    use super::*;

    /// When the representation of these tests changed, was answered, and now: in seconds.
    const MODIFIED_S: u64 = 1_000_000_000;
    const ANSWERED_S: u64 = MODIFIED_S + 100;
    const NOW: Wall = Wall::from_nanos((ANSWERED_S + 50) * 1_000_000_000);

    fn at(seconds: u64) -> HeaderValue {
        http_date(Wall::from_nanos(seconds * 1_000_000_000))
    }

    fn played() -> HeaderMap {
        HeaderMap::from_iter([
            (ETAG, HeaderValue::from_static("\"a,1\"")),
            (LAST_MODIFIED, at(MODIFIED_S)),
            (DATE, at(ANSWERED_S)),
        ])
    }

    fn representation(headers: &HeaderMap) -> Representation<'_> {
        Representation {
            headers,
            role: Role::Origin,
            modified_at: headers
                .get(LAST_MODIFIED)
                .and_then(|date| parse_http_date(date, NOW)),
            bytes: Some(100),
        }
    }

    fn verdict(fields: &[(HeaderName, &str)]) -> Verdict {
        verdict_on(&Method::GET, fields, &representation(&played()))
    }

    fn verdict_on(
        method: &Method,
        fields: &[(HeaderName, &str)],
        representation: &Representation<'_>,
    ) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value.parse().expect("a field value"));
        }
        evaluate(method, &headers, representation, NOW)
    }

    fn part(range: std::ops::Range<u64>) -> Verdict {
        Verdict::Parts([range].into_iter().collect())
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
    fn spares_a_client_what_has_not_changed_since() {
        for (seconds, expected) in [
            (MODIFIED_S - 1, Verdict::Whole),
            (MODIFIED_S, Verdict::NotModified),
            (MODIFIED_S + 1, Verdict::NotModified),
        ] {
            let since = at(seconds);
            let since = [(IF_MODIFIED_SINCE, since.to_str().unwrap())];
            assert_eq!(verdict(&since), expected, "{seconds}");
            let headers = played();
            assert_eq!(
                verdict_on(&Method::HEAD, &since, &representation(&headers)),
                expected
            );
        }
        let later = at(MODIFIED_S + 1);
        let later = (IF_MODIFIED_SINCE, later.to_str().unwrap());
        assert_eq!(verdict(&[(IF_MODIFIED_SINCE, "yesterday")]), Verdict::Whole);
        assert_eq!(verdict(&[later.clone(), later]), Verdict::Whole);
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
    fn refuses_what_has_changed_since_if_unmodified_since() {
        for (seconds, expected) in [
            (MODIFIED_S - 1, Verdict::PreconditionFailed),
            (MODIFIED_S, Verdict::Whole),
        ] {
            let since = at(seconds);
            let since = (IF_UNMODIFIED_SINCE, since.to_str().unwrap());
            assert_eq!(verdict(&[since]), expected, "{seconds}");
        }
    }

    #[test]
    fn a_cache_leaves_to_the_origin_what_is_for_it_alone() {
        let headers = played();
        let stored = Representation {
            role: Role::Cache,
            ..representation(&headers)
        };
        let early = at(MODIFIED_S - 1);
        for field in [
            (IF_MATCH, "\"b\""),
            (IF_UNMODIFIED_SINCE, early.to_str().unwrap()),
        ] {
            assert_eq!(verdict_on(&Method::GET, &[field], &stored), Verdict::Whole);
        }
    }

    #[test]
    fn looks_at_tags_before_dates_and_at_all_of_them_before_the_range() {
        let (early, late) = (at(MODIFIED_S - 1), at(MODIFIED_S + 1));
        let (early, late) = (early.to_str().unwrap(), late.to_str().unwrap());
        let same = (IF_NONE_MATCH, "\"a,1\"");
        for (fields, expected) in [
            (
                [(IF_MATCH, "\"b\""), same.clone()],
                Verdict::PreconditionFailed,
            ),
            (
                [(IF_MATCH, "\"a,1\""), (IF_UNMODIFIED_SINCE, early)],
                Verdict::Whole,
            ),
            (
                [(IF_UNMODIFIED_SINCE, early), same.clone()],
                Verdict::PreconditionFailed,
            ),
            (
                [same.clone(), (IF_MODIFIED_SINCE, early)],
                Verdict::NotModified,
            ),
            (
                [(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, late)],
                Verdict::Whole,
            ),
            ([same, (RANGE, "bytes=500-")], Verdict::NotModified),
            (
                [(IF_MODIFIED_SINCE, late), (RANGE, "bytes=500-")],
                Verdict::NotModified,
            ),
        ] {
            assert_eq!(verdict(&fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn cuts_ranges_for_get_only() {
        let range = [(RANGE, "bytes=10-19")];
        assert_eq!(verdict(&range), part(10..20));
        let headers = played();
        let head = verdict_on(&Method::HEAD, &range, &representation(&headers));
        assert_eq!(head, Verdict::Whole);
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
        let [early, exact, late] = [MODIFIED_S - 1, MODIFIED_S, MODIFIED_S + 1].map(at);
        for (validator, expected) in [
            ("\"a,1\"", part(10..20)),
            ("\"b\"", Verdict::Whole),
            ("W/\"a,1\"", Verdict::Whole),
            ("a,1", Verdict::Whole),
            (exact.to_str().unwrap(), part(10..20)),
            (early.to_str().unwrap(), Verdict::Whole),
            (late.to_str().unwrap(), Verdict::Whole),
        ] {
            assert_eq!(
                verdict(&[range.clone(), (IF_RANGE, validator)]),
                expected,
                "{validator}"
            );
        }
    }

    #[test]
    fn takes_no_date_for_a_validator_that_two_versions_may_have() {
        let headers =
            HeaderMap::from_iter([(LAST_MODIFIED, at(MODIFIED_S)), (DATE, at(MODIFIED_S))]);
        let exact = at(MODIFIED_S);
        let fields = [(RANGE, "bytes=10-19"), (IF_RANGE, exact.to_str().unwrap())];
        let verdict = verdict_on(&Method::GET, &fields, &representation(&headers));
        assert_eq!(verdict, Verdict::Whole);
    }

    #[test]
    fn cuts_no_range_of_what_has_no_end_yet() {
        let headers = played();
        let growing = Representation {
            bytes: None,
            ..representation(&headers)
        };
        assert_eq!(
            verdict_on(&Method::GET, &[(RANGE, "bytes=10-19")], &growing),
            Verdict::Whole
        );
    }

    proptest! {
        #[test]
        fn never_panics_on_any_value(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let Ok(value) = HeaderValue::from_bytes(&value) else {
                return Ok(());
            };
            let all = [
                IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE,
            ];
            let mut headers = HeaderMap::new();
            for name in &all {
                headers.insert(name, value.clone());
            }
            let played = played();
            for name in &all {
                evaluate(&Method::GET, &headers, &representation(&played), NOW);
                headers.remove(name);
            }
        }
    }
}
