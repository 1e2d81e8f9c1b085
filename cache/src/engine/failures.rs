//! What the log does when the device fails: the region is given up, or in the end the device, with
//! the reason for whoever has to replace it.

use std::{collections::HashMap, sync::Arc};

use tracing::{error, warn};
use weir_hal::Wall;

use super::{
    body::Body,
    format::{Entry, Slot, SlotState, Stream, SuperState},
    index::Item,
    log::{Log, OpenRegion},
    regions::Use,
};

/// Failures after each other that take the device offline.
const FAILURES_MAX: u32 = 64;
/// Bytes of a reason; only a path of unusual length is cut off.
const REASON_BYTES_MAX: usize = 1024;

/// Why the device of a store is not written any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offline {
    /// The failure that was one too many: the act, the file, the byte at which it was to be written
    /// and the word of the system, with what had failed before. At most 1 KiB.
    pub reason: String,
    /// When the store gave the device up, by the wall clock.
    pub since: Wall,
}

impl Log {
    /// Closes the open region of a stream after a failure in it.
    pub(super) fn fail(&mut self, stream: Stream, error: &weir_hal::Error) {
        self.note_failure(error);
        let is_full = error.kind() == std::io::ErrorKind::StorageFull;
        let Some(open) = &self.open[stream.index()] else {
            return;
        };
        let region = open.region;
        self.seal(stream);
        if !is_full {
            self.condemn(region);
        }
    }

    /// Writes to a region never again.
    pub(super) fn condemn(&mut self, region: u32) {
        let is_it = |open: &OpenRegion| open.region == region;
        for open in &mut self.open {
            // Nothing is left to seal: the next start does not look at it.
            if open.as_ref().is_some_and(is_it) {
                *open = None;
            }
        }
        self.engine.lock().regions.region_mut(region).usage = Use::Bad;
        warn!(
            region,
            "the device failed in a region of the cache; it is not used any more"
        );
        self.told.set_bad(region);
        self.is_super_due = true;
        self.write_bad();
    }

    /// Whether the next start knows what is bad.
    pub(super) const fn is_bad_remembered(&self) -> bool {
        !self.is_super_due
    }

    pub(super) fn write_bad(&mut self) -> bool {
        let outcome = self.write_super(SuperState::InUse);
        if let Err(error) = &outcome {
            self.note_failure(error);
        }
        outcome.is_ok()
    }

    /// Tells a start that there is nothing in a region.
    pub(super) fn write_free(&mut self, region: u32, stream: Stream, generation: u64) {
        if self.write_slot(&Slot::empty(region, SlotState::Free, stream, generation)) {
            self.freed.push(region);
        } else {
            self.condemn(region);
        }
    }

    /// After a sync that failed nothing is known of what it was to cover: such records are served
    /// while they are pinned, and not relied on.
    pub(super) fn give_up_undurable(&mut self) {
        let killed = std::mem::take(&mut self.killed);
        self.engine.lock().kills.extend(killed);
        self.free_again();
        for stream in Stream::all() {
            let is_durable = |open: &OpenRegion| open.durable == open.entries.len();
            if self.open[stream.index()].as_ref().is_none_or(is_durable) {
                continue;
            }
            let Some(mut open) = self.open[stream.index()].take() else {
                continue;
            };
            let doomed = open.entries.split_off(open.durable);
            self.doom(open.region, &doomed);
            self.write_sealed(&open, stream);
        }
    }

    pub(super) fn note_failure(&mut self, failure: &weir_hal::Error) {
        self.engine.ledger.write_errors.add_one();
        self.failures += 1;
        if self.failures == 1 {
            let reason = std::error::Error::source(failure).map(ToString::to_string);
            warn!(error = %failure, reason, "the cache cannot be written; objects stay in memory");
        }
        let state = self.engine.lock();
        let half = self.engine.geometry.regions as usize / 2;
        let bad = state.regions.count(Use::Bad);
        drop(state);
        let is_hopeless = self.failures >= FAILURES_MAX || bad > half;
        if is_hopeless && !self.engine.is_offline() {
            self.take_offline(failure, bad);
        }
    }

    /// Leaves the device alone until the next start.
    fn take_offline(&self, failure: &weir_hal::Error, bad: usize) {
        let at = self.failed_at.map(|offset| format!(" at byte {offset}"));
        let source = std::error::Error::source(failure).map(|source| format!(": {source}"));
        let mut reason = format!(
            "{failure}{}{} (failures after each other: {}; regions given up: {bad} of {})",
            at.unwrap_or_default(),
            source.unwrap_or_default(),
            self.failures,
            self.engine.geometry.regions,
        );
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        error!(
            reason,
            "the device of the cache keeps failing: it is not written until the next start"
        );
        let since = self.engine.clock.wall();
        // This thread alone sets it, and has not yet.
        drop(self.engine.offline.set(Offline { reason, since }));
    }

    /// Writes again that regions are free, as far as they still are.
    fn free_again(&mut self) {
        for region in std::mem::take(&mut self.freed) {
            let state = self.engine.lock();
            let it = state.regions.region(region);
            let (usage, stream, generation) = (it.usage, it.stream, it.generation);
            drop(state);
            if matches!(usage, Use::Free | Use::Condemned) {
                self.write_free(region, stream, generation);
            }
        }
    }

    fn doom(&self, region: u32, doomed: &[Entry]) {
        let mut state = self.engine.lock();
        let pinned = state.pinned().into_iter();
        let pinned = pinned.filter(|(_, link)| link.region == region);
        let pinned: HashMap<u64, Arc<Body>> =
            pinned.map(|(body, link)| (link.hash, body)).collect();
        for entry in doomed {
            let here = |item: &Item| item.is_at(region, entry.page);
            if !state.item_of(entry.hash).as_ref().is_some_and(here) {
                continue;
            }
            let body = pinned.get(&entry.hash);
            if body.is_none_or(|body| state.table.doom(&body.key)) {
                state.drop_record(entry.hash);
                self.engine.ledger.evictions.add_one();
                state.table.note_loss();
            }
        }
    }
}
