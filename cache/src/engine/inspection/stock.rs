//! Taking stock: which records of a store count, as a start would decide.

use std::{cmp::Reverse, collections::HashSet};

use super::{Inspection, Recorded, Seen};
use crate::engine::{
    format::{Entry, Role, Slot, SuperState},
    record::Header,
    stored::Record,
    survey::{Found, Survey},
};

/// Bytes of a header up to its generation.
const RECORD_HEAD_BYTES: usize = 48;

impl Inspection {
    pub(super) fn take_stock(&mut self) {
        let survey = Survey {
            file: &*self.file,
            told: &self.told,
            was_closed: self.told.state == SuperState::Closed,
        };
        let (mut regions, mut all, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
        for span in 0..self.told.geometry.spans() {
            // What cannot be read of the directory has been searched for.
            let (slots, _outcome) = survey.slots(span);
            for found in slots.into_iter().filter_map(|told| survey.examine(told)) {
                if found.end.is_some() {
                    damaged.extend(self.damaged_in(&found.slot));
                }
                let Found { slot, .. } = found;
                let seen = Seen {
                    usage: Some(slot.state),
                    generation: slot.generation,
                    last_page: slot.entries.last().map_or(0, |entry| entry.page),
                };
                regions.push((slot.region, seen));
                let region = slot.region;
                let alive = slot.entries.into_iter().filter(|entry| !entry.is_killed);
                all.extend(alive.map(|entry| Recorded { region, entry }));
            }
        }
        for (region, seen) in regions {
            self.regions[region as usize] = seen;
        }
        self.damaged = damaged;
        let (parts, heads): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|recorded| recorded.entry.role == Role::Part);
        // Parts first: whether an object is whole depends on them.
        self.parts = self.newest(parts);
        self.parts
            .sort_unstable_by_key(|recorded| recorded.entry.hash);
        self.records = self.newest(heads);
        self.forget_orphans();
    }

    /// Leaves only parts that a head tells of, as a start does.
    fn forget_orphans(&mut self) {
        let heads = self.records.iter();
        let heads = heads.filter(|recorded| recorded.entry.role == Role::Head);
        let held = heads.filter_map(|recorded| self.meet(recorded).ok().flatten());
        let joined: HashSet<u64> = held
            .flat_map(|held| held.parts.into_iter().map(|part| part.entry.hash))
            .collect();
        self.parts.retain(|part| joined.contains(&part.entry.hash));
    }

    /// What lies between the records of a region and looks like one that was written there.
    fn damaged_in(&self, slot: &Slot) -> Vec<Recorded> {
        let geometry = self.told.geometry;
        let mut damaged = Vec::new();
        let mut next = slot.entries.iter().peekable();
        let mut page = 0;
        while page < geometry.region_pages() {
            if let Some(entry) = next.next_if(|entry| entry.page == page) {
                page += entry.pages;
                continue;
            }
            let at = geometry.address(slot.region, page);
            let mut head = [0; RECORD_HEAD_BYTES];
            let filled = self.file.read_at(&mut head, at.offset);
            let generation = filled.ok().and_then(|_| Header::generation_told(&head));
            let is_damaged = generation == Some(slot.generation)
                && matches!(Record::read_header(&*self.file, at, None), Ok(None));
            if is_damaged {
                let region = slot.region;
                let entry = Entry {
                    hash: 0,
                    sequence: 0,
                    page,
                    pages: 1,
                    class: slot.rank,
                    role: Role::Whole,
                    is_killed: false,
                    is_unverified: true,
                };
                damaged.push(Recorded { region, entry });
            }
            page += 1;
        }
        damaged
    }

    /// Of each key the newest record, or the next older one if that did not get onto the disk as
    /// a whole: as a start decides.
    fn newest(&self, mut all: Vec<Recorded>) -> Vec<Recorded> {
        all.sort_unstable_by_key(|recorded| {
            (recorded.entry.hash, Reverse(recorded.entry.sequence))
        });
        let mut newest = Vec::with_capacity(all.len());
        for group in all.chunk_by(|one, other| one.entry.hash == other.entry.hash) {
            if let [newer @ .., oldest] = group {
                let whole = newer.iter().find(|recorded| self.is_whole(recorded));
                newest.push(*whole.unwrap_or(oldest));
            }
        }
        newest.sort_unstable_by_key(|recorded| (recorded.region, recorded.entry.page));
        newest
    }

    fn is_whole(&self, recorded: &Recorded) -> bool {
        let held = self.meet(recorded).ok().flatten();
        let is_right = |recorded: &Recorded, record: &Record| {
            !recorded.entry.is_unverified || record.check(&*self.file).is_ok()
        };
        held.is_some_and(|held| {
            let is_part_right = |part: &Recorded| {
                let record = self.meet_part(part);
                record.is_ok_and(|record| is_right(part, &record))
            };
            is_right(recorded, &held.record) && held.parts.iter().all(is_part_right)
        })
    }
}
