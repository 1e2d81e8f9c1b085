//! RFC 9111 §4.2: freshness and age.

use std::time::Duration;

use http::Method;

use super::{Message, after, date, fields};
use crate::rules::{Asked, Policy, Reuse, Stored, age, lifetime, response_headers};

fn life(message: &Message) -> Option<u64> {
    lifetime(&message.policy, &message.stored()).map(|lifetime| lifetime.as_secs())
}

fn expires(value: &str) -> Message {
    Message::new(&[("expires", value), ("date", &date(0))])
}

/// §4.2: fresh is what is younger than its lifetime.
#[test]
fn a_response_is_fresh_until_its_lifetime_is_over() {
    let message = Message::cc("max-age=10");
    let ttl = Duration::from_secs(1);
    assert_eq!(message.reuse(&[], 9), Reuse::Fresh { ttl });
    assert!(matches!(
        message.reuse(&[], 10),
        Reuse::Stale {
            since: Duration::ZERO,
            ..
        }
    ));
    assert!(!Message::new(&[("cache-control", "max-age=0"), ("etag", "\"a\"")]).is_used());
}

/// §4.2.1: s-maxage, else max-age, else Expires less Date. §5.2.2.1, §5.2.2.10, §5.3.
#[test]
fn s_maxage_goes_before_max_age_and_that_before_expires() {
    let (past, future) = (date(-10), date(3600));
    let all = |cache_control: &str, expires: &str| {
        life(&Message::new(&[
            ("cache-control", cache_control),
            ("expires", expires),
            ("date", &date(0)),
        ]))
    };
    assert_eq!(all("max-age=1, s-maxage=60", &past), Some(60));
    assert_eq!(all("s-maxage=1, max-age=60", &future), Some(1));
    assert_eq!(all("max-age=0, s-maxage=60", &past), Some(60));
    assert_eq!(all("max-age=60", &past), Some(60));
    assert_eq!(all("max-age=60", "0"), Some(60));
    assert_eq!(all("max-age=0", &future), Some(0));
    assert_eq!(all("public", &future), Some(3600));
    let lines = [
        ("cache-control", "max-age=60"),
        ("cache-control", "s-maxage=1"),
    ];
    assert_eq!(life(&Message::new(&lines)), Some(1));
    assert_eq!(life(&Message::new(&[])), None);
}

/// §4.2.1: Expires is measured from Date.
#[test]
fn expires_is_counted_from_date() {
    assert_eq!(life(&expires(&date(300))), Some(300));
    assert_eq!(life(&expires(&date(0))), Some(0));
    assert_eq!(life(&expires(&date(-300))), Some(0));
    let fast = Message::new(&[("expires", &date(300)), ("date", &date(400))]);
    assert_eq!(life(&fast), Some(0));
    let far = expires("Sun, 21 Nov 2286 04:46:39 GMT");
    assert_eq!(life(&far), Some(u64::from(u32::MAX)));
}

/// RFC 9110 §6.6.1, RFC 9111 §4.2.1: without a Date that can be read the time of receipt counts.
#[test]
fn without_a_date_the_time_of_receipt_counts() {
    let without = Message::new(&[("expires", &date(10))]);
    let invalid = Message::new(&[("expires", &date(10)), ("date", "foo")]);
    for message in [without, invalid] {
        assert_eq!(life(&message), Some(10));
        assert_eq!(message.stored().headers()["date"], date(0).as_str());
    }
}

