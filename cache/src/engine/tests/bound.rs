//! What a start may have to read, told by the directory that it finds.
//!
//! ```text
//! the super blocks and the directory                    all
//! a region that is free, or was never used              nothing
//! a region that is open, or whose slot is damaged       all
//! a sealed region                                       its footer; all if that is damaged
//! of these, heads, which list parts                     their headers
//! two records of one key, and their parts               their headers; all of what was found by a
//!                                                       search after an earlier power cut
//! ```
//!
//! The states are taken from the slots alone, not from what a survey makes of them: a start that
//! searches more than it must is found out.

use std::collections::BTreeMap;

use weir_hal::Access;

use super::*;
use crate::engine::{
    claim::read_super,
    format::{Entry, PAGE_BYTES, Role, Slot, SlotState, footer_pages},
    record::Header,
    stored::Record,
    survey::{Survey, read_footer},
};

/// What a start may read.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bound {
    /// Pages, at most.
    pub(super) pages: u64,
    /// Regions that have to be searched.
    pub(super) searched: u64,
    /// Pages of all that the store holds.
    pub(super) of_pages: u64,
}

/// A record that is told of.
struct Place {
    region: u32,
    entry: Entry,
    /// Its region has to be searched anyway.
    is_searched: bool,
}

struct Reckoning<'a> {
    survey: Survey<'a>,
    bound: Bound,
    records: Vec<Place>,
    /// How often a hash is met.
    hashes: BTreeMap<u64, u32>,
}

impl Bound {
    /// Of the store on a disk, of which nothing is in memory afterwards.
    pub(super) fn of(disk: &sim::Disk) -> Self {
        let file = disk.open(&file(), Access::Read).unwrap();
        let (told, _) = read_super(&*file, &self::file()).unwrap();
        let survey = Survey {
            file: &*file,
            told: &told,
            was_closed: false,
        };
        let mut reckoning = Reckoning {
            survey,
            bound: Self::default(),
            records: Vec::new(),
            hashes: BTreeMap::new(),
        };
        let geometry = told.geometry;
        let directories = u64::from(geometry.spans()) * geometry.directory_bytes();
        reckoning.bound.pages = 2 + directories / PAGE_BYTES;
        reckoning.bound.of_pages = geometry.file_bytes() / PAGE_BYTES;
        let spans = 0..geometry.spans();
        for (region, slot) in spans.flat_map(|span| survey.slots(span).0) {
            reckoning.add(region, slot);
        }
        let bound = reckoning.with_records();
        disk.forget();
        bound
    }
}

impl Reckoning<'_> {
    fn add(&mut self, region: u32, slot: Result<Option<Slot>, ()>) {
        let geometry = self.survey.told.geometry;
        let is_searched = match &slot {
            Ok(None) => return,
            Ok(Some(slot)) => match slot.state {
                SlotState::Free => return,
                SlotState::Open => true,
                SlotState::Sealed => read_footer(self.survey.file, geometry, slot).is_none(),
            },
            Err(()) => true,
        };
        if is_searched {
            self.bound.pages += u64::from(geometry.region_pages());
            self.bound.searched += 1;
        }
        let entries = self.survey.examine((region, slot));
        let entries = entries.map(|found| found.slot.entries).unwrap_or_default();
        if !is_searched {
            self.bound.pages += u64::from(footer_pages(entries.len()));
        }
        for entry in entries.into_iter().filter(|entry| !entry.is_killed) {
            *self.hashes.entry(entry.hash).or_default() += 1;
            self.records.push(Place {
                region,
                entry,
                is_searched,
            });
        }
    }

    /// Adds what is read of records in regions that are not searched.
    fn with_records(mut self) -> Bound {
        let mut pages = 0;
        for place in &self.records {
            if self.hashes[&place.entry.hash] > 1 {
                let parts = self.header(place).chain;
                let parts: Vec<u64> = parts.keys().map(|key| self.hash(&key)).collect();
                let is_part = |other: &&Place| parts.contains(&other.entry.hash);
                let parts = self.records.iter().filter(is_part);
                pages += self.compared(place);
                pages += parts.map(|part| self.compared(part)).sum::<u64>();
            } else if place.entry.role == Role::Head && !place.is_searched {
                pages += header_pages(&self.header(place));
            }
        }
        self.bound.pages += pages;
        self.bound
    }

    /// Pages that tell whether a record is whole: its header alone, unless it was found by a search
    /// after an earlier power cut.
    fn compared(&self, place: &Place) -> u64 {
        if place.is_searched {
            0
        } else if place.entry.is_unverified {
            place.entry.pages.into()
        } else {
            header_pages(&self.header(place))
        }
    }

    fn header(&self, place: &Place) -> Header {
        let geometry = self.survey.told.geometry;
        let at = geometry.address(place.region, place.entry.page);
        let header = Record::read_header(self.survey.file, at, None);
        header.unwrap().expect("the slot tells of it")
    }

    fn hash(&self, key: &Key) -> u64 {
        self.survey.told.secret.hash(key.as_str().as_bytes())
    }
}

fn header_pages(header: &Header) -> u64 {
    (header.bytes() as u64).div_ceil(PAGE_BYTES)
}
