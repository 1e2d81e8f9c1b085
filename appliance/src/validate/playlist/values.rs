//! Values of tags, other than lists of attributes.
//!
//! Source: RFC 8216 §4.2, §4.3.2.1 (EXTINF), §4.3.2.2 (EXT-X-BYTERANGE).

use super::Flaw;

/// A hexadecimal sequence of 128 bits at most.
pub(super) fn is_vector(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| {
        let is_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        (1..=32).contains(&digits.len()) && is_digits
    })
}

/// `bytes[@offset]`
pub(super) fn byte_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (bytes, offset) = match text.trim().split_once('@') {
        Some((bytes, offset)) => (bytes, Some(offset.parse().ok()?)),
        None => (text.trim(), None),
    };
    Some((bytes.parse().ok()?, offset))
}

/// Seconds with any number of decimals, in microseconds.
pub(super) fn micros(text: &str) -> Result<u64, Flaw> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return Err(Flaw::Duration);
    }
    let decimals = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let digits = whole.bytes().chain(decimals);
    let mut micros = digits.map(|digit| u64::from(digit - b'0'));
    let sum = micros.try_fold(0, |sum: u64, digit| sum.checked_mul(10)?.checked_add(digit));
    sum.ok_or(Flaw::DurationBeyond)
}
