//! RFC 9111 §3.2, §4.3: validation, and what it changes.

use std::time::Duration;

use http::HeaderMap;

use super::{Message, after, date, fields};
use crate::rules::{HeadUpdate, Reuse, Stored, age, conditional, freshened, head_update};

/// What a request of these fields becomes.
fn asked_anew(stored: &[(&str, &str)], request: &[(&str, &str)]) -> Option<HeaderMap> {
    let mut headers = fields(request);
    let stored = Message::new(stored).stored();
    conditional(&stored, &mut headers).then_some(headers)
}

/// §4.3.1: an entity tag MUST be sent, and Last-Modified SHOULD, as they came.
#[test]
fn all_validators_are_sent_as_they_came() {
    let modified = "Wed, 01 Jan 2020 00:00:00 GMT";
    let headers = asked_anew(
        &[("etag", "W/\"a\""), ("last-modified", modified)],
        &[("x", "1")],
    );
    let wanted = [
        ("x", "1"),
        ("if-none-match", "W/\"a\""),
        ("if-modified-since", modified),
    ];
    assert_eq!(headers, Some(fields(&wanted)));
    assert_eq!(
        asked_anew(&[("etag", "abcdef")], &[]),
        Some(fields(&[("if-none-match", "abcdef")]))
    );
    assert_eq!(
        asked_anew(&[("last-modified", modified)], &[]),
        Some(fields(&[("if-modified-since", modified)]))
    );
}

/// §4.3.2: the conditions of the client are for the cache to answer, not for the origin.
#[test]
fn the_conditions_of_the_client_stay_here() {
    let request = [
        ("if-none-match", "\"b\""),
        ("if-match", "\"b\""),
        ("if-modified-since", "x"),
        ("if-unmodified-since", "x"),
        ("if-range", "\"b\""),
        ("range", "bytes=0-1"),
        ("abc", "123"),
    ];
    let wanted = fields(&[("if-none-match", "\"a\""), ("abc", "123")]);
    assert_eq!(asked_anew(&[("etag", "\"a\"")], &request), Some(wanted));
}

/// RFC 9110 §13.2.1: conditions are about what would be a 200.
#[test]
fn without_a_validator_nothing_is_asked() {
    assert_eq!(asked_anew(&[], &[("if-none-match", "\"b\"")]), None);
    assert_eq!(asked_anew(&[("last-modified", "yesterday")], &[]), None);
    assert_eq!(asked_anew(&[("etag", "")], &[]), None);
    let missing = Message::new(&[("etag", "\"a\"")]).with_status(404).stored();
    assert!(!missing.has_validator());
    assert!(!conditional(&missing, &mut HeaderMap::new()));
}

/// §4.3.2: If-Modified-Since is compared with Last-Modified, else Date, else the time of receipt.
#[test]
fn there_is_always_a_time_to_compare_with() {
    let at = |response: &[(&str, &str)]| Message::new(response).stored().modified_at();
    let (early, late) = (date(-3000), date(-5));
    let second = Duration::from_secs(1);
    assert_eq!(
        at(&[("last-modified", &early), ("date", &late)]) + second * 3000,
        after(0)
    );
    assert_eq!(at(&[("date", &late)]) + second * 5, after(0));
    assert_eq!(at(&[]), after(0));
}

fn updated(stored: &[(&str, &str)], by: &[(&str, &str)]) -> Option<Stored> {
    freshened(
        &Message::new(stored).stored(),
        &fields(by),
        after(10),
        after(10),
    )
}

/// §4.3.4: a strong validator in the 304 must be that of the stored response.
#[test]
fn a_304_with_another_strong_tag_changes_nothing() {
    let stored = [("etag", "\"a\""), ("last-modified", "x")];
    assert!(updated(&stored, &[("etag", "\"a\"")]).is_some());
    assert!(updated(&stored, &[("etag", "\"b\"")]).is_none());
    assert!(updated(&stored, &[("etag", "\"b\""), ("last-modified", "x")]).is_none());
    assert!(updated(&[("etag", "W/\"a\"")], &[("etag", "\"a\"")]).is_none());
    assert!(updated(&[("last-modified", "x")], &[("etag", "\"a\"")]).is_none());
}

