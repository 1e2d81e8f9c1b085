//! The bytes of a stored response's head.
//!
//! ```text
//! version          1 byte
//! status           2 bytes, big-endian
//! marks            2 bytes, big-endian
//! present          1 byte: which of the optional numbers follow
//! numbers          LEB128: received_at, delay, age, date; then those present, in order of bits
//! selecting        LEB128 count; each a name, a line, a value
//! fields           LEB128 count; each a name, a length, that many bytes
//! ```
//!
//! A name is its place in [`NAMES`] plus one, in one byte; or 0, a length and the name. The value
//! of a selecting field is 0 if it is missing, or its length plus one, and the bytes. The line as
//! it came is the same, but 1 if it equals the value.
//!
//! Nothing in it is trusted: bytes that cannot be read, or do not end where they should, are no
//! stored response.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use weir_hal::Wall;

use super::{
    ContentRange, Stored, directives::CDN_CACHE_CONTROL, directives::Marks, freshness::Facts,
    vary::Selecting,
};

/// Bytes a head may have: what the store takes as metadata.
const BYTES_MAX: usize = 64 << 10;
/// The layout above and the meaning of [`NAMES`] and [`Marks`]. Counts up with any change.
const VERSION: u8 = 1;

/// Names of one byte. New ones go to the end, and only with a new version.
const NAMES: [HeaderName; 46] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::ACCEPT_RANGES,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::AGE,
    header::ALLOW,
    header::ALT_SVC,
    header::CACHE_CONTROL,
    header::CACHE_STATUS,
    CDN_CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::HOST,
    header::LAST_MODIFIED,
    header::LINK,
    header::LOCATION,
    header::ORIGIN,
    header::PRAGMA,
    header::REFERRER_POLICY,
    header::RETRY_AFTER,
    header::SERVER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::USER_AGENT,
    header::VARY,
    header::VIA,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
    header::X_XSS_PROTECTION,
];

/// Fields for which room is made before they are read.
const FIELDS_EXPECTED_MAX: usize = 64;

/// Which optional numbers there are.
const HAS_LIFETIME: u8 = 1;
const HAS_WHILE_REVALIDATE: u8 = 1 << 1;
const HAS_IF_ERROR: u8 = 1 << 2;
const HAS_MODIFIED: u8 = 1 << 3;
const HAS_LENGTH: u8 = 1 << 4;
const HAS_PART: u8 = 1 << 5;
const HAS_COMPLETE: u8 = 1 << 6;

pub(super) fn encode(stored: &Stored) -> Bytes {
    let values: usize = stored.headers.values().map(HeaderValue::len).sum();
    let mut out = BytesMut::with_capacity(64 + values + 16 * stored.headers.len());
    out.put_u8(VERSION);
    out.put_u16(stored.status.as_u16());
    out.put_u16(stored.facts.marks.bits());
    put_numbers(&mut out, stored);
    put_number(&mut out, stored.selecting.len() as u64);
    for field in &stored.selecting {
        put_name(&mut out, &field.name);
        if field.line.is_some() && field.line == field.value {
            put_number(&mut out, 1);
        } else {
            // A line of no bytes is its own normal form.
            put_optional(&mut out, field.line.as_ref());
        }
        put_optional(&mut out, field.value.as_ref());
    }
    put_number(&mut out, stored.headers.len() as u64);
    for (name, value) in &stored.headers {
        put_name(&mut out, name);
        put_number(&mut out, value.len() as u64);
        out.put_slice(value.as_bytes());
    }
    out.freeze()
}

fn put_numbers(out: &mut BytesMut, stored: &Stored) {
    let facts = &stored.facts;
    let part = stored.part;
    let optional = [
        (HAS_LIFETIME, facts.lifetime_s.map(u64::from)),
        (
            HAS_WHILE_REVALIDATE,
            facts.stale_while_revalidate_s.map(u64::from),
        ),
        (HAS_IF_ERROR, facts.stale_if_error_s.map(u64::from)),
        (HAS_MODIFIED, facts.modified_s),
        (HAS_LENGTH, stored.length),
        (HAS_PART, part.map(|part| part.first)),
        (HAS_PART, part.map(|part| part.last)),
        (HAS_COMPLETE, part.and_then(|part| part.complete)),
    ];
    let present = optional
        .iter()
        .filter(|(_, number)| number.is_some())
        .fold(0, |present, (bit, _)| present | bit);
    out.put_u8(present);
    let age = u64::try_from(facts.age_at_receipt.as_nanos()).unwrap_or(u64::MAX);
    let delay = stored
        .received_at
        .as_nanos()
        .wrapping_sub(stored.requested_at.as_nanos());
    for number in [stored.received_at.as_nanos(), delay, age, facts.date_s] {
        put_number(out, number);
    }
    for number in optional.into_iter().filter_map(|(_, number)| number) {
        put_number(out, number);
    }
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    while number > 0x7f {
        out.put_u8(0x80 | number.to_le_bytes()[0]);
        number >>= 7;
    }
    out.put_u8(number.to_le_bytes()[0]);
}

