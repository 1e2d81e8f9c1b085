//! What a message says of caching.
//!
//! Source: RFC 9111 §4.2.1 (invalid and double values), §5.2, §5.4; RFC 9213 (targeted fields);
//! RFC 5861; RFC 8246.
//!
//! Refuses: to guess. Of two values the stricter counts; a lifetime that is none is over; a
//! directive that should have no value, and has one, counts all the same.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, PRAGMA},
};

use super::{
    fields::{Members, delta_seconds, is_token, members, trim},
    structured::{Value, dictionary},
};

pub(super) const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The fields that are meant for caches like this one, the most specific first. The first that is
/// valid and not empty takes the place of Cache-Control and Expires (RFC 9213 §2.2).
const TARGETED: [HeaderName; 1] = [CDN_CACHE_CONTROL];

/// A set of claims without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks(u16);

impl Marks {
    pub(super) const NO_STORE: Self = Self(1);
    pub(super) const PRIVATE: Self = Self(1 << 1);
    pub(super) const PUBLIC: Self = Self(1 << 2);
    pub(super) const NO_CACHE: Self = Self(1 << 3);
    pub(super) const MUST_REVALIDATE: Self = Self(1 << 4);
    pub(super) const PROXY_REVALIDATE: Self = Self(1 << 5);
    pub(super) const MUST_UNDERSTAND: Self = Self(1 << 6);
    pub(super) const IMMUTABLE: Self = Self(1 << 7);
    /// A targeted field was used: Expires does not count.
    pub(super) const TARGETED: Self = Self(1 << 8);
    /// s-maxage was there: what is stale must be validated (RFC 9111 §5.2.2.10).
    pub(super) const S_MAXAGE: Self = Self(1 << 9);
    /// The policy may give a lifetime (RFC 9111 §4.2.2).
    pub(super) const HEURISTIC: Self = Self(1 << 10);
    /// Vary has a member that no request matches.
    pub(super) const VARY_ANY: Self = Self(1 << 11);

    /// Whatever forbids to use what is stale.
    pub(super) const STRICT: Self = Self::NO_CACHE
        .with(Self::MUST_REVALIDATE)
        .with(Self::PROXY_REVALIDATE);

    /// Whether any of these is there.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn of_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// What a directive of this name says.
    const fn of_directive(name: &[u8]) -> Option<Self> {
        let known: [(&[u8], Self); 8] = [
            (b"no-store", Self::NO_STORE),
            (b"private", Self::PRIVATE),
            (b"public", Self::PUBLIC),
            (b"no-cache", Self::NO_CACHE),
            (b"must-revalidate", Self::MUST_REVALIDATE),
            (b"proxy-revalidate", Self::PROXY_REVALIDATE),
            (b"must-understand", Self::MUST_UNDERSTAND),
            (b"immutable", Self::IMMUTABLE),
        ];
        let mut index = 0;
        while index < known.len() {
            if known[index].0.eq_ignore_ascii_case(name) {
                return Some(known[index].1);
            }
            index += 1;
        }
        None
    }
}

/// What a response says of caching.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Directives {
    pub(super) marks: Marks,
    /// Seconds; 0 if invalid.
    pub(super) max_age: Option<u32>,
    /// The same for shared caches.
    pub(super) s_maxage: Option<u32>,
    pub(super) stale_while_revalidate: Option<u32>,
    pub(super) stale_if_error: Option<u32>,
    /// Fields that a shared cache is not to keep: those that private and no-cache name.
    pub(super) withheld: Vec<HeaderName>,
}

impl Directives {
    /// Reads the fields of a response.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        TARGETED
            .iter()
            .find_map(|name| Self::targeted(headers, name))
            .unwrap_or_else(|| Self::cache_control(headers))
    }

    /// What is left of the lifetime that the directives give, in seconds.
    pub(super) fn lifetime_s(&self) -> Option<u32> {
        self.s_maxage.or(self.max_age)
    }

    fn cache_control(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for member in members(headers, &CACHE_CONTROL) {
            let (name, argument) = directive(member);
            directives.take(name, &argument);
        }
        directives
    }

    /// Reads a targeted field; `None` if it is missing, empty or invalid (RFC 9213 §2.1).
    fn targeted(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        headers.contains_key(name).then_some(())?;
        let lines: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        let members = dictionary(&lines.join(&b","[..]))?;
        if members.is_empty() {
            return None;
        }
        let mut directives = Self::default();
        directives.marks.add(Marks::TARGETED);
        for (name, value) in &members {
            let argument = match value {
                Value::Boolean(true) => Argument::None,
                Value::Boolean(false) => continue,
                Value::Integer(number) => u32::try_from((*number).min(i64::from(u32::MAX)))
                    .map_or(Argument::Invalid, Argument::Seconds),
                Value::String(text) => Argument::List(text.as_bytes()),
                Value::Token(_) | Value::Other => Argument::Invalid,
            };
            directives.take(name.as_bytes(), &argument);
        }
        Some(directives)
    }

    fn take(&mut self, name: &[u8], argument: &Argument<'_>) {
        if let Some(mark) = Marks::of_directive(name) {
            let can_be_qualified = matches!(mark, Marks::NO_CACHE | Marks::PRIVATE);
            match argument.names() {
                Some(names) if can_be_qualified => self.withheld.extend(names),
                _ => self.marks.add(mark),
            }
            return;
        }
        let known = if name.eq_ignore_ascii_case(b"max-age") {
            &mut self.max_age
        } else if name.eq_ignore_ascii_case(b"s-maxage") {
            self.marks.add(Marks::S_MAXAGE);
            &mut self.s_maxage
        } else if name.eq_ignore_ascii_case(b"stale-while-revalidate") {
            &mut self.stale_while_revalidate
        } else if name.eq_ignore_ascii_case(b"stale-if-error") {
            &mut self.stale_if_error
        } else {
            return;
        };
        let seconds = argument.seconds().unwrap_or(0);
        *known = Some(known.map_or(seconds, |known| known.min(seconds)));
    }
}

