//! Asking whether a stored response still holds, and what the answer changes in it.
//!
//! Source: RFC 9111 §3.2, §4.3; RFC 9110 §8.8 (validators), §13.1 (conditions).
//!
//! Refuses: to change by an answer what it is not about, and to change what the stored body
//! depends on: its length, its coding and its place.

use http::{
    HeaderMap, HeaderValue,
    header::{
        AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, IF_MATCH,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
    },
};
use weir_hal::Wall;

use super::{
    Asked, Stored,
    fields::{forwarded_response_headers, trim},
    stored::content_length,
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

/// The stored response as the fields of a 304 to [`conditional`] make it; `None` if the 304 is
/// about another one (RFC 9111 §4.3.4): then ask again, without conditions.
///
/// `asked` is the request that was forwarded, as it came: it selects what it asked about.
pub fn freshened(
    asked: Asked<'_>,
    stored: &Stored,
    headers: &HeaderMap,
    requested_at: Wall,
    received_at: Wall,
) -> Option<Stored> {
    is_about(stored, headers).then(|| updated(asked, stored, headers, [requested_at, received_at]))
}

/// What a 200 to a forwarded HEAD says of the stored response to GET (RFC 9111 §4.3.5).
pub fn head_update(
    asked: Asked<'_>,
    stored: &Stored,
    headers: &HeaderMap,
    requested_at: Wall,
    received_at: Wall,
) -> HeadUpdate {
    let is_equal = [ETAG, LAST_MODIFIED]
        .iter()
        .all(|name| !headers.contains_key(name) || headers.get(name) == stored.headers().get(name));
    let is_equal_long = match (headers.contains_key(CONTENT_LENGTH), stored.length()) {
        (true, Some(length)) => content_length(headers) == Some(length),
        (true, None) => headers.get(CONTENT_LENGTH) == stored.headers().get(CONTENT_LENGTH),
        (false, _) => true,
    };
    if is_equal && is_equal_long {
        let times = [requested_at, received_at];
        HeadUpdate::Freshened(Box::new(updated(asked, stored, headers, times)))
    } else {
        HeadUpdate::Invalid
    }
}

/// Whether a 304 is about this stored response, by the strongest validator it has. One without
/// any is about what was asked for.
fn is_about(stored: &Stored, headers: &HeaderMap) -> bool {
    let own = stored.headers();
    if let Some(tag) = headers.get(ETAG).filter(|tag| is_strong(tag)) {
        return own.get(ETAG) == Some(tag);
    }
    let is_equal_tag = headers
        .get(ETAG)
        .is_none_or(|tag| own.get(ETAG).map(opaque) == Some(opaque(tag)));
    let modified = headers.get(LAST_MODIFIED);
    let is_equal_time = modified.is_none() || own.get(LAST_MODIFIED) == modified;
    // A weak tag that agrees is enough; a time alone must agree if both have one.
    if headers.contains_key(ETAG) {
        is_equal_tag
    } else {
        is_equal_time
    }
}

/// Fields of a stored response that an update leaves alone: the first as RFC 9111 §3.2 wants, the
/// others because the bytes that are stored are what they say.
const KEPT: [http::HeaderName; 3] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE];

/// The stored response with the fields of a later message over its own.
fn updated(asked: Asked<'_>, stored: &Stored, headers: &HeaderMap, times: [Wall; 2]) -> Stored {
    let mut merged = stored.headers().clone();
    // They are of a message, not of what it brings.
    merged.remove(AGE);
    merged.remove(DATE);
    let newer = forwarded_response_headers(headers);
    for name in newer.keys().filter(|name| !KEPT.contains(name)) {
        merged.remove(name);
        for value in newer.get_all(name) {
            merged.append(name.clone(), value.clone());
        }
    }
    let mut updated = Stored::assemble(asked, stored.status(), merged, times);
    updated.length = stored.length();
    updated.part = stored.part();
    updated
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