fn put_name(out: &mut BytesMut, name: &HeaderName) {
    let place = NAMES.iter().position(|known| known == name);
    if let Some(code) = place.and_then(|place| u8::try_from(place + 1).ok()) {
        out.put_u8(code);
        return;
    }
    out.put_u8(0);
    put_number(out, name.as_str().len() as u64);
    out.put_slice(name.as_str().as_bytes());
}

fn put_optional(out: &mut BytesMut, value: Option<&HeaderValue>) {
    match value {
        None => put_number(out, 0),
        Some(value) => {
            put_number(out, value.len() as u64 + 1);
            out.put_slice(value.as_bytes());
        }
    }
}

pub(super) fn decode(bytes: &Bytes) -> Option<Stored> {
    if bytes.len() > BYTES_MAX {
        return None;
    }
    let mut reader = Reader { bytes, at: 0 };
    let stored = reader.stored().ok()?;
    (reader.at == bytes.len()).then_some(stored)
}

/// The bytes are not what they should be.
struct Unreadable;

/// Bytes and how many of them have been read.
struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn stored(&mut self) -> Result<Stored, Unreadable> {
        if self.byte()? != VERSION {
            return Err(Unreadable);
        }
        let status = StatusCode::from_u16(self.short()?).ok().ok_or(Unreadable)?;
        let mut facts = Facts {
            marks: Marks::of_bits(self.short()?),
            ..Facts::default()
        };
        let present = self.byte()?;
        let received_at = self.number()?;
        let requested_at = received_at.wrapping_sub(self.number()?);
        facts.age_at_receipt = Duration::from_nanos(self.number()?);
        facts.date_s = self.number()?;
        facts.lifetime_s = self.seconds(present & HAS_LIFETIME)?;
        facts.stale_while_revalidate_s = self.seconds(present & HAS_WHILE_REVALIDATE)?;
        facts.stale_if_error_s = self.seconds(present & HAS_IF_ERROR)?;
        facts.modified_s = self.optional(present & HAS_MODIFIED)?;
        Ok(Stored {
            status,
            requested_at: Wall::from_nanos(requested_at),
            received_at: Wall::from_nanos(received_at),
            length: self.optional(present & HAS_LENGTH)?,
            part: self.part(present)?,
            selecting: self.selecting()?,
            headers: self.fields()?,
            facts,
        })
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        let byte = *self.bytes.get(self.at).ok_or(Unreadable)?;
        self.at += 1;
        Ok(byte)
    }

    fn short(&mut self) -> Result<u16, Unreadable> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn number(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Unreadable);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Unreadable)
    }

    /// A number that is there if `present` is not 0.
    fn optional(&mut self, present: u8) -> Result<Option<u64>, Unreadable> {
        if present == 0 {
            return Ok(None);
        }
        self.number().map(Some)
    }

    fn seconds(&mut self, present: u8) -> Result<Option<u32>, Unreadable> {
        let seconds = self.optional(present)?.map(u32::try_from);
        seconds.transpose().ok().ok_or(Unreadable)
    }

    fn part(&mut self, present: u8) -> Result<Option<ContentRange>, Unreadable> {
        let first = self.optional(present & HAS_PART)?;
        let last = self.optional(present & HAS_PART)?;
        let complete = self.optional(present & HAS_COMPLETE)?;
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(None);
        };
        let part = ContentRange::new(first, last, complete).ok_or(Unreadable)?;
        Ok(Some(part))
    }

    fn selecting(&mut self) -> Result<Vec<Selecting>, Unreadable> {
        let mut selecting = Vec::new();
        for _ in 0..self.number()? {
            let name = self.name()?;
            let line = self.number()?;
            let own_line = match line {
                0 | 1 => None,
                length => Some(self.value(length - 1)?),
            };
            let value = match self.number()? {
                0 => None,
                length => Some(self.value(length - 1)?),
            };
            let line = if line == 1 { value.clone() } else { own_line };
            selecting.push(Selecting { name, line, value });
        }
        Ok(selecting)
    }

    fn fields(&mut self) -> Result<HeaderMap, Unreadable> {
        let count = self.number()?;
        let expected = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(FIELDS_EXPECTED_MAX);
        let mut headers = HeaderMap::with_capacity(expected);
        for _ in 0..count {
            let name = self.name()?;
            let length = self.number()?;
            let value = self.value(length)?;
            headers.try_append(name, value).ok().ok_or(Unreadable)?;
        }
        Ok(headers)
    }

    fn name(&mut self) -> Result<HeaderName, Unreadable> {
        if let Some(place) = usize::from(self.byte()?).checked_sub(1) {
            return NAMES.get(place).cloned().ok_or(Unreadable);
        }
        let length = self.number()?;
        HeaderName::from_bytes(&self.take(length)?)
            .ok()
            .ok_or(Unreadable)
    }

    fn value(&mut self, length: u64) -> Result<HeaderValue, Unreadable> {
        HeaderValue::from_maybe_shared(self.take(length)?)
            .ok()
            .ok_or(Unreadable)
    }

    fn take(&mut self, length: u64) -> Result<Bytes, Unreadable> {
        let left = self.bytes.len() - self.at;
        let length = usize::try_from(length).ok().ok_or(Unreadable)?;
        if length > left {
            return Err(Unreadable);
        }
        let taken = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(taken)
    }
}
