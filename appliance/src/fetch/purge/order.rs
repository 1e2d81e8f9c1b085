//! Requests to purge, read: what is to be banned, and what can be evicted besides.
//!
//! `PURGE URL` bans one URL. `BAN URL` bans every URL that begins so, or fits if there is a `*` in
//! it; with `Surrogate-Key` or `Cache-Tag` it bans these tags instead. Both speak of the authority
//! in `Host`. The management API takes all of it as JSON:
//!
//! ```json
//! {"urls": ["http://tv.example/a.m3u8"], "prefixes": ["/vod/7/"], "patterns": ["/*/old-*.ts"],
//!  "tags": ["series-7"]}
//! ```
//!
//! where a URL, prefix or pattern from `/` on speaks of every authority. Pure.

use std::fmt::Debug;

use hyper::{
    HeaderMap, Uri,
    header::HOST,
    http::uri::{Authority, Scheme},
};
use serde::Deserialize;
use weir_cache::Key;

use super::{
    bans::{TEXT_BYTES_MAX, Target, names},
    pattern::Pattern,
    tags::tags,
};

/// Things one request may name.
pub(super) const TARGETS_MAX: usize = 1_000;

/// Stands for whatever authority in the key of a URL without one.
const ANY_AUTHORITY: &str = "any.invalid";

/// What a response is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its cache key: a URI.
    pub text: String,
    /// Its name in the store, if it does not vary.
    pub stored: Key,
}

/// Tells what responses are called, as the pull path calls them.
pub trait Names: Debug + Send + Sync {
    /// The name of what `uri`, which has scheme and authority, stands for; `None` if no route leads
    /// there.
    fn name(&self, uri: &Uri) -> Option<Name>;
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Order {
    pub(super) targets: Vec<Target>,
    /// What can be evicted at once, beside the bans that cover it.
    pub(super) stored: Vec<Key>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("there is nothing to purge: name it by urls, prefixes, patterns or tags")]
    Nothing,
    #[error("more than {TARGETS_MAX} things are named: send several requests")]
    TooMany,
    #[error("the body is no order to purge: {0}")]
    NoOrder(String),
    #[error("{0:?} is no URL: write one from http:// or from / on, of at most 1024 bytes")]
    NoUrl(String),
    #[error("{0:?} is no prefix: write one from http://host/ or from / on, of at most 1024 bytes")]
    NoPrefix(String),
    #[error("{0:?} is no pattern: write a prefix with at most 8 stars")]
    NoPattern(String),
    #[error("{0:?} is no tag: write at most 1024 letters without spaces at their ends")]
    NoTag(String),
    #[error("no route leads to {0:?}")]
    NoRoute(String),
}

/// The body of a request to the management API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
}

impl Order {
    /// Reads the body of a request to the management API.
    pub(super) fn of_json(body: &[u8], all: &dyn Names) -> Result<Self, Unfit> {
        let body: Body =
            serde_json::from_slice(body).map_err(|error| Unfit::NoOrder(error.to_string()))?;
        let lists = [&body.urls, &body.prefixes, &body.patterns, &body.tags];
        let count = lists.iter().map(|list| list.len()).sum::<usize>();
        if count > TARGETS_MAX {
            return Err(Unfit::TooMany);
        }
        let mut order = Self::default();
        for url in &body.urls {
            order.url(url, all)?;
        }
        for text in &body.prefixes {
            order.targets.push(prefix(text)?);
        }
        for text in &body.patterns {
            order.targets.push(pattern(text)?);
        }
        for text in &body.tags {
            order.targets.push(tag(text)?);
        }
        order.unless_empty()
    }

    /// Reads a `PURGE`.
    pub(super) fn of_purge(uri: &Uri, headers: &HeaderMap, all: &dyn Names) -> Result<Self, Unfit> {
        let mut order = Self::default();
        order.url(&absolute(uri, headers)?, all)?;
        Ok(order)
    }

    /// Reads a `BAN`.
    pub(super) fn of_ban(uri: &Uri, headers: &HeaderMap) -> Result<Self, Unfit> {
        let tags: Vec<&str> = tags(headers).take(TARGETS_MAX + 1).collect();
        if tags.len() > TARGETS_MAX {
            return Err(Unfit::TooMany);
        }
        let mut order = Self::default();
        for text in &tags {
            order.targets.push(tag(text)?);
        }
        if tags.is_empty() {
            let text = absolute(uri, headers)?;
            let is_pattern = text.contains('*');
            let target = if is_pattern {
                pattern(&text)
            } else {
                prefix(&text)
            };
            order.targets.push(target?);
        }
        order.unless_empty()
    }

