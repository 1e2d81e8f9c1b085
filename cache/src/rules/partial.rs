//! Parts of a representation.
//!
//! Source: RFC 9111 §3.3, §3.4; RFC 9110 §14.1.2, §14.4, §15.3.7.3.
//!
//! Refuses: to take bytes for a part whose place is not certain, and to put parts together that
//! are not proved to be of one representation.

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_RANGE, IF_RANGE, RANGE},
};

use super::{
    Asked, Stored,
    date::{parse_s, seconds},
    fields::{Members, trim},
    stored::{content_length, decimal},
    validation::is_strong,
};

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
        let text = value.as_bytes();
        let (unit, rest) = text.split_at_checked(6)?;
        unit.eq_ignore_ascii_case(b"bytes ").then_some(())?;
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let (range, complete) = (&rest[..slash], &rest[slash + 1..]);
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let complete = match complete {
            b"*" => None,
            digits => Some(decimal(digits)?),
        };
        Self::new(
            decimal(&range[..dash])?,
            decimal(&range[dash + 1..])?,
            complete,
        )
    }

    /// The bytes from `first` to `last` of `complete`, if there can be such.
    pub(super) fn new(first: u64, last: u64, complete: Option<u64>) -> Option<Self> {
        let is_valid = first <= last && last < complete.unwrap_or(u64::MAX);
        is_valid.then_some(Self {
            first,
            last,
            complete,
        })
    }

    /// How many bytes the part has.
    pub const fn bytes(&self) -> u64 {
        self.last - self.first + 1
    }

    /// The part that a message of these fields is, if its length agrees.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        if status != StatusCode::PARTIAL_CONTENT {
            return None;
        }
        let mut lines = headers.get_all(CONTENT_RANGE).iter();
        let part = Self::parse(lines.next()?)?;
        let is_certain = lines.next().is_none()
            && content_length(headers).unwrap_or(part.bytes()) == part.bytes();
        is_certain.then_some(part)
    }

    /// Whether all that a Range of bytes asks for is in this part.
    fn holds(&self, range: &HeaderValue) -> bool {
        let Some((unit, ranges)) = range.as_bytes().split_at_checked(6) else {
            return false;
        };
        let mut ranges = Members(ranges).peekable();
        unit.eq_ignore_ascii_case(b"bytes=")
            && ranges.peek().is_some()
            && ranges.all(|range| self.holds_one(range).unwrap_or(false))
    }

    fn holds_one(&self, range: &[u8]) -> Option<bool> {
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (trim(&range[..dash]), trim(&range[dash + 1..]));
        let end = self.complete.map(|complete| complete - 1);
        let (first, last) = match (first, last) {
            ([], suffix) => {
                let bytes = decimal(suffix).filter(|bytes| *bytes > 0)?;
                (self.complete?.saturating_sub(bytes), end?)
            }
            (first, []) => (decimal(first)?, end?),
            (first, last) => {
                let last = decimal(last)?;
                (decimal(first)?, end.map_or(last, |end| end.min(last)))
            }
        };
        Some(self.first <= first && first <= last && last <= self.last)
    }
}

/// Whether a stored part answers a request (RFC 9111 §3.3: its range must be wholly within). The
/// whole answers any.
pub(super) fn is_enough(asked: Asked<'_>, stored: &Stored) -> bool {
    let Some(part) = stored.part() else {
        return stored.status() != StatusCode::PARTIAL_CONTENT;
    };
    let Some(range) = asked
        .headers
        .get(RANGE)
        .filter(|_| *asked.method == Method::GET)
    else {
        return false;
    };
    let is_still = asked.headers.get(IF_RANGE).is_none_or(|condition| {
        let is_tag = stored
            .etag()
            .is_some_and(|tag| tag == condition && is_strong(tag));
        let now_s = seconds(stored.received_at());
        let date_s = parse_s(condition.as_bytes(), now_s);
        is_tag || date_s.is_some() && date_s == stored.last_modified().map(seconds)
    });
    is_still && part.holds(range)
}

/// Whether two stored responses are of one representation, so that their parts may be put
/// together: they share a strong entity tag (RFC 9110 §15.3.7.3), and agree on its length.
///
/// The fields of what they make are those of the later one over those of the earlier (RFC 9111
/// §3.4): [`freshened`](super::freshened) does it.
pub fn combinable(one: &Stored, other: &Stored) -> bool {
    let is_same = one
        .etag()
        .is_some_and(|tag| is_strong(tag) && other.etag() == Some(tag));
    let is_equal_long = match (one.length(), other.length()) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    is_same && is_equal_long
}
