//! A text in which `*` stands for any text.

use std::fmt::{self, Display};

use super::bans::TEXT_BYTES_MAX;

/// Stars a pattern may have: comparing takes so many passes over a key at most.
const STARS_MAX: usize = 8;

/// A text in which each `*` stands for any text, an empty one too. Compared with whole names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Takes `text` for a pattern; `None` if it is longer than 1,024 bytes or has more than 8
    /// stars.
    pub fn new(text: &str) -> Option<Self> {
        let stars = text.bytes().filter(|byte| *byte == b'*').count();
        let is_fit = text.len() <= TEXT_BYTES_MAX && stars <= STARS_MAX;
        is_fit.then(|| Self(text.into()))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether all of `text` fits.
    pub fn is_match(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return *self.0 == *text;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        let inner = text
            .strip_prefix(first)
            .and_then(|inner| inner.strip_suffix(last));
        let Some(mut inner) = inner else {
            return false;
        };
        for piece in middle.split('*') {
            match inner
                .find(piece)
                .and_then(|at| inner.get(at + piece.len()..))
            {
                Some(rest) => inner = rest,
                None => return false,
            }
        }
        true
    }
}

impl Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).expect("a pattern").is_match(text)
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [
            ("/a", "/a"),
            ("*", ""),
            ("*", "/a/b"),
            ("/a*", "/a"),
            ("/a/*/c", "/a/b/b/c"),
            ("/*seg*.ts", "/x/seg-1.ts"),
            ("**", "x"),
            ("a*a*a", "aaa"),
        ] {
            assert!(is_match(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("/a", "/ab"),
            ("", "a"),
            ("/a*b", "/ab/c"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
            ("*a*a*", "a"),
        ] {
            assert!(!is_match(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn refuses_what_takes_long_to_compare() {
        assert_eq!(Pattern::new(&"*".repeat(STARS_MAX + 1)), None);
        assert_eq!(Pattern::new(&"a".repeat(TEXT_BYTES_MAX + 1)), None);
    }

    /// The meaning of a star, without any cleverness.
    fn fits(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                fits(rest, text)
                    || text
                        .split_first()
                        .is_some_and(|(_, text)| fits(pattern, text))
            }
            ([one, pattern @ ..], [other, text @ ..]) => one == other && fits(pattern, text),
            ([_, ..], []) | ([], [_, ..]) => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_meaning(pattern in "[ab*]{0,7}", text in "[ab]{0,8}") {
            let expected = fits(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(is_match(&pattern, &text), expected);
        }
    }
}
