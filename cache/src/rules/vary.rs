//! Telling variants apart by the request fields that Vary names.
//!
//! Source: RFC 9111 §4.1; RFC 9110 §12.4.2 (weights), §12.5 (the Accept fields).
//!
//! Two values match if they are the same list: lines are put together, and white space around
//! members is dropped. In the Accept fields names have no case and order has no meaning.
//!
//! One step further than the RFC: a response in the one language that a request prefers to all
//! others answers it, whatever else it lists; the origin has nothing that would please more.

use std::{borrow::Cow, cmp::Reverse};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY},
};

use super::{
    CacheKey,
    fields::{is_nominated, members, trim},
};
use crate::Key;

/// The weight of what has none, in thousandths.
const WEIGHT_MAX: u16 = 1000;

/// The name in the store of the variant of `key` that a request of `headers` selects, if
/// responses vary by the fields `names`, in any order.
pub fn variant_key<'a>(
    key: &CacheKey,
    names: impl IntoIterator<Item = &'a HeaderName>,
    headers: &HeaderMap,
) -> Key {
    let mut names: Vec<&HeaderName> = names.into_iter().collect();
    names.sort_unstable_by_key(|name| name.as_str());
    names.dedup();
    let mut selecting = Vec::new();
    for name in names {
        // Neither a name nor a value has a line feed in it.
        selecting.extend_from_slice(name.as_str().as_bytes());
        if let Some(value) = normalised(name, headers) {
            selecting.push(b':');
            selecting.extend_from_slice(&value);
        }
        selecting.push(b'\n');
    }
    key.variant(&selecting)
}

/// One field of the request that selected a stored response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selecting {
    pub(super) name: HeaderName,
    /// As it came, if in one line: most requests that match have the same.
    pub(super) line: Option<HeaderValue>,
    /// Normalised; `None` if the request did not have it.
    pub(super) value: Option<HeaderValue>,
}

impl Selecting {
    /// Takes the field of a request.
    pub(super) fn of(name: HeaderName, headers: &HeaderMap) -> Self {
        // It is made of parts of values, and so is one.
        let value = normalised(&name, headers)
            .and_then(|value| HeaderValue::from_maybe_shared(Bytes::from(value)).ok());
        let line = value.is_some().then(|| only_line(&name, headers)).flatten();
        Self {
            line: line.cloned(),
            value,
            name,
        }
    }

    /// Whether a request has the same.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let line = only_line(&self.name, headers).filter(|line| Some(*line) == self.line.as_ref());
        if line.is_some() && !is_nominated(headers, &self.name) {
            return true;
        }
        let value = self.value.as_ref().map(HeaderValue::as_bytes);
        value == normalised(&self.name, headers).as_deref()
    }
}

/// The fields that a response varies by, in order; `None` if by more than a request can say.
pub(super) fn vary(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let names: Option<Vec<_>> = members(headers, &VARY)
        .map(|member| HeaderName::from_bytes(member).ok())
        .collect();
    let mut names = names?;
    if names.iter().any(|name| name == "*") {
        return None;
    }
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    Some(names)
}

/// The language that a request prefers to all others, if it is one.
pub fn preferred_language(headers: &HeaderMap) -> Option<HeaderValue> {
    HeaderValue::from_bytes(preferred(headers)?).ok()
}

/// Whether a request prefers this language to all others.
pub(super) fn prefers_language(headers: &HeaderMap, language: &HeaderValue) -> bool {
    preferred(headers).is_some_and(|range| range.eq_ignore_ascii_case(trim(language.as_bytes())))
}

fn preferred(headers: &HeaderMap) -> Option<&[u8]> {
    let mut best: Option<(u16, &[u8])> = None;
    let mut is_shared = false;
    for member in members(headers, &ACCEPT_LANGUAGE) {
        let (range, weight) = weighted(member);
        match best {
            Some((most, _)) if weight < most => {}
            Some((most, known)) if weight == most => {
                is_shared |= !range.eq_ignore_ascii_case(known);
            }
            _ => (best, is_shared) = (Some((weight, range)), false),
        }
    }
    let (weight, range) = best?;
    (weight > 0 && !is_shared && range != b"*").then_some(range)
}

/// The value of a request field in the form that all equal ones have; `None` if it is missing, or
/// does not reach the origin.
fn normalised(name: &HeaderName, headers: &HeaderMap) -> Option<Vec<u8>> {
    if !headers.contains_key(name) || is_nominated(headers, name) {
        return None;
    }
    let is_preference = [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(name);
    let mut value = Vec::new();
    if is_preference {
        push_preferences(&mut value, members(headers, name));
    } else {
        for member in members(headers, name) {
            push_member(&mut value, member);
        }
    }
    Some(value)
}

fn push_member(list: &mut Vec<u8>, member: &[u8]) {
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(member);
}

/// Adds the members of an Accept field, the most wanted first.
fn push_preferences<'a>(list: &mut Vec<u8>, members: impl Iterator<Item = &'a [u8]>) {
    let mut wanted: Vec<(Reverse<u16>, Cow<'a, [u8]>)> = members
        .map(|member| {
            let (range, weight) = weighted(member);
            (Reverse(weight), folded(range))
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    for (Reverse(weight), range) in wanted {
        push_member(list, &range);
        if weight < WEIGHT_MAX {
            list.extend_from_slice(b";q=0.");
            list.extend([100, 10, 1].map(|place| b'0' + (weight / place % 10).to_le_bytes()[0]));
        }
    }
}

/// A range without white space around its semicolons, and in small letters up to the first.
fn folded(range: &[u8]) -> Cow<'_, [u8]> {
    let is_plain = |byte: &u8| *byte != b';' && !byte.is_ascii_uppercase();
    if range.iter().all(is_plain) {
        return Cow::from(range);
    }
    let mut parts = range.split(|byte| *byte == b';').map(trim);
    let mut text = parts.next().unwrap_or_default().to_ascii_lowercase();
    for parameter in parts {
        text.push(b';');
        text.extend_from_slice(parameter);
    }
    Cow::from(text)
}

/// Cuts the weight off a member of an Accept field, in thousandths. One that cannot be read stays
/// where it is.
fn weighted(member: &[u8]) -> (&[u8], u16) {
    let cut = member.iter().rposition(|byte| *byte == b';');
    let weight = cut.and_then(|cut| thousandths(trim(member.get(cut + 1..)?)));
    match (cut, weight) {
        (Some(cut), Some(weight)) => (trim(&member[..cut]), weight),
        _ => (member, WEIGHT_MAX),
    }
}

/// Reads `q=0.5`.
fn thousandths(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), rest @ ..] = parameter else {
        return None;
    };
    let fraction = match rest {
        [] => &[],
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = fraction.get(place).copied().unwrap_or(b'0');
        weight = weight * 10 + digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
    }
    (weight <= WEIGHT_MAX).then_some(weight)
}

/// The only line of a field.
fn only_line<'a>(name: &HeaderName, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}
