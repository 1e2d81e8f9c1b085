//! Fields that tell players and operators where an answer came from, and let pages of any origin
//! read it.
//!
//! Source: RFC 9211 (Cache-Status), RFC 8941 §3.3 (strings and tokens), the Fetch standard
//! (cross-origin resource sharing), Resource Timing (Timing-Allow-Origin).

use std::fmt::Write as _;

use hyper::{
    HeaderMap,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
        HeaderName, HeaderValue, ORIGIN,
    },
};

use crate::serve::reply::{METHODS, visible};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// What a page may read of an answer beyond the fields that every page may.
const EXPOSED: &str =
    "Cache-Status, X-Cache, Age, ETag, Content-Length, Content-Range, Accept-Ranges, Date";

/// What a page may ask with: ranges, conditions, and the player's telemetry (CTA-5004).
const ALLOWED: &str = "Range, If-Range, If-None-Match, \
     CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status";

/// The two field values of one outcome.
#[derive(Debug)]
struct Outcome {
    x_cache: HeaderValue,
    cache_status: HeaderValue,
}

impl Outcome {
    fn stamp(&self, headers: &mut HeaderMap) {
        headers.insert(X_CACHE, self.x_cache.clone());
        headers.insert(CACHE_STATUS, self.cache_status.clone());
    }
}

/// The stamps of one node, made once.
#[derive(Debug)]
pub(crate) struct Stamps {
    hit: Outcome,
    miss: Outcome,
}

impl Stamps {
    /// The stamps of the node called `node`. What cannot stand in a field becomes `?`.
    pub(crate) fn new(node: &str) -> Self {
        let node: String = node
            .chars()
            .map(|letter| {
                if matches!(letter, ' '..='~') {
                    letter
                } else {
                    '?'
                }
            })
            .collect();
        let name = structured(&node);
        Self {
            hit: Outcome {
                x_cache: visible(format!("HIT from {node}")),
                cache_status: visible(format!("{name}; hit")),
            },
            miss: Outcome {
                x_cache: visible(format!("MISS from {node}")),
                cache_status: visible(format!("{name}; fwd=uri-miss")),
            },
        }
    }

    /// The content was here.
    pub(crate) fn hit(&self, headers: &mut HeaderMap) {
        self.hit.stamp(headers);
    }

    /// The content was not here.
    pub(crate) fn miss(&self, headers: &mut HeaderMap) {
        self.miss.stamp(headers);
    }
}

/// Lets pages of any origin read an answer. On every answer, so that an error can be read too.
pub(crate) fn open_to_all_origins(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
}

/// Whether a browser asks with these fields what a page may ask.
pub(crate) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a browser wants to know before it sends an unusual request.
pub(crate) fn answer_preflight(headers: &mut HeaderMap) {
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(METHODS),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(ALLOWED),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
}

/// A Structured Field Token if `node` can be one, a String otherwise (RFC 9211 §2).
fn structured(node: &str) -> String {
    let is_token = node.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && node.chars().all(is_token_letter);
    if is_token {
        return node.to_owned();
    }
    let mut quoted = String::with_capacity(node.len() + 2);
    quoted.push('"');
    for letter in node.chars() {
        let escape = if matches!(letter, '"' | '\\') {
            "\\"
        } else {
            ""
        };
        write!(quoted, "{escape}{letter}").expect("a String takes every write");
    }
    quoted.push('"');
    quoted
}

/// `tchar / ":" / "/"` (RFC 8941 §3.3.4).
fn is_token_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_status(node: &str) -> String {
        let mut headers = HeaderMap::new();
        Stamps::new(node).hit(&mut headers);
        let value = headers[CACHE_STATUS].to_str().expect("visible ASCII");
        value.to_owned()
    }

    #[test]
    fn names_the_node_as_a_token_where_it_is_one() {
        assert_eq!(cache_status("edge-hn-01"), "edge-hn-01; hit");
        assert_eq!(cache_status("hn.example:80"), "hn.example:80; hit");
    }

    #[test]
    fn quotes_a_node_that_is_no_token() {
        assert_eq!(cache_status("edge 1"), "\"edge 1\"; hit");
        assert_eq!(cache_status("1-edge"), "\"1-edge\"; hit");
        assert_eq!(cache_status("a\"b\\c"), "\"a\\\"b\\\\c\"; hit");
        assert_eq!(cache_status("Hà Nội\r\nX: y"), "\"H? N?i??X: y\"; hit");
    }
}
