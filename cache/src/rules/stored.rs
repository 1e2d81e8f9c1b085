//! A stored response: its head, when it came, and what of its fields decides on reuse.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use weir_hal::Wall;

use super::{Asked, partial::ContentRange};

/// The head of a stored response, and what the rules made of it when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    status: StatusCode,
    headers: HeaderMap,
    requested_at: Wall,
    received_at: Wall,
    selecting: Vec<(HeaderName, Option<HeaderValue>)>,
    length: Option<u64>,
}

impl Stored {
    /// Takes the head of a response to `asked`, requested and received at these times. Fields
    /// that end with the connection are left out, and a missing Date is added.
    pub fn new(
        asked: Asked<'_>,
        status: StatusCode,
        headers: &HeaderMap,
        requested_at: Wall,
        received_at: Wall,
    ) -> Self {
        let _ = (asked, status, headers, requested_at, received_at);
        todo!()
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The end-to-end fields, as they came.
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

    /// The fields of the request that selected it, as its Vary names them, normalised.
    pub fn selecting(&self) -> &[(HeaderName, Option<HeaderValue>)] {
        &self.selecting
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
        todo!()
    }

    /// The bytes that [`Self::decode`] reads.
    pub fn encode(&self) -> Bytes {
        todo!()
    }

    /// Reads what [`Self::encode`] wrote. Field values share `bytes`.
    ///
    /// Returns `None` if that is not what it is, or of another version.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let _ = bytes;
        todo!()
    }
}

/// The fields of an answer from `stored`: its own and Age (RFC 9111 §4, §5.1).
pub fn response_headers(stored: &Stored, now: Wall) -> HeaderMap {
    let _ = (stored, now, Duration::ZERO);
    todo!()
}
