//! Asking whether a stored response still holds, and what the answer changes in it.
//!
//! Source: RFC 9111 §3.2, §4.3.

use http::HeaderMap;
use weir_hal::Wall;

use super::{Asked, Stored};

/// What a response to HEAD says of a stored response to GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadUpdate {
    /// It still holds, with these fields.
    Freshened(Box<Stored>),
    /// It does not hold any more: treat it as stale.
    Invalid,
}

/// Makes a request to be forwarded ask whether `stored` still holds: sets If-None-Match and
/// If-Modified-Since, and takes out the conditions and the range of the client, which are for the
/// cache to answer.
///
/// Returns false, and changes nothing, if the stored response has no validator.
pub fn conditional(asked: Asked<'_>, stored: &Stored, headers: &mut HeaderMap) -> bool {
    let _ = (asked, stored, headers);
    todo!()
}

/// The stored response as the fields of a 304 make it; `None` if the 304 is about another one.
pub fn freshened(
    stored: &Stored,
    headers: &HeaderMap,
    requested_at: Wall,
    received_at: Wall,
) -> Option<Stored> {
    let _ = (stored, headers, requested_at, received_at);
    todo!()
}

/// What a 200 to a forwarded HEAD says of the stored response to GET (RFC 9111 §4.3.5).
pub fn head_update(
    stored: &Stored,
    headers: &HeaderMap,
    requested_at: Wall,
    received_at: Wall,
) -> HeadUpdate {
    let _ = (stored, headers, requested_at, received_at);
    todo!()
}
