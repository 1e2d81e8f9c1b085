//! RFC 9111 §4, §4.2.4, §5.2; RFC 5861; RFC 8246: which stored response answers which request.

use std::time::Duration;

use http::Method;
use weir_hal::Wall;

use super::{Message, after, fields};
use crate::rules::{Asked, Policy, Refusal, Reuse, StaleReason, reuse};

/// What may be done with a stale response: while revalidating, if error, must revalidate.
fn stale(message: &Message, request: &[(&str, &str)], seconds: u64) -> (bool, bool, bool) {
    let decision = message.reuse(request, seconds);
    let Reuse::Stale {
        while_revalidating,
        if_error,
        must_revalidate,
        ..
    } = decision
    else {
        panic!("{decision:?}");
    };
    (while_revalidating, if_error, must_revalidate)
}

fn reason(message: &Message, request: &[(&str, &str)], seconds: u64) -> Option<StaleReason> {
    let Reuse::Stale { reason, .. } = message.reuse(request, seconds) else {
        return None;
    };
    Some(reason)
}

fn cc(text: &str) -> [(&str, &str); 1] {
    [("cache-control", text)]
}

const SECOND: Duration = Duration::from_secs(1);

/// §4: the method of the request allows it: GET, and HEAD from what is known of GET.
#[test]
fn only_get_and_head_are_answered() {
    let message = Message::cc("max-age=60");
    let stored = message.stored();
    let none = fields(&[]);
    let decide = |method: &Method| {
        let asked = Asked {
            method,
            uri: &message.uri,
            headers: &none,
        };
        reuse(&message.policy, asked, &stored, after(0))
    };
    assert!(matches!(decide(&Method::GET), Reuse::Fresh { .. }));
    assert!(matches!(decide(&Method::HEAD), Reuse::Fresh { .. }));
    assert_eq!(decide(&Method::POST), Reuse::Refused(Refusal::Method));
    assert_eq!(decide(&Method::OPTIONS), Reuse::Refused(Refusal::Method));
}

/// §4.2.3: where the clock was put back, what came before has no age that could be told, and is
/// validated: else a live playlist would stand still until the clock is there again.
#[test]
fn what_came_later_than_now_is_validated() {
    let message = Message::cc("max-age=2, stale-if-error=60, stale-while-revalidate=9");
    let stored = message.stored();
    let none = fields(&[]);
    let decide = |back_s: u64| {
        let asked = Asked {
            method: &Method::GET,
            uri: &message.uri,
            headers: &none,
        };
        let at = Wall::from_nanos(after(0).as_nanos() - back_s * 1_000_000_000);
        reuse(&message.policy, asked, &stored, at)
    };
    assert!(matches!(decide(9), Reuse::Fresh { .. }));
    for back_s in [11, 3_600, 1_576_800_000] {
        let expected = Reuse::Stale {
            since: Duration::ZERO,
            while_revalidating: true,
            if_error: true,
            must_revalidate: false,
            reason: StaleReason::Expired,
        };
        assert_eq!(decide(back_s), expected, "{back_s}");
    }
}

/// §5.2.2.4: no-cache MUST NOT be used without validation, even when fresh or when the origin
/// fails.
#[test]
fn no_cache_is_always_validated() {
    let policy = Policy {
        stale_if_error: Duration::from_mins(1),
        stale_while_revalidate: Duration::from_mins(1),
        ..Policy::default()
    };
    let message = Message::cc("max-age=60, no-cache, stale-if-error=60").under(policy);
    assert_eq!(stale(&message, &[], 0), (false, false, true));
    assert_eq!(stale(&message, &cc("max-stale"), 90), (false, false, true));
    assert_eq!(reason(&message, &[], 0), Some(StaleReason::NoCache));
}

/// §4.2.4: no stale response unless the response or the request allows it.
#[test]
fn nothing_stale_is_used_unless_it_is_allowed() {
    let message = Message::cc("max-age=2");
    assert_eq!(stale(&message, &[], 3), (false, false, false));
    assert_eq!(reason(&message, &[], 3), Some(StaleReason::Expired));
}

