//! RFC 9111 §2, RFC 3986 §6.2.2: the names of stored responses.

use std::collections::HashSet;

use http::{HeaderMap, Uri, header::ACCEPT_ENCODING};
use proptest::prelude::*;

use crate::{
    Key,
    rules::{CacheKey, KeyRules, QueryRule, variant_key},
};

fn named(uri: &str, query: QueryRule) -> String {
    let uri: Uri = uri.parse().unwrap();
    let key = CacheKey::new(&uri, &KeyRules { query }).unwrap();
    key.as_str().to_owned()
}

fn name(uri: &str) -> String {
    named(uri, QueryRule::default())
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// RFC 3986 §6.2.2.1, §6.2.2.2, §6.2.2.3, §6.2.3.
#[test]
fn what_is_the_same_has_one_name() {
    for uri in [
        "http://edge.example/a~b/%C3%BC?x=%2F",
        "HTTP://EDGE.example:80/a~b/%C3%BC?x=%2F",
        "http://edge.example:/%61%7Eb/%c3%bc?x=%2f",
        "http://edge.example/x/../a~b/./%C3%BC?x=%2F",
        "http://edge.example/%2E%2e/a~b/%C3%BC?x=%2F",
        "http://edge.example/a~b/\u{fc}?x=%2F",
    ] {
        assert_eq!(name(uri), "http://edge.example/a~b/%C3%BC?x=%2F", "{uri}");
    }
    assert_eq!(name("https://edge.example:443"), "https://edge.example/");
    assert_eq!(
        name("http://[2001:DB8::1]:8080/"),
        "http://[2001:db8::1]:8080/"
    );
}

#[test]
fn what_differs_has_names_that_differ() {
    let uris = [
        "http://edge.example/a",
        "https://edge.example/a",
        "http://edge.example:8080/a",
        "http://other.example/a",
        "http://edge.example/A",
        "http://edge.example/a/",
        "http://edge.example//a",
        "http://edge.example/a%2Fb",
        "http://edge.example/a/b",
        "http://edge.example/a?",
        "http://edge.example/a?x",
        "http://edge.example/a?x=",
        "http://edge.example/a?x=1&y=2",
        "http://edge.example/a?y=2&x=1",
        "http://edge.example/a?x=1&&y=2",
        "http://edge.example/a?X=1&y=2",
        "http://edge.example/a?x=+",
        "http://edge.example/a?x=%20",
        "http://edge.example/a?x=%2B",
        "http://edge.example/a%zz",
        "http://edge.example/a%",
    ];
    let distinct: HashSet<String> = uris.iter().map(|uri| name(uri)).collect();
    assert_eq!(distinct.len(), uris.len());
}

#[test]
fn cmcd_is_in_no_name() {
    let uri = "http://edge.example/a?CMCD=br%3D5000&x=1&cmcd=sid&%43MCD=y";
    assert_eq!(name(uri), "http://edge.example/a?x=1");
    assert_eq!(
        name("http://edge.example/a?CMCD=x"),
        "http://edge.example/a"
    );
    let only = QueryRule::Only(names(&["CMCD", "x"]));
    assert_eq!(named(uri, only), "http://edge.example/a?x=1");
}

#[test]
fn ignored_parameters_are_left_out() {
    let rule = || QueryRule::AllBut(names(&["token", "sid"]));
    let keep = |uri| named(uri, rule());
    assert_eq!(
        keep("http://edge.example/a?z=1&token=a&b&sid=5&a=&token"),
        "http://edge.example/a?z=1&b&a="
    );
    assert_eq!(
        keep("http://edge.example/a?token=1"),
        "http://edge.example/a"
    );
    assert_eq!(
        keep("http://edge.example/a?TOKEN=1"),
        "http://edge.example/a?TOKEN=1"
    );
}

#[test]
fn allowed_parameters_are_sorted() {
    let rule = || QueryRule::Only(names(&["_HLS_msn", "_HLS_part", "a"]));
    let keep = |uri| named(uri, rule());
    let wanted = "http://edge.example/p?_HLS_msn=5&_HLS_part=1&a=2&a=1";
    assert_eq!(
        keep("http://edge.example/p?a=2&_HLS_part=1&x=9&_HLS_msn=5&a=1"),
        wanted
    );
    assert_eq!(keep("http://edge.example/p?x=9"), "http://edge.example/p");
}

#[test]
fn what_is_asked_for_is_what_the_name_says() {
    let key = |uri: &str| CacheKey::new(&uri.parse().unwrap(), &KeyRules::default());
    let asked = key("http://edge.example:8080/x/../%61?CMCD=1&b=%c3%bc").unwrap();
    assert_eq!(asked.path_and_query(), "/a?b=%C3%BC");
    assert_eq!(
        asked.store_key().as_str(),
        "http://edge.example:8080/a?b=%C3%BC"
    );
}

#[test]
fn a_target_without_an_origin_has_no_name() {
    for uri in ["/a", "edge.example:80", "http://user@edge.example/", "*"] {
        let uri: Uri = uri.parse().unwrap();
        assert_eq!(CacheKey::new(&uri, &KeyRules::default()), None, "{uri}");
    }
}

/// RFC 3986 §3.2.3: else whoever asks at `:99999` could have all others given what an origin says
/// there.
#[test]
fn what_has_a_port_that_is_none_has_no_name() {
    for port in ["99999", "65616", "x", "-1", "+80", "080", "8 0"] {
        for host in ["edge.example", "[2001:db8::1]"] {
            let Ok(uri) = format!("http://{host}:{port}/a").parse::<Uri>() else {
                continue;
            };
            assert_eq!(CacheKey::new(&uri, &KeyRules::default()), None, "{uri}");
        }
    }
}

#[test]
fn long_names_are_hashed() {
    let store_key = |last: &str| {
        let uri = format!("http://edge.example/{}{last}", "a".repeat(2000));
        let key = CacheKey::new(&uri.parse().unwrap(), &KeyRules::default()).unwrap();
        assert_eq!(key.as_str(), uri);
        key.store_key()
    };
    let (one, other) = (store_key("1"), store_key("2"));
    assert_ne!(one, other);
    assert_eq!(one, store_key("1"));
    let (start, hash) = one.as_str().split_once("#h=").unwrap();
    assert!(start.starts_with("http://edge.example/aaaa"));
    assert_eq!(hash.len(), 64);
    assert!(other.as_str().len() <= Key::BYTES_MAX);
}

/// A generation of variants, a representation, and a slice of it.
#[test]
fn whatever_the_length_of_a_name_numbers_have_room_behind_it() {
    let behind = format!(" {:x} {:x}.{}", u64::MAX, u64::MAX, u64::MAX);
    for bytes in 800..1_100 {
        let uri = format!("http://edge.example/{}", "a".repeat(bytes));
        let key = CacheKey::new(&uri.parse().unwrap(), &KeyRules::default()).unwrap();
        let variant = variant_key(&key, [&ACCEPT_ENCODING], &HeaderMap::new());
        for name in [variant, key.store_key()] {
            assert!(Key::new(&format!("{name}{behind}")).is_some(), "{bytes}");
        }
    }
}

proptest! {
    #[test]
    fn names_are_printable_fit_and_stay(
        path in "[ -~\u{e9}\u{85}%./]{0,1100}",
        query in proptest::option::of("[!-~&=%]{0,80}"),
        is_sorted: bool,
    ) {
        let text = match &query {
            Some(query) => format!("http://Edge.example/{path}?{query}"),
            None => format!("http://Edge.example/{path}"),
        };
        let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
        let query = if is_sorted {
            QueryRule::Only(names(&["a", "b"]))
        } else {
            QueryRule::default()
        };
        let rules = KeyRules { query };
        let key = CacheKey::new(&uri, &rules).unwrap();
        prop_assert!(key.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(key.store_key().as_str().len() <= Key::BYTES_MAX);
        prop_assert!(key.path_and_query().starts_with('/'));
        // What is named is a URI of the same name.
        let again: Uri = key.as_str().parse().unwrap();
        prop_assert_eq!(CacheKey::new(&again, &rules), Some(key));
    }
}
