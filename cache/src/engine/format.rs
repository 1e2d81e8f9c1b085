//! The bytes of a store apart from its records. Integers are little-endian, sums are CRC-32C
//! (RFC 3720 §12.1).
//!
//! ```text
//! super block A │ super block B │ span 0 │ span 1 │ …
//! span: a directory of one slot a region │ its regions
//! region: record │ record │ … │ footer, if the slot has no room for all entries
//!
//! offset  bytes  super block: 4 KiB; of the two, the one with the higher epoch counts
//!      0      8  magic "WEIRstor"
//!      8      4  version: 2
//!     12      4  bytes of a region
//!     16      4  regions a span
//!     20      4  regions
//!     24     16  secret of the hash of keys
//!     40      8  epoch: grows by one with each super block written
//!     48      8  boot: grows by one with each start
//!     56      1  state: 0 in use, 1 closed in order, 2 being formatted
//!     57      7  zero
//!     64   4000  bad regions, a bit each
//!   4064     28  zero
//!   4092      4  sum of the 4092 bytes before
//!
//! offset  bytes  slot: 4 KiB; one that is all zeros tells of a region never used
//!      0      8  magic "WEIRslot"
//!      8      4  number of the region
//!     12      1  state: 0 free, 1 open, 2 sealed
//!     13      1  stream: a class, or 6 for the reinserted
//!     14      1  rank: the class of the objects, or the lowest of the reinserted ones
//!     15      1  zero
//!     16      8  generation: records of another generation are left over from former use
//!     24      4  N: entries
//!     28      4  first page of the footer
//!     32      4  sum of the footer
//!     36     24  zero
//!     60      4  sum of the slot, taken with these four bytes and the marks of entries zero
//!     64  126*32 the first 126 entries; the others follow each other in the footer
//!
//! offset  bytes  entry
//!      0      8  hash of the key
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
//! so a sealed slot can be trusted, and only open and damaged ones send a start to the records.

use super::hash::{SECRET_BYTES, Secret};
use crate::{Class, class::CLASSES};

/// What is written, erased and remembered as one. Records begin at a multiple of it.
pub(super) const PAGE_BYTES: u64 = 4096;
/// The same, as the length of a buffer.
pub(super) const PAGE: usize = 4096;
/// Entries a slot holds; further ones go into a footer.
pub(super) const SLOT_ENTRIES: usize = 126;
/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 32;
/// Where in an entry it is told that the record was killed.
const KILLED_OFFSET: usize = 28;
/// What is written there: no accident of one bit.
pub(super) const ENTRY_KILLED: [u8; ENTRY_BYTES - KILLED_OFFSET] = *b"dead";
/// Regions a store may have: as many as the index can tell apart and the bad-map can hold.
pub(super) const REGIONS_MAX: u32 = 32_000;
/// The version of this layout and of the one of records.
pub(super) const VERSION: u32 = 2;
/// Bytes of the two super blocks.
const SUPER_BYTES: u64 = 2 * PAGE_BYTES;

const SUPER_MAGIC: [u8; 8] = *b"WEIRstor";
const SLOT_MAGIC: [u8; 8] = *b"WEIRslot";
const BAD_MAP_BYTES: usize = 4000;
const _: () = assert!(BAD_MAP_BYTES * 8 >= REGIONS_MAX as usize);
const SLOT_HEAD_BYTES: usize = 64;
const _: () = assert!(SLOT_HEAD_BYTES + SLOT_ENTRIES * ENTRY_BYTES == PAGE);

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) region_bytes: u64,
    pub(super) span_regions: u32,
    pub(super) regions: u32,
}

impl Geometry {
    /// Bytes a region may have: 16 KiB to 128 MiB, in powers of two.
    pub(super) const REGION_BYTES_MIN: u64 = 16 << 10;
    pub(super) const REGION_BYTES_MAX: u64 = 128 << 20;
    /// Regions below which a store could not keep its streams apart and still evict.
    pub(super) const REGIONS_MIN: u32 = 8;

