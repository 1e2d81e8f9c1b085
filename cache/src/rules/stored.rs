//! A stored response: its head, when it came, and what of its fields decides on reuse.
//!
//! Source: RFC 9111 §3.1, §4; RFC 9110 §6.6.1 (Date).
//!
//! The fields are read once, when the response comes; what they say is kept beside them, so that a
//! hit reads no field but those of the request.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT_LANGUAGE, AGE, CONTENT_LANGUAGE, CONTENT_LENGTH, DATE, ETAG},
};
use weir_hal::Wall;

use super::{
    Asked, ContentRange, codec,
    date::{http_date, seconds, wall},
    directives::Marks,
    fields::{end_to_end, trim},
    freshness::{self, Facts},
    vary::{Selecting, prefers_language, vary},
};

/// The head of a stored response, and what the rules made of it when it came.
///
/// Made from a message by [`Self::new`] and from bytes by [`Self::decode`]. Decoding builds a
/// [`HeaderMap`] and costs a microsecond or so: whoever answers many requests from one response
/// keeps it decoded, in an `Arc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) requested_at: Wall,
    pub(super) received_at: Wall,
    pub(super) selecting: Vec<Selecting>,
    pub(super) length: Option<u64>,
    pub(super) part: Option<ContentRange>,
    pub(super) facts: Facts,
}

impl Stored {
    /// Takes the head of a response to `asked`, requested and received at these times.
    ///
    /// Left out are the fields that end with the connection, and those that `private="…"` and
    /// `no-cache="…"` name: the client whose request brought the response gets
    /// [`end_to_end`] of the message itself. A Date that is missing or cannot be
    /// read becomes the time of receipt.
    ///
    /// Whether it may be stored is for [`storing`](super::storing) to say.
    pub fn new(
        asked: Asked<'_>,
        status: StatusCode,
        headers: &HeaderMap,
        requested_at: Wall,
        received_at: Wall,
    ) -> Self {
        let headers = end_to_end(headers);
        let selecting = vary(&headers)
            .unwrap_or_default()
            .into_iter()
            .map(|name| Selecting::of(name, asked.headers))
            .collect();
        Self::assemble(status, headers, selecting, [requested_at, received_at])
    }

    /// The same of fields that are all end-to-end, and of the fields of the request that Vary
    /// names.
    pub(super) fn assemble(
        status: StatusCode,
        mut headers: HeaderMap,
        selecting: Vec<Selecting>,
        [requested_at, received_at]: [Wall; 2],
    ) -> Self {
        let (facts, directives) = Facts::of(status, &headers, requested_at, received_at);
        if freshness::date_s(&headers, seconds(received_at)).is_none() {
            headers.insert(DATE, http_date(received_at));
        }
        for name in &directives.withheld {
            headers.remove(name);
        }
        let part = ContentRange::of(status, &headers);
        let length = match part {
            Some(part) => part.complete,
            None => content_length(&headers),
        };
        Self {
            status,
            headers,
            requested_at,
            received_at,
            selecting,
            length,
            part,
            facts,
        }
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The end-to-end fields, as they came; Age is what it was then. An answer that was not
    /// fetched or validated just now has [`response_headers`] instead.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// When the request for it went out.
    pub const fn requested_at(&self) -> Wall {
        self.requested_at
    }

    /// When it came.
    pub const fn received_at(&self) -> Wall {
        self.received_at
    }

    /// The fields of the request that selected it, as its Vary names them, normalised. In order.
    pub fn selecting(&self) -> impl Iterator<Item = (&HeaderName, Option<&HeaderValue>)> {
        self.selecting
            .iter()
            .map(|field| (&field.name, field.value.as_ref()))
    }

    /// The fields it varies by, for [`variant_key`](super::variant_key). In order.
    pub fn varies_by(&self) -> impl Iterator<Item = &HeaderName> {
        self.selecting.iter().map(|field| &field.name)
    }

    /// Bytes of the whole representation, as announced or once known.
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Says how many bytes the whole representation has, once that is known.
    pub const fn set_length(&mut self, bytes: u64) {
        self.length = Some(bytes);
    }

    /// Which part of the representation it is, of a 206.
    pub const fn part(&self) -> Option<ContentRange> {
        self.part
    }

    /// Its entity tag, as it came.
    pub fn etag(&self) -> Option<&HeaderValue> {
        self.headers.get(ETAG).filter(|tag| !tag.is_empty())
    }

    /// Its Last-Modified, if that is a date.
    pub fn last_modified(&self) -> Option<Wall> {
        self.facts.modified_s.map(wall)
    }

    /// The time with which If-Modified-Since is compared: that of its last change, or else of its
    /// making (RFC 9111 §4.3.2).
    pub fn modified_at(&self) -> Wall {
        wall(self.facts.modified_s.unwrap_or(self.facts.date_s))
    }

    /// Whether the origin can be asked if it still holds.
    ///
    /// An error or a redirect cannot be validated: conditions are about what a plain 200 would be
    /// (RFC 9110 §13.2.1).
    pub fn has_validator(&self) -> bool {
        matches!(self.status.as_u16(), 200 | 203 | 206)
            && (self.etag().is_some() || self.facts.modified_s.is_some())
    }

    /// Whether it may answer a request of these fields, as far as Vary goes (RFC 9111 §4.1).
    pub(super) fn is_selected_by(&self, headers: &HeaderMap) -> bool {
        if self.facts.marks.has(Marks::VARY_ANY) {
            return false;
        }
        self.selecting.iter().all(|field| {
            field.is_in(headers)
                || field.name == ACCEPT_LANGUAGE
                    && self
                        .headers
                        .get(CONTENT_LANGUAGE)
                        .is_some_and(|language| prefers_language(headers, language))
        })
    }

    /// What its fields say.
    pub(super) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The bytes that [`Self::decode`] reads.
    ///
    /// A little more than the fields themselves: a response with more than 64 KiB of them cannot
    /// be stored.
    pub fn encode(&self) -> Bytes {
        codec::encode(self)
    }

    /// Reads what [`Self::encode`] wrote. Field values share `bytes`.
    ///
    /// Returns `None` if that is not what it is, or of another version, or above 64 KiB.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        codec::decode(bytes)
    }
}

/// The fields of an answer from `stored` that was neither fetched nor validated for it: its own,
/// and Age (RFC 9111 §4, §5.1).
pub fn response_headers(stored: &Stored, now: Wall) -> HeaderMap {
    let mut headers = stored.headers.clone();
    headers.insert(AGE, freshness::age(stored, now).as_secs().into());
    headers
}

/// The length that a message announces for its body, if all its lines agree.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let first = lines.next()?;
    if lines.any(|line| line != first) {
        return None;
    }
    decimal(trim(first.as_bytes()))
}

/// A number of digits alone that fits.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