/// What a request says of caching (RFC 9111 §5.2.1, RFC 5861 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// The oldest answer that is wanted.
    pub max_age: Option<Duration>,
    /// For how long the answer is to stay fresh.
    pub min_fresh: Option<Duration>,
    /// For how long the answer may have been stale.
    pub max_stale: Option<Duration>,
    /// The same if the origin fails.
    pub stale_if_error: Option<Duration>,
    /// Nothing is to be used without validation.
    pub is_no_cache: bool,
    /// Nothing of it is to be stored.
    pub is_no_store: bool,
    /// Without a stored answer the answer is 504.
    pub is_only_if_cached: bool,
}

impl Wishes {
    /// Reads Cache-Control, or Pragma where there is none (RFC 9111 §5.4). What is invalid is no
    /// wish.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut wishes = Self::default();
        if headers.contains_key(CACHE_CONTROL) {
            for member in members(headers, &CACHE_CONTROL) {
                let (name, argument) = directive(member);
                wishes.take(name, &argument);
            }
        } else if headers.contains_key(PRAGMA) {
            wishes.is_no_cache =
                members(headers, &PRAGMA).any(|member| member.eq_ignore_ascii_case(b"no-cache"));
        }
        wishes
    }

    fn take(&mut self, name: &[u8], argument: &Argument<'_>) {
        if name.eq_ignore_ascii_case(b"no-cache") {
            self.is_no_cache = true;
        } else if name.eq_ignore_ascii_case(b"no-store") {
            self.is_no_store = true;
        } else if name.eq_ignore_ascii_case(b"only-if-cached") {
            self.is_only_if_cached = true;
        } else if name.eq_ignore_ascii_case(b"max-stale") && matches!(argument, Argument::None) {
            self.max_stale = self.max_stale.or(Some(Duration::MAX));
        } else if let Some(seconds) = argument.seconds() {
            let span = Duration::from_secs(seconds.into());
            let least = |known: Option<Duration>| Some(known.map_or(span, |known| known.min(span)));
            if name.eq_ignore_ascii_case(b"max-age") {
                self.max_age = least(self.max_age);
            } else if name.eq_ignore_ascii_case(b"max-stale") {
                self.max_stale = least(self.max_stale);
            } else if name.eq_ignore_ascii_case(b"stale-if-error") {
                self.stale_if_error = least(self.stale_if_error);
            } else if name.eq_ignore_ascii_case(b"min-fresh") {
                self.min_fresh = self.min_fresh.max(Some(span));
            }
        }
    }
}

/// What follows the name of a directive.
enum Argument<'a> {
    /// Nothing.
    None,
    /// A token, or the inside of a quoted string: RFC 9111 §5.2 takes both for the same.
    Text(&'a [u8]),
    /// A number of seconds.
    Seconds(u32),
    /// A list, and nothing else.
    List(&'a [u8]),
    /// What cannot stand there.
    Invalid,
}

impl Argument<'_> {
    fn seconds(&self) -> Option<u32> {
        match self {
            Self::Text(text) => delta_seconds(text),
            Self::Seconds(seconds) => Some(*seconds),
            Self::None | Self::List(_) | Self::Invalid => None,
        }
    }

    /// The names of fields, if it is a list of at least one and of nothing else.
    fn names(&self) -> Option<Vec<HeaderName>> {
        let (Self::Text(text) | Self::List(text)) = self else {
            return None;
        };
        let names: Result<Vec<_>, _> = Members(text).map(HeaderName::from_bytes).collect();
        names.ok().filter(|names| !names.is_empty())
    }
}

/// Cuts a member of Cache-Control at its equals sign.
fn directive(member: &[u8]) -> (&[u8], Argument<'_>) {
    let Some(equals) = member.iter().position(|byte| *byte == b'=') else {
        return (member, Argument::None);
    };
    let (name, value) = (&member[..equals], &member[equals + 1..]);
    let argument = match value {
        _ if trim(name).len() != name.len() => Argument::Invalid,
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => Argument::Text(text),
        text if is_token(text) => Argument::Text(text),
        _ => Argument::Invalid,
    };
    (trim(name), argument)
}