    /// The best use of `bytes`, or `None` if they are too few for a store.
    ///
    /// Regions are of 64 MiB, of 32 MiB in a store under 64 GiB, and smaller where there would be
    /// fewer than 16 of them.
    pub(super) fn plan(bytes: u64, region_bytes: Option<u64>) -> Option<Self> {
        let usual = if bytes < 64 << 30 { 32 << 20 } else { 64 << 20 };
        let mut region_bytes = region_bytes.unwrap_or_else(|| usual.min(floor_power(bytes / 16)));
        region_bytes = region_bytes.clamp(Self::REGION_BYTES_MIN, Self::REGION_BYTES_MAX);
        while bytes / region_bytes > u64::from(REGIONS_MAX) && region_bytes < Self::REGION_BYTES_MAX
        {
            region_bytes *= 2;
        }
        let span_regions = if region_bytes < 1 << 20 { 16 } else { 64 };
        let empty = Self {
            region_bytes: floor_power(region_bytes),
            span_regions,
            regions: 0,
        };
        empty.resized(bytes)
    }

    /// The same regions, more or fewer of them.
    pub(super) fn resized(self, bytes: u64) -> Option<Self> {
        let usable = bytes.checked_sub(SUPER_BYTES)?;
        let spans = usable / self.span_bytes();
        let rest = (usable % self.span_bytes()).saturating_sub(self.directory_bytes());
        let regions = spans * u64::from(self.span_regions) + rest / self.region_bytes;
        let regions = u32::try_from(regions).unwrap_or(u32::MAX).min(REGIONS_MAX);
        (regions >= Self::REGIONS_MIN).then_some(Self { regions, ..self })
    }

    /// Bytes of the whole store.
    pub(super) fn file_bytes(self) -> u64 {
        let last = self.regions.saturating_sub(1);
        self.region_offset(last) + self.region_bytes
    }

    pub(super) const fn spans(self) -> u32 {
        self.regions.div_ceil(self.span_regions)
    }

    /// Where the directory of a span begins.
    pub(super) fn directory_offset(self, span: u32) -> u64 {
        SUPER_BYTES + u64::from(span) * self.span_bytes()
    }

    pub(super) fn directory_bytes(self) -> u64 {
        u64::from(self.span_regions) * PAGE_BYTES
    }

    pub(super) fn slot_offset(self, region: u32) -> u64 {
        let within = u64::from(region % self.span_regions);
        self.directory_offset(region / self.span_regions) + within * PAGE_BYTES
    }

    pub(super) fn region_offset(self, region: u32) -> u64 {
        let within = u64::from(region % self.span_regions);
        self.directory_offset(region / self.span_regions)
            + self.directory_bytes()
            + within * self.region_bytes
    }

    /// Where in the store a page of a region lies.
    pub(super) fn page_offset(self, region: u32, page: u32) -> u64 {
        self.region_offset(region) + u64::from(page) * PAGE_BYTES
    }

    pub(super) fn region_pages(self) -> u32 {
        u32::try_from(self.region_bytes / PAGE_BYTES).expect("a region has at most 32,768 pages")
    }

    fn span_bytes(self) -> u64 {
        u64::from(self.span_regions) * (PAGE_BYTES + self.region_bytes)
    }

    fn is_sound(self) -> bool {
        let bytes = Self::REGION_BYTES_MIN..=Self::REGION_BYTES_MAX;
        bytes.contains(&self.region_bytes)
            && self.region_bytes.is_power_of_two()
            && (1..=4096).contains(&self.span_regions)
            && (Self::REGIONS_MIN..=REGIONS_MAX).contains(&self.regions)
    }
}

const fn floor_power(bytes: u64) -> u64 {
    match bytes.checked_ilog2() {
        Some(power) => 1 << power,
        None => 0,
    }
}

/// Whether a store was left in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SuperState {
    InUse,
    Closed,
    Formatting,
}

/// What is known of a store before its directory is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Super {
    pub(super) geometry: Geometry,
    pub(super) secret: Secret,
    pub(super) epoch: u64,
    pub(super) boot: u64,
    pub(super) state: SuperState,
    bad: Box<[u8; BAD_MAP_BYTES]>,
}

/// Why a page is no super block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSuper {
    /// It was written by another version.
    Version(u32),
    /// It begins as one, but is damaged.
    Damaged,
    /// It is something else.
    Strange,
}

