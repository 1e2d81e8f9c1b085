//! Asking whether a stored response still holds, and what the answer changes in it.
//!
//! Source: RFC 9111 §3.2, §4.3; RFC 9110 §8.8 (validators), §13.1 (conditions).
//!
//! Refuses: to change by an answer what it is not about, and to change what the stored body
//! depends on: its length, its coding and its place.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, IF_MATCH,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
    },
};
use weir_hal::Wall;

use super::{
    Stored,
    fields::{end_to_end, trim},
    stored::content_length,
    vary::vary,
};

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
/// cache to answer (RFC 9111 §4.3.1, §4.3.2).
///
/// Returns false, and changes nothing, if the stored response has no validator.
pub fn conditional(stored: &Stored, headers: &mut HeaderMap) -> bool {
    if !stored.has_validator() {
        return false;
    }
    strip_conditions(headers);
    if let Some(tag) = stored.etag() {
        headers.insert(IF_NONE_MATCH, tag.clone());
    }
    if let Some(modified) = stored.headers().get(LAST_MODIFIED)
        && stored.last_modified().is_some()
    {
        headers.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    true
}

/// Takes out of a request what asks for less than the whole, on a condition or not: that is for the
/// cache to answer.
pub fn strip_conditions(headers: &mut HeaderMap) {
    for name in [
        IF_MATCH,
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_UNMODIFIED_SINCE,
        IF_RANGE,
        RANGE,
    ] {
        headers.remove(name);
    }
}

/// The stored response as the fields of a 304 to [`conditional`] make it (RFC 9111 §4.3.4).
///
/// Returns `None` if the 304 is about another one, or varies by other fields: then ask again,
/// without conditions. Ask [`storing`](super::storing) of the fields of the result before it takes
/// the place of the old: a 304 may forbid to keep it.
pub fn freshened(
    stored: &Stored,
    headers: &HeaderMap,
    requested_at: Wall,
    received_at: Wall,
) -> Option<Stored> {
    if !is_about(stored, headers) {
        return None;
    }
    updated(stored, headers, [requested_at, received_at])
}

/// What a 200 to a forwarded HEAD says of the stored response to GET (RFC 9111 §4.3.5).
pub fn head_update(
    stored: &Stored,
    headers: &HeaderMap,
    requested_at: Wall,
    received_at: Wall,
) -> HeadUpdate {
    let own = stored.headers();
    let is_equal = [ETAG, LAST_MODIFIED]
        .iter()
        .all(|name| !headers.contains_key(name) || headers.get(name) == own.get(name));
    let is_equal_long = match (headers.contains_key(CONTENT_LENGTH), stored.length()) {
        (true, Some(length)) => content_length(headers) == Some(length),
        (true, None) => headers.get(CONTENT_LENGTH) == own.get(CONTENT_LENGTH),
        (false, _) => true,
    };
    let updated = (is_equal && is_equal_long)
        .then(|| updated(stored, headers, [requested_at, received_at]))
        .flatten();
    updated.map_or(HeadUpdate::Invalid, |stored| {
        HeadUpdate::Freshened(Box::new(stored))
    })
}

/// Whether a 304 is about this stored response, by the best validator that it has. One without
/// any is about what was asked for.
fn is_about(stored: &Stored, headers: &HeaderMap) -> bool {
    let own = stored.headers();
    match headers.get(ETAG) {
        Some(tag) if is_strong(tag) => own.get(ETAG) == Some(tag),
        Some(tag) => own.get(ETAG).map(opaque) == Some(opaque(tag)),
        None => headers
            .get(LAST_MODIFIED)
            .is_none_or(|modified| own.get(LAST_MODIFIED) == Some(modified)),
    }
}

/// Fields of a stored response that an update leaves alone: the first as RFC 9111 §3.2 wants, the
/// others because the bytes that are stored are what they say.
const KEPT: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE];

/// The stored response with the fields of a later message over its own; `None` if the message
/// varies by other fields than those that are known of the request.
fn updated(stored: &Stored, headers: &HeaderMap, times: [Wall; 2]) -> Option<Stored> {
    let mut merged = stored.headers().clone();
    // They are of a message, not of what it brings.
    merged.remove(AGE);
    merged.remove(DATE);
    let newer = end_to_end(headers);
    for name in newer.keys().filter(|name| !KEPT.contains(name)) {
        merged.remove(name);
        for value in newer.get_all(name) {
            merged.append(name.clone(), value.clone());
        }
    }
    if !vary(&merged)?.iter().eq(stored.varies_by()) {
        return None;
    }
    let selecting = stored.selecting.clone();
    let mut updated = Stored::assemble(stored.status(), merged, selecting, times);
    updated.length = stored.length();
    updated.part = stored.part();
    Some(updated)
}

/// Whether an entity tag is strong (RFC 9110 §8.8.3). One that is no tag is not.
pub(super) fn is_strong(tag: &HeaderValue) -> bool {
    matches!(trim(tag.as_bytes()), [b'"', .., b'"'])
}

/// An entity tag without its mark of weakness.
fn opaque(tag: &HeaderValue) -> &[u8] {
    let tag = trim(tag.as_bytes());
    tag.strip_prefix(b"W/").unwrap_or(tag)
}
