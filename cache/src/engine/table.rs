//! Objects that are more than a record on disk: being written, waiting for the disk, pinned, or
//! in memory alone. Pure bookkeeping.
//!
//! # Limits
//! What waits or lives in memory pays from the memory budget; pins are as many as their holders.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{body::Body, format::PAGE_BYTES};
use crate::Key;

/// Bytes of the header of most records, but for key and metadata.
const HEADER_BYTES: u64 = 128;

/// The objects of one store that are not on disk alone.
#[derive(Debug, Default)]
pub(super) struct Table {
    residents: HashMap<Key, Resident>,
    /// The youngest object being written under each key.
    growing: HashMap<Key, Arc<Body>>,
    /// What is to be written, oldest first. Each holds its share of the memory budget.
    queue: VecDeque<Job>,
    /// Jobs ever queued.
    queued: u64,
    /// Of these, how many have been written or passed over.
    settled: u64,
    /// Of these, how many a power cut cannot take back any more.
    durable: u64,
    /// Flushes ever asked for.
    flushes: u64,
    /// Of these, how many have seen all evictions before them made durable.
    flushes_answered: u64,
    /// Of these, the last one for which the device failed.
    flush_failed: u64,
    /// Complete objects that were given up because the device failed.
    losses: u64,
    /// Bytes of all residents that are pinned.
    pinned_bytes: u64,
}

/// Something to write.
#[derive(Debug)]
pub(super) enum Job {
    /// The part of an object that is in memory while it grows.
    Part(Arc<Body>),
    /// A complete object: the parts that are in memory, and the rest.
    Whole(Arc<Body>),
}

/// A wish for all that was done before it to be durable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flush {
    number: u64,
    queued: u64,
    losses: u64,
}

/// A complete object that is pinned or not on disk.
#[derive(Debug)]
struct Resident {
    body: Arc<Body>,
    pins: usize,
    place: Place,
    /// What it takes on disk.
    bytes: u64,
}

impl Resident {
    const fn pinned_bytes(&self) -> u64 {
        if self.pins > 0 { self.bytes } else { 0 }
    }
}

/// Where a complete object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In memory, on its way to disk.
    Queued,
    /// On disk, and pinned.
    Disk,
    /// Not safe on disk, for want of room or by a failure; gone with its last pin.
    Doomed,
}

impl Table {
    /// The complete object of `key`.
    pub(super) fn resident(&self, key: &Key) -> Option<&Arc<Body>> {
        self.residents.get(key).map(|resident| &resident.body)
    }

    /// The object of `key` that is being written.
    pub(super) fn growing(&self, key: &Key) -> Option<Arc<Body>> {
        self.growing.get(key).cloned()
    }

    /// All complete objects here, in no order that means anything, each with whether it is on disk.
    pub(super) fn residents(&self) -> impl Iterator<Item = (&Arc<Body>, bool)> {
        let residents = self.residents.values();
        residents.map(|resident| (&resident.body, resident.place == Place::Disk))
    }

    /// Notes an object that has begun to be written.
    pub(super) fn begin(&mut self, body: &Arc<Body>) {
        self.growing.insert(body.key.clone(), Arc::clone(body));
    }

    /// Forgets an object that was being written.
    pub(super) fn end(&mut self, body: &Arc<Body>) {
        let current = self.growing.get(&body.key);
        if current.is_some_and(|current| Arc::ptr_eq(current, body)) {
            self.growing.remove(&body.key);
        }
    }

    /// Makes a complete object the one of its key, with one pin, and queues it for the disk.
    pub(super) fn commit(&mut self, body: &Arc<Body>) {
        self.end(body);
        self.hold(body, Place::Queued);
        self.queue.push_back(Job::Whole(Arc::clone(body)));
        self.queued += 1;
    }

    /// Queues a part of a growing object for the disk.
    pub(super) fn queue_part(&mut self, body: &Arc<Body>) {
        self.queue.push_back(Job::Part(Arc::clone(body)));
        self.queued += 1;
    }

    /// Holds an object with one pin.
    pub(super) fn hold(&mut self, body: &Arc<Body>, place: Place) {
        let resident = Resident {
            body: Arc::clone(body),
            pins: 1,
            place,
            bytes: disk_bytes(body),
        };
        self.pinned_bytes += resident.bytes;
        let replaced = self.residents.insert(body.key.clone(), resident);
        self.pinned_bytes -= replaced.as_ref().map_or(0, Resident::pinned_bytes);
    }

    /// Adds a pin to a complete object that is here.
    pub(super) fn pin(&mut self, key: &Key) -> Option<Arc<Body>> {
        let resident = self.residents.get_mut(key)?;
        let before = resident.pinned_bytes();
        resident.pins += 1;
        self.pinned_bytes += resident.bytes - before;
        Some(Arc::clone(&resident.body))
    }

