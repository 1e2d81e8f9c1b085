//! What the log does when the device fails: the region is given up, or in the end the device.

use tracing::{error, warn};

use super::{
    format::{Entry, Stream, SuperState},
    index::Item,
    log::{Log, OpenRegion},
    regions::Use,
};

/// Failures after each other that take the device offline.
const FAILURES_MAX: u32 = 64;

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
            self.engine.lock().regions.region_mut(region).usage = Use::Bad;
            self.remember_bad(region);
        }
    }

    /// After a sync that failed nothing is known of what it was to cover: such records are served
    /// while they are pinned, and not relied on.
    pub(super) fn give_up_undurable(&mut self) {
        let killed = std::mem::take(&mut self.killed);
        self.engine.lock().kills.extend(killed);
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

    pub(super) fn remember_bad(&mut self, region: u32) {
        self.told.set_bad(region);
        warn!(
            region,
            "the device failed in a region of the cache; it is not used any more"
        );
        if let Err(error) = self.write_super(SuperState::InUse) {
            self.note_failure(&error);
        }
    }

    pub(super) fn note_failure(&mut self, failure: &weir_hal::Error) {
        self.engine.ledger.write_errors.add_one();
        self.failures += 1;
        if self.failures == 1 {
            let reason = std::error::Error::source(failure).map(ToString::to_string);
            warn!(error = %failure, reason, "the cache cannot be written; objects stay in memory");
        }
        let mut state = self.engine.lock();
        let half = self.engine.geometry.regions as usize / 2;
        let is_hopeless = self.failures >= FAILURES_MAX || state.regions.count(Use::Bad) > half;
        if is_hopeless && !std::mem::replace(&mut state.is_offline, true) {
            error!("the device of the cache keeps failing: it is not written until the next start");
        }
    }

    fn doom(&self, region: u32, doomed: &[Entry]) {
        let mut state = self.engine.lock();
        for entry in doomed {
            let here = |item: &Item| item.is_at(region, entry.page);
            if !state.item_of(entry.hash).as_ref().is_some_and(here) {
                continue;
            }
            let pinned = state.pinned();
            let body = pinned.iter().find(|(_, link)| link.hash == entry.hash);
            let is_gone = body.is_none_or(|(body, _)| state.table.doom(&body.key));
            if is_gone {
                state.drop_record(entry.hash);
            }
        }
    }
}
