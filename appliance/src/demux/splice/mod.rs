//! Reads what splice information says of the stream: where breaks begin and end.
//!
//! Source: ANSI/SCTE 35 §9.6 (`splice_info_section`), §9.7 (commands), §10.3.3
//! (`segmentation_descriptor`), §8.1 (`stream_type` 0x86).
//!
//! [`SpliceInfo::parse`] reads one section and holds nothing; `reader` collects sections from
//! their PIDs and tells each message once, however often it is sent.
//!
//! Refuses: encrypted messages, `splice_schedule` (its wall clock is not the stream's), and any
//! section whose lengths contradict each other, as a whole.

mod info;
mod reader;
mod segmentation;
#[cfg(test)]
mod tests;

pub use info::{
    BreakDuration, InsertDetail, Splice, SpliceCommand, SpliceFault, SpliceInfo, SpliceInsert,
    SpliceTime,
};
pub use segmentation::{Segmentation, SegmentationDetail, SegmentationKind};

pub(super) use reader::SpliceReader;

/// What is left of a structure; every read is `None` once it runs out.
#[derive(Debug, Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next `bytes`, at most 8, as one number.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .fold(0, |bits, &byte| bits << 8 | u64::from(byte)),
        )
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
}
