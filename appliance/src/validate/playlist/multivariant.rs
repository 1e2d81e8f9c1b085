//! A Multivariant Playlist as it was read.

use super::{Attributes, Flaw, Located};

/// What a Multivariant Playlist says, each with its line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MultivariantPlaylist {
    /// EXT-X-STREAM-INF, in order.
    pub variants: Vec<Variant>,
    /// EXT-X-MEDIA, in order.
    pub renditions: Vec<Rendition>,
    /// What is wrong with lines by themselves.
    pub flaws: Vec<Located<Flaw>>,
}

/// One EXT-X-STREAM-INF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its line.
    pub line: u32,
    /// Its URI, as it is written.
    pub uri: String,
    /// All it says.
    pub attributes: Attributes,
}

/// One EXT-X-MEDIA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Its line.
    pub line: u32,
    /// All it says.
    pub attributes: Attributes,
}

impl Rendition {
    /// URI; absent for closed captions, and for what is in the variants themselves.
    pub fn uri(&self) -> Option<&str> {
        self.attributes.value("URI")
    }

    /// Whether it is one of subtitles.
    pub fn is_subtitles(&self) -> bool {
        self.attributes.value("TYPE") == Some("SUBTITLES")
    }
}