/// §4.3.4: weak validators correspond, or there is none.
#[test]
fn a_304_with_weak_validators_must_agree() {
    assert!(updated(&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")]).is_some());
    assert!(updated(&[("etag", "\"a\"")], &[("etag", "W/\"a\"")]).is_some());
    assert!(updated(&[("etag", "W/\"a\"")], &[("etag", "W/\"b\"")]).is_none());
    assert!(updated(&[("etag", "abc")], &[("etag", "abc")]).is_some());
    assert!(updated(&[("last-modified", "x")], &[("last-modified", "x")]).is_some());
    assert!(updated(&[("last-modified", "x")], &[("last-modified", "y")]).is_none());
    assert!(updated(&[("last-modified", "x")], &[]).is_some());
    assert!(updated(&[("etag", "\"a\"")], &[]).is_some());
}

/// §3.2: each field of the 304 replaces all lines of the stored one; the others stay.
#[test]
fn fields_of_a_304_take_the_place_of_the_stored_ones() {
    let stored = [
        ("etag", "\"a\""),
        ("cache-control", "max-age=1"),
        ("x", "1"),
        ("x", "2"),
        ("y", "3"),
        ("content-type", "text/plain"),
        ("set-cookie", "a=b"),
    ];
    let by = [
        ("etag", "\"a\""),
        ("cache-control", "max-age=3600"),
        ("x", "4"),
        ("content-type", "text/html"),
        ("set-cookie", "a=c"),
        ("new", "5"),
    ];
    let updated = updated(&stored, &by).unwrap();
    let mut wanted = fields(&by);
    wanted.append("y", "3".parse().unwrap());
    wanted.append("date", date(10).parse().unwrap());
    assert_eq!(updated.headers(), &wanted);
}

/// §3.2: Content-Length MUST NOT be updated; nor is what the stored bytes depend on, nor what
/// ends with the connection.
#[test]
fn what_the_body_depends_on_is_left_alone() {
    let stored = [
        ("etag", "\"a\""),
        ("content-length", "5"),
        ("content-encoding", "gzip"),
    ];
    let by = [
        ("content-length", "10"),
        ("content-encoding", "br"),
        ("content-range", "bytes 0-1/2"),
        ("connection", "z"),
        ("z", "1"),
        ("te", "x"),
    ];
    let updated = updated(&stored, &by).unwrap();
    let mut wanted = fields(&stored);
    wanted.append("date", date(10).parse().unwrap());
    assert_eq!(updated.headers(), &wanted);
    assert_eq!(updated.length(), Some(5));
}

/// §4.3.4, §4.2.3: a validated response is as fresh as the 304 says.
#[test]
fn a_304_makes_it_young_again() {
    let stored = [
        ("etag", "\"a\""),
        ("age", "500"),
        ("cache-control", "max-age=60"),
    ];
    let updated = updated(&stored, &[]).unwrap();
    assert_eq!(age(&updated, after(12)).as_secs(), 2);
    assert_eq!(updated.received_at(), after(10));
    assert!(!updated.headers().contains_key("age"));
    let by = [("age", "7"), ("date", &date(-90))];
    let updated = super::validation::updated(&stored, &by).unwrap();
    assert_eq!(age(&updated, after(10)).as_secs(), 100);
}

/// §4.1: who selected it stays known; a 304 that varies otherwise is about something else.
#[test]
fn a_304_keeps_the_selecting_fields() {
    let message = Message::new(&[
        ("etag", "\"a\""),
        ("vary", "foo"),
        ("cache-control", "max-age=60"),
    ])
    .to(&[("foo", "1")]);
    let stored = message.stored();
    let update = |by: &[(&str, &str)]| freshened(&stored, &fields(by), after(1), after(1));
    assert!(update(&[]).unwrap().selecting().eq(stored.selecting()));
    assert!(
        update(&[("vary", "FOO")])
            .unwrap()
            .selecting()
            .eq(stored.selecting())
    );
    assert!(update(&[("vary", "foo, bar")]).is_none());
    assert!(update(&[("vary", "*")]).is_none());
}

/// §4.3.5: what a HEAD says updates the stored response if validators and length agree.
#[test]
fn a_head_updates_what_it_agrees_with() {
    let stored = Message::new(&[
        ("cache-control", "max-age=2"),
        ("etag", "\"a\""),
        ("last-modified", "x"),
        ("content-length", "5"),
        ("template", "1"),
    ])
    .stored();
    let update = |by: &[(&str, &str)]| head_update(&stored, &fields(by), after(5), after(5));
    let HeadUpdate::Freshened(updated) = update(&[
        ("cache-control", "max-age=1000"),
        ("content-length", "5"),
        ("etag", "\"a\""),
    ]) else {
        panic!("it agrees");
    };
    assert_eq!(updated.headers()["template"], "1");
    assert_eq!(updated.headers()["cache-control"], "max-age=1000");
    assert!(matches!(
        update(&[("template", "2")]),
        HeadUpdate::Freshened(_)
    ));
    for other in [
        ("etag", "\"b\""),
        ("etag", "W/\"a\""),
        ("last-modified", "y"),
        ("content-length", "6"),
        ("vary", "foo"),
    ] {
        assert_eq!(update(&[other]), HeadUpdate::Invalid, "{other:?}");
    }
}

#[test]
fn an_updated_response_is_used() {
    let message = Message::new(&[("etag", "\"a\""), ("cache-control", "max-age=1")]);
    assert!(matches!(message.reuse(&[], 5), Reuse::Stale { .. }));
    let stored = updated(&[("etag", "\"a\"")], &[("cache-control", "max-age=3600")]).unwrap();
    let asked = message.asked();
    let decision = crate::rules::reuse(&message.policy, asked, &stored, after(20));
    assert!(matches!(decision, Reuse::Fresh { .. }));
}
