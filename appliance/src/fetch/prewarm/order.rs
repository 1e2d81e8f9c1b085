//! Orders to prewarm, read.
//!
//! ```json
//! {"urls": ["http://tv.example/vod/7/master.m3u8", "/epg/today.json", "CH_001"],
//!  "host": "tv.example", "segments": 10, "rate": 20, "concurrency": 2}
//! ```
//!
//! `channels` and `playlists` may stand beside or in the place of `urls`; in any of them, what
//! holds no slash is the name of a channel. A URL from `/` on is asked for at `host`: the name of a
//! stored response has the authority in it that players ask at. Pure.

use hyper::{
    Uri,
    http::uri::{Authority, Scheme},
};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::fetch::resolve;

/// Things one order may name.
pub(super) const ITEMS_MAX: usize = 10_000;

/// Letters of the id of a channel, as the configuration has it.
const CHANNEL_ID_BYTES_MAX: usize = 64;

/// Most that an order may ask for in a second, and at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) rate_per_s: u32,
    pub(super) concurrency: usize,
}

/// Something to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A channel, by its name.
    Channel(String),
    /// A URL, with scheme and authority.
    Url(Uri),
}

/// What is to be fetched, and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) items: Vec<Item>,
    /// Segments of each playlist: the first ones, or the last ones of a live playlist.
    pub(super) segments_max: Option<usize>,
    pub(super) bounds: Bounds,
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("there is nothing to prewarm: name it by urls, playlists or channels")]
    Nothing,
    #[error("more than {ITEMS_MAX} things are named: send several orders")]
    TooMany,
    #[error("the body is no order to prewarm: {0}")]
    NoOrder(String),
    #[error("{0:?} is no URL: write one from http:// or https:// on, or from / with a host")]
    NoUrl(String),
    #[error(
        "{0:?} is stored under the name that players ask at: add a host, or write the URL whole"
    )]
    NoHost(String),
    #[error("{0:?} is no host: write one as in a URL, such as \"tv.example\"")]
    BadHost(String),
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    playlists: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    host: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    segments: Option<u32>,
    #[serde(default, deserialize_with = "whole")]
    rate: Option<u32>,
    #[serde(default, deserialize_with = "whole")]
    concurrency: Option<u32>,
}

/// A whole number, which JSON may write as `3.0`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    let is_fit = |it: &f64| it.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(it);
    let Some(number) = number else {
        return Ok(None);
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and in the range of the type"
    )]
    let fit = is_fit(&number).then_some(number as u32);
    let refused = || D::Error::custom(format_args!("{number} is no whole number up to 2^32"));
    fit.map(Some).ok_or_else(refused)
}

impl Order {
    /// Reads the body of an order, which gets at most `bounds`.
    pub(super) fn of_json(body: &[u8], bounds: Bounds) -> Result<Self, Unfit> {
        let body: Body =
            serde_json::from_slice(body).map_err(|error| Unfit::NoOrder(error.to_string()))?;
        let count = body.urls.len() + body.playlists.len() + body.channels.len();
        match count {
            0 => return Err(Unfit::Nothing),
            1..=ITEMS_MAX => {}
            _ => return Err(Unfit::TooMany),
        }
        let host = body.host.as_deref().map(authority).transpose()?;
        let texts = body
            .urls
            .iter()
            .chain(&body.playlists)
            .chain(&body.channels);
        let items = texts.map(|text| item(text.trim_ascii(), host.as_ref()));
        let items = items.collect::<Result<_, _>>()?;
        let (segments, rate, concurrency) = (body.segments, body.rate, body.concurrency);
        let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        if rate == Some(0) || concurrency == Some(0) {
            let key = if rate == Some(0) {
                "rate"
            } else {
                "concurrency"
            };
            return Err(Unfit::Zero(key));
        }
        Ok(Self {
            items,
            segments_max: segments.map(size),
            bounds: Bounds {
                rate_per_s: rate.unwrap_or(u32::MAX).min(bounds.rate_per_s),
                concurrency: concurrency
                    .map_or(bounds.concurrency, size)
                    .min(bounds.concurrency),
            },
        })
    }
}

fn authority(text: &str) -> Result<Authority, Unfit> {
    let authority = text.parse::<Authority>().ok();
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let authority = authority.filter(|authority| authority.as_str().bytes().all(is_letter));
    authority.ok_or_else(|| Unfit::BadHost(text.to_owned()))
}

/// Whether a channel may be called so.
fn is_channel_id(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=CHANNEL_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter)
}

