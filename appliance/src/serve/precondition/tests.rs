//! What a client gets for each condition, alone and beside others.

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
    let headers = HeaderMap::from_iter([(LAST_MODIFIED, at(MODIFIED_S)), (DATE, at(MODIFIED_S))]);
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
