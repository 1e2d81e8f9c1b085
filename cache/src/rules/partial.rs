//! Parts of a representation.
//!
//! Source: RFC 9111 §3.3, §3.4; RFC 9110 §14.4, §15.3.7.3.

use http::HeaderValue;

use super::Stored;

/// Which bytes of a representation a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub first: u64,
    /// The last byte, inclusive.
    pub last: u64,
    /// Bytes of the whole representation, if known.
    pub complete: Option<u64>,
}

impl ContentRange {
    /// Reads a Content-Range of bytes. Returns `None` if it is none, or not a satisfied one.
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let _ = value;
        todo!()
    }
}

/// Whether two stored responses are of one representation, so that their parts may be put
/// together: they share a strong validator (RFC 9110 §15.3.7.3).
pub fn combinable(one: &Stored, other: &Stored) -> bool {
    let _ = (one, other);
    todo!()
}
