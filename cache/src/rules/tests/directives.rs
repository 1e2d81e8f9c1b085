//! RFC 9111 §5.2: Cache-Control, as it is written and as it should not be.

use std::time::Duration;

use http::HeaderMap;
use proptest::prelude::*;

use super::{Message, fields};
use crate::rules::{Stored, Wishes, directives::Directives};

fn wishes(cache_control: &str) -> Wishes {
    Wishes::of(&fields(&[("cache-control", cache_control)]))
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// §5.2: directive names are case-insensitive; §5.2.3: those that are not known MUST be ignored.
#[test]
fn names_have_no_case_and_unknown_ones_do_not_matter() {
    assert!(Message::cc("MaX-aGe=3600").is_used());
    assert!(Message::cc("foobar, max-age=3600").is_used());
    assert!(Message::cc("x=\"a, b\",max-age=3600,,").is_used());
    assert!(!Message::cc("max-age=3600, No-StOrE").is_used());
    assert!(!Message::cc("max-age=3600, No-CaChE").is_used());
}

/// §5.2: recipients ought to accept both the token and the quoted form.
#[test]
fn a_quoted_number_is_a_number() {
    assert!(Message::cc("max-age=\"3600\"").is_used());
}

#[test]
fn what_stands_in_quotes_is_no_directive() {
    for text in [
        "extension=\"max-age=3600\", max-age=1",
        "max-age=1, extension=\"max-age=3600\"",
        "extension=\"max-age=3600\", max-age=\"1\"",
        "max-age=1, extension=\"\\\", max-age=3600\"",
    ] {
        assert!(!Message::cc(text).is_used(), "{text}");
    }
    assert!(Message::cc("max-age=3600, extension=\"no-store, private\"").is_used());
}

/// §4.2.1: a response with invalid freshness information is best taken for stale.
#[test]
fn a_lifetime_that_is_none_is_over() {
    for text in [
        "max-age",
        "max-age=",
        "max-age=-3600",
        "max-age='3600'",
        "max-age=3600.0",
        "max-age=a3600",
        "max-age=3600a",
        "max-age =3600",
        "max-age= 3600",
        "max-age=\"36\\00\"",
        "s-maxage=x, max-age=3600",
    ] {
        let message = Message::new(&[("cache-control", text), ("etag", "\"a\"")]);
        assert!(!message.is_used(), "{text}");
    }
}

/// §1.2.2: leading zeros are digits, and a number too large is the largest.
#[test]
fn a_lifetime_may_be_of_any_length() {
    for text in ["003600", "2147483647", "2147483648", "99999999999999999999"] {
        assert!(Message::cc(&format!("max-age={text}")).is_used(), "{text}");
    }
}

/// §4.2.1: of several values the stricter is used.
#[test]
fn of_two_lifetimes_the_shorter_counts() {
    assert!(!Message::cc("max-age=1800, max-age=1").is_used());
    assert!(!Message::cc("max-age=1, max-age=1800").is_used());
    let lines = [
        ("cache-control", "max-age=1800"),
        ("cache-control", "max-age=1"),
    ];
    assert!(!Message::new(&lines).is_used());
    assert!(Message::cc("max-age=1800, max-age=3600").is_used());
}

/// §5.2.2.4, §5.2.2.7: the fields that no-cache and private name are not kept; the rest is.
#[test]
fn named_fields_are_withheld_and_nothing_else() {
    for directive in ["no-cache", "private"] {
        let message = Message::new(&[
            ("cache-control", &format!("{directive}=\"a, B\"")),
            ("cache-control", "max-age=3600"),
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
        ]);
        assert!(message.is_used(), "{directive}");
        let stored = message.stored();
        assert!(!stored.headers().contains_key("a"));
        assert!(!stored.headers().contains_key("b"));
        assert!(stored.headers().contains_key("c"));
    }
}

/// §5.2.2.4: a qualified form that cannot be read is taken for the plain one.
#[test]
fn a_list_of_no_fields_names_all() {
    for text in [
        "no-cache=\"\"",
        "private=\"a b\"",
        "private=",
        "no-cache=\", ,\"",
    ] {
        let message = Message::cc(&format!("max-age=3600, {text}"));
        assert!(!message.is_used(), "{text}");
    }
    assert!(!Message::cc("max-age=9, private=\"a\", private").is_used());
}

/// §5.2.1: what a request may say.
#[test]
fn requests_say_what_they_want() {
    let all = "max-age=1, min-fresh=2, max-stale=3, stale-if-error=4, no-cache, no-store, \
               only-if-cached";
    assert_eq!(
        wishes(all),
        Wishes {
            max_age: Some(secs(1)),
            min_fresh: Some(secs(2)),
            max_stale: Some(secs(3)),
            stale_if_error: Some(secs(4)),
            is_no_cache: true,
            is_no_store: true,
            is_only_if_cached: true,
        }
    );
    assert_eq!(wishes("max-stale").max_stale, Some(Duration::MAX));
    assert_eq!(wishes("max-stale, max-stale=5").max_stale, Some(secs(5)));
    assert_eq!(wishes("max-age=9, max-age=5").max_age, Some(secs(5)));
    assert_eq!(wishes("min-fresh=5, min-fresh=9").min_fresh, Some(secs(9)));
}

#[test]
fn what_is_invalid_in_a_request_is_no_wish() {
    for text in [
        "max-age",
        "max-age=-1",
        "min-fresh=x",
        "max-stale=x",
        "nothing-to-see-here",
    ] {
        assert_eq!(wishes(text), Wishes::default(), "{text}");
    }
}

/// §5.4: Pragma counts in requests without Cache-Control only, and in responses never.
#[test]
fn pragma_stands_in_for_a_missing_cache_control() {
    let pragma = |other: Option<(&str, &str)>| {
        let mut all = vec![("pragma", "x, No-Cache")];
        all.extend(other);
        Wishes::of(&fields(&all)).is_no_cache
    };
    assert!(pragma(None));
    assert!(!pragma(Some(("cache-control", "max-age=5"))));
    assert!(!Wishes::of(&fields(&[("pragma", "foo")])).is_no_cache);
    let message = Message::new(&[("cache-control", "max-age=3600"), ("pragma", "no-cache")]);
    assert!(message.is_used());
}

proptest! {
    #[test]
    fn no_fields_make_it_panic(
        lines in proptest::collection::vec("[ -~\\t]{0,60}", 0..4),
        targeted in proptest::option::of("[ -~]{0,60}"),
    ) {
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append("cache-control", line.parse().unwrap());
            headers.append("age", line.parse().unwrap());
            headers.append("expires", line.parse().unwrap());
            headers.append("vary", line.parse().unwrap());
        }
        if let Some(line) = targeted {
            headers.append("cdn-cache-control", line.parse().unwrap());
        }
        let _ = Directives::of(&headers);
        let _ = Wishes::of(&headers);
        let mut message = Message::new(&[]);
        message.response = headers;
        let stored = message.stored();
        prop_assert_eq!(Stored::decode(&stored.encode()), Some(stored));
        let _ = message.storing();
    }
}
