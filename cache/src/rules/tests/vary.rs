//! RFC 9111 §4.1: which variant a request selects.

use http::HeaderName;

use super::{Message, fields};
use crate::rules::{CacheKey, KeyRules, Reuse, variant_key};

/// A fresh response that varies so, to a request of these fields.
fn varying(vary: &str, request: &[(&str, &str)]) -> Message {
    Message::new(&[("cache-control", "max-age=5000"), ("vary", vary)]).to(request)
}

fn is_same(vary: &str, one: &[(&str, &str)], other: &[(&str, &str)]) -> bool {
    let is_used = varying(vary, one).is_used_for(other);
    let decision = varying(vary, one).reuse(other, 3);
    assert_eq!(is_used, decision != Reuse::OtherVariant);
    is_used
}

/// §4.1: all fields that Vary names MUST match.
#[test]
fn all_named_fields_must_match() {
    let one = [("foo", "1"), ("bar", "abc"), ("baz", "789")];
    for vary in ["Foo", "Foo, Bar", "foo,BAR,Baz", "Foo, Foo"] {
        assert!(is_same(vary, &one, &one), "{vary}");
        assert!(
            !is_same(vary, &one, &[("foo", "2"), ("bar", "abc"), ("baz", "789")]),
            "{vary}"
        );
        assert!(!is_same(vary, &one, &[]), "{vary}");
    }
    let reordered = [("foo", "1"), ("baz", "789"), ("bar", "abcde")];
    assert!(!is_same("Foo, Bar, Baz", &one, &reordered));
}

/// §4.1: what was missing then must be missing now.
#[test]
fn a_missing_field_matches_a_missing_one_alone() {
    let without = [("foo", "1"), ("baz", "789")];
    assert!(is_same("Foo, Bar, Baz", &without, &without));
    assert!(!is_same(
        "Foo, Bar, Baz",
        &without,
        &[("foo", "1"), ("baz", "789"), ("bar", "a")]
    ));
    assert!(!is_same("Foo", &[], &[("foo", "1")]));
    assert!(!is_same("Foo", &[], &[("foo", "")]));
    assert!(!is_same("Foo", &[("foo", "1")], &[]));
}

#[test]
fn fields_that_vary_does_not_name_do_not_matter() {
    assert!(is_same(
        "Foo",
        &[("foo", "1"), ("other", "2")],
        &[("foo", "1"), ("other", "3")]
    ));
    assert!(is_same("", &[("foo", "1")], &[("foo", "2")]));
}

/// §4.1: lines may be combined, and white space added or removed where the syntax allows.
#[test]
fn lines_and_white_space_do_not_tell_lists_apart() {
    let lines = [("foo", "1"), ("foo", "2")];
    for one in ["1, 2", "1,2", " 1 ,\t2 "] {
        assert!(is_same("Foo", &[("foo", one)], &lines), "{one:?}");
        assert!(is_same("Foo", &lines, &[("foo", one)]), "{one:?}");
    }
    assert!(!is_same("Foo", &[("foo", "1, 2")], &[("foo", "2, 1")]));
    assert!(!is_same("Foo", &[("foo", "a")], &[("foo", "A")]));
    assert!(!is_same(
        "Foo",
        &[("foo", "\"1, 2\"")],
        &[("foo", "\"1,2\"")]
    ));
    assert!(!is_same("Foo", &[("foo", "1 2")], &[("foo", "12")]));
}

fn is_same_language(one: &str, other: &str) -> bool {
    is_same(
        "Accept-Language",
        &[("accept-language", one)],
        &[("accept-language", other)],
    )
}

/// §4.1: values are normalised where the field's definition says that they mean the same.
#[test]
fn languages_are_compared_by_weight_and_without_case() {
    assert!(is_same_language("en, de", "de, en"));
    assert!(is_same_language("en, de", "eN, De"));
    assert!(is_same_language("en, de", " en ,   de"));
    assert!(is_same_language("en, de;q=0.5", "DE; Q=0.50 , en;q=1.0"));
    assert!(!is_same_language("en, de;q=0.5", "en;q=0.5, de"));
    assert!(!is_same_language("en, de;q=0.5", "en, de;q=0.4"));
    assert!(!is_same_language("en, de", "en"));
}