    fn unless_empty(self) -> Result<Self, Unfit> {
        Some(self)
            .filter(|order| !order.targets.is_empty())
            .ok_or(Unfit::Nothing)
    }

    /// Adds a URL under the name the pull path gives it.
    fn url(&mut self, text: &str, all: &dyn Names) -> Result<(), Unfit> {
        let is_any = text.starts_with('/') && !text.starts_with("//");
        let url = if is_any {
            format!("http://{ANY_AUTHORITY}{text}")
        } else {
            text.to_owned()
        };
        let uri: Option<Uri> = url.parse().ok().filter(|_| is_fit(text));
        let uri = uri.filter(|uri| uri.scheme().is_some() && uri.authority().is_some());
        let uri = uri.ok_or_else(|| Unfit::NoUrl(text.to_owned()))?;
        let no_route = || Unfit::NoRoute(text.to_owned());
        let name = all.name(&uri).ok_or_else(no_route)?;
        let (whole, path) = names(&name.text);
        if is_any {
            self.targets.push(Target::Url(path.to_owned()));
            return Ok(());
        }
        self.targets.push(Target::Url(whole.to_owned()));
        self.stored.push(name.stored);
        let other = with_other_scheme(uri).and_then(|uri| all.name(&uri));
        self.stored.extend(other.map(|name| name.stored));
        Ok(())
    }
}

fn with_other_scheme(uri: Uri) -> Option<Uri> {
    let is_https = uri.scheme() == Some(&Scheme::HTTPS);
    let mut parts = uri.into_parts();
    parts.scheme = Some(if is_https {
        Scheme::HTTP
    } else {
        Scheme::HTTPS
    });
    Uri::from_parts(parts).ok()
}

/// The URL of a request.
fn absolute(uri: &Uri, headers: &HeaderMap) -> Result<String, Unfit> {
    let unfit = || Unfit::NoUrl(uri.to_string());
    let path = uri.path_and_query().ok_or_else(unfit)?;
    let host = || {
        let host = headers.get(HOST)?.to_str().ok()?;
        host.parse().ok()
    };
    let authority: Option<Authority> = uri.authority().cloned().or_else(host);
    let authority = authority.ok_or_else(unfit)?;
    Ok(format!("http://{authority}{path}"))
}

fn is_fit(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_BYTES_MAX && !text.contains(char::is_control)
}

/// From `//authority/` or from `/` on, whatever the scheme; the authority in lower case.
fn scope(text: &str) -> Option<String> {
    let name = text
        .strip_prefix("http:")
        .or_else(|| text.strip_prefix("https:"))
        .unwrap_or(text);
    let Some(rest) = name.strip_prefix("//") else {
        let is_path = name.len() == text.len() && name.starts_with('/');
        return is_path.then(|| name.to_owned());
    };
    let (authority, path) = rest.split_once('/')?;
    let is_named = !authority.is_empty();
    is_named.then(|| format!("//{}/{path}", authority.to_ascii_lowercase()))
}

fn prefix(text: &str) -> Result<Target, Unfit> {
    let scope = Some(text).filter(|text| is_fit(text)).and_then(scope);
    let scope = scope.ok_or_else(|| Unfit::NoPrefix(text.to_owned()))?;
    Ok(Target::Prefix(scope))
}

fn pattern(text: &str) -> Result<Target, Unfit> {
    let scope = Some(text).filter(|text| is_fit(text)).and_then(scope);
    let pattern = scope.and_then(|scope| Pattern::new(&scope));
    let pattern = pattern.ok_or_else(|| Unfit::NoPattern(text.to_owned()))?;
    Ok(Target::Pattern(pattern))
}

