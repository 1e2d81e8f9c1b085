//! Names of objects.

use std::{
    fmt::{self, Display},
    sync::Arc,
};

/// The name of an object: printable text of 1 to 1024 bytes.
///
/// A path such as `/live/CH_001/CH_001_HD/segment-12.ts` is usual, but nothing in it has a
/// meaning here. Cloning costs a reference count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Bytes a key may have.
    pub const BYTES_MAX: usize = 1024;

    /// Checks a name. Returns `None` if it is empty, too long or has a control character.
    pub fn new(text: &str) -> Option<Self> {
        let is_fit =
            (1..=Self::BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        is_fit.then(|| Self(text.into()))
    }

    /// The name of a part of an object, which no object can have.
    pub(crate) fn of_part(birth: u64, number: u32) -> Self {
        Self(format!("\u{1}{birth:016x}.{number:04x}").into())
    }

    /// The birth and the number in the name of a part.
    pub(crate) fn part(&self) -> Option<(u64, u32)> {
        let (birth, number) = self.0.strip_prefix('\u{1}')?.split_once('.')?;
        let birth = u64::from_str_radix(birth, 16).ok()?;
        let number = u32::from_str_radix(number, 16).ok()?;
        (Self::of_part(birth, number) == *self).then_some((birth, number))
    }

    /// The name in a record: that of an object or of a part.
    pub(crate) fn recorded(text: &str) -> Option<Self> {
        let part = || Some(Self(text.into())).filter(|key| key.part().is_some());
        Self::new(text).or_else(part)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_printable_text_up_to_1024_bytes() {
        assert!(Key::new("/live/a/segment-1.ts").is_some());
        assert!(Key::new("/vod/größe 4.ts?x=1").is_some());
        assert!(Key::new(&"k".repeat(1024)).is_some());
    }

    #[test]
    fn refuses_what_cannot_be_shown_on_one_line() {
        for text in ["", "/a\n", "/a\u{7}b", "\u{0}"] {
            assert_eq!(Key::new(text), None, "{text:?}");
        }
        assert_eq!(Key::new(&"k".repeat(1025)), None);
    }

    #[test]
    fn a_part_is_named_as_no_object_can_be() {
        let part = Key::of_part(0x0102, 3);
        assert_eq!(part.as_str(), "\u{1}0000000000000102.0003");
        assert_eq!(part.part(), Some((0x0102, 3)));
        assert_eq!(Key::new(part.as_str()), None);
        assert_eq!(Key::recorded(part.as_str()), Some(part));
        assert_eq!(Key::recorded("/a").unwrap().part(), None);
        for text in ["", "\u{1}", "\u{1}102.3", "\u{1}+000000000000102.0003"] {
            assert_eq!(Key::recorded(text), None, "{text:?}");
        }
    }
}
