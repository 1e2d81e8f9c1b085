//! The directory: a slot of each region, and the footer of a region with many records.
//!
//! ```text
//!      8      4  number of the region
//!     12      1  state: 0 free, 1 open, 2 sealed
//!     13      1  stream: a class, or 6 for the reinserted
//!     14      1  rank: the class of the objects, or the lowest of the reinserted ones
//!     15      1  zero
//!     16      8  generation: records of another generation are left over from former use
//!     24      4  N: entries; 0 unless the region is sealed
//!     28      4  first page of the footer
//!     32      4  sum of the footer
//!     36     24  zero
//!     60      4  sum of the slot, taken with these four bytes and the marks of entries zero
//!     64  126*32 the first 126 entries; the others follow each other in the footer
//!
//! offset  bytes  entry
//! ```
//!
//! The footer is entries alone, padded to whole pages with zeros.

use super::{
    ENTRY_BYTES, Entry, Geometry, PAGE,
    entry::{KILLED_OFFSET, decode_entries, put_marks, take_marks},
    u32_at, u64_at,
};
use crate::{Class, class::CLASSES};

/// Entries a slot holds; further ones go into a footer.
pub(in crate::engine) const SLOT_ENTRIES: usize = 126;

/// Generations a region may have. A store begins in the lower half; what is beyond is damage, and
/// could not grow any more.
pub(in crate::engine) const GENERATIONS_MAX: u64 = 1 << 63;

const SLOT_MAGIC: [u8; 8] = *b"WEIRslot";
const SLOT_HEAD_BYTES: usize = 64;
const _: () = assert!(SLOT_HEAD_BYTES + SLOT_ENTRIES * ENTRY_BYTES == PAGE);

/// What a region is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum SlotState {
    Free,
    Open,
    Sealed,
}

/// Which records share a region: those that will probably die together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Stream {
    Class(Class),
    /// What was wanted again when its first region was reused.
    Reinserted,
}

/// How many streams there are.
pub(in crate::engine) const STREAMS: usize = CLASSES + 1;

impl Stream {
    /// All streams, by their index.
    pub(in crate::engine) fn all() -> impl Iterator<Item = Self> {
        let classes = Class::ALL.into_iter().map(Self::Class);
        classes.chain([Self::Reinserted])
    }

    pub(in crate::engine) const fn index(self) -> usize {
        match self {
            Self::Class(class) => class.index(),
            Self::Reinserted => CLASSES,
        }
    }

    const fn code(self) -> u8 {
        self.index().to_le_bytes()[0]
    }

    fn of_code(code: u8) -> Option<Self> {
        Self::all().nth(code.into())
    }
}

/// What a slot tells of its region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Slot {
    pub(in crate::engine) region: u32,
    pub(in crate::engine) state: SlotState,
    pub(in crate::engine) stream: Stream,
    pub(in crate::engine) rank: Class,
    pub(in crate::engine) generation: u64,
    pub(in crate::engine) entries: Vec<Entry>,
    pub(in crate::engine) footer: Footer,
}

/// The entries that do not fit the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::engine) struct Footer {
    pub(in crate::engine) entries: u32,
    pub(in crate::engine) page: u32,
    pub(in crate::engine) sum: u32,
}

impl Slot {
    /// A slot without entries.
    pub(in crate::engine) fn empty(
        region: u32,
        state: SlotState,
        stream: Stream,
        generation: u64,
    ) -> Self {
        let rank = match stream {
            Stream::Class(class) => class,
            Stream::Reinserted => Class::Low,
        };
        Self {
            region,
            state,
            stream,
            rank,
            generation,
            entries: Vec::new(),
            footer: Footer::default(),
        }
    }

    /// Encodes the slot and as many entries as it holds.
    pub(in crate::engine) fn encode(&self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        page[..8].copy_from_slice(&SLOT_MAGIC);
        page[8..12].copy_from_slice(&self.region.to_le_bytes());
        page[12] = match self.state {
            SlotState::Free => 0,
            SlotState::Open => 1,
            SlotState::Sealed => 2,
        };
        page[13] = self.stream.code();
        page[14] = self.rank.code();
        page[16..24].copy_from_slice(&self.generation.to_le_bytes());
        let held = self.entries.len().min(SLOT_ENTRIES);
        let entries = u32::try_from(held).unwrap_or(0) + self.footer.entries;
        page[24..28].copy_from_slice(&entries.to_le_bytes());
        page[28..32].copy_from_slice(&self.footer.page.to_le_bytes());
        page[32..36].copy_from_slice(&self.footer.sum.to_le_bytes());
        let places = page[SLOT_HEAD_BYTES..].chunks_exact_mut(ENTRY_BYTES);
        for (entry, place) in self.entries.iter().zip(places) {
            place.copy_from_slice(&entry.encode());
        }
        let sum = crc32c::crc32c(&page);
        page[60..64].copy_from_slice(&sum.to_le_bytes());
        put_marks(&mut page[SLOT_HEAD_BYTES..], &self.entries);
        page
    }

    /// Reads a slot. The inner `None` is a region never used; `Err` is damage.
    pub(in crate::engine) fn decode(page: &[u8], region: u32) -> Result<Option<Self>, ()> {
        if page.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        Self::decode_used(page, region).map(Some).ok_or(())
    }