/// §5.2.2.2, §5.2.2.8, §5.2.2.10: must-revalidate, proxy-revalidate and s-maxage forbid it.
#[test]
fn what_forbids_stale_use_is_obeyed() {
    let policy = Policy {
        stale_if_error: Duration::from_mins(1),
        stale_while_revalidate: Duration::from_mins(1),
        ..Policy::default()
    };
    for text in [
        "max-age=2, must-revalidate",
        "max-age=2, proxy-revalidate",
        "max-age=2, s-maxage=2",
        "max-age=2, must-revalidate, stale-if-error=60, stale-while-revalidate=60",
        "max-age=2, proxy-revalidate, stale-if-error=60, stale-while-revalidate=60",
    ] {
        let message = Message::cc(text).under(policy.clone());
        assert_eq!(stale(&message, &[], 3), (false, false, true), "{text}");
        let request = cc("max-stale=99, stale-if-error=99");
        assert_eq!(stale(&message, &request, 3), (false, false, true), "{text}");
        assert!(
            matches!(message.reuse(&[], 1), Reuse::Fresh { .. }),
            "{text}"
        );
    }
}

/// What s-maxage only implies gives way to what the same response says in so many words.
#[test]
fn a_stale_directive_beside_s_maxage_counts() {
    let message = Message::cc("s-maxage=2, stale-while-revalidate=5, stale-if-error=9");
    assert_eq!(stale(&message, &[], 3), (true, true, true));
    assert_eq!(stale(&message, &[], 8), (false, true, true));
}

/// RFC 5861 §3: within the window a stale response may be used while it is revalidated.
#[test]
fn stale_while_revalidate_has_a_window() {
    let message = Message::cc("max-age=1, stale-while-revalidate=4");
    assert_eq!(stale(&message, &[], 1), (true, false, false));
    assert_eq!(stale(&message, &[], 4), (true, false, false));
    assert_eq!(stale(&message, &[], 5), (false, false, false));
}

/// RFC 5861 §4: within the window a stale response may be used if the origin fails.
#[test]
fn stale_if_error_has_a_window() {
    let message = Message::cc("max-age=2, stale-if-error=60");
    assert_eq!(stale(&message, &[], 61), (false, true, false));
    assert_eq!(stale(&message, &[], 62), (false, false, false));
}

/// RFC 5861 §4: the request may allow it, too.
#[test]
fn a_request_may_take_stale_for_an_error() {
    let message = Message::cc("max-age=2");
    assert_eq!(
        stale(&message, &cc("stale-if-error=60"), 61),
        (false, true, false)
    );
    assert_eq!(
        stale(&message, &cc("stale-if-error=60"), 62),
        (false, false, false)
    );
}

#[test]
fn a_policy_gives_windows_where_nothing_is_said() {
    let policy = Policy {
        stale_if_error: Duration::from_mins(1),
        stale_while_revalidate: Duration::from_secs(10),
        ..Policy::default()
    };
    let message = Message::cc("max-age=2").under(policy.clone());
    assert_eq!(stale(&message, &[], 11), (true, true, false));
    assert_eq!(stale(&message, &[], 12), (false, true, false));
    let own = Message::cc("max-age=2, stale-while-revalidate=0, stale-if-error=0").under(policy);
    assert_eq!(stale(&own, &[], 3), (false, false, false));
}

/// A cookie is one client's, unless the response says for how long it is everybody's.
#[test]
fn a_policy_gives_no_window_to_what_sets_a_cookie_and_says_no_more() {
    const COOKIE: (&str, &str) = ("set-cookie", "a=b");
    let policy = Policy {
        stale_if_error: Duration::from_mins(1),
        stale_while_revalidate: Duration::from_secs(10),
        ..Policy::default()
    };
    let windows = |fields: &[(&str, &str)]| {
        let message = Message::new(&[&[COOKIE, ("etag", "\"a\"")], fields].concat());
        stale(&message.under(policy.clone()), &[], 3)
    };
    assert_eq!(windows(&[]), (false, false, false));
    assert_eq!(windows(&[("cache-control", "public")]), (true, true, false));
    assert_eq!(
        windows(&[("cache-control", "max-age=1")]),
        (true, true, false)
    );
}

/// §5.2.1.1: max-age.
#[test]
fn a_request_may_want_a_younger_response() {
    let message = Message::cc("max-age=3600");
    assert_eq!(
        reason(&message, &cc("max-age=0"), 0),
        Some(StaleReason::Request)
    );
    assert_eq!(
        reason(&message, &cc("max-age=1"), 3),
        Some(StaleReason::Request)
    );
    assert_eq!(reason(&message, &cc("max-age=3"), 3), None);
    let aged = Message::new(&[("cache-control", "max-age=3600"), ("age", "1800")]);
    assert_eq!(
        reason(&aged, &cc("max-age=600"), 0),
        Some(StaleReason::Request)
    );
}

