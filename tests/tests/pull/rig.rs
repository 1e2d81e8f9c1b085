//! What the tests share.

use std::error::Error;

pub(super) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Bytes that differ from place to place.
pub(super) fn content(bytes: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(bytes).collect()
}
