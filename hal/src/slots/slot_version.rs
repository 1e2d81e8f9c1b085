//! The version of what is in a slot, and which of two is newer.
//!
//! Source: UAPI.10 Version Format Specification, by which systemd-boot orders what it boots.
//! Refuses: what cannot stand in a name of a kernel: underlines, plus signs and whatever is no
//! letter, digit, `.`, `-`, `~` or `^` of ASCII.

use std::{
    cmp::Ordering,
    fmt::{self, Display},
};

/// Bytes of a version.
pub const SLOT_VERSION_BYTES_MAX: usize = 64;

/// What parts of a version are told apart by. The first makes it older; of the others, a version
/// that goes on with one is older than one that goes on with a letter or digit.
const PRE_RELEASE: u8 = b'~';
const SEPARATORS: [u8; 3] = [b'-', b'^', b'.'];

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotVersion(String);

impl SlotVersion {
    /// Reads a version; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_known = |byte: u8| {
            byte.is_ascii_alphanumeric() || byte == PRE_RELEASE || SEPARATORS.contains(&byte)
        };
        let is_begun = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let is_fit = is_begun && text.len() <= SLOT_VERSION_BYTES_MAX && text.bytes().all(is_known);
        is_fit.then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is newer than `other`.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.cmp_as_versions(other) == Ordering::Greater
    }

    /// The newer one is greater. Two may be equally new and written in two ways.
    pub(super) fn cmp_as_versions(&self, other: &Self) -> Ordering {
        let (mut one, mut other) = (self.0.as_bytes(), other.0.as_bytes());
        loop {
            let order = take_mark(&mut one, &mut other, PRE_RELEASE);
            if order.is_ne() {
                return order;
            }
            if one.is_empty() || other.is_empty() {
                return one.len().cmp(&other.len());
            }
            let by_marks = SEPARATORS
                .iter()
                .map(|mark| take_mark(&mut one, &mut other, *mark))
                .find(|order| order.is_ne());
            if let Some(order) = by_marks {
                return order;
            }
            let order = take_segment(&mut one, &mut other);
            if order.is_ne() {
                return order;
            }
        }
    }
}

impl Display for SlotVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Takes `mark` off both; if one alone begins with it, that one is older.
fn take_mark(one: &mut &[u8], other: &mut &[u8], mark: u8) -> Ordering {
    match (one.strip_prefix(&[mark]), other.strip_prefix(&[mark])) {
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
        (Some(rest), Some(other_rest)) => {
            (*one, *other) = (rest, other_rest);
            Ordering::Equal
        }
    }
}

/// Takes the digits that both begin with off, or the letters, and compares them: a number is newer
/// than letters.
fn take_segment(one: &mut &[u8], other: &mut &[u8]) -> Ordering {
    let is_digit = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
    if is_digit(one) || is_digit(other) {
        let (number, other_number) = (
            take_while(one, u8::is_ascii_digit),
            take_while(other, u8::is_ascii_digit),
        );
        let by_presence = (!number.is_empty()).cmp(&!other_number.is_empty());
        let (number, other_number) = (significant(number), significant(other_number));
        let by_length = || number.len().cmp(&other_number.len());
        let by_digits = || number.cmp(other_number);
        by_presence.then_with(by_length).then_with(by_digits)
    } else {
        let letters = take_while(one, u8::is_ascii_alphabetic);
        letters.cmp(take_while(other, u8::is_ascii_alphabetic))
    }
}

/// Takes off and returns what `text` begins with.
fn take_while<'a>(text: &mut &'a [u8], is_part: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|byte| !is_part(byte));
    let (part, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    part
}

/// Digits without zeros before them.
fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> SlotVersion {
        SlotVersion::parse(text).expect("a version")
    }

    #[test]
    fn versions_stand_in_the_order_of_the_specification() {
        let ascending = [
            "1.0~alpha",
            "1.0~rc1",
            "1.0~rc2",
            "1.0",
            "1.0-1",
            "1.0^1",
            "1.0^2",
            "1.0.1",
            "1.0a",
            "1.0b",
            "1.2",
            "1.10",
            "2",
            "10",
        ];
        for (place, older) in ascending.iter().enumerate() {
            for newer in &ascending[place + 1..] {
                let (older, newer) = (version(older), version(newer));
                assert!(newer.is_newer_than(&older), "{newer} {older}");
                assert!(!older.is_newer_than(&newer), "{older} {newer}");
            }
        }
    }

    #[test]
    fn zeros_before_a_number_make_nothing_newer() {
        assert!(!version("1.02").is_newer_than(&version("1.2")));
        assert!(!version("1.2").is_newer_than(&version("1.02")));
        assert!(version("1.0").is_newer_than(&version("1.a")));
    }

    #[test]
    fn what_cannot_stand_in_a_name_is_no_version() {
        let long = "1".repeat(65);
        for text in [
            "", ".1", "~1", "1_2", "1+2", "1 2", "1/2", "\u{0661}", &long,
        ] {
            assert_eq!(SlotVersion::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn of_two_versions_one_is_newer_or_none(
            one in "[0-9a-b][0-9a-b.~^-]{0,8}", other in "[0-9a-b][0-9a-b.~^-]{0,8}"
        ) {
            let (one, other) = (version(&one), version(&other));
            let order = one.cmp_as_versions(&other);
            prop_assert_eq!(other.cmp_as_versions(&one), order.reverse());
            prop_assert_eq!(one.cmp_as_versions(&one), Ordering::Equal);
        }

        #[test]
        fn what_is_newer_than_the_newer_is_newer(
            three in prop::array::uniform3("[0-9a][0-9a.~^-]{0,5}")
        ) {
            let [one, two, three] = three.map(|text| version(&text));
            let is_chain = two.is_newer_than(&one) && three.is_newer_than(&two);
            prop_assert!(!is_chain || three.is_newer_than(&one));
        }
    }
}