impl Super {
    /// Of a new store.
    pub(super) fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            secret: Secret::draw(),
            epoch: 0,
            boot: 0,
            state: SuperState::Formatting,
            bad: Box::new([0; BAD_MAP_BYTES]),
        }
    }

    /// Where the super block of this epoch goes: the two take turns.
    pub(super) const fn offset(&self) -> u64 {
        (self.epoch % 2) * PAGE_BYTES
    }

    pub(super) fn is_bad(&self, region: u32) -> bool {
        let (byte, bit) = (region as usize / 8, region % 8);
        self.bad.get(byte).is_some_and(|byte| byte >> bit & 1 == 1)
    }

    pub(super) fn set_bad(&mut self, region: u32) {
        if let Some(byte) = self.bad.get_mut(region as usize / 8) {
            *byte |= 1 << (region % 8);
        }
    }

    pub(super) fn encode(&self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        let geometry = self.geometry;
        let region_bytes = u32::try_from(geometry.region_bytes).expect("at most 128 MiB");
        page[..8].copy_from_slice(&SUPER_MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        page[12..16].copy_from_slice(&region_bytes.to_le_bytes());
        page[16..20].copy_from_slice(&geometry.span_regions.to_le_bytes());
        page[20..24].copy_from_slice(&geometry.regions.to_le_bytes());
        page[24..24 + SECRET_BYTES].copy_from_slice(&self.secret.0);
        page[40..48].copy_from_slice(&self.epoch.to_le_bytes());
        page[48..56].copy_from_slice(&self.boot.to_le_bytes());
        page[56] = match self.state {
            SuperState::InUse => 0,
            SuperState::Closed => 1,
            SuperState::Formatting => 2,
        };
        page[64..64 + BAD_MAP_BYTES].copy_from_slice(&*self.bad);
        let sum = crc32c::crc32c(&page[..PAGE - 4]);
        page[PAGE - 4..].copy_from_slice(&sum.to_le_bytes());
        page
    }

    pub(super) fn decode(page: &[u8; PAGE]) -> Result<Self, NoSuper> {
        if page[..8] != SUPER_MAGIC {
            return Err(NoSuper::Strange);
        }
        let (told, sum) = page.split_at(PAGE - 4);
        if crc32c::crc32c(told).to_le_bytes() != *sum {
            return Err(NoSuper::Damaged);
        }
        let version = u32_at(page, 8);
        if version != VERSION {
            return Err(NoSuper::Version(version));
        }
        let geometry = Geometry {
            region_bytes: u32_at(page, 12).into(),
            span_regions: u32_at(page, 16),
            regions: u32_at(page, 20),
        };
        let state = match page[56] {
            0 => SuperState::InUse,
            1 => SuperState::Closed,
            2 => SuperState::Formatting,
            _ => return Err(NoSuper::Damaged),
        };
        let (mut secret, mut bad) = ([0; SECRET_BYTES], Box::new([0; BAD_MAP_BYTES]));
        secret.copy_from_slice(&page[24..24 + SECRET_BYTES]);
        bad.copy_from_slice(&page[64..64 + BAD_MAP_BYTES]);
        let told = Self {
            geometry,
            secret: Secret(secret),
            epoch: u64_at(page, 40),
            boot: u64_at(page, 48),
            state,
            bad,
        };
        geometry.is_sound().then_some(told).ok_or(NoSuper::Damaged)
    }
}

/// What a region is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    Free,
    Open,
    Sealed,
}

/// Which records share a region: those that will probably die together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Class(Class),
    /// What was wanted again when its first region was reused.
    Reinserted,
}

/// How many streams there are.
pub(super) const STREAMS: usize = CLASSES + 1;

impl Stream {
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Class(class) => class.index(),
            Self::Reinserted => STREAMS - 1,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        if usize::from(code) == STREAMS - 1 {
            return Some(Self::Reinserted);
        }
        class_of(code).map(Self::Class)
    }
}

/// What a slot tells of its region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) region: u32,
    pub(super) state: SlotState,
    pub(super) stream: Stream,
    pub(super) rank: Class,
    pub(super) generation: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) footer: Footer,
}