#[test]
fn codings_have_no_order() {
    let coding = |one, other| {
        is_same(
            "Accept-Encoding",
            &[("accept-encoding", one)],
            &[("accept-encoding", other)],
        )
    };
    assert!(coding("gzip, deflate, br", "br,GZIP,deflate"));
    assert!(!coding("gzip, br", "gzip"));
    assert!(!coding("gzip, br;q=0", "gzip, br"));
}

#[test]
fn parameters_of_a_range_keep_their_case() {
    let range = |one, other| is_same("Accept", &[("accept", one)], &[("accept", other)]);
    assert!(range(
        "Text/HTML ; Level=A;q=0.3, */*",
        "*/*,text/html;Level=A;q=0.300"
    ));
    assert!(!range("text/html;level=A", "text/html;level=a"));
    assert!(!range("text/html;q=2", "text/html"));
}

/// The language that a request prefers to all others is what an origin would choose at best.
#[test]
fn a_response_in_the_preferred_language_is_taken() {
    let message = Message::new(&[
        ("cache-control", "max-age=5000"),
        ("vary", "Accept-Language"),
        ("content-language", "de"),
    ])
    .to(&[("accept-language", "en, de")]);
    let takes = |languages| message.is_used_for(&[("accept-language", languages)]);
    assert!(takes("fr;q=0.5, de;q=1.0"));
    assert!(takes("DE"));
    for other in ["fr, de", "fr, de;q=0.5", "fr", "*", "de;q=0", ""] {
        assert!(!takes(other), "{other}");
    }
    assert!(!message.is_used_for(&[]));
}

/// RFC 9110 §7.6.1: a field that does not reach the origin selects nothing there.
#[test]
fn a_field_that_connection_names_is_missing() {
    let named = [("connection", "foo"), ("foo", "1")];
    assert!(is_same("Foo", &named, &[]));
    assert!(!is_same("Foo", &named, &[("foo", "1")]));
    assert!(!is_same("Foo", &[("foo", "1")], &named));
}

fn key_of(names: &[&'static str], request: &[(&str, &str)]) -> String {
    let key = CacheKey::new(&Message::new(&[]).uri, &KeyRules::default()).unwrap();
    let names: Vec<_> = names.iter().copied().map(HeaderName::from_static).collect();
    variant_key(&key, &names, &fields(request)).to_string()
}

/// §4.1: several variants of one URI live side by side.
#[test]
fn a_variant_has_a_name_of_its_own() {
    let foo = key_of(&["foo"], &[("foo", "1, 2")]);
    let (uri, hash) = foo.split_once("#v=").unwrap();
    assert_eq!(uri, "http://edge.example/vod/a.ts");
    assert_eq!(hash.len(), 32);
    assert_eq!(
        foo,
        key_of(&["foo"], &[("foo", "1"), ("foo", "2"), ("bar", "3")])
    );
    assert_eq!(
        key_of(&["foo", "bar"], &[("foo", "1")]),
        key_of(&["bar", "foo", "bar"], &[("foo", "1")])
    );
    let different = [
        key_of(&["foo"], &[("foo", "1")]),
        key_of(&["foo"], &[("foo", "")]),
        key_of(&["foo"], &[]),
        key_of(&["bar"], &[]),
        key_of(&["foo", "bar"], &[("foo", "1")]),
        key_of(&["foo", "bar"], &[("bar", "1")]),
        key_of(&[], &[]),
    ];
    for (index, one) in different.iter().enumerate() {
        assert!(!different[..index].contains(one), "{index}");
    }
}

#[test]
fn a_stored_response_tells_what_it_varies_by() {
    let stored = varying(
        "Foo, accept-language",
        &[("accept-language", "EN, de;q=0.1")],
    )
    .stored();
    let names: Vec<_> = stored.varies_by().map(HeaderName::as_str).collect();
    assert_eq!(names, ["accept-language", "foo"]);
    let values: Vec<_> = stored.selecting().map(|(_, value)| value).collect();
    assert_eq!(values[0].unwrap(), "en,de;q=0.100");
    assert_eq!(values[1], None);
}
