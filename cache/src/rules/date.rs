//! Dates in fields.
//!
//! Source: RFC 9110 §5.6.7.

use http::HeaderValue;
use weir_hal::Wall;

/// Reads a date in any of the three forms. Dates before 1970 are 1970, dates beyond the clock its
/// end.
pub fn parse_http_date(value: &HeaderValue) -> Option<Wall> {
    let _ = value;
    todo!()
}

/// Writes a date in the preferred form, to the second.
pub fn http_date(at: Wall) -> HeaderValue {
    let _ = at;
    todo!()
}