/// The entries that do not fit the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Footer {
    pub(super) entries: u32,
    pub(super) page: u32,
    pub(super) sum: u32,
}

/// What a record is of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// All of it.
    Whole,
    /// The end of it, which tells of the parts before.
    Head,
    /// A part.
    Part,
}

impl Role {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Head => 1,
            Self::Part => 2,
        }
    }

    pub(super) const fn of_code(code: u8) -> Option<Self> {
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
pub(super) struct Entry {
    pub(super) hash: u64,
    pub(super) sequence: u64,
    pub(super) page: u32,
    pub(super) pages: u32,
    pub(super) class: Class,
    pub(super) role: Role,
    pub(super) is_killed: bool,
    pub(super) is_unverified: bool,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.hash.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.page.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.pages.to_le_bytes());
        bytes[24] = class_code(self.class);
        bytes[25] = u8::from(self.is_unverified) << 1 | self.role.code() << 2;
        bytes
    }

    /// Whether it can be true of a region of so many pages.
    pub(super) fn is_within(&self, region_pages: u32) -> bool {
        let end = self.page.checked_add(self.pages);
        self.pages > 0 && end.is_some_and(|end| end <= region_pages)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            hash: u64_at(bytes, 0),
            sequence: u64_at(bytes, 8),
            page: u32_at(bytes, 16),
            pages: u32_at(bytes, 20),
            class: class_of(bytes[24])?,
            role: Role::of_code(bytes[25] >> 2)?,
            is_killed: false,
            is_unverified: bytes[25] & 2 == 2,
        })
    }
}

