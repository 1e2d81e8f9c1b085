//! How long ago objects were used, measured in bytes that came in since.
//!
//! A tick passes whenever a 256th of the store has been written. The bytes last used at each
//! tick are counted; so the age at which an exact LRU of any size would evict can be told at any
//! time, without a list of all objects.

/// Ticks that are told apart. Older objects look younger; none lives so long unless it is used.
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
    used: Box<[u64]>,
}

impl Recency {
    /// The age at which a whole store has been written since.
    pub(super) const STORE_AGE: u16 = TICKS_A_STORE;

    pub(super) fn new(store_bytes: u64) -> Self {
        Self {
            tick: 0,
            tick_bytes: (store_bytes / u64::from(TICKS_A_STORE)).max(1),
            bytes: 0,
            used: vec![0; usize::from(TICKS)].into(),
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

    /// Notes an object last used at `tick`.
    pub(super) fn add(&mut self, tick: u16, bytes: u64) {
        self.used[place(tick)] += bytes;
    }

    /// Takes such a note back.
    pub(super) fn subtract(&mut self, tick: u16, bytes: u64) {
        let used = &mut self.used[place(tick)];
        *used = used.saturating_sub(bytes);
    }

    /// Ticks since `tick`.
    pub(super) const fn age(&self, tick: u16) -> u16 {
        self.tick.wrapping_sub(tick) % TICKS
    }

    /// The age at which an exact LRU of `bytes` evicts.
    pub(super) fn eviction_age(&self, bytes: u64) -> u16 {
        let mut sum = 0;
        let mut ages = 0..TICKS;
        let evicted = ages.find(|age| {
            sum += self.used[place(self.tick.wrapping_sub(*age))];
            sum > bytes
        });
        evicted.unwrap_or(TICKS)
    }
}

const fn place(tick: u16) -> usize {
    (tick % TICKS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eviction_age_is_that_of_an_exact_lru() {
        let mut recency = Recency::new(256_000);
        for _ in 0..100 {
            recency.add(recency.tick(), 1_000);
            recency.pass(1_000);
        }
        assert_eq!(recency.eviction_age(10_500), 11);
        assert_eq!(recency.eviction_age(1_000_000), 4096);
        recency.subtract(99, 1_000);
        assert_eq!(recency.eviction_age(10_500), 12);
        assert_eq!(recency.age(90), 10);
    }
}
