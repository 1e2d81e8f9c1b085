//! A small text that is served as it stands: a playlist and its validator.

use bytes::Bytes;

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
        let etag = format!("\"{:016x}\"", fnv1a_64(text.as_bytes()));
        Self {
            body: Bytes::from(text),
            etag,
        }
    }
}

/// FNV-1a: spreads short texts well, is not secret, and is the same everywhere.
fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