fn tag(text: &str) -> Result<Target, Unfit> {
    let is_tag = is_fit(text) && text.trim_ascii().len() == text.len();
    is_tag
        .then(|| Target::Tag(text.to_owned()))
        .ok_or_else(|| Unfit::NoTag(text.to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// Names everything but what is below `/live/`, by its URL without the query.
    #[derive(Debug)]
    pub(crate) struct Plain;

    impl Names for Plain {
        fn name(&self, uri: &Uri) -> Option<Name> {
            let (scheme, authority) = uri.scheme().zip(uri.authority())?;
            let text = format!("{scheme}://{authority}{}", uri.path());
            let stored = Key::new(&text)?;
            let is_routed = !uri.path().starts_with("/live/");
            is_routed.then_some(Name { text, stored })
        }
    }

    fn of_json(text: &str) -> Result<Order, Unfit> {
        Order::of_json(text.as_bytes(), &Plain)
    }

    fn host() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("tv.example"));
        headers
    }

    fn shown(order: &Order) -> Vec<String> {
        let targets = order.targets.iter().map(ToString::to_string);
        let stored = order.stored.iter().map(|key| format!("evict {key}"));
        targets.chain(stored).collect()
    }

    #[test]
    fn reads_an_order_of_every_kind() {
        let order = of_json(
            r#"{"urls": ["https://h/a?x=1", "/b?y"], "prefixes": ["/vod/", "http://H:80/c"],
                "patterns": ["/*/x"], "tags": ["series-7"]}"#,
        );
        assert_eq!(
            shown(&order.expect("an order")),
            [
                "url //h/a",
                "url /b",
                "prefix /vod/",
                "prefix //h:80/c",
                "pattern /*/x",
                "tag series-7",
                "evict https://h/a",
                "evict http://h/a",
            ]
        );
    }

    #[test]
    fn reads_the_methods() {
        let uri = Uri::from_static("/vod/a.ts?x=1");
        let order = Order::of_purge(&uri, &host(), &Plain).expect("an order");
        assert_eq!(
            shown(&order),
            [
                "url //tv.example/vod/a.ts",
                "evict http://tv.example/vod/a.ts",
                "evict https://tv.example/vod/a.ts",
            ]
        );
        let ban = |path, headers: &HeaderMap| {
            let order = Order::of_ban(&Uri::from_static(path), headers).expect("an order");
            shown(&order)
        };
        assert_eq!(ban("/vod/", &host()), ["prefix //tv.example/vod/"]);
        assert_eq!(ban("/*.ts", &host()), ["pattern //tv.example/*.ts"]);
        let mut tagged = host();
        tagged.insert("surrogate-key", HeaderValue::from_static("a b"));
        assert_eq!(ban("/vod/", &tagged), ["tag a", "tag b"]);
    }

    #[test]
    fn refuses_what_is_no_order() {
        let many = format!("{{\"tags\": [{}\"a\"]}}", "\"a\",".repeat(TARGETS_MAX));
        for (text, unfit) in [
            ("{}", Unfit::Nothing),
            (many.as_str(), Unfit::TooMany),
            (r#"{"urls": ["a"]}"#, Unfit::NoUrl("a".to_owned())),
            (r#"{"urls": ["//h/a"]}"#, Unfit::NoUrl("//h/a".to_owned())),
            (r#"{"urls": [""]}"#, Unfit::NoUrl(String::new())),
            (
                r#"{"urls": ["/live/a"]}"#,
                Unfit::NoRoute("/live/a".to_owned()),
            ),
            (
                r#"{"prefixes": ["vod"]}"#,
                Unfit::NoPrefix("vod".to_owned()),
            ),
            (
                r#"{"prefixes": ["http://h"]}"#,
                Unfit::NoPrefix("http://h".to_owned()),
            ),
            (
                r#"{"prefixes": ["http:/h"]}"#,
                Unfit::NoPrefix("http:/h".to_owned()),
            ),
            (
                r#"{"patterns": ["/*********"]}"#,
                Unfit::NoPattern("/*********".to_owned()),
            ),
            (r#"{"tags": [" a"]}"#, Unfit::NoTag(" a".to_owned())),
            (r#"{"tags": ["a\nb"]}"#, Unfit::NoTag("a\nb".to_owned())),
        ] {
            assert_eq!(of_json(text), Err(unfit), "{text}");
        }
        for text in ["", "7", r#"{"url": []}"#, r#"{"urls": "a"}"#] {
            assert!(matches!(of_json(text), Err(Unfit::NoOrder(_))), "{text}");
        }
        let nowhere = Order::of_purge(&Uri::from_static("/a"), &HeaderMap::new(), &Plain);
        assert_eq!(nowhere, Err(Unfit::NoUrl("/a".to_owned())));
    }

    proptest! {
        #[test]
        fn never_panics_on_any_order(
            key in "urls|prefixes|patterns|tags", text in "(https?:)?/{0,2}\\PC{0,20}",
        ) {
            let body = serde_json::json!({ (key): [text] }).to_string();
            if let Ok(order) = of_json(&body) {
                prop_assert_eq!(order.targets.len(), 1);
            }
        }
    }
}
