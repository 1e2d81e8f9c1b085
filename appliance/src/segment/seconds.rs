//! Numbers as attributes of a playlist tell them (RFC 8216 §4.2).

use std::fmt::{self, Display};

/// Ticks of 90 kHz as seconds with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) u64);

impl Seconds {
    /// Reads back what was written, to the millisecond.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (seconds, milliseconds) = text.split_once('.')?;
        if milliseconds.len() != 3 {
            return None;
        }
        let (seconds, milliseconds): (u64, u64) =
            (seconds.parse().ok()?, milliseconds.parse().ok()?);
        let ticks = seconds.checked_mul(90_000)?;
        ticks.checked_add(milliseconds * 90).map(Self)
    }
}

impl Display for Seconds {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = (self.0 + 45) / 90;
        write!(text, "{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
    }
}

/// Bytes as a hexadecimal-sequence (RFC 8216 §4.2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Hexadecimal<'a>(pub(super) &'a [u8]);

impl Hexadecimal<'_> {
    /// Reads the bytes back.
    pub(super) fn read(text: &str) -> Option<Vec<u8>> {
        let (digits, rest) = text.strip_prefix("0x")?.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        };
        let bytes: Option<Vec<u8>> = digits.iter().map(byte).collect();
        bytes.filter(|_| rest.is_empty())
    }
}

impl Display for Hexadecimal<'_> {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("0x")?;
        self.0
            .iter()
            .try_for_each(|byte| write!(text, "{byte:02X}"))
    }
}
