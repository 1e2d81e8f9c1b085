//! The name under which responses are stored.
//!
//! Source: RFC 9111 §2; RFC 3986 §6.2.2, §6.2.3 (normalisation); CTA-5004 §3.2 (CMCD).
//!
//! What is merged is what RFC 3986 says is the same: the case of scheme and host, the port that
//! the scheme has anyway, percent-encodings of letters that need none, the case of the others, and
//! the segments `.` and `..`. Of a query nothing else is, unless the rules say which parameters
//! there are.
//!
//! A name in the store is the URI itself, as long as it has room, followed by `#v=` and a hash for
//! a variant; no URI that is asked for has a `#`. Of a longer one it is the beginning and a
//! SHA-256: no two resources share a name, however hard someone tries.

use std::borrow::Cow;

use http::Uri;
use sha2::{Digest, Sha256};

use super::reference::{default_port, has_plain_port, without_dots};
use crate::Key;

/// The parameter of players' telemetry.
const CMCD: &str = "CMCD";
/// What follows the name of a resource in the name of a variant: a mark and 128 bits.
const VARIANT_BYTES: usize = "#v=".len() + 32;
/// What follows the beginning of a long name: a mark and 256 bits.
const HASH_BYTES: usize = "#h=".len() + 64;
/// What callers may write behind a name: two numbers in hexadecimal digits, and one in others, each
/// behind a mark.
const BEHIND_BYTES: usize = (1 + 16) + (1 + 16) + (1 + 20);
/// Bytes of a name that is not hashed.
const TEXT_BYTES_MAX: usize = Key::BYTES_MAX - VARIANT_BYTES - BEHIND_BYTES;

/// Which parts of a URI are in the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRules {
    /// Which parameters of the query.
    pub query: QueryRule,
}

/// Which parameters of a query are in the key. CMCD never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryRule {
    /// All but these, in the order in which they came.
    AllBut(Vec<String>),
    /// These alone, sorted by name; of one name in the order in which they came.
    Only(Vec<String>),
}

impl Default for QueryRule {
    fn default() -> Self {
        Self::AllBut(Vec::new())
    }
}

/// The name of a resource: scheme, authority, path and query, normalised. Printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    text: String,
    path_at: usize,
}

impl CacheKey {
    /// Names what `uri` names, by `rules`. Returns `None` if it lacks scheme or authority, or has
    /// a user in it, or a port that is none.
    pub fn new(uri: &Uri, rules: &KeyRules) -> Option<Self> {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        if authority.as_str().contains('@') || !has_plain_port(authority) {
            return None;
        }
        let mut text =
            String::with_capacity(scheme.len() + authority.as_str().len() + uri.path().len() + 16);
        push_lower(&mut text, scheme);
        text.push_str("://");
        push_lower(&mut text, authority.host());
        if let Some(own) = authority.port_u16()
            && Some(own) != default_port(scheme)
        {
            text.push(':');
            text.push_str(&own.to_string());
        }
        let path_at = text.len();
        push_path(&mut text, uri.path());
        push_query(&mut text, uri.query(), &rules.query);
        Some(Self { text, path_at })
    }

    /// The whole name: a URI.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Path and query as the origin is to be asked, so that it sees what the key says.
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.path_at..).unwrap_or_default()
    }

    /// The path alone, normalised.
    pub fn path(&self) -> &str {
        let target = self.path_and_query();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// The name in the store, of a response that does not vary.
    pub fn store_key(&self) -> Key {
        stored(&self.base())
    }

    /// The name in the store of the variant that these bytes tell from the others.
    pub(super) fn variant(&self, selecting: &[u8]) -> Key {
        let mut text = self.base().into_owned();
        text.push_str("#v=");
        push_hex(&mut text, &Sha256::digest(selecting)[..16]);
        stored(&text)
    }

    /// The name, short enough for a variant's hash behind it.
    fn base(&self) -> Cow<'_, str> {
        if self.text.len() <= TEXT_BYTES_MAX {
            return Cow::from(&self.text);
        }
        let mut text = self.text.clone();
        text.truncate(TEXT_BYTES_MAX - HASH_BYTES);
        text.push_str("#h=");
        push_hex(&mut text, &Sha256::digest(&self.text));
        Cow::from(text)
    }
}

fn stored(text: &str) -> Key {
    Key::new(text).expect("a name is printable and fits")
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        push_digits(text, *byte, b"0123456789abcdef");
    }
}

/// Adds the percent-encoding of a byte.
fn push_escaped(text: &mut String, byte: u8) {
    text.push('%');
    push_digits(text, byte, b"0123456789ABCDEF");
}

/// Adds a byte in hexadecimal.
fn push_digits(text: &mut String, byte: u8, digits: &[u8; 16]) {
    for place in [byte >> 4, byte & 0xf] {
        text.push(char::from(digits[usize::from(place)]));
    }
}

fn push_lower(text: &mut String, part: &str) {
    text.extend(part.chars().map(|letter| letter.to_ascii_lowercase()));
}

/// Adds a path, normalised.
fn push_path(text: &mut String, path: &str) {
    text.push_str(&without_dots(&encoded(path)));
}

/// Adds a query with its question mark, normalised, as far as the rule keeps it.
fn push_query(text: &mut String, query: Option<&str>, rule: &QueryRule) {
    let Some(query) = query.map(encoded) else {
        return;
    };
    let mut kept: Vec<&str> = query
        .split('&')
        .filter(|part| is_kept(part, rule))
        .collect();
    if kept.is_empty() {
        return;
    }
    if matches!(rule, QueryRule::Only(_)) {
        kept.sort_by_key(|part| parameter(part));
    }
    let mut separator = '?';
    for part in kept {
        text.push(separator);
        text.push_str(part);
        separator = '&';
    }
}

fn is_kept(part: &str, rule: &QueryRule) -> bool {
    let name = parameter(part);
    let is_in = |names: &[String]| names.iter().any(|known| known == name);
    let is_wanted = match rule {
        QueryRule::AllBut(ignored) => !is_in(ignored),
        QueryRule::Only(wanted) => is_in(wanted),
    };
    is_wanted && !name.eq_ignore_ascii_case(CMCD)
}

/// The name of a parameter.
fn parameter(part: &str) -> &str {
    part.split_once('=').map_or(part, |(name, _)| name)
}

/// The text with percent-encodings as they should be: none of what needs none, capital letters in
/// the others, and one of all that is not visible ASCII.
fn encoded(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    if text.bytes().all(is_plain) {
        return Cow::from(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (*byte, escape(behind)) {
            (b'%', Some(code)) => {
                rest = behind.get(2..).unwrap_or_default();
                if is_unreserved(code) {
                    out.push(char::from(code));
                } else {
                    push_escaped(&mut out, code);
                }
            }
            (byte, _) if byte.is_ascii_graphic() => out.push(char::from(byte)),
            (byte, _) => push_escaped(&mut out, byte),
        }
    }
    Cow::from(out)
}

/// What two hexadecimal digits stand for.
fn escape(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else {
        return None;
    };
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