/// §5.2.1.3: min-fresh.
#[test]
fn a_request_may_want_a_response_that_stays_fresh() {
    let message = Message::cc("max-age=1500");
    assert_eq!(
        reason(&message, &cc("min-fresh=2000"), 0),
        Some(StaleReason::Request)
    );
    assert_eq!(reason(&message, &cc("min-fresh=1000"), 499), None);
    let aged = Message::new(&[("cache-control", "max-age=1500"), ("age", "1000")]);
    assert_eq!(
        reason(&aged, &cc("min-fresh=1000"), 0),
        Some(StaleReason::Request)
    );
}

/// §5.2.1.4, §5.4: no-cache, and Pragma in its place.
#[test]
fn a_request_may_want_validation() {
    let message = Message::cc("max-age=60, stale-while-revalidate=60");
    for request in [("cache-control", "no-cache"), ("pragma", "no-cache")] {
        assert_eq!(reason(&message, &[request], 0), Some(StaleReason::Request));
        // What is fresh is better than an error, and validation is what was asked for.
        assert_eq!(stale(&message, &[request], 0), (false, true, false));
        assert_eq!(stale(&message, &[request], 70), (false, false, false));
    }
}

/// §5.2.1.2: max-stale.
#[test]
fn a_request_may_take_what_is_stale() {
    let message = Message::cc("max-age=1");
    let accepted = |request, seconds| message.reuse(&cc(request), seconds);
    let since = SECOND * 2;
    assert_eq!(accepted("max-stale=1000", 3), Reuse::Accepted { since });
    assert_eq!(accepted("max-stale", 3), Reuse::Accepted { since });
    for request in [
        "max-stale=2",
        "max-stale, no-cache",
        "max-stale, max-age=0",
        "max-stale, max-age=2",
        "max-stale, min-fresh=1",
    ] {
        assert!(
            matches!(accepted(request, 3), Reuse::Stale { .. }),
            "{request}"
        );
    }
    let aged = Message::new(&[("cache-control", "max-age=1500"), ("age", "2000")]);
    let since = SECOND * 500;
    assert_eq!(
        aged.reuse(&cc("max-stale=1000"), 0),
        Reuse::Accepted { since }
    );
}

/// §5.2.1.7: only-if-cached is answered from the cache or by 504.
#[test]
fn only_if_cached_never_goes_forward() {
    let message = Message::cc("max-age=5, stale-while-revalidate=5");
    let decide = |seconds| message.reuse(&cc("only-if-cached"), seconds);
    assert_eq!(decide(4), Reuse::Fresh { ttl: SECOND });
    assert!(matches!(
        decide(5),
        Reuse::Stale {
            while_revalidating: true,
            ..
        }
    ));
    assert_eq!(decide(10), Reuse::Refused(Refusal::OnlyIfCached));
}

/// §5.2.1.5: no-store in a request says nothing of what is already stored.
#[test]
fn no_store_in_a_request_lets_the_stored_be_used() {
    assert!(Message::cc("max-age=60").is_used_for(&cc("no-store")));
}

/// RFC 8246 §2.1: what is immutable SHOULD NOT be validated while it is fresh, unless the request
/// insists.
#[test]
fn a_reload_does_not_validate_what_is_immutable() {
    let message = Message::cc("max-age=60, immutable");
    assert_eq!(reason(&message, &cc("max-age=0"), 3), None);
    assert_eq!(
        reason(&message, &cc("no-cache"), 3),
        Some(StaleReason::Request)
    );
    assert_eq!(reason(&message, &[], 61), Some(StaleReason::Expired));
}

/// §4: a request that has cookies is answered all the same.
#[test]
fn other_fields_of_a_request_do_not_matter() {
    let message = Message::new(&[("cache-control", "max-age=60"), ("set-cookie", "a=b")]);
    assert!(message.is_used_for(&[("cookie", "a=b"), ("authorization", "x")]));
}

#[test]
fn what_has_no_lifetime_is_stale_from_the_start() {
    let message = Message::new(&[("etag", "\"a\"")]);
    assert_eq!(reason(&message, &[], 0), Some(StaleReason::Expired));
    assert_eq!(stale(&message, &[], 0), (false, false, false));
}
