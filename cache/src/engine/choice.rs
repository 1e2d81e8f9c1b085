//! The policy: what the classes are promised, and which region is reused next.
//!
//! # What the classes are promised
//! - What is pinned stays. A region with pinned objects goes last, and they are carried out of it.
//! - No class is taken below its reservation, as long as a region can be had from another.
//! - Among all others the order is that of an LRU in which an object grows old by its age divided
//!   by the weight of its class; age is what has been written since it was last used. How old one
//!   may become, its lifetime, is computed for the store as it is.
//! - What is older than the time to live of its class, by when it was written, is dropped when it
//!   is asked for, and never copied. What gets onto the disk at all is told in
//!   [`super::admission`].
//!
//! # How regions are chosen
//! A region without objects goes first. Of the others, the one with the least worth: each object
//! is worth its bytes times the part of its lifetime that is left, and half of that if it was
//! never used, because most of those never will be. So a region is kept for what is young in it,
//! and let go long before the last of it is old.
//!
//! What is still within its lifetime, and was used, is reinserted, youngest first, as far as a
//! 64th of all that is admitted allows. Live segments are not: their regions die whole and cost no
//! copying. The rest is evicted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    format::{Entry, PAGE_BYTES, Stream},
    index::Item,
    log::Log,
    regions::Use,
    state::{State, bytes_of},
};
use crate::{
    Class,
    class::{CLASSES, GROUPS},
};

/// Regions that are compared before one of them is reused: so many of the oldest, and of those
/// least used. A few milliseconds for each region that is filled.
const COMPARED: usize = 128;
/// All of a lifetime.
const WHOLE_LIFE: u64 = 1 << 16;

/// A region that may be reused.
#[derive(Debug, Clone, Copy)]
struct Victim {
    region: u32,
    /// Whether its class would fall below its reservation.
    is_reserved: bool,
    has_pinned: bool,
    /// Regions opened since, divided by the weight of its objects.
    age: u64,
    live_pages: u32,
    used_pages: u32,
}

/// By what regions are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook {
    weights: [u32; CLASSES],
    /// Ticks that an object of weight 1 is kept.
    lifetime: u32,
    /// Bytes each group of classes holds beyond its reservation.
    spare_bytes: [u64; GROUPS],
}

impl Outlook {
    /// The part of an object's lifetime that is left.
    pub(super) fn rest(&self, item: &Item, age: u32) -> u64 {
        let lifetime = u64::from(self.lifetime) * u64::from(self.weights[item.class.index()]);
        let rest = lifetime.saturating_sub(age.into());
        rest * WHOLE_LIFE / lifetime.max(1)
    }
}

/// What some records of a region are worth together.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    worth: u64,
    pages: u32,
    group_bytes: [u64; GROUPS],
}

/// What is pinned in one region.
#[derive(Debug, Clone, Copy, Default)]
struct Pinned {
    records: usize,
    pages: u32,
}

impl Log {
    /// The region that is worth least.
    pub(super) fn choose(&self, passed: &BTreeSet<u32>) -> Option<u32> {
        let outlook = self.outlook();
        let mut victims = self.victims(&outlook, passed);
        if let Some(empty) = victims.iter().find(|victim| victim.live_pages == 0) {
            return Some(empty.region);
        }
        let dear = |victim: &Victim| (victim.is_reserved, victim.has_pinned);
        let cheapest = victims.iter().map(dear).min()?;
        victims.retain(|victim| dear(victim) == cheapest);
        // The oldest, and those with the fewest objects that were ever used.
        victims.sort_by_key(|victim| Reverse(victim.age));
        let mut compared: Vec<Victim> = victims.iter().take(COMPARED).copied().collect();
        victims.sort_by_key(|victim| (victim.used_pages, Reverse(victim.age)));
        compared.extend(victims.iter().take(COMPARED));
        let worth = |victim: &&Victim| (self.worth(victim, &outlook), Reverse(victim.age));
        compared
            .iter()
            .min_by_key(worth)
            .map(|victim| victim.region)
    }

