//! The rules, met as a cache meets them: a response to one request is judged for another, later.
//!
//! The tests of a group stand in a file named as the clause is; each says its clause.

mod cache_status;
mod codec;
mod directives;
mod freshness;
mod invalidation;
mod key;
mod oracle;

mod partial;
mod reuse;
mod storing;
mod targeted;
mod validation;
mod vary;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use weir_hal::Wall;

use crate::rules::{self, Asked, Policy, Reuse, Stored, Storing, http_date};

/// 2026-11-21T00:00:00Z, when all responses come.
const NOW_S: u64 = 1_795_219_200;

/// So many seconds after the response came.
fn after(seconds: u64) -> Wall {
    Wall::from_nanos(NOW_S * 1_000_000_000) + Duration::from_secs(seconds)
}

/// The date so many seconds from now.
fn date(offset_s: i64) -> String {
    let at_s = NOW_S.saturating_add_signed(offset_s);
    let date = http_date(Wall::from_nanos(at_s * 1_000_000_000));
    date.to_str().unwrap().to_owned()
}

fn fields(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(
            HeaderName::try_from(*name).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}

/// A request and what it brought.
struct Message {
    method: Method,
    uri: Uri,
    request: HeaderMap,
    status: StatusCode,
    response: HeaderMap,
    policy: Policy,
}

impl Message {
    /// A 200 of these fields to a plain GET.
    fn new(response: &[(&str, &str)]) -> Self {
        Self {
            method: Method::GET,
            uri: Uri::from_static("http://edge.example/vod/a.ts"),
            request: HeaderMap::new(),
            status: StatusCode::OK,
            response: fields(response),
            policy: Policy::default(),
        }
    }

    /// A 200 of this Cache-Control to a plain GET.
    fn cc(cache_control: &str) -> Self {
        Self::new(&[("cache-control", cache_control)])
    }

    fn to(mut self, request: &[(&str, &str)]) -> Self {
        self.request = fields(request);
        self
    }

    fn by(mut self, method: &str) -> Self {
        self.method = method.parse().unwrap();
        self
    }

    fn with_status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap();
        self
    }

    fn under(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            uri: &self.uri,
            headers: &self.request,
        }
    }

    fn storing(&self) -> Storing {
        rules::storing(&self.policy, self.asked(), self.status, &self.response)
    }

    fn stored(&self) -> Stored {
        Stored::new(
            self.asked(),
            self.status,
            &self.response,
            after(0),
            after(0),
        )
    }

    /// What is to be done with it for a GET of these fields, so many seconds later.
    fn reuse(&self, request: &[(&str, &str)], seconds: u64) -> Reuse {
        let headers = fields(request);
        let asked = Asked {
            method: &Method::GET,
            uri: &self.uri,
            headers: &headers,
        };
        rules::reuse(&self.policy, asked, &self.stored(), after(seconds))
    }

    /// Whether it is stored, and then used as it is for a plain GET three seconds later.
    fn is_used(&self) -> bool {
        self.is_used_for(&[])
    }

    /// The same for a GET of these fields.
    fn is_used_for(&self, request: &[(&str, &str)]) -> bool {
        self.storing() == Storing::Yes
            && matches!(
                self.reuse(request, 3),
                Reuse::Fresh { .. } | Reuse::Accepted { .. }
            )
    }
}
