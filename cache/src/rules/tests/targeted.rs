//! RFC 9213: cache directives for caches like this one.

use super::{Message, date};

fn cdn(targeted: &str, cache_control: &str) -> Message {
    Message::new(&[
        ("cdn-cache-control", targeted),
        ("cache-control", cache_control),
        ("etag", "\"a\""),
    ])
}

/// §2.2: a valid targeted field is used instead of Cache-Control and Expires.
#[test]
fn a_targeted_field_takes_the_place_of_all_others() {
    assert!(Message::new(&[("cdn-cache-control", "max-age=3600")]).is_used());
    assert!(cdn("max-age=3600", "max-age=1").is_used());
    assert!(cdn("max-age=10000", "no-store").is_used());
    assert!(cdn("max-age=10000", "private").is_used());
    assert!(!cdn("max-age=1", "max-age=3600").is_used());
    assert!(!cdn("max-age=0", "max-age=3600").is_used());
    for strict in ["no-store", "private", "no-cache"] {
        assert!(!cdn(strict, "max-age=3600").is_used(), "{strict}");
    }
}

/// §2.2: Expires does not count beside it, past or invalid or future.
#[test]
fn expires_does_not_count_beside_it() {
    let with = |targeted: &str, expires: &str| {
        Message::new(&[
            ("cdn-cache-control", targeted),
            ("expires", expires),
            ("date", &date(0)),
            ("etag", "\"a\""),
        ])
    };
    assert!(with("max-age=3600", &date(-10_000)).is_used());
    assert!(with("max-age=3600", "0").is_used());
    assert!(!with("max-age=0", &date(10_000)).is_used());
    assert!(!with("none", &date(10_000)).is_used());
}

/// §2.1: a field that is empty or cannot be parsed MUST be ignored.
#[test]
fn a_field_that_is_invalid_or_empty_is_not_there() {
    for text in [
        "",
        "max-age=10000, &&&&&",
        "max-age =100",
        "max-age= 100",
        "MaX-aGe=3600",
        "max-age=10000,",
        "max-age=9999999999999999",
    ] {
        assert!(!cdn(text, "no-store").is_used(), "{text}");
        assert!(!cdn(text, "max-age=1").is_used(), "{text}");
        assert!(cdn(text, "max-age=100").is_used(), "{text}");
    }
}

/// §2.1: a value of another type SHOULD NOT be made into the right one.
#[test]
fn a_lifetime_of_another_type_is_none() {
    for text in [
        "max-age=\"10000\"",
        "max-age=10000.0",
        "max-age",
        "max-age=a",
        "max-age=-5",
    ] {
        assert!(!cdn(text, "max-age=3600").is_used(), "{text}");
    }
}

/// §2.1: a directive without a value is true; an unknown one and parameters are ignored.
#[test]
fn members_are_read_as_a_dictionary() {
    assert!(cdn("foobar, max-age=3600", "max-age=1").is_used());
    assert!(cdn("max-age=3600;x=1, no-store=?0", "max-age=1").is_used());
    assert!(!cdn("max-age=3600, no-store=?1", "max-age=1").is_used());
    assert!(!cdn("max-age=3600, no-store=5", "max-age=3600").is_used());
    assert!(cdn("max-age=99999999999", "max-age=1").is_used());
    assert!(cdn("max-age=5, max-age=3600", "max-age=1").is_used());
    let lines = Message::new(&[
        ("cdn-cache-control", "foo"),
        ("cdn-cache-control", "max-age=3600"),
    ]);
    assert!(lines.is_used());
}

#[test]
fn a_string_names_fields_to_withhold() {
    let message = Message::new(&[
        ("cdn-cache-control", "max-age=60, private=\"set-cookie\""),
        ("set-cookie", "a=b"),
    ]);
    assert!(message.is_used());
    assert!(!message.stored().headers().contains_key("set-cookie"));
}

/// §2.2: the lifetime is compared with the age as ever.
#[test]
fn age_counts_against_it() {
    let message = Message::new(&[
        ("cdn-cache-control", "max-age=3600"),
        ("age", "7200"),
        ("etag", "\"a\""),
    ]);
    assert!(!message.is_used());
}

/// §2.2: other caches need it too.
#[test]
fn it_is_passed_on() {
    let stored = cdn("max-age=3600", "max-age=1").stored();
    assert!(stored.headers().contains_key("cdn-cache-control"));
}