    pub(super) fn outlook(&self) -> Outlook {
        let classes = &self.engine.classes;
        let (weights, reserved_bytes) = (classes.weights(), classes.reserved_bytes());
        let state = self.engine.lock();
        let mut spare_bytes = [0; GROUPS];
        for (class, bytes) in Class::ALL.into_iter().zip(state.class_bytes) {
            spare_bytes[class.group()] += bytes;
        }
        for (spare, reserved) in spare_bytes.iter_mut().zip(reserved_bytes) {
            *spare = spare.saturating_sub(reserved);
        }
        // To free as much as a region, an exact LRU would evict what has outlived its lifetime.
        // Classes within their reservation have no part in that.
        let mut kept_bytes = state
            .record_bytes
            .saturating_sub(self.geometry().region_bytes);
        let mut counted = weights;
        for class in Class::ALL {
            if spare_bytes[class.group()] == 0 {
                kept_bytes = kept_bytes.saturating_sub(state.class_bytes[class.index()]);
                counted[class.index()] = 0;
            }
        }
        Outlook {
            weights,
            lifetime: state.recency.lifetime(kept_bytes, counted),
            spare_bytes,
        }
    }

    /// Regions that nobody reads in, but for what can be carried out.
    fn victims(&self, outlook: &Outlook, passed: &BTreeSet<u32>) -> Vec<Victim> {
        let state = self.engine.lock();
        let mut pinned: BTreeMap<u32, Pinned> = BTreeMap::new();
        for (_, link) in state.pinned() {
            let pinned = pinned.entry(link.region).or_default();
            pinned.records += 1;
            pinned.pages += link.pages;
        }
        // Carrying over nearly all of a region would gain next to nothing.
        let pages_max = self.geometry().region_pages() / 4 * 3;
        let sealed = state.regions.numbered();
        let sealed = sealed.filter(|(_, region)| region.usage == Use::Sealed);
        sealed
            .filter_map(|(number, region)| {
                let pinned = pinned.get(&number).copied().unwrap_or_default();
                let is_free = state.regions.leases(number) <= pinned.records
                    && pinned.pages <= pages_max
                    && !passed.contains(&number);
                let live_bytes = u64::from(region.live_pages) * PAGE_BYTES;
                let weight = outlook.weights[region.rank.index()];
                let age = self.next_generation.saturating_sub(region.generation);
                is_free.then_some(Victim {
                    region: number,
                    is_reserved: match region.stream {
                        Stream::Class(class) => live_bytes > outlook.spare_bytes[class.group()],
                        Stream::Reinserted => false,
                    },
                    has_pinned: pinned.records > 0,
                    age: age / u64::from(weight),
                    live_pages: region.live_pages,
                    used_pages: region.used_pages,
                })
            })
            .collect()
    }

    /// What a region is worth: whether a class would fall below its reservation without it, and
    /// the worth of its objects. The entries in its slot stand for all of them.
    fn worth(&self, victim: &Victim, outlook: &Outlook) -> (bool, u64) {
        let slot = self.sealed_slot(victim.region);
        let entries = slot.map(|slot| slot.entries).unwrap_or_default();
        let mut sample = self.sample(victim.region, &entries, outlook);
        if sample.pages == 0 {
            // What is left has its entries in the footer.
            let entries = self.entries_of(victim.region).unwrap_or_default();
            sample = self.sample(victim.region, &entries, outlook);
        }
        if sample.pages == 0 {
            // Its directory does not tell what it holds: a start would have to search it.
            return (victim.is_reserved, 0);
        }
        let in_all = |part: u64| part * u64::from(victim.live_pages) / u64::from(sample.pages);
        let mut groups = sample.group_bytes.into_iter().zip(outlook.spare_bytes);
        let is_reserved = groups.any(|(bytes, spare)| in_all(bytes) > spare);
        (is_reserved, in_all(sample.worth))
    }

    fn sample(&self, region: u32, entries: &[Entry], outlook: &Outlook) -> Sample {
        let state = self.engine.lock();
        let mut sample = Sample::default();
        for (_, item) in here(&state, region, entries) {
            let rest = outlook.rest(&item, state.recency.age(&item));
            let worth_a_page = if item.uses > 0 { rest } else { rest / 2 };
            sample.worth += worth_a_page * u64::from(item.pages);
            sample.pages += item.pages;
            sample.group_bytes[item.class.group()] += bytes_of(&item);
        }
        sample
    }
}

/// The records of a region that can be found.
pub(super) fn here<'a>(
    state: &'a State,
    region: u32,
    entries: &'a [Entry],
) -> impl Iterator<Item = (&'a Entry, Item)> {
    entries.iter().filter_map(move |entry| {
        let item = state.item_of(entry.hash)?;
        item.is_at(region, entry.page).then_some((entry, item))
    })
}
