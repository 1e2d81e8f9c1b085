//! RFC 9111 §3: what may be stored.

use std::time::Duration;

use super::{Message, date};
use crate::rules::{NotStored, Policy, Storing};

fn refusal(message: &Message) -> Option<NotStored> {
    match message.storing() {
        Storing::Yes => None,
        Storing::No(reason) => Some(reason),
    }
}

/// §3: the method is understood and cacheable.
#[test]
fn only_answers_to_get_and_some_to_post_are_stored() {
    assert_eq!(refusal(&Message::cc("max-age=60")), None);
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "M-SEARCH", "POST"] {
        let message = Message::cc("max-age=60").by(method);
        assert_eq!(refusal(&message), Some(NotStored::Method), "{method}");
    }
}

/// RFC 9110 §9.3.3: a response to POST is for a later GET only if it says how long it is fresh,
/// and names its target in Content-Location.
#[test]
fn an_answer_to_post_must_say_that_it_is_the_resource() {
    let post = |response: &[(&str, &str)]| refusal(&Message::new(response).by("POST"));
    let (later, fresh) = (date(60), ("cache-control", "max-age=60"));
    for location in [
        "/vod/a.ts",
        "http://EDGE.example:80/vod/a.ts",
        "a.ts",
        "/vod/./%61.ts",
    ] {
        assert_eq!(
            post(&[("content-location", location), fresh]),
            None,
            "{location}"
        );
    }
    assert_eq!(post(&[("content-location", ""), ("expires", &later)]), None);
    let refused = Some(NotStored::Method);
    assert_eq!(post(&[fresh]), refused);
    assert_eq!(post(&[("content-location", "/vod/b.ts"), fresh]), refused);
    assert_eq!(
        post(&[("content-location", "http://other.example/vod/a.ts"), fresh]),
        refused
    );
    assert_eq!(
        post(&[("content-location", "/vod/a.ts"), ("etag", "\"a\"")]),
        refused
    );
}

/// §3: the status is final; any status may be stored that says how long it is fresh.
#[test]
fn any_final_status_that_says_how_long_is_stored() {
    for status in [
        200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
    ] {
        let message = Message::cc("max-age=60").with_status(status);
        assert!(message.is_used(), "{status}");
        let past = Message::new(&[
            ("expires", &date(-5000)),
            ("last-modified", &date(-100_000)),
        ]);
        assert!(!past.with_status(status).is_used(), "{status}");
    }
    for status in [100, 102, 103] {
        let message = Message::cc("max-age=60").with_status(status);
        assert_eq!(refusal(&message), Some(NotStored::Status), "{status}");
    }
}

/// RFC 6585 §3 to §6: these MUST NOT be stored; and others that are about the request alone, by
/// which anybody could keep the resource from all others, are not.
#[test]
fn what_is_about_the_request_alone_is_not_stored() {
    for status in [
        304, 407, 408, 412, 413, 416, 417, 421, 425, 428, 429, 431, 511,
    ] {
        let message = Message::cc("max-age=60").with_status(status);
        assert_eq!(refusal(&message), Some(NotStored::Status), "{status}");
    }
}

/// §5.2.2.3: with must-understand an unknown status is not stored; of a known one no-store SHOULD
/// be ignored.
#[test]
fn must_understand_means_that_the_status_is_known() {
    let message = |status| Message::cc("max-age=60, no-store, must-understand").with_status(status);
    assert!(message(200).is_used());
    assert!(message(404).is_used());
    assert_eq!(refusal(&message(599)), Some(NotStored::Status));
    assert_eq!(refusal(&message(299)), Some(NotStored::Status));
    let alone = Message::cc("max-age=60, must-understand").with_status(599);
    assert_eq!(refusal(&alone), Some(NotStored::Status));
}

/// §5.2.1.5, §5.2.2.5: no-store in the request or in the response.
#[test]
fn no_store_is_obeyed_on_both_sides() {
    let message = Message::new(&[
        ("cache-control", "max-age=10000, no-store"),
        ("expires", &date(10_000)),
    ]);
    assert_eq!(refusal(&message), Some(NotStored::NoStore));
    let message = Message::cc("max-age=60").to(&[("cache-control", "no-store")]);
    assert_eq!(refusal(&message), Some(NotStored::RequestNoStore));
}

/// §5.2.2.7: private is not for shared caches.
#[test]
fn private_is_not_stored() {
    assert_eq!(
        refusal(&Message::cc("private, max-age=60")),
        Some(NotStored::Private)
    );
}

