//! What an unsafe request makes stale.
//!
//! Source: RFC 9111 §4.4; RFC 9110 §9.2.1 and the registry of methods (which are safe).
//!
//! Refuses: to let one origin invalidate what is another's.

use http::{
    HeaderMap, Method, StatusCode, Uri,
    header::{CONTENT_LOCATION, LOCATION},
};

use super::{
    Asked,
    reference::{is_same_origin, resolve},
};

/// The methods that are registered as safe. All others may change something.
const SAFE: [&str; 8] = [
    "GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "REPORT", "SEARCH",
];

/// The URIs whose stored responses are not to be used any more after this answer: at most three,
/// the target first; none after a safe method or an error.
///
/// Do it before the answer is stored, if it is.
pub fn invalidated(asked: Asked<'_>, status: StatusCode, headers: &HeaderMap) -> Vec<Uri> {
    if is_safe(asked.method) || !(status.is_success() || status.is_redirection()) {
        return Vec::new();
    }
    let mut uris = vec![asked.uri.clone()];
    for name in [LOCATION, CONTENT_LOCATION] {
        let named = headers
            .get(name)
            .and_then(|value| resolve(asked.uri, value.to_str().ok()?))
            .filter(|uri| is_same_origin(asked.uri, uri));
        uris.extend(named.filter(|uri| !uris.contains(uri)));
    }
    uris
}

fn is_safe(method: &Method) -> bool {
    SAFE.contains(&method.as_str())
}
