//! Telling what a store holds, from its directory and, where that fails, from its records.
//!
//! The directory of each span is read in one go; a sealed slot tells all of its region. Only open
//! regions, and those whose slot or footer is damaged, are searched for records, page by page.
//!
//! Refuses: to write, and to say which of several records of one key counts.

use bytes::Bytes;
use weir_hal::File;

use super::{
    format::{
        BOOT_SHIFT, ENTRY_BYTES, Entry, GENERATIONS_MAX, Geometry, PAGE, PAGE_BYTES, Slot,
        SlotState, Stream, Super, decode_footer,
    },
    record::{Header, PIECE_BYTES},
    stored::{ReadFailure, Record},
};
use crate::Class;

/// Pages read at once in a search.
const WINDOW_PAGES: u32 = 64;

/// Somebody who looks at a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survey<'a> {
    pub(super) file: &'a dyn File,
    pub(super) told: &'a Super,
    /// It was left in order: what a search finds in an open region is durable.
    pub(super) was_closed: bool,
}

/// A region and what its slot tells: `None` if it was never used, `Err` if it is damaged.
pub(super) type Told = (u32, Result<Option<Slot>, ()>);

/// A region as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) slot: Slot,
    /// Behind the last record, if it was searched.
    pub(super) end: Option<u32>,
    /// Pages up to the end of the last record.
    pub(super) pages_used: u32,
}

impl Found {
    fn new(slot: Slot, end: Option<u32>) -> Self {
        let ends = slot.entries.iter().map(|entry| entry.page + entry.pages);
        Self {
            pages_used: ends.max().unwrap_or(0),
            slot,
            end,
        }
    }
}

impl Survey<'_> {
    /// Reads the slots of a span, but for bad regions. An error is told beside them: the directory
    /// could not be read in one go, so its slots have been read one by one.
    pub(super) fn slots(&self, span: u32) -> (Vec<Told>, Result<(), weir_hal::Error>) {
        let geometry = self.geometry();
        let bytes = usize::try_from(geometry.directory_bytes()).unwrap_or(0);
        let mut directory = vec![0; bytes];
        let offset = geometry.directory_offset(span);
        let outcome = self.file.read_at(&mut directory, offset).map(drop);
        let first = span * geometry.span_regions;
        let regions = (first..geometry.regions).zip(directory.chunks_exact(PAGE));
        let good = regions.filter(|(region, _)| !self.told.is_bad(*region));
        let slots = good.map(|(region, page)| {
            let slot = match &outcome {
                Ok(()) => Slot::decode(page, region),
                Err(_unreadable) => {
                    let slot = read_slot(self.file, geometry, region);
                    slot.map(Some).ok_or(())
                }
            };
            (region, slot)
        });
        (slots.collect(), outcome)
    }

    /// What a region holds; `None` if it is free.
    pub(super) fn examine(&self, (region, slot): Told) -> Option<Found> {
        match slot {
            Ok(None) => None,
            Ok(Some(slot)) => match slot.state {
                SlotState::Free => Some(Found::new(slot, None)),
                SlotState::Open => self.search(region, Some(slot), self.was_closed),
                SlotState::Sealed => self.with_footer(slot),
            },
            Err(()) => self.search(region, None, false),
        }
    }

    fn with_footer(&self, mut slot: Slot) -> Option<Found> {
        let Some(rest) = read_footer(self.file, self.geometry(), &slot) else {
            return self.search(slot.region, Some(slot), self.was_closed);
        };
        slot.entries.extend(rest);
        // What a region cannot hold was written by somebody else.
        let region_pages = self.geometry().region_pages();
        let mut end = 0;
        slot.entries.retain(|entry| {
            let is_possible = entry.page >= end && entry.is_within(region_pages);
            if is_possible {
                end = entry.page + entry.pages;
            }
            is_possible
        });
        Some(Found::new(slot, None))
    }

    /// Searches a region for records, of the generation of its slot if that is known.
    fn search(&self, region: u32, slot: Option<Slot>, is_trusted: bool) -> Option<Found> {
        let pages = self.geometry().region_pages();
        let mut generation = slot.as_ref().map(|slot| slot.generation);
        let (mut page, mut end, mut last) = (0, 0, None);
        let mut entries: Vec<Entry> = Vec::new();
        let mut window = Window::default();
        while page < pages {
            let header = self.header(&mut window, region, page, generation);
            let fitting = header.filter(|header| self.is_possible(header));
            let fitting = fitting.and_then(|header| {
                let length = header.pages().filter(|length| *length <= pages - page)?;
                // Left over from before a former power cut.
                let is_next = last.is_none_or(|last| header.sequence > last);
                is_next.then_some((header, length))
            });
            let Some((header, length)) = fitting else {
                page += 1;
                continue;
            };
            generation = Some(header.generation);
            last = Some(header.sequence);
            entries.push(Entry {
                hash: self.told.secret.hash(header.key.as_str().as_bytes()),
                sequence: header.sequence,
                page,
                pages: length,
                class: header.class,
                role: header.role(),
                is_killed: header.is_dead,
                is_unverified: !is_trusted,
            });
            page += length;
            end = page;
        }
        let slot = if let Some(slot) = slot {
            Slot { entries, ..slot }
        } else {
            let rank = lowest(&entries);
            Slot {
                rank,
                entries,
                ..Slot::empty(region, SlotState::Sealed, Stream::Class(rank), generation?)
            }
        };
        Some(Found::new(slot, Some(end)))
    }

    /// Whether this store can have written a record; what comes after it must have a place in
    /// the order as well.
    const fn is_possible(&self, header: &Header) -> bool {
        header.generation < GENERATIONS_MAX && header.sequence >> BOOT_SHIFT <= self.told.boot
    }

    fn header(
        &self,
        window: &mut Window,
        region: u32,
        page: u32,
        generation: Option<u64>,
    ) -> Option<Header> {
        let at = self.geometry().address(region, page);
        let read = || {
            Record::read_header(self.file, at, generation)
                .ok()
                .flatten()
        };
        let Some(head) = window.at(self, region, page) else {
            return read();
        };
        if Header::bytes_told(head)? > head.len() {
            return read();
        }
        Header::decode(head).filter(|header| generation.is_none_or(|it| header.generation == it))
    }

    const fn geometry(&self) -> Geometry {
        self.told.geometry
    }
}