/// §3.5: a response to a request with Authorization is shared only if it says so.
#[test]
fn what_was_authorized_is_stored_only_if_it_may_be_shared() {
    let authorized = |text| Message::cc(text).to(&[("authorization", "Basic eA==")]);
    assert_eq!(
        refusal(&authorized("max-age=60")),
        Some(NotStored::Authorization)
    );
    let proxy = authorized("max-age=60, proxy-revalidate");
    assert_eq!(refusal(&proxy), Some(NotStored::Authorization));
    for text in [
        "max-age=60, public",
        "max-age=60, must-revalidate",
        "s-maxage=60",
    ] {
        assert!(authorized(text).is_used(), "{text}");
    }
}

/// §4.1: a Vary of `*` matches nothing, however it is written.
#[test]
fn what_varies_by_anything_is_not_stored() {
    for lines in [
        &["*"][..],
        &["*, *"],
        &["*", "*"],
        &[", *"],
        &["", "*"],
        &["*, Foo"],
        &["Foo, *"],
        &["Foo, b@r"],
    ] {
        let mut response = vec![("cache-control", "max-age=60"), ("etag", "\"a\"")];
        response.extend(lines.iter().map(|line| ("vary", *line)));
        let message = Message::new(&response);
        assert_eq!(refusal(&message), Some(NotStored::VaryAny), "{lines:?}");
        // Even if it were stored: it answers nothing.
        assert_eq!(message.reuse(&[], 0), crate::rules::Reuse::OtherVariant);
    }
}

/// §3: without a lifetime only what is cacheable by default or public is stored; and nothing that
/// could not be used.
#[test]
fn what_could_never_be_used_is_not_stored() {
    let useless = Some(NotStored::NoLifetime);
    assert_eq!(refusal(&Message::new(&[])), useless);
    assert_eq!(refusal(&Message::cc("max-age=0")), useless);
    assert_eq!(refusal(&Message::cc("no-cache, max-age=60")), useless);
    assert_eq!(refusal(&Message::new(&[("etag", "\"a\"")])), None);
    assert_eq!(
        refusal(&Message::new(&[("etag", "\"a\"")]).with_status(201)),
        useless
    );
    assert_eq!(
        refusal(&Message::new(&[("etag", "\"a\"")]).with_status(404)),
        useless
    );
    assert_eq!(
        refusal(&Message::new(&[("last-modified", &date(-9))])),
        None
    );
    assert_eq!(refusal(&Message::cc("max-age=0, stale-if-error=60")), None);
    assert_eq!(
        refusal(&Message::cc(
            "max-age=0, stale-if-error=60, must-revalidate"
        )),
        useless
    );
    let no_cache = Message::new(&[("cache-control", "no-cache"), ("etag", "\"a\"")]);
    assert_eq!(refusal(&no_cache), None);
}

#[test]
fn a_policy_may_forbid_or_make_worthwhile() {
    let never = Policy {
        is_never_stored: true,
        ..Policy::default()
    };
    let message = Message::cc("max-age=60").under(never);
    assert_eq!(refusal(&message), Some(NotStored::Policy));
    for policy in [
        Policy {
            ttl_default: Some(Duration::from_secs(9)),
            ..Policy::default()
        },
        Policy {
            is_heuristic: true,
            ..Policy::default()
        },
        Policy {
            stale_if_error: Duration::from_secs(9),
            ..Policy::default()
        },
    ] {
        assert_eq!(refusal(&Message::new(&[]).under(policy.clone())), None);
        let cookie = Message::new(&[("set-cookie", "a=b")]).under(policy);
        assert_eq!(refusal(&cookie), Some(NotStored::NoLifetime));
    }
}

/// §3.1: what ends with the connection is not stored, nor is what Connection names; all else is.
#[test]
fn fields_are_stored_as_they_came_but_those_of_the_connection() {
    let message = Message::new(&[
        ("cache-control", "max-age=60"),
        ("connection", "a, b"),
        ("a", "1"),
        ("b", "2"),
        ("c", "3"),
        ("keep-alive", "x"),
        ("proxy-authenticate", "x"),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("content-range", "whatever"),
    ]);
    let stored = message.stored();
    let headers = stored.headers();
    for name in ["connection", "a", "b", "keep-alive", "proxy-authenticate"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    for name in ["c", "content-range", "cache-control", "date"] {
        assert!(headers.contains_key(name), "{name}");
    }
    assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
}

#[test]
fn reasons_are_tokens() {
    for (reason, token) in [
        (NotStored::NoStore, "no-store"),
        (NotStored::RequestNoStore, "request-no-store"),
        (NotStored::VaryAny, "vary-any"),
    ] {
        assert_eq!(reason.to_string(), token);
    }
}