    fn decode_used(page: &[u8], region: u32) -> Option<Self> {
        let mut page: [u8; PAGE] = page.try_into().ok()?;
        let marks = take_marks(&mut page[SLOT_HEAD_BYTES..]);
        let page = &page;
        let sum = crc32c::crc32c(&page[..60]);
        let sum = crc32c::crc32c_append(sum, &[0; 4]);
        let sum = crc32c::crc32c_append(sum, &page[64..]);
        if page[..8] != SLOT_MAGIC || u32_at(page, 60) != sum || u32_at(page, 8) != region {
            return None;
        }
        let entries = u32_at(page, 24) as usize;
        let held = entries.min(SLOT_ENTRIES);
        let state = match page[12] {
            0 if entries == 0 => SlotState::Free,
            1 if entries == 0 => SlotState::Open,
            2 => SlotState::Sealed,
            _ => return None,
        };
        let generation = u64_at(page, 16);
        if generation >= GENERATIONS_MAX {
            return None;
        }
        Some(Self {
            region,
            state,
            stream: Stream::of_code(page[13])?,
            rank: Class::of_code(page[14])?,
            generation,
            entries: decode_entries(&page[SLOT_HEAD_BYTES..], held, &marks)?,
            footer: Footer {
                entries: u32::try_from(entries - held).ok()?,
                page: u32_at(page, 28),
                sum: u32_at(page, 32),
            },
        })
    }
}

/// Pages of the footer of a region with `entries` records.
pub(in crate::engine) fn footer_pages(entries: usize) -> u32 {
    let bytes = entries.saturating_sub(SLOT_ENTRIES) * ENTRY_BYTES;
    u32::try_from(bytes.div_ceil(PAGE)).expect("a region has at most 32,768 records")
}

/// The footer that begins at `page`, padded to whole pages.
pub(in crate::engine) fn encode_footer(entries: &[Entry], page: u32) -> (Vec<u8>, Footer) {
    let entries = entries.get(SLOT_ENTRIES..).unwrap_or_default();
    let mut bytes: Vec<u8> = entries.iter().flat_map(Entry::encode).collect();
    bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
    let footer = Footer {
        entries: u32::try_from(entries.len()).expect("a region has at most 32,768 records"),
        page,
        sum: crc32c::crc32c(&bytes),
    };
    put_marks(&mut bytes, entries);
    (bytes, footer)
}

/// Reads a footer that was read whole. Returns `None` if it is damaged.
pub(in crate::engine) fn decode_footer(mut bytes: Vec<u8>, footer: Footer) -> Option<Vec<Entry>> {
    let marks = take_marks(&mut bytes);
    (crc32c::crc32c(&bytes) == footer.sum).then_some(())?;
    decode_entries(&bytes, footer.entries as usize, &marks)
}

/// Where in the store the mark of a killed entry belongs.
pub(in crate::engine) fn killed_offset(geometry: Geometry, slot: &Slot, number: usize) -> u64 {
    let (start, number) = match number.checked_sub(SLOT_ENTRIES) {
        Some(number) => (geometry.page_offset(slot.region, slot.footer.page), number),
        None => (
            geometry.slot_offset(slot.region) + SLOT_HEAD_BYTES as u64,
            number,
        ),
    };
    start + (number * ENTRY_BYTES + KILLED_OFFSET) as u64
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::engine::format::Role;

    fn entry(number: u64) -> Entry {
        Entry {
            hash: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            sequence: number,
            page: 3,
            pages: 2,
            class: Class::High,
            role: Role::Head,
            is_killed: number.is_multiple_of(3),
            is_unverified: number.is_multiple_of(5),
        }
    }

    fn slot(entries: u64) -> Slot {
        Slot {
            entries: (0..entries).map(entry).collect(),
            ..Slot::empty(7, SlotState::Sealed, Stream::Class(Class::High), 42)
        }
    }

    #[test]
    fn a_slot_comes_back_and_its_damage_is_found() {
        for entries in [0, 1, 126] {
            let slot = slot(entries);
            let page = slot.encode();
            assert_eq!(Slot::decode(&page, 7), Ok(Some(slot)));
            assert_eq!(Slot::decode(&page, 8), Err(()), "it is of another region");
            for at in 0..PAGE {
                let mut page = page;
                page[at] ^= 4;
                assert_eq!(Slot::decode(&page, 7), Err(()), "{at}");
            }
        }
        assert_eq!(Slot::decode(&[0; PAGE], 7), Ok(None));
    }

    #[test]
    fn what_does_not_fit_the_slot_is_in_the_footer() {
        let mut slot = slot(300);
        let (bytes, footer) = encode_footer(&slot.entries, 5);
        assert_eq!(bytes.len(), footer_pages(300) as usize * PAGE);
        slot.footer = footer;
        let read = Slot::decode(&slot.encode(), 7).unwrap().unwrap();
        assert_eq!(read.footer, footer);
        let rest = decode_footer(bytes.clone(), footer).unwrap();
        assert_eq!([read.entries, rest].concat(), slot.entries);
        assert_eq!(decode_footer(bytes[1..].to_vec(), footer), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200), magic: bool) {
            let mut page = [0; PAGE];
            page[..bytes.len()].copy_from_slice(&bytes);
            if magic {
                page[..8].copy_from_slice(&SLOT_MAGIC);
            }
            prop_assert!(!matches!(Slot::decode(&page, 0), Ok(Some(_))));
            let footer = Footer { entries: 1 << 31, page: 0, sum: crc32c::crc32c(&page) };
            prop_assert_eq!(decode_footer(page.to_vec(), footer), None);
        }
    }
}
