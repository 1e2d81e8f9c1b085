//! How long ago objects were used, measured in bytes that came in since.
//!
//! A tick passes whenever a 256th of the store has been written. The pages last used at each tick
//! are counted for each class; so the age at which an exact LRU of any size would evict can be
//! told at any time, without a list of all objects. If a class has a weight, its objects grow old
//! that many times slower.

use super::{format::PAGE_BYTES, index::Item};
use crate::class::CLASSES;

/// Ticks that are told apart. Older objects look younger: only what is pinned, reserved or of a
/// great weight lives so long unused, and it loses its turn at most.
const TICKS: u16 = 4096;
/// Ticks in which a store is filled once.
const TICKS_A_STORE: u16 = 256;

/// The clock and the counts.
#[derive(Debug)]
pub(super) struct Recency {
    tick: u16,
    tick_bytes: u64,
    /// Written since the last tick.
    bytes: u64,
    /// Pages last used at each tick, by class.
    used: [Box<[u32]>; CLASSES],
}

impl Recency {
    pub(super) fn new(store_bytes: u64) -> Self {
        Self {
            tick: 0,
            tick_bytes: (store_bytes / u64::from(TICKS_A_STORE)).max(1),
            bytes: 0,
            used: std::array::from_fn(|_| vec![0; usize::from(TICKS)].into()),
        }
    }

    /// The present.
    pub(super) const fn tick(&self) -> u16 {
        self.tick
    }

    /// The time when so many bytes had been written since the beginning.
    pub(super) const fn tick_after(&self, bytes: u64) -> u16 {
        ((bytes / self.tick_bytes) & 0xffff) as u16
    }

    /// Lets time pass by so many bytes written.
    pub(super) fn pass(&mut self, bytes: u64) {
        self.bytes += bytes;
        let ticks = self.bytes / self.tick_bytes;
        self.bytes %= self.tick_bytes;
        self.tick = self.tick.wrapping_add((ticks & 0xffff) as u16);
    }

    /// Notes when an object was last used.
    pub(super) fn add(&mut self, item: &Item) {
        self.used[item.class.index()][place(item.tick)] += item.pages;
    }

    /// Takes such a note back.
    pub(super) fn subtract(&mut self, item: &Item) {
        let used = &mut self.used[item.class.index()][place(item.tick)];
        *used = used.saturating_sub(item.pages);
    }

    /// Ticks since an object was last used.
    pub(super) const fn age(&self, item: &Item) -> u32 {
        (self.tick.wrapping_sub(item.tick) % TICKS) as u32
    }

    /// The ticks after which an exact LRU of `bytes` evicts an object of weight 1. Classes of
    /// weight 0 are left out.
    pub(super) fn lifetime(&self, bytes: u64, weights: [u32; CLASSES]) -> u32 {
        let mut kept = 0;
        let is_beyond = |lifetime: &u32| {
            for (used, weight) in self.used.iter().zip(weights) {
                let ages = lifetime * weight..(lifetime + 1) * weight;
                let ages = ages.map_while(|age| u16::try_from(age).ok());
                let ages = ages.take_while(|age| *age < TICKS);
                let pages = ages.map(|age| used[place(self.tick.wrapping_sub(age))]);
                kept += pages.map(u64::from).sum::<u64>() * PAGE_BYTES;
            }
            kept > bytes
        };
        let ticks = u32::from(TICKS);
        (0..ticks).find(is_beyond).unwrap_or(ticks)
    }
}

const fn place(tick: u16) -> usize {
    (tick % TICKS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, engine::format::Role};

    fn item(class: Class, tick: u16) -> Item {
        Item {
            region: 0,
            page: 0,
            pages: 1,
            class,
            role: Role::Whole,
            is_unverified: false,
            uses: 0,
            tick,
        }
    }

    /// A hundred ticks in each of which one page of a class was used.
    fn used(recency: &mut Recency, class: Class) {
        for tick in 0..100 {
            recency.add(&item(class, tick));
        }
    }

    #[test]
    fn the_lifetime_is_that_in_an_exact_lru() {
        let mut recency = Recency::new(256 * PAGE_BYTES);
        used(&mut recency, Class::Low);
        recency.pass(100 * PAGE_BYTES);
        let even = [1; CLASSES];
        assert_eq!(recency.lifetime(10 * PAGE_BYTES, even), 11);
        assert_eq!(recency.lifetime(1_000 * PAGE_BYTES, even), 4096);
        recency.subtract(&item(Class::Low, 99));
        assert_eq!(recency.lifetime(10 * PAGE_BYTES, even), 12);
        assert_eq!(recency.age(&item(Class::Low, 90)), 10);
    }

    #[test]
    fn a_class_of_weight_four_is_kept_four_times_longer() {
        let mut recency = Recency::new(256 * PAGE_BYTES);
        used(&mut recency, Class::Low);
        used(&mut recency, Class::High);
        recency.pass(99 * PAGE_BYTES);
        let weights = [1, 2, 4, 1, 2, 4];
        // Ten of the low class and forty of the high one.
        assert_eq!(recency.lifetime(50 * PAGE_BYTES, weights), 10);
        let without_high = [1, 2, 0, 1, 2, 4];
        assert_eq!(recency.lifetime(50 * PAGE_BYTES, without_high), 50);
    }
}