/// §5.3: an invalid Expires is in the past; of several the stricter counts.
#[test]
fn an_expires_that_is_no_date_is_past() {
    for text in [
        "0",
        "-1",
        "",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
    ] {
        assert_eq!(life(&expires(text)), Some(0), "{text:?}");
    }
    let lines = [
        ("expires", date(300)),
        ("expires", date(200)),
        ("date", date(0)),
    ];
    let lines = lines
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_eq!(life(&Message::new(&lines)), Some(200));
    let lines = [
        ("expires", "0"),
        ("expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
    ];
    assert_eq!(life(&Message::new(&lines)), Some(0));
}

/// §5.3, RFC 9110 §5.6.7: all forms of a date.
#[test]
fn expires_may_have_any_form_of_a_date() {
    for text in [
        "Tue, 19 Jan 2038 14:14:08 GMT",
        "Thursday, 18-Aug-50 02:01:18 GMT",
        "Thu Aug  8 02:01:18 2050",
        "THU, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 AUG 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 gMT",
    ] {
        assert!(expires(text).is_used(), "{text}");
    }
}

fn age_of(response: &[(&str, &str)], seconds: u64) -> u64 {
    age(&Message::new(response).stored(), after(seconds)).as_secs()
}

/// §4.2.3: the larger of what Date and what Age say, and the time since then.
#[test]
fn age_is_what_it_was_and_the_time_since() {
    assert_eq!(age_of(&[], 7), 7);
    assert_eq!(age_of(&[("age", "30")], 7), 37);
    assert_eq!(age_of(&[("date", &date(-20))], 7), 27);
    assert_eq!(age_of(&[("date", &date(-20)), ("age", "30")], 7), 37);
    assert_eq!(age_of(&[("date", &date(-40)), ("age", "30")], 7), 47);
    assert_eq!(age_of(&[("date", &date(40)), ("age", "30")], 7), 37);
}

/// §4.2.3: the time a response took counts as age.
#[test]
fn the_time_of_the_exchange_counts_as_age() {
    let headers = fields(&[("age", "30")]);
    let none = fields(&[]);
    let message = Message::new(&[]);
    let asked = Asked {
        method: &Method::GET,
        uri: &message.uri,
        headers: &none,
    };
    let stored = Stored::new(asked, message.status, &headers, after(0), after(4));
    assert_eq!(age(&stored, after(10)), Duration::from_secs(40));
}

/// §4.2: Age beyond the lifetime means stale, whether Date is slow or fast.
#[test]
fn what_was_old_when_it_came_is_stale() {
    let (early, late) = (date(-10), date(10));
    let (far, near) = (date(10), date(20));
    for message in [
        Message::new(&[("cache-control", "max-age=3600"), ("age", "7200")]),
        Message::new(&[("cache-control", "max-age=3600"), ("date", &date(-7200))]),
        Message::new(&[("date", &early), ("expires", &far), ("age", "25")]),
        Message::new(&[("date", &late), ("expires", &near), ("age", "15")]),
    ] {
        assert!(!matches!(message.reuse(&[], 0), Reuse::Fresh { .. }));
    }
}

/// §5.1: of several the first SHOULD be used, and an invalid one SHOULD be ignored.
#[test]
fn the_first_age_counts_if_it_is_one() {
    for (text, wanted_s) in [
        ("7200, 0", 7200),
        ("0, 7200", 0),
        ("3600,3600", 3600),
        ("2147483647", 2_147_483_647),
        ("2147483649", 2_147_483_649),
        ("99999999999", u64::from(u32::MAX)),
        ("abc", 0),
        ("-7200", 0),
        ("7200.0", 0),
        ("7200;foo=bar", 0),
        ("", 0),
    ] {
        assert_eq!(age_of(&[("age", text)], 0), wanted_s, "{text:?}");
    }
    assert_eq!(age_of(&[("age", "7200"), ("age", "0")], 0), 7200);
    assert_eq!(age_of(&[("age", "0"), ("age", "7200")], 0), 0);
}

/// §4, §5.1: an answer from the cache MUST have an Age, in the place of the one that came; Date
/// and Expires stay.
#[test]
fn an_answer_from_the_cache_tells_its_age() {
    let message = Message::new(&[
        ("age", "30"),
        ("age", "9"),
        ("date", &date(-5)),
        ("expires", &date(3600)),
    ]);
    let headers = response_headers(&message.stored(), after(4));
    let ages: Vec<_> = headers.get_all("age").iter().collect();
    assert_eq!(ages, ["34"]);
    assert_eq!(headers["date"], date(-5).as_str());
    assert_eq!(headers["expires"], date(3600).as_str());
}

fn heuristic(status: u16, response: &[(&str, &str)]) -> Option<u64> {
    let policy = Policy {
        is_heuristic: true,
        ..Policy::default()
    };
    life(&Message::new(response).with_status(status).under(policy))
}

/// §4.2.2: a heuristic is for statuses cacheable by default or with public, and nothing else.
#[test]
fn a_heuristic_is_for_what_is_cacheable_by_default() {
    let modified = date(-86_400);
    let plain = [("last-modified", modified.as_str())];
    let public = [
        ("last-modified", modified.as_str()),
        ("cache-control", "public"),
    ];
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert_eq!(heuristic(status, &plain), Some(8_640), "{status}");
    }
    for status in [201, 202, 302, 403, 500, 502, 503, 504, 599] {
        assert_eq!(heuristic(status, &plain), None, "{status}");
        assert_eq!(heuristic(status, &public), Some(8_640), "{status}");
    }
}

/// §4.2.2: a heuristic MUST NOT be used if the response says how long.
#[test]
fn a_heuristic_does_not_go_before_what_is_said() {
    let modified = date(-86_400);
    for (name, value) in [("cache-control", "max-age=5"), ("expires", &date(5))] {
        let fields = [("last-modified", modified.as_str()), (name, value)];
        assert_eq!(heuristic(200, &fields), Some(5), "{name}");
    }
}

#[test]
fn a_heuristic_is_off_unless_asked_for() {
    let modified = date(-86_400);
    assert_eq!(life(&Message::new(&[("last-modified", &modified)])), None);
    assert_eq!(heuristic(200, &[]), None);
    assert_eq!(heuristic(200, &[("last-modified", &date(60))]), None);
    assert_eq!(
        heuristic(200, &[("last-modified", &date(-864_000_000))]),
        Some(86_400)
    );
}

#[test]
fn a_policy_gives_lifetimes_where_nothing_is_said() {
    let policy = Policy {
        ttl_default: Some(Duration::from_mins(1)),
        ttl_missing: Some(Duration::from_secs(5)),
        ttl_max: Some(Duration::from_mins(10)),
        ..Policy::default()
    };
    let life = |status, response: &[(&str, &str)]| {
        life(
            &Message::new(response)
                .with_status(status)
                .under(policy.clone()),
        )
    };
    assert_eq!(life(200, &[]), Some(60));
    assert_eq!(life(404, &[]), Some(5));
    assert_eq!(life(500, &[]), None);
    assert_eq!(life(200, &[("cache-control", "max-age=30")]), Some(30));
    assert_eq!(life(200, &[("cache-control", "max-age=3600")]), Some(600));
    assert_eq!(life(200, &[("set-cookie", "a=b")]), None);
    let public = [("set-cookie", "a=b"), ("cache-control", "public")];
    assert_eq!(life(200, &public), Some(60));
}
