//! Reads one page of subtitles out of a teletext stream.
//!
//! Source: EN 300 472 (teletext in PES packets), EN 300 706 (teletext itself) up to presentation
//! level 1.5, as far as subtitles need it. Pure: the same bytes in give the same pages out. Damage
//! is mended where the code allows it and counted where it does not.
//!
//! [`Receiver`]: transport packets → PES packets (`collector`) → data units (`data_field`) →
//! packets of 42 bytes → `decoder`, which keeps the page that is wanted and nothing else →
//! [`Shown`]. Inside, `hamming` mends, `character` knows the alphabets, `page` is the memory of a
//! page, `row` makes text of it.
//!
//! Refuses: mosaics, which are blanks; flashing, sizes and backgrounds; what levels 2.5 and 3.5
//! add; Arabic and Hebrew, which teletext writes in the order of their looks. Pages that are not
//! marked as subtitles or newsflashes are not shown.

// Input is hostile: no index that is not provably in range.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod character;
mod collector;
mod counters;
mod data_field;
mod decoder;
#[cfg(test)]
pub(crate) mod fixtures;
mod hamming;
mod page;
mod receiver;
mod row;
#[cfg(test)]
mod tests;

pub use character::Region;
pub use counters::Counters;
pub use receiver::{Receiver, Shown};
pub use row::{Colour, Line, Span};

/// Bytes of a teletext packet, from its address on.
const TELETEXT_PACKET_BYTES: usize = 42;