fn item(text: &str, host: Option<&Authority>) -> Result<Item, Unfit> {
    if is_channel_id(text) {
        return Ok(Item::Channel(text.to_owned()));
    }
    let base = match (text.parse::<Uri>(), host) {
        (Ok(uri), _) if uri.scheme().is_some() => uri,
        (_, Some(host)) => {
            let parts = Uri::builder().scheme(Scheme::HTTP).authority(host.clone());
            let base = parts.path_and_query("/").build();
            base.map_err(|_unlikely| Unfit::NoUrl(text.to_owned()))?
        }
        (Ok(_), None) if text.starts_with('/') => return Err(Unfit::NoHost(text.to_owned())),
        (_, None) => return Err(Unfit::NoUrl(text.to_owned())),
    };
    let is_http = matches!(base.scheme_str(), Some("http" | "https"));
    let is_url = text.starts_with('/') && !text.starts_with("//") || text.contains("://");
    let uri = resolve(&base, text).filter(|_| is_http && is_url);
    uri.map(Item::Url)
        .ok_or_else(|| Unfit::NoUrl(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        rate_per_s: 100,
        concurrency: 8,
    };

    fn order(text: &str) -> Result<Order, Unfit> {
        Order::of_json(text.as_bytes(), BOUNDS)
    }

    fn items(text: &str) -> Vec<String> {
        let order = order(text).expect("an order");
        let shown = order.items.iter().map(|item| match item {
            Item::Channel(name) => format!("channel {name}"),
            Item::Url(uri) => uri.to_string(),
        });
        shown.collect()
    }

    #[test]
    fn reads_channels_playlists_and_urls() {
        let text = r#"{"urls": ["http://tv/vod/../a.ts?x#y", "/b"],
            "playlists": ["https://tv/c.m3u8"],
            "channels": ["CH_001"], "host": "tv.example:81"}"#;
        assert_eq!(
            items(text),
            [
                "http://tv/a.ts?x",
                "http://tv.example:81/b",
                "https://tv/c.m3u8",
                "channel CH_001"
            ]
        );
    }

    #[test]
    fn gives_an_order_no_more_than_there_is() {
        let bounds = |rest: &str| order(&format!("{{\"urls\": [\"a\"]{rest}}}")).expect("an order");
        assert_eq!(bounds("").bounds, BOUNDS);
        let bounds = bounds(", \"rate\": 3, \"concurrency\": 900, \"segments\": 2");
        assert_eq!(
            (bounds.bounds.rate_per_s, bounds.bounds.concurrency),
            (3, 8)
        );
        assert_eq!(bounds.segments_max, Some(2));
        let whole = order(r#"{"urls": ["a"], "segments": 2.0, "rate": null}"#);
        assert_eq!(whole.expect("an order").segments_max, Some(2));
    }

    #[test]
    fn refuses_what_is_no_order() {
        let many = format!("{{\"urls\": [{}\"a\"]}}", "\"a\",".repeat(ITEMS_MAX));
        for (text, unfit) in [
            ("{}", Unfit::Nothing),
            (many.as_str(), Unfit::TooMany),
            (r#"{"urls": ["/a"]}"#, Unfit::NoHost("/a".to_owned())),
            (
                r#"{"urls": ["ftp://h/a"]}"#,
                Unfit::NoUrl("ftp://h/a".to_owned()),
            ),
            (r#"{"urls": ["a/b"]}"#, Unfit::NoUrl("a/b".to_owned())),
            (
                r#"{"urls": ["a/b"], "host": "h"}"#,
                Unfit::NoUrl("a/b".to_owned()),
            ),
            (
                r#"{"urls": ["//x/b"], "host": "h"}"#,
                Unfit::NoUrl("//x/b".to_owned()),
            ),
            (r#"{"urls": [""]}"#, Unfit::NoUrl(String::new())),
            (r#"{"urls": ["é"]}"#, Unfit::NoUrl("é".to_owned())),
            (
                r#"{"urls": ["a"], "host": "u@h"}"#,
                Unfit::BadHost("u@h".to_owned()),
            ),
            (r#"{"urls": ["a"], "rate": 0}"#, Unfit::Zero("rate")),
        ] {
            assert_eq!(order(text), Err(unfit), "{text}");
        }
        for text in [
            "",
            "7",
            r#"{"url": []}"#,
            r#"{"urls": "a"}"#,
            r#"{"urls": ["a"], "rate": 2.5}"#,
            r#"{"urls": ["a"], "rate": -1}"#,
            r#"{"urls": ["a"], "segments": 1e12}"#,
        ] {
            assert!(matches!(order(text), Err(Unfit::NoOrder(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_takes_only_whole_urls(text in "(https?:)?/{0,2}\\PC{0,20}") {
            let body = serde_json::json!({ "urls": [text], "host": "h" }).to_string();
            if let Ok(order) = order(&body) {
                let Item::Url(uri) = &order.items[0] else { return Ok(()) };
                prop_assert!(uri.authority().is_some() && uri.path().starts_with('/'));
            }
        }
    }
}
