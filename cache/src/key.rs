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
}
