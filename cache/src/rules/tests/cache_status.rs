//! RFC 9211: Cache-Status.

use crate::rules::{CacheStatus, Forward};

const NODE: CacheStatus<'_> = CacheStatus {
    node: "edge-01",
    is_hit: false,
    fwd: None,
    fwd_status: None,
    ttl: None,
    is_stored: false,
    is_collapsed: false,
    key: None,
    detail: None,
};

/// §2.1, §2.4: a hit, and what is left of its lifetime, negative if it is stale.
#[test]
fn a_hit_tells_its_ttl() {
    let hit = CacheStatus {
        is_hit: true,
        ttl: Some(376),
        ..NODE
    };
    assert_eq!(hit.to_string(), "edge-01; hit; ttl=376");
    let stale = CacheStatus {
        ttl: Some(-412),
        ..hit
    };
    assert_eq!(stale.to_string(), "edge-01; hit; ttl=-412");
}

/// §2.2, §2.3, §2.5, §2.6: why it went forward, and what came of it.
#[test]
fn a_miss_tells_why_and_what_came() {
    let miss = CacheStatus {
        fwd: Some(Forward::UriMiss),
        fwd_status: Some(200),
        is_stored: true,
        is_collapsed: true,
        ..NODE
    };
    let wanted = "edge-01; fwd=uri-miss; fwd-status=200; stored; collapsed";
    assert_eq!(miss.to_string(), wanted);
    let tokens = [
        (Forward::Bypass, "bypass"),
        (Forward::Method, "method"),
        (Forward::UriMiss, "uri-miss"),
        (Forward::VaryMiss, "vary-miss"),
        (Forward::Miss, "miss"),
        (Forward::Request, "request"),
        (Forward::Stale, "stale"),
        (Forward::Partial, "partial"),
    ];
    for (fwd, token) in tokens {
        let status = CacheStatus {
            fwd: Some(fwd),
            ..NODE
        };
        assert_eq!(status.to_string(), format!("edge-01; fwd={token}"));
    }
}

/// §2.1, §2.2: hit and fwd are exclusive; what is said of a forwarded request needs one.
#[test]
fn a_hit_was_not_forwarded() {
    let both = CacheStatus {
        is_hit: true,
        fwd: Some(Forward::Stale),
        fwd_status: Some(304),
        is_stored: true,
        is_collapsed: true,
        ..NODE
    };
    assert_eq!(both.to_string(), "edge-01; hit");
    let neither = CacheStatus {
        fwd_status: Some(304),
        is_stored: true,
        ..NODE
    };
    assert_eq!(neither.to_string(), "edge-01");
}

/// §2, §2.7, §2.8; RFC 9651 §4.1: the name and the detail are tokens or strings, the key a string.
#[test]
fn names_keys_and_details_are_escaped() {
    let status = CacheStatus {
        node: "edge \"one\"",
        is_hit: true,
        key: Some("http://a/\\\"\u{fc}"),
        detail: Some("no-store"),
        ..NODE
    };
    let wanted = r#""edge \"one\""; hit; key="http://a/\\\"?"; detail=no-store"#;
    assert_eq!(status.to_string(), wanted);
    let text = CacheStatus {
        detail: Some("took long"),
        ..NODE
    };
    assert_eq!(text.to_string(), "edge-01; detail=\"took long\"");
}
