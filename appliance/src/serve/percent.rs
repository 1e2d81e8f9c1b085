//! What stands behind percent signs.
//!
//! Source: RFC 3986 §2.1. Pure.

use std::borrow::Cow;

/// `encoded` without its escapes; `None` if one is broken, or what they stand for is not UTF-8.
pub(crate) fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    if !encoded.contains('%') {
        return Some(Cow::Borrowed(encoded));
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut pieces = encoded.split('%');
    decoded.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let (byte, rest) = escape(piece)?;
        decoded.push(byte);
        decoded.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The byte that the two digits behind a percent sign stand for, and what follows them.
pub(crate) fn escape(behind: &str) -> Option<(u8, &str)> {
    let (digits, rest) = behind.split_at_checked(2)?;
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok()?;
    is_plain.then_some((byte, rest))
}