/// What has been read of a region that is searched.
#[derive(Debug, Default)]
struct Window {
    first: u32,
    end: u32,
    bytes: Vec<u8>,
}

impl Window {
    /// What is at hand from a page on; more than that page where page follows page. `None` if it
    /// cannot be read.
    fn at(&mut self, survey: &Survey<'_>, region: u32, page: u32) -> Option<&[u8]> {
        if !(self.first..self.end).contains(&page) {
            let geometry = survey.geometry();
            let rest = geometry.region_pages() - page;
            let pages = if page == self.end { WINDOW_PAGES } else { 1 };
            self.first = page;
            self.end = page + pages.min(rest);
            self.bytes.resize((self.end - page) as usize * PAGE, 0);
            let offset = geometry.page_offset(region, page);
            let filled = survey.file.read_at(&mut self.bytes, offset);
            self.bytes.truncate(filled.unwrap_or(0));
        }
        self.bytes
            .get((page - self.first) as usize * PAGE..)
            .filter(|head| !head.is_empty())
    }
}

/// Reads the slot of a region, without the entries in its footer. `None` if it is unused, damaged
/// or cannot be read.
pub(super) fn read_slot(file: &dyn File, geometry: Geometry, region: u32) -> Option<Slot> {
    let mut page = vec![0; PAGE];
    let filled = file.read_at(&mut page, geometry.slot_offset(region)).ok()?;
    Slot::decode(page.get(..filled)?, region).ok().flatten()
}

/// Reads the entries that a slot has no room for. `None` if they are damaged or cannot be read.
pub(super) fn read_footer(file: &dyn File, geometry: Geometry, slot: &Slot) -> Option<Vec<Entry>> {
    if slot.footer.entries == 0 {
        return Some(Vec::new());
    }
    let bytes = usize::try_from(slot.footer.entries)
        .ok()?
        .checked_mul(ENTRY_BYTES)?;
    let pages = u32::try_from(bytes.div_ceil(PAGE)).ok()?;
    let end = slot.footer.page.checked_add(pages)?;
    if end > geometry.region_pages() {
        return None;
    }
    let mut footer = vec![0; bytes.next_multiple_of(PAGE)];
    let offset = geometry.page_offset(slot.region, slot.footer.page);
    file.read_at(&mut footer, offset).ok()?;
    decode_footer(footer, slot.footer)
}

/// Reads one piece of a record and compares it with its sum, for somebody who reads everything
/// once: what was not in memory before is not kept there. Blocks.
pub(super) fn read_aside(
    file: &dyn File,
    record: &Record,
    index: u64,
) -> Result<Bytes, ReadFailure> {
    if let Some(piece) = record.read_resident(file, index)? {
        return Ok(piece);
    }
    let piece = record.read_piece(file, index);
    // Whole pages, with the edges that the neighbours share.
    let start = record.body_offset() + index * PIECE_BYTES as u64;
    let first = start / PAGE_BYTES * PAGE_BYTES;
    let end = (start + PIECE_BYTES as u64).next_multiple_of(PAGE_BYTES);
    file.forget(first, end - first);
    piece
}

/// The lowest class among records.
pub(super) fn lowest(entries: &[Entry]) -> Class {
    let classes = entries.iter().map(|entry| entry.class);
    classes
        .min_by_key(|class| class.code())
        .unwrap_or(Class::Low)
}