    /// Takes one protection back. Returns true if the object must go with it.
    pub(super) fn unpin(&mut self, body: &Arc<Body>) -> bool {
        let Some(resident) = self.current(body) else {
            return false;
        };
        resident.pins -= 1;
        if resident.pins > 0 {
            return false;
        }
        let (place, bytes) = (resident.place, resident.bytes);
        self.pinned_bytes -= bytes;
        if place != Place::Queued {
            self.residents.remove(&body.key);
        }
        place == Place::Doomed
    }

    /// Whether the complete object of `key` is protected.
    pub(super) fn is_pinned(&self, key: &Key) -> bool {
        self.residents
            .get(key)
            .is_some_and(|resident| resident.pins > 0)
    }

    /// Forgets the complete object of `key`.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Body>> {
        let resident = self.residents.remove(key)?;
        self.pinned_bytes -= resident.pinned_bytes();
        Some(resident.body)
    }

    /// Bytes of all objects that are pinned.
    pub(super) const fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes
    }

    /// Whether `body` is the complete object of its key here.
    pub(super) fn is_current(&self, body: &Arc<Body>) -> bool {
        self.resident(&body.key)
            .is_some_and(|current| Arc::ptr_eq(current, body))
    }

    /// The next job.
    pub(super) fn next_queued(&mut self) -> Option<Job> {
        self.queue.pop_front()
    }

    /// Notes that a job is done, or that nobody wants it done any more.
    pub(super) const fn pass_over(&mut self) {
        self.settled += 1;
    }

    /// Notes where a queued object has got to. Returns true if it is gone already.
    pub(super) fn settle(&mut self, body: &Arc<Body>, place: Place) -> bool {
        self.settled += 1;
        let Some(resident) = self.current(body) else {
            return true;
        };
        resident.place = place;
        if resident.pins == 0 {
            self.residents.remove(&body.key);
        }
        false
    }

    /// Notes that an object on disk is not safe there. Returns true if it must go at once.
    pub(super) fn doom(&mut self, key: &Key) -> bool {
        let Some(resident) = self.residents.get_mut(key) else {
            return true;
        };
        if resident.place == Place::Disk {
            resident.place = Place::Doomed;
        }
        false
    }

    /// Asks for all that is committed and evicted by now to be made durable.
    pub(super) const fn ask_flush(&mut self) -> Flush {
        self.flushes += 1;
        Flush {
            number: self.flushes,
            queued: self.queued,
            losses: self.losses,
        }
    }

    /// Notes that a complete object was given up because the device failed.
    pub(super) const fn note_loss(&mut self) {
        self.losses += 1;
    }

    /// Whether no object was given up since a flush was asked for.
    pub(super) const fn is_without_loss(&self, flush: Flush) -> bool {
        self.losses == flush.losses
    }

    /// Whether what was asked for has been done.
    pub(super) const fn is_done(&self, flush: Flush) -> bool {
        self.flushes_answered >= flush.number && self.durable >= flush.queued
    }

    /// Whether what was asked for cannot be done.
    pub(super) const fn has_failed(&self, flush: Flush) -> bool {
        self.flush_failed >= flush.number
    }

    /// Notes that the device failed for all flushes up to this number.
    pub(super) const fn fail(&mut self, flush: u64) {
        self.flush_failed = flush;
    }

    /// The last flush that was asked for.
    pub(super) const fn last_flush(&self) -> u64 {
        self.flushes
    }

    pub(super) const fn has_unanswered_flush(&self) -> bool {
        self.flushes_answered < self.flushes
    }

    pub(super) const fn settled(&self) -> u64 {
        self.settled
    }

    /// Notes that all that was settled by `settled` is durable, and all that was evicted before
    /// the flush of number `flush`.
    pub(super) const fn set_durable(&mut self, settled: u64, flush: u64) {
        self.durable = settled;
        self.flushes_answered = flush;
    }

    /// Whether some complete object is not safe on disk and never will be.
    pub(super) fn has_doomed(&self) -> bool {
        let mut places = self.residents.values().map(|resident| resident.place);
        places.any(|place| place == Place::Doomed)
    }

    fn current(&mut self, body: &Arc<Body>) -> Option<&mut Resident> {
        let resident = self.residents.get_mut(&body.key);
        resident.filter(|resident| Arc::ptr_eq(&resident.body, body))
    }
}

/// About what a complete object takes on disk: each of its records whole pages.
fn disk_bytes(body: &Body) -> u64 {
    let parts = body.part_bytes();
    let rest = body.bytes().unwrap_or(0);
    let rest = rest.saturating_sub(parts.iter().copied().map(u64::from).sum::<u64>());
    let head_bytes = HEADER_BYTES + (body.key.as_str().len() + body.metadata.len()) as u64;
    let records = parts.iter().map(|bytes| HEADER_BYTES + u64::from(*bytes));
    let records = records.chain([head_bytes + rest]);
    records.map(|it| it.next_multiple_of(PAGE_BYTES)).sum()
}
