//! The same decisions as another implementation of the rules, the crate `http-cache-semantics`.
//!
//! Goal: no mistake that two authors would not both make. Method: exchanges are generated and
//! followed by a later request; both say whether the response is stored and answers it as it is.
//! Where they are known to differ, a list says why ours is right, and that they do is proved; what
//! is left out of the comparison is left out for a reason on that list.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, Request, Response};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use proptest::{collection::vec, option, prelude::*, sample::select, sample::subsequence};

use super::{Message, NOW_S, date, fields};
use crate::rules::{NotStored, Policy, Storing};

/// An exchange and a later request.
#[derive(Debug, Clone)]
struct Case {
    first: Vec<(&'static str, String)>,
    status: u16,
    response: Vec<(&'static str, String)>,
    second: Vec<(&'static str, String)>,
    after_s: u64,
}

impl Case {
    /// A 200 of these fields, and a request of those three seconds later.
    fn new(response: &[(&'static str, &str)], second: &[(&'static str, &str)]) -> Self {
        let owned = |fields: &[(&'static str, &str)]| {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect()
        };
        Self {
            first: Vec::new(),
            status: 200,
            response: owned(response),
            second: owned(second),
            after_s: 3,
        }
    }

    fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn message(&self) -> Message {
        Message::new(&borrowed(&self.response))
            .to(&borrowed(&self.first))
            .with_status(self.status)
            .under(Policy {
                is_heuristic: true,
                ..Policy::default()
            })
    }

    fn ours(&self) -> bool {
        let message = self.message();
        message.storing() == Storing::Yes
            && matches!(
                message.reuse(&borrowed(&self.second), self.after_s),
                crate::rules::Reuse::Fresh { .. } | crate::rules::Reuse::Accepted { .. }
            )
    }

    fn oracle(&self) -> bool {
        let request = |fields: &[(&'static str, String)]| {
            let mut request = Request::get("http://edge.example/vod/a.ts")
                .body(())
                .unwrap();
            *request.headers_mut() = map(fields);
            request
        };
        let mut response = Response::new(());
        *response.status_mut() = self.status.try_into().unwrap();
        *response.headers_mut() = map(&self.response);
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(NOW_S + seconds);
        let options = CacheOptions::default();
        let policy = CachePolicy::new_options(&request(&self.first), &response, at(0), options);
        let decision = policy.before_request(&request(&self.second), at(self.after_s));
        policy.is_storable() && matches!(decision, BeforeRequest::Fresh(_))
    }

    fn has(&self, directive: &str) -> bool {
        let is_in = |(_, value): &(&str, String)| value.contains(directive);
        self.response.iter().any(is_in)
    }

    fn asks(&self, directive: &str) -> bool {
        self.second
            .iter()
            .any(|(_, value)| value.contains(directive))
    }

    /// The agreed difference that may show, if one may.
    fn agreed(&self) -> Option<&'static str> {
        let is_explicit = self.has("max-age") || self.has("s-maxage");
        let is_useless = self.message().storing() == Storing::No(NotStored::NoLifetime);
        let has_cookie = self.has("a=b") && !self.has("public") && !self.has("immutable");
        [
            (has_cookie, COOKIE),
            (self.has("immutable") && !is_explicit, IMMUTABLE_LIFETIME),
            (
                self.has("immutable") && self.asks("max-age"),
                IMMUTABLE_RELOAD,
            ),
            (
                self.asks("max-stale") && self.has("s-maxage"),
                S_MAXAGE_STALE,
            ),
            (
                self.asks("max-stale") && self.has("no-cache"),
                NO_CACHE_STALE,
            ),
            (self.asks("max-stale") && is_useless, USELESS),
        ]
        .into_iter()
        .find_map(|(may_show, why)| may_show.then_some(why))
    }
}

fn borrowed<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    let fields = fields.iter();
    fields
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

fn map(of: &[(&'static str, String)]) -> HeaderMap {
    fields(&borrowed(of))
}

// Differences that random exchanges meet. Where one may show, the two are not compared.
const COOKIE: &str =
    "RFC 9111 §3: a cookie does not forbid to store what says how long it is fresh";
const USELESS: &str = "what is never fresh is not kept for the few who would take it stale";
const IMMUTABLE_LIFETIME: &str = "RFC 8246 §2: immutable gives no lifetime, and makes none longer";
const IMMUTABLE_RELOAD: &str = "RFC 8246 §2.1: a reload does not validate what is immutable";
const S_MAXAGE_STALE: &str =
    "RFC 9111 §4.2.4: s-maxage forbids to use what is stale, whoever would take it";
const NO_CACHE_STALE: &str = "RFC 9111 §5.2.2.4: no-cache forbids to use what is stale as well";

/// Why the two differ, whether ours uses the response (and the oracle not), and an example.
type Difference = (&'static str, bool, Case);

fn cc(text: &'static str) -> (&'static str, &'static str) {
    ("cache-control", text)
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// They differ in what is stored.
fn storing() -> Vec<Difference> {
    vec![
        (
            COOKIE,
            true,
            Case::new(&[FRESH, ("set-cookie", "a=b")], &[]),
        ),
        (
            "RFC 9111 §3: any final status may be stored that says how long it is fresh",
            true,
            Case::new(&[FRESH], &[]).with_status(503),
        ),
        (
            "RFC 9111 §5.2.2.3: who understands the status ignores no-store",
            true,
            Case::new(&[cc("max-age=60, no-store, must-understand")], &[]),
        ),
        (
            USELESS,
            false,
            Case::new(&[cc("max-age=0")], &[cc("max-stale")]),
        ),
        (
            "RFC 9213 §2.2: CDN-Cache-Control takes the place of Cache-Control",
            true,
            Case::new(&[cc("no-store"), ("cdn-cache-control", "max-age=60")], &[]),
        ),
    ]
}

/// They differ in how fields are read.
fn reading() -> Vec<Difference> {
    vec![
        (
            "RFC 9111 §5.4: Pragma means nothing in a response",
            true,
            Case::new(&[("pragma", "no-cache"), ("expires", &date(60))], &[]),
        ),
        (
            "RFC 9111 §5.4: Pragma means nothing beside Cache-Control",
            true,
            Case::new(&[FRESH], &[("pragma", "no-cache"), cc("max-age=9")]),
        ),
        (
            "RFC 9111 §5.1: of several ages the first counts",
            false,
            Case::new(&[FRESH, ("age", "90, 0")], &[]),
        ),
        (
            "RFC 9111 §5.2.2.4: no-cache with names is about these fields only",
            true,
            Case::new(&[cc("max-age=60, no-cache=\"x\"")], &[]),
        ),
        (
            "RFC 9111 §5.2: directives have no case",
            true,
            Case::new(&[cc("Max-Age=60")], &[]),
        ),
        (
            "RFC 9110 §5.6.4: a comma in a quoted string does not end a directive",
            true,
            Case::new(&[cc("max-age=60, x=\"a, no-store, b\"")], &[]),
        ),
        (
            "RFC 9111 §4.1: white space does not tell lists apart",
            true,
            Case {
                first: vec![("foo", "1,2".to_owned())],
                ..Case::new(&[FRESH, ("vary", "foo")], &[("foo", "1, 2")])
            },
        ),
        (
            "RFC 9111 §5.3: a date in a zone other than GMT is none",
            false,
            Case::new(
                &[("expires", "Thu, 18 Aug 2050 02:01:18 EST"), ("etag", "a")],
                &[],
            ),
        ),
    ]
}

/// They differ in what is fresh, and used.
fn using() -> Vec<Difference> {
    let old = date(-7200);
    let modified = date(-864_000_000);
    vec![
        (
            "RFC 9111 §5.2.2.8: proxy-revalidate is about stale responses only",
            true,
            Case::new(&[cc("max-age=60, proxy-revalidate")], &[]),
        ),
        (
            IMMUTABLE_LIFETIME,
            false,
            Case::new(&[cc("immutable"), ("etag", "\"a\"")], &[]),
        ),
        (
            IMMUTABLE_RELOAD,
            true,
            Case::new(&[cc("max-age=60, immutable")], &[cc("max-age=1")]),
        ),
        (
            "RFC 9111 §4.2.3: Date tells an age as well as Age",
            false,
            Case::new(&[FRESH, ("date", &old)], &[]),
        ),
        (
            S_MAXAGE_STALE,
            false,
            Case::new(&[cc("s-maxage=1"), ("etag", "\"a\"")], &[cc("max-stale")]),
        ),
        (
            NO_CACHE_STALE,
            false,
            Case::new(&[cc("no-cache"), ("etag", "\"a\"")], &[cc("max-stale")]),
        ),
        (
            "RFC 9111 §4.2.2 leaves the limit of a heuristic to the cache: a day",
            false,
            Case {
                after_s: 90_000,
                ..Case::new(&[("last-modified", &modified), ("etag", "\"a\"")], &[])
            },
        ),
    ]
}

#[test]
fn the_agreed_differences_are_differences() {
    for (why, is_ours, case) in [storing(), reading(), using()].concat() {
        assert_eq!((case.ours(), case.oracle()), (is_ours, !is_ours), "{why}");
    }
}

#[test]
fn what_is_not_compared_is_on_the_list_under_its_reason() {
    let known = [
        COOKIE,
        IMMUTABLE_LIFETIME,
        IMMUTABLE_RELOAD,
        NO_CACHE_STALE,
        S_MAXAGE_STALE,
        USELESS,
    ];
    let list = [storing(), reading(), using()].concat();
    for (why, _, case) in &list {
        if known.contains(why) {
            assert_eq!(case.agreed(), Some(*why));
        }
    }
    let is_listed = |reason| list.iter().any(|(why, _, _)| *why == reason);
    assert!(known.into_iter().all(is_listed));
}

/// The Cache-Control of a response.
fn directives() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let plain = vec![
        "no-cache",
        "no-store",
        "private",
        "public",
        "must-revalidate",
        "immutable",
        "x-own",
    ];
    let seconds = || option::weighted(0.5, 0..20_u32);
    (subsequence(plain, 0..3), seconds(), seconds()).prop_map(|(plain, max_age, s_maxage)| {
        let mut all: Vec<String> = plain.into_iter().map(str::to_owned).collect();
        all.extend(max_age.map(|seconds| format!("max-age={seconds}")));
        all.extend(s_maxage.map(|seconds| format!("s-maxage=\"{seconds}\"")));
        let line = ("cache-control", all.join(", "));
        if all.is_empty() {
            Vec::new()
        } else {
            vec![line]
        }
    })
}

/// The other fields of a response that decide.
fn others() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let offset = || option::weighted(0.3, -20..20_i64);
    (
        offset(),
        option::weighted(0.3, 0..200_i64),
        option::weighted(0.3, 0..10_u32),
        subsequence(
            vec![("vary", "foo"), ("set-cookie", "a=b"), ("etag", "\"a\"")],
            0..4,
        ),
    )
        .prop_map(|(expires, modified, age, fixed)| {
            let mut all = vec![("date", date(0))];
            all.extend(expires.map(|offset| ("expires", date(offset))));
            all.extend(modified.map(|ago| ("last-modified", date(-ago))));
            all.extend(age.map(|age| ("age", age.to_string())));
            all.extend(
                fixed
                    .into_iter()
                    .map(|(name, value)| (name, value.to_owned())),
            );
            all
        })
}

/// The fields of a request.
fn request() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let wish = select(vec![
        "no-cache",
        "no-store",
        "max-age=5",
        "max-age=15",
        "min-fresh=4",
        "max-stale",
        "max-stale=3",
        "x-own",
    ]);
    (
        vec(wish, 0..2),
        option::weighted(0.5, select(vec!["1", "2"])),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(wishes, foo, is_authorized)| {
            let mut all = Vec::new();
            all.extend(
                wishes
                    .into_iter()
                    .map(|wish| ("cache-control", wish.to_owned())),
            );
            all.extend(foo.map(|foo| ("foo", foo.to_owned())));
            if is_authorized {
                all.push(("authorization", "x".to_owned()));
            }
            all
        })
}

fn case() -> impl Strategy<Value = Case> {
    let statuses = vec![
        200, 200, 200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501,
    ];
    (
        request(),
        select(statuses),
        directives(),
        others(),
        request(),
        0..25_u64,
    )
        .prop_map(|(first, status, mut response, others, second, after_s)| {
            response.extend(others);
            Case {
                first,
                status,
                response,
                second,
                after_s,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn both_decide_alike_where_no_difference_is_agreed(
        case in case().prop_filter("a difference may show", |case| case.agreed().is_none()),
    ) {
        prop_assert_eq!(case.ours(), case.oracle());
    }
}
