//! Entries of the directory, each of which tells of one record.
//!
//! ```text
//!      8      8  sequence: of two records of one key, the higher is the newer
//!     16      4  first page of the record within the region
//!     20      4  pages of the record
//!     24      1  class: 0 low, 1 medium, 2 high; live segments: 3 low, 4 medium, 5 high priority
//!     25      1  flags: 2 body not known to be whole, 4 head of parts, 8 part
//!     26      2  zero
//!     28      4  zero; "dead" once the record has been killed. Sums are taken with zeros here
//! ```
//!
//! A region is open from before its first record is written until after all of them are durable;
//! ```

use super::{u32_at, u64_at};
use crate::Class;

/// Bytes of an entry.
pub(in crate::engine) const ENTRY_BYTES: usize = 32;
/// Where in an entry it is told that the record was killed.
pub(super) const KILLED_OFFSET: usize = 28;
/// What is written there: no accident of one bit.
pub(in crate::engine) const ENTRY_KILLED: [u8; ENTRY_BYTES - KILLED_OFFSET] = *b"dead";

/// What a record is of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Role {
    /// All of it.
    Whole,
    /// The end of it, which tells of the parts before.
    Head,
    /// A part.
    Part,
}

impl Role {
    pub(in crate::engine) const fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Head => 1,
            Self::Part => 2,
        }
    }

    pub(in crate::engine) const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Whole),
            1 => Some(Self::Head),
            2 => Some(Self::Part),
            _ => None,
        }
    }
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Entry {
    pub(in crate::engine) hash: u64,
    pub(in crate::engine) sequence: u64,
    pub(in crate::engine) page: u32,
    pub(in crate::engine) pages: u32,
    pub(in crate::engine) class: Class,
    pub(in crate::engine) role: Role,
    pub(in crate::engine) is_killed: bool,
    pub(in crate::engine) is_unverified: bool,
}

impl Entry {
    pub(super) fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.hash.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.page.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.pages.to_le_bytes());
        bytes[24] = self.class.code();
        bytes[25] = u8::from(self.is_unverified) << 1 | self.role.code() << 2;
        bytes
    }

    /// Whether it can be true of a region of so many pages.
    pub(in crate::engine) fn is_within(&self, region_pages: u32) -> bool {
        let end = self.page.checked_add(self.pages);
        self.pages > 0 && end.is_some_and(|end| end <= region_pages)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            hash: u64_at(bytes, 0),
            sequence: u64_at(bytes, 8),
            page: u32_at(bytes, 16),
            pages: u32_at(bytes, 20),
            class: Class::of_code(bytes[24])?,
            role: Role::of_code(bytes[25] >> 2)?,
            is_killed: false,
            is_unverified: bytes[25] & 2 == 2,
        })
    }
}

pub(super) fn decode_entries(bytes: &[u8], entries: usize, killed: &[usize]) -> Option<Vec<Entry>> {
    let bytes = bytes.get(..entries.checked_mul(ENTRY_BYTES)?)?;
    let mut decoded = Vec::with_capacity(entries);
    for bytes in bytes.chunks_exact(ENTRY_BYTES) {
        decoded.push(Entry::decode(bytes)?);
    }
    for number in killed {
        decoded.get_mut(*number)?.is_killed = true;
    }
    Some(decoded)
}

/// Marks those of `entries` that were killed in their bytes.
pub(super) fn put_marks(bytes: &mut [u8], entries: &[Entry]) {
    for (bytes, entry) in bytes.chunks_exact_mut(ENTRY_BYTES).zip(entries) {
        if entry.is_killed {
            bytes[KILLED_OFFSET..].copy_from_slice(&ENTRY_KILLED);
        }
    }
}

/// Puts zeros in the place of marks. Returns the numbers of the entries that had one.
pub(super) fn take_marks(bytes: &mut [u8]) -> Vec<usize> {
    let mut killed = Vec::new();
    for (number, bytes) in bytes.chunks_exact_mut(ENTRY_BYTES).enumerate() {
        if bytes[KILLED_OFFSET..] == ENTRY_KILLED {
            bytes[KILLED_OFFSET..].fill(0);
            killed.push(number);
        }
    }
    killed
}
