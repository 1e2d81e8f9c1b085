//! Fields that end with a connection, and lists in fields.
//!
//! Source: RFC 9110 §5.6.1 (lists), §7.6.1 (Connection), §11.7 (proxy authentication);
//! RFC 9111 §3.1.
//!
//! Refuses: to drop a field that everyone depends on because a Connection field names it: whoever
//! does so wants two parties to see two different messages.

use http::{
    HeaderMap, HeaderName,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION,
        CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, EXPIRES, HOST,
        LAST_MODIFIED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE, VARY, VIA,
    },
};

use super::directives::CDN_CACHE_CONTROL;

/// Fields that are never passed on. Trailer is among them because trailers are not passed on.
const HOP_BY_HOP: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// By which a loop is seen (RFC 8586).
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// Fields that are for all recipients, so that no Connection can name them (RFC 9110 §7.6.1).
const END_TO_END: [HeaderName; 19] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    AGE,
    AUTHORIZATION,
    CACHE_CONTROL,
    CDN_CACHE_CONTROL,
    CDN_LOOP,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    DATE,
    ETAG,
    EXPIRES,
    HOST,
    LAST_MODIFIED,
    RANGE,
    SET_COOKIE,
    VARY,
    VIA,
];

/// The fields of a message that may be forwarded or stored: without those that end with the
/// connection.
///
/// What is stored of a response may have fewer: see [`Stored::new`](super::Stored::new).
pub fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in nominated(headers) {
        kept.remove(name);
    }
    for name in HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

/// The fields that a Connection field names.
pub(super) fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    members(headers, &CONNECTION)
        .filter(|member| !member.eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|member| HeaderName::from_bytes(member).ok())
        .filter(|name| !END_TO_END.contains(name))
}

/// Whether a field does not reach the origin.
pub(super) fn is_nominated(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.contains_key(CONNECTION) && nominated(headers).any(|nominated| nominated == *name)
}

/// The members of a list field, over all its lines.
pub(super) fn members<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| Members(line.as_bytes()))
}

/// The members of one line of a list field: between commas that are not in a quoted string,
/// without white space around them, the empty ones left out.
#[derive(Debug, Clone)]
pub(super) struct Members<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.is_empty() {
            let end = member_end(self.0);
            let (member, rest) = self.0.split_at(end);
            self.0 = rest.get(1..).unwrap_or_default();
            let member = trim(member);
            if !member.is_empty() {
                return Some(member);
            }
        }
        None
    }
}

/// Where the first comma is that is not in a quoted string.
fn member_end(text: &[u8]) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let comma = text.iter().position(|byte| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            _ if was_escaped => {}
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' => return !is_quoted,
            _ => {}
        }
        false
    });
    comma.unwrap_or(text.len())
}

/// Takes optional white space off both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !is_space(byte));
    let end = text.iter().rposition(|byte| !is_space(byte));
    match (start, end) {
        (Some(start), Some(end)) => &text[start..=end],
        _ => &[],
    }
}

/// Whether all of it may stand in a token.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// Whether it may stand in a token (RFC 9110 §5.6.2).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.')
        || matches!(byte, b'^' | b'_' | b'`' | b'|' | b'~')
}

/// A number of seconds (RFC 9111 §1.2.2). What is too large is the largest; `None` if it is not a
/// number of digits alone.
pub(super) fn delta_seconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn split(text: &str) -> Vec<&str> {
        Members(text.as_bytes())
            .map(|member| std::str::from_utf8(member).unwrap())
            .collect()
    }

    /// RFC 9110 §5.6.1.2: empty members are ignored.
    #[test]
    fn lists_are_cut_at_commas_outside_quotes() {
        assert_eq!(split(" a ,, b=\"1,2\",\t, c"), ["a", "b=\"1,2\"", "c"]);
        assert_eq!(split(r#"a="\",", b"#), [r#"a="\",""#, "b"]);
        assert_eq!(split("a=\"never closed, b"), ["a=\"never closed, b"]);
        assert!(split(" , ,").is_empty());
    }

    /// RFC 9110 §7.6.1: an intermediary MUST remove Connection, what it names, and what is known
    /// to end with a connection.
    #[test]
    fn what_ends_with_the_connection_is_not_passed_on() {
        let headers = map(&[
            ("connection", "a, B"),
            ("connection", "close"),
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
        ]);
        assert_eq!(end_to_end(&headers), map(&[("c", "3")]));
    }

    /// RFC 9111 §3.1: fields of proxy authentication are not to be stored.
    #[test]
    fn fields_of_proxy_authentication_are_for_this_proxy_alone() {
        let headers = map(&[
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "x"),
            ("proxy-authorization", "y"),
        ]);
        assert!(end_to_end(&headers).is_empty());
    }

    /// RFC 9110 §7.6.1: Cache-Control is never appropriate as a connection option.
    #[test]
    fn a_connection_field_cannot_name_what_is_for_all() {
        let headers = map(&[
            ("connection", "cache-control, vary, authorization, host, x"),
            ("cache-control", "no-store"),
            ("vary", "accept"),
            ("authorization", "b"),
            ("host", "h"),
            ("x", "1"),
        ]);
        let kept = end_to_end(&headers);
        assert_eq!(kept.len(), 4);
        assert!(!kept.contains_key("x"));
    }

    /// RFC 9111 §1.2.2: a number too large is the largest one.
    #[test]
    fn seconds_are_digits_alone() {
        assert_eq!(delta_seconds(b"003600"), Some(3600));
        assert_eq!(delta_seconds(b"2147483648"), Some(2_147_483_648));
        assert_eq!(delta_seconds(b"99999999999"), Some(u32::MAX));
        for text in ["", "-1", "+1", "1.0", "1 ", "a", "'1'"] {
            assert_eq!(delta_seconds(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd_for_a_list(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            for member in Members(&line) {
                prop_assert!(!member.is_empty());
                prop_assert_eq!(trim(member), member);
            }
        }
    }
}
