//! Killing records: what was replaced or dropped must not be found by a later start.
//!
//! A record is killed where it lies, and in the directory of its region, so that a start need not
//! meet it to know. Kills of one region are written together.

use std::{collections::BTreeMap, io::ErrorKind};

use super::{
    format::{ENTRY_KILLED, SLOT_ENTRIES, Slot, killed_offset},
    log::Log,
    record::DEAD_MAGIC,
    regions::Use,
    state::{Kill, Why},
    stored::Record,
    survey::read_footer,
};

impl Log {
    /// Kills what was dropped. Durable after the next sync.
    pub(super) fn kill_dropped(&mut self) -> bool {
        let is_dropped = |kill: &Kill| kill.why == Why::Dropped;
        let has_dropped = self.engine.lock().kills.iter().any(is_dropped);
        !has_dropped || self.settle_kills() && self.kill_all(Why::Dropped)
    }

    /// Kills all that are due for one reason. What could not be killed waits on.
    pub(super) fn kill_all(&mut self, why: Why) -> bool {
        let mut state = self.engine.lock();
        let (due, rest) = state.kills.drain(..).partition(|kill| kill.why == why);
        state.kills = rest;
        drop(state);
        let due: Vec<Kill> = due;
        let mut by_region: BTreeMap<u32, Vec<Kill>> = BTreeMap::new();
        for kill in due {
            by_region.entry(kill.region).or_default().push(kill);
        }
        let mut left = Vec::new();
        for (region, kills) in by_region {
            self.kill_in(region, kills, &mut left);
        }
        let is_done = left.is_empty();
        self.engine.lock().kills.extend(left);
        is_done
    }

    /// Kills records of one region. Those that could not be killed are left.
    fn kill_in(&mut self, region: u32, mut kills: Vec<Kill>, left: &mut Vec<Kill>) {
        kills.retain(|kill| !self.is_beyond_return(kill));
        let mut killed = Vec::with_capacity(kills.len());
        let mut is_failed = false;
        for kill in kills {
            self.break_chain(&kill);
            let offset = self.geometry().page_offset(region, kill.page);
            let Err(error) = self.write_at(&DEAD_MAGIC, offset) else {
                killed.push(kill);
                continue;
            };
            self.note_failure(&error);
            left.push(kill);
            is_failed |= error.kind() != ErrorKind::StorageFull;
        }
        let mut open = self.open.iter_mut().flatten();
        if let Some(open) = open.find(|open| open.region == region) {
            for kill in &killed {
                let entries = &mut open.entries;
                if let Ok(at) = entries.binary_search_by_key(&kill.page, |entry| entry.page) {
                    entries[at].is_killed = true;
                }
            }
        } else if !killed.is_empty() {
            self.mark(region, &killed);
        }
        self.killed.extend(killed);
        if is_failed {
            // What cannot be killed must not be met: the region goes as a whole. Otherwise one page
            // would keep everything from becoming durable.
            self.condemn(region);
        }
    }

    /// Has the parts of a head forgotten before it becomes unreadable.
    fn break_chain(&self, kill: &Kill) {
        if !kill.is_head {
            return;
        }
        let at = self.geometry().address(kill.region, kill.page);
        let header = Record::read_header(&*self.engine.file, at, Some(kill.generation));
        if let Ok(Some(header)) = header {
            self.engine.break_chain(&header);
        }
    }

    /// Marks entries of a sealed region as killed. What cannot be marked is found out later, by
    /// its record.
    fn mark(&mut self, region: u32, killed: &[Kill]) {
        let Some(slot) = self.read_slot(region) else {
            return;
        };
        let is_of_slot = |kill: &&Kill| kill.generation == slot.generation;
        let mut rest = None;
        for kill in killed.iter().filter(is_of_slot) {
            let Some(number) = self.number_of(&slot, kill.page, &mut rest) else {
                continue;
            };
            let offset = killed_offset(self.geometry(), &slot, number);
            if let Err(error) = self.write_at(&ENTRY_KILLED, offset) {
                self.note_failure(&error);
            }
        }
    }

    /// Which entry of a region is that of the record at `page`. The pages of the entries in the
    /// footer are read once.
    fn number_of(&self, slot: &Slot, page: u32, rest: &mut Option<Vec<u32>>) -> Option<usize> {
        let entries = &slot.entries;
        if let Ok(number) = entries.binary_search_by_key(&page, |entry| entry.page) {
            return Some(number);
        }
        let rest = rest.get_or_insert_with(|| {
            let footer = read_footer(&*self.engine.file, self.geometry(), slot);
            let pages = footer.into_iter().flatten().map(|entry| entry.page);
            pages.collect()
        });
        let number = rest.binary_search(&page).ok()?;
        Some(SLOT_ENTRIES + number)
    }

    /// Whether a later start will not look at the record anyway.
    fn is_beyond_return(&self, kill: &Kill) -> bool {
        let state = self.engine.lock();
        let region = state.regions.region(kill.region);
        let is_skipped = region.usage == Use::Bad && self.is_bad_remembered();
        region.generation != kill.generation || is_skipped
    }
}
