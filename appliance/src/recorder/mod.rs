//! The flight recorder: what mattered in each second of the last 24 hours, on disk, for whoever
//! comes when it is over.
//!
//! A [`Sample`] is what one second was like, a [`Block`] a minute of them, delta encoded and
//! compressed, with a checksum. [`Recorder`] takes samples and never waits; its thread writes a
//! block each minute, so a power cut loses no more than that. [`read`] gives back what was kept.
//!
//! Arithmetic: a POP box of 50 channels in three renditions has 600 series of those and some 30 of
//! its own. A minute of them takes under 40 KiB, of which the bitrates that tremble are most, and
//! 24 hours under 56 MiB; a box of four channels a few MiB. On disk there are never more than
//! [`DISK_BYTES_MAX`] and the block that comes to it. In memory are the open block (at most
//! [`SERIES_MAX`] series of [`SAMPLES_MAX`] values, 2 MB) and the queue (8 samples, 2 MB).
//!
//! Refuses: to know what it records. `health` names and reads the series.

mod block;
mod counters;
mod csv;
mod files;
mod frame;
mod sample;
#[cfg(test)]
mod tests;
mod writer;

pub use block::{Block, SAMPLES_MAX, SERIES_MAX};
pub use counters::{CounterCells, Counters};
pub use csv::{Columns, NoSeries};
pub use files::{DISK_BYTES_MAX, Kept, read};
pub use frame::Frames;
pub use sample::{NAME_BYTES_MAX, Sample};
pub use writer::Recorder;
