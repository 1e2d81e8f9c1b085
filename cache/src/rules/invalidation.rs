//! What an unsafe request makes stale.
//!
//! Source: RFC 9111 §4.4.

use http::{HeaderMap, StatusCode, Uri};

use super::Asked;

/// The URIs whose stored responses are not to be used any more after this answer: at most three,
/// none after a safe method or an error.
pub fn invalidated(asked: Asked<'_>, status: StatusCode, headers: &HeaderMap) -> Vec<Uri> {
    let _ = (asked, status, headers);
    todo!()
}
