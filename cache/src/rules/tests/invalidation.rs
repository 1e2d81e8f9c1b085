//! RFC 9111 §4.4: what an unsafe request invalidates.

use http::{Method, StatusCode, Uri};
use proptest::prelude::*;

use super::fields;
use crate::rules::{Asked, invalidated, reference::resolve};

const TARGET: &str = "http://edge.example/a/b?c=d";

fn gone(method: &str, status: u16, response: &[(&str, &str)]) -> Vec<String> {
    let asked = Asked {
        method: &method.parse::<Method>().unwrap(),
        uri: &Uri::from_static(TARGET),
        headers: &fields(&[]),
    };
    let status = StatusCode::from_u16(status).unwrap();
    let uris = invalidated(asked, status, &fields(response));
    uris.iter().map(Uri::to_string).collect()
}

/// §4.4: the target MUST be invalidated after a non-error response to an unsafe method, or to one
/// whose safety is not known.
#[test]
fn an_unsafe_or_unknown_method_invalidates_the_target() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO", "get"] {
        for status in [200, 201, 204, 303] {
            assert_eq!(gone(method, status, &[]), [TARGET], "{method}");
        }
    }
}

/// §4.4: a safe method invalidates nothing, and an error neither.
#[test]
fn safe_methods_and_errors_invalidate_nothing() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY"] {
        assert!(
            gone(method, 200, &[("location", "/x")]).is_empty(),
            "{method}"
        );
    }
    for status in [100, 400, 404, 500, 503, 599] {
        assert!(
            gone("POST", status, &[("location", "/x")]).is_empty(),
            "{status}"
        );
    }
}

/// §4.4: Location and Content-Location too, if they are of the same origin.
#[test]
fn what_the_answer_names_of_the_same_origin_goes_too() {
    let names = [
        ("location", "location"),
        ("content-location", "//EDGE.example:80/x#y"),
    ];
    assert_eq!(
        gone("POST", 201, &names),
        [
            TARGET,
            "http://edge.example/a/location",
            "http://EDGE.example:80/x"
        ]
    );
    let same = [("location", TARGET), ("content-location", "?c=d")];
    assert_eq!(gone("POST", 201, &same), [TARGET]);
}

/// §4.4: a cache MUST NOT invalidate the URI of another origin.
#[test]
fn another_origin_is_left_alone() {
    for other in [
        "http://other.example/a",
        "https://edge.example/a",
        "http://edge.example:8080/a",
        "//other.example/a",
        "ftp://edge.example/a",
        "mailto:a@edge.example",
        "http://",
        "\u{fc}",
    ] {
        assert_eq!(
            gone("PUT", 200, &[("location", other)]),
            [TARGET],
            "{other}"
        );
    }
}

/// RFC 3986 §5.4: the examples that a request target can have.
#[test]
fn references_are_resolved() {
    let base = Uri::from_static("http://a/b/c/d;p?q");
    for (reference, wanted) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        (";x", "http://a/b/c/;x"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("https://b/x", "https://b/x"),
    ] {
        let resolved = resolve(&base, reference).unwrap();
        assert_eq!(resolved.to_string(), wanted, "{reference:?}");
    }
}

proptest! {
    #[test]
    fn no_reference_makes_it_panic(reference in "[ -~\u{e9}]{0,40}") {
        let _ = resolve(&Uri::from_static(TARGET), &reference);
    }
}
