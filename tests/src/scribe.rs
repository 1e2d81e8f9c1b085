//! What the process that is killed and the test that kills it agree on: how bodies follow from
//! names, and the lines in which the process tells what it does.
//!
//! ```text
//! ready                   the store is open
//! put KEY VERSION         is about to be committed
//! evict KEY               is about to be evicted
//! written KEY VERSION     has been read back from its place on disk
//! flushed WRITER          all that this writer did before its flush is durable
//! ```

use weir_hal::sim::Generator;

/// Writers of one process. Each has keys of its own, so that it knows what they hold.
pub const WRITERS: u64 = 3;
/// Keys of each writer.
pub const KEYS: u64 = 24;
/// What a process puts at most for each writer, so that a test knows how much room it needs.
pub const PUTS_MAX: u64 = 200;
/// Bytes of a body at most.
pub const BODY_BYTES_MAX: u64 = 80_000;

/// A key of a writer.
pub fn name(writer: u64, number: u64) -> String {
    format!("/{writer}/{number}")
}

/// The body that a key has in a version.
pub fn body(name: &str, version: u64) -> Vec<u8> {
    let salt = name.bytes().fold(version, |salt, byte| {
        salt.wrapping_mul(31).wrapping_add(byte.into())
    });
    let mut random = Generator::new(salt);
    let bytes = random.below(BODY_BYTES_MAX);
    let words = (0..=bytes / 8).flat_map(|_| random.draw().to_le_bytes());
    words.take(usize::try_from(bytes).unwrap_or(0)).collect()
}
