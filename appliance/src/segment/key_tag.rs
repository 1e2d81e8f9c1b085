//! EXT-X-KEY: where the key is by which segments are encrypted.
//!
//! Source: RFC 8216 §4.3.2.4. It names no initialization vector, so that of a segment is its Media
//! Sequence Number (§5.2) and one line serves all segments of a key; and no KEYFORMAT, which is
//! `identity` then: the URI is that of the 16 bytes themselves.

use std::{
    fmt::{self, Display},
    sync::Arc,
};

/// Bytes the URI of a key may have.
const URI_BYTES_MAX: usize = 512;

/// What stands where segments are in the clear again.
const NONE: &str = "#EXT-X-KEY:METHOD=NONE";

/// The EXT-X-KEY of a segment that is encrypted. Copies share their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTag(Arc<str>);

impl KeyTag {
    /// The tag of a key at `uri`; `None` if a playlist cannot say that, or it has more than 512
    /// bytes.
    pub fn new(uri: &str) -> Option<Self> {
        let is_quotable = |letter: char| letter != '"' && !letter.is_control();
        let is_fit = !uri.is_empty() && uri.len() <= URI_BYTES_MAX;
        (is_fit && uri.chars().all(is_quotable)).then(|| Self(uri.into()))
    }

    /// Where the key is, as it stands in the playlist.
    pub fn uri(&self) -> &str {
        &self.0
    }

    /// Reads one line back that was written of a key, or of none.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn read(line: &str) -> Result<Option<Self>, ()> {
        if line == NONE {
            return Ok(None);
        }
        let rest = line.strip_prefix("#EXT-X-KEY:METHOD=AES-128,URI=\"");
        let uri = rest.and_then(|rest| rest.strip_suffix('"'));
        uri.and_then(Self::new).map(Some).ok_or(())
    }
}

impl Display for KeyTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.uri();
        write!(formatter, "#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"")
    }
}

/// Writes what holds from the next segment on, if that is another key than `before`.
pub(super) fn write_key(
    text: &mut impl fmt::Write,
    before: Option<&KeyTag>,
    key: Option<&KeyTag>,
) -> fmt::Result {
    match key {
        _ if before == key => Ok(()),
        Some(tag) => writeln!(text, "{tag}"),
        None => writeln!(text, "{NONE}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_back_as_it_was_written() {
        let tag = KeyTag::new("https://keys.example/CH/7?a=b").expect("a URI");
        let line = tag.to_string();
        assert_eq!(
            line,
            "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/CH/7?a=b\""
        );
        assert_eq!(KeyTag::read(&line), Ok(Some(tag)));
        assert_eq!(KeyTag::read("#EXT-X-KEY:METHOD=NONE"), Ok(None));
    }

    #[test]
    fn what_is_none_of_ours_is_refused() {
        for line in [
            "#EXT-X-KEY:METHOD=AES-128",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"a\",IV=0x0",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"\"",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"a",
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"a\"",
            "#EXT-X-KEY:METHOD=NONE,URI=\"a\"",
        ] {
            assert_eq!(KeyTag::read(line), Err(()), "{line}");
        }
        assert_eq!(KeyTag::new("a\nb"), None);
        assert_eq!(KeyTag::new(&"a".repeat(513)), None);
    }
}
