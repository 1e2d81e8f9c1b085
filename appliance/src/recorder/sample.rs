//! What one second was like.

use weir_hal::Wall;

/// Bytes the name of a series may have: two ids of 64, and a word.
pub const NAME_BYTES_MAX: usize = 192;

/// The values of all series at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// When they were read, in milliseconds since 1970. The clock may step.
    pub at_ms: u64,
    /// The name of each series, unit last, and its value; `None` if it is not known.
    pub values: Vec<(String, Option<u64>)>,
}

impl Sample {
    /// One of `taken`, without values.
    pub const fn at(taken: Wall) -> Self {
        Self {
            at_ms: taken.as_nanos() / 1_000_000,
            values: Vec::new(),
        }
    }

    /// Adds a value.
    pub fn push(&mut self, name: String, value: impl Into<Option<u64>>) {
        self.values.push((name, value.into()));
    }
}
