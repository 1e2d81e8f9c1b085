//! Fields that tell players and operators where an answer came from, and let pages of any origin
//! read it.
//!
//! Source: RFC 9211 (Cache-Status), the Fetch standard (cross-origin resource sharing), Resource
//! Timing (Timing-Allow-Origin).

use hyper::{
    HeaderMap,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
        HeaderName, HeaderValue, ORIGIN,
    },
};
use weir_cache::rules::{CacheStatus, Forward};

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

/// The stamps of one node, made once.
#[derive(Debug)]
pub(crate) struct Stamps {
    node: String,
    /// `X-Cache`
    hit: HeaderValue,
    miss: HeaderValue,
    /// `Cache-Status` of what is ours.
    own_hit: HeaderValue,
    own_miss: HeaderValue,
}

impl Stamps {
    /// The stamps of the node called `node`. What cannot stand in a field becomes `?`.
    pub(crate) fn new(node: &str) -> Self {
        let is_fit = |letter: &char| matches!(letter, ' '..='~');
        let letters = node.chars();
        let fitting = letters.map(|letter| Some(letter).filter(is_fit).unwrap_or('?'));
        let node: String = fitting.collect();
        let own = |fwd: Option<Forward>| {
            let status = CacheStatus {
                node: &node,
                is_hit: fwd.is_none(),
                fwd,
                ..CacheStatus::default()
            };
            visible(status.to_string())
        };
        Self {
            hit: visible(format!("HIT from {node}")),
            miss: visible(format!("MISS from {node}")),
            own_hit: own(None),
            own_miss: own(Some(Forward::UriMiss)),
            node,
        }
    }

    /// Something of ours was here.
    pub(crate) fn hit(&self, headers: &mut HeaderMap) {
        headers.insert(X_CACHE, self.hit.clone());
        headers.insert(CACHE_STATUS, self.own_hit.clone());
    }

    /// Nothing of ours was here.
    pub(crate) fn miss(&self, headers: &mut HeaderMap) {
        headers.insert(X_CACHE, self.miss.clone());
        headers.insert(CACHE_STATUS, self.own_miss.clone());
    }

    /// A pulled answer came about so; its bytes are from here, or not. What caches behind this one
    /// said stays, before it (RFC 9211 §2).
    pub(crate) fn pulled(
        &self,
        headers: &mut HeaderMap,
        status: CacheStatus<'_>,
        is_from_here: bool,
    ) {
        let node = &self.node;
        let status = CacheStatus { node, ..status }.to_string();
        if let Ok(value) = HeaderValue::try_from(status) {
            headers.append(CACHE_STATUS, value);
        }
        let x_cache = if is_from_here { &self.hit } else { &self.miss };
        headers.insert(X_CACHE, x_cache.clone());
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