impl Slot {
    /// A slot without entries.
    pub(super) fn empty(region: u32, state: SlotState, stream: Stream, generation: u64) -> Self {
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
    pub(super) fn encode(&self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        page[..8].copy_from_slice(&SLOT_MAGIC);
        page[8..12].copy_from_slice(&self.region.to_le_bytes());
        page[12] = match self.state {
            SlotState::Free => 0,
            SlotState::Open => 1,
            SlotState::Sealed => 2,
        };
        page[13] = match self.stream {
            Stream::Class(class) => class_code(class),
            Stream::Reinserted => 6,
        };
        page[14] = class_code(self.rank);
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
    pub(super) fn decode(page: &[u8], region: u32) -> Result<Option<Self>, ()> {
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
        Some(Self {
            region,
            state: match page[12] {
                0 => SlotState::Free,
                1 => SlotState::Open,
                2 => SlotState::Sealed,
                _ => return None,
            },
            stream: Stream::of_code(page[13])?,
            rank: class_of(page[14])?,
            generation: u64_at(page, 16),
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
pub(super) fn footer_pages(entries: usize) -> u32 {
    let bytes = entries.saturating_sub(SLOT_ENTRIES) * ENTRY_BYTES;
    u32::try_from(bytes.div_ceil(PAGE)).expect("a region has at most 32,768 records")
}

/// The footer that begins at `page`, padded to whole pages.
pub(super) fn encode_footer(entries: &[Entry], page: u32) -> (Vec<u8>, Footer) {
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
pub(super) fn decode_footer(mut bytes: Vec<u8>, footer: Footer) -> Option<Vec<Entry>> {
    let marks = take_marks(&mut bytes);
    (crc32c::crc32c(&bytes) == footer.sum).then_some(())?;
    decode_entries(&bytes, footer.entries as usize, &marks)
}

fn decode_entries(bytes: &[u8], entries: usize, killed: &[usize]) -> Option<Vec<Entry>> {
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

/// Where in the store the mark of a killed entry belongs.
pub(super) fn killed_offset(geometry: Geometry, slot: &Slot, number: usize) -> u64 {
    let (start, number) = match number.checked_sub(SLOT_ENTRIES) {
        Some(number) => (geometry.page_offset(slot.region, slot.footer.page), number),
        None => (
            geometry.slot_offset(slot.region) + SLOT_HEAD_BYTES as u64,
            number,
        ),
    };
    start + (number * ENTRY_BYTES + KILLED_OFFSET) as u64
}

/// Marks those of `entries` that were killed in their bytes.
fn put_marks(bytes: &mut [u8], entries: &[Entry]) {
    for (bytes, entry) in bytes.chunks_exact_mut(ENTRY_BYTES).zip(entries) {
        if entry.is_killed {
            bytes[KILLED_OFFSET..].copy_from_slice(&ENTRY_KILLED);
        }
    }
}

/// Puts zeros in the place of marks. Returns the numbers of the entries that had one.
fn take_marks(bytes: &mut [u8]) -> Vec<usize> {
    let mut killed = Vec::new();
    for (number, bytes) in bytes.chunks_exact_mut(ENTRY_BYTES).enumerate() {
        if bytes[KILLED_OFFSET..] == ENTRY_KILLED {
            bytes[KILLED_OFFSET..].fill(0);
            killed.push(number);
        }
    }
    killed
}

pub(super) const fn class_code(class: Class) -> u8 {
    class.index().to_le_bytes()[0]
}

pub(super) fn class_of(code: u8) -> Option<Class> {
    Class::ALL.get(usize::from(code)).copied()
}

/// Reads a field of a page or entry, whose length is known.
fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let field = bytes[offset..].first_chunk();
    u32::from_le_bytes(*field.expect("fields lie within their page"))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let field = bytes[offset..].first_chunk();
    u64::from_le_bytes(*field.expect("fields lie within their page"))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

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
    fn regions_fit_the_size_and_never_overlap() {
        for bytes in [1 << 20, 5_000_000, 64 << 20, 10 << 30, 100 << 30, 4 << 40] {
            let geometry = Geometry::plan(bytes, None).unwrap();
            assert!(geometry.file_bytes() <= bytes, "{geometry:?}");
            assert!(geometry.is_sound(), "{geometry:?}");
            let lost = bytes - u64::from(geometry.regions) * geometry.region_bytes;
            assert!(lost <= bytes / 4, "{lost} of {bytes} lost by {geometry:?}");
            for region in 1..geometry.regions {
                let end = geometry.region_offset(region - 1) + geometry.region_bytes;
                assert!(geometry.region_offset(region) >= end);
                assert!(geometry.slot_offset(region) != geometry.slot_offset(region - 1));
            }
        }
        assert_eq!(Geometry::plan(100_000, None), None);
    }

    #[test]
    fn regions_are_of_the_documented_size() {
        let region_bytes = |bytes| Geometry::plan(bytes, None).unwrap().region_bytes;
        assert_eq!(region_bytes(10 << 30), 32 << 20);
        assert_eq!(region_bytes(64 << 30), 64 << 20);
        assert_eq!(region_bytes(64 << 20), 4 << 20);
    }

    #[test]
    fn a_resized_store_keeps_its_regions_in_place() {
        let small = Geometry::plan(64 << 20, None).unwrap();
        let large = small.resized(1 << 30).unwrap();
        assert!(large.regions > small.regions);
        for region in 0..small.regions {
            assert_eq!(small.region_offset(region), large.region_offset(region));
            assert_eq!(small.slot_offset(region), large.slot_offset(region));
        }
    }

    #[test]
    fn a_super_block_tells_why_it_is_none() {
        let mut told = Super::new(Geometry::plan(64 << 20, None).unwrap());
        told.set_bad(9);
        let page = told.encode();
        assert_eq!(Super::decode(&page), Ok(told.clone()));
        assert!(told.is_bad(9) && !told.is_bad(8) && !told.is_bad(10));
        assert_eq!(Super::decode(&[0; PAGE]), Err(NoSuper::Strange));
        for at in 8..PAGE {
            let mut page = page;
            page[at] ^= 1;
            assert_eq!(Super::decode(&page), Err(NoSuper::Damaged), "{at}");
        }
        let mut newer = page;
        newer[8] = 3;
        let sum = crc32c::crc32c(&newer[..PAGE - 4]);
        newer[PAGE - 4..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Super::decode(&newer), Err(NoSuper::Version(3)));
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
            prop_assert!(Super::decode(&page).is_err());
            let footer = Footer { entries: 1 << 31, page: 0, sum: crc32c::crc32c(&page) };
            prop_assert_eq!(decode_footer(page.to_vec(), footer), None);
        }
    }
}
