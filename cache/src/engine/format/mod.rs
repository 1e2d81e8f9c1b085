//! The bytes of a store apart from its records. Integers are little-endian, sums are CRC-32C
//! (RFC 3720 §12.1).
//!
//! Each file tells the layout of what it writes: `geometry` where everything is, `super_block` the
//! two pages at the front, `slot` the directory, `entry` a line of it.
//!
//! A region is open from before its first record is written until after all of them are durable;
//! so a sealed slot can be trusted, and only open and damaged ones send a start to the records.

mod entry;
mod geometry;
mod slot;
mod super_block;

pub(super) use self::{
    entry::{ENTRY_BYTES, ENTRY_KILLED, Entry, Role},
    geometry::{Address, Geometry, REGIONS_MAX},
    slot::{
        GENERATIONS_MAX, SLOT_ENTRIES, STREAMS, Slot, SlotState, Stream, decode_footer,
        encode_footer, footer_pages, killed_offset,
    },
    super_block::{BOOT_SHIFT, NoSuper, Super, SuperState},
};

/// What is written, erased and remembered as one. Records begin at a multiple of it.
pub(super) const PAGE_BYTES: u64 = 4096;
/// The same, as the length of a buffer.
pub(super) const PAGE: usize = 4096;
/// The version of this layout and of the one of records.
pub(super) const VERSION: u32 = 2;

/// Reads a field of a page or entry, whose length is known.
fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let field = bytes[offset..].first_chunk();
    u32::from_le_bytes(*field.expect("fields lie within their page"))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let field = bytes[offset..].first_chunk();
    u64::from_le_bytes(*field.expect("fields lie within their page"))
}
