//! A small text that is served as it stands: a playlist and its validator.

use bytes::Bytes;

use crate::hash::fnv1a;

/// A playlist in its final bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The text.
    pub body: Bytes,
    /// Strong entity tag with its quotes, derived from the text (RFC 9110 §8.8.3).
    pub etag: String,
}

impl Document {
    /// Takes `text` as a document. Equal texts have equal tags, on every box.
    pub fn new(text: String) -> Self {
        let etag = format!("\"{:016x}\"", fnv1a(text.bytes()));
        Self {
            body: Bytes::from(text),
            etag,
        }
    }
}
