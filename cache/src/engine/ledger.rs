//! What the store has done, and the memory it may take: counters, each declared once for all
//! surfaces, and a budget that cannot be overdrawn.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{Notify, futures::Notified};

/// One thing that a store tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Name, unit last.
    pub name: &'static str,
    /// One sentence for a person.
    pub help: &'static str,
    /// False for what only grows.
    pub is_gauge: bool,
}

impl Row {
    const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help: help.trim_ascii(),
            is_gauge: true,
        }
    }

    const fn count(name: &'static str, help: &'static str) -> Self {
        Self {
            is_gauge: false,
            ..Self::gauge(name, help)
        }
    }
}

/// Declares what a store tells of itself, each thing once and with its help text: gauges and
/// readings, which are read from its state (readings only grow), and counts, which the ledger
/// keeps.
macro_rules! counters {
    (
        gauges { $( #[doc = $gauge_help:literal] $gauge:ident, )+ }
        readings { $( #[doc = $reading_help:literal] $reading:ident, )+ }
        counts { $( #[doc = $help:literal] $count:ident, )+ }
    ) => {
        /// What a store holds now and has done since it was opened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counters {
            $( #[doc = $gauge_help] pub $gauge: u64, )+
            $( #[doc = $reading_help] pub $reading: u64, )+
            $( #[doc = $help] pub $count: u64, )+
        }

        impl Counters {
            /// What each is, in the order of declaration.
            pub const ROWS: &'static [Row] = &[
                $( Row::gauge(stringify!($gauge), $gauge_help), )+
                $( Row::count(stringify!($reading), $reading_help), )+
                $( Row::count(stringify!($count), $help), )+
            ];

            /// The present values, in the order of [`Self::ROWS`].
            pub fn values(&self) -> impl Iterator<Item = u64> {
                let read = [ $( self.$gauge, )+ $( self.$reading, )+ ];
                read.into_iter().chain([ $( self.$count, )+ ])
            }
        }

        /// The budget and counts of one store.
        #[derive(Debug, Default)]
        pub(crate) struct Ledger {
            /// Bytes of objects being written or not yet on disk.
            pub(crate) memory: Arc<Budget>,
            /// Bytes of records written again because they were wanted.
            pub(crate) bytes_reinserted: Count,
            $( pub(crate) $count: Count, )+
        }

        impl Ledger {
            /// Adds the present counts to `gauges`.
            pub(crate) fn read(&self, gauges: Counters) -> Counters {
                Counters { $( $count: self.$count.value(), )+ ..gauges }
            }
        }
    };
}

counters! {
    gauges {
        /// Complete objects.
        objects,
        /// Bytes of objects on disk.
        bytes,
        /// Bytes the store may hold on disk.
        bytes_max,
        /// Regions of the store: what is reused as a whole.
        regions,
        /// Regions that hold objects.
        regions_used,
        /// Regions given up because the device failed in them.
        regions_bad,
        /// 1 if the device failed so often that the store is in memory alone, else 0.
        is_offline,
        /// Bytes of memory that the index of the store takes.
        index_bytes,
        /// Bytes in memory: of objects being written, or not yet on disk.
        memory_bytes,
        /// Bytes the store may hold in memory.
        memory_bytes_max,
        /// Bytes of heads and small objects kept in memory.
        hot_bytes,
        /// The limit of `hot_bytes`.
        hot_bytes_max,
    }
    readings {
        /// Heads and small objects wanted and found in memory.
        hot_hits,
        /// Heads and small objects that left memory for others.
        hot_evictions,
    }
    counts {
        /// Pieces of 256 KiB served out of the page cache.
        pieces_warm,
        /// Pieces of 256 KiB that had to be read, or compared with their sums, to be served.
        pieces_cold,
        /// Pieces of 256 KiB read from the disk before they were asked for.
        pieces_ahead,
        /// Objects asked for and found.
        hits,
        /// Objects asked for and not found.
        misses,
        /// Objects completed.
        commits,
        /// Objects given up by their writers.
        aborts,
        /// Objects removed to make room.
        evictions,
        /// Objects written again because they were wanted when their region was reused.
        reinsertions,
        /// Objects dropped when they were asked for: they were older than their class may be.
        expired,
        /// Reads from disk that failed or met damage.
        read_errors,
        /// Writes and syncs on disk that failed.
        write_errors,
        /// Objects not written because nothing could be removed for them.
        refused_no_space,
        /// Objects not written because nobody had asked for them twice.
        refused_admission,
        /// Objects not written because as much had been written as may be.
        refused_write_budget,
        /// Objects refused because the memory of the store was full.
        refused_no_memory,
        /// Objects found when the store was opened.
        recovered,
        /// Objects removed when the store was opened: superseded or damaged.
        discarded,
        /// Times that what was written was made durable.
        syncs,
        /// Parts of long objects written while the rest was still in memory.
        parts_written,
        /// Bytes of objects written for the first time.
        bytes_admitted,
        /// Bytes of all writes to the disk.
        bytes_written,
        /// Bytes read from disk and compared with their checksums, in search of rot.
        scrubbed_bytes,
        /// Times that all of the store was searched for rot.
        scrub_passes,
        /// Objects found damaged or unreadable by that search, and dropped.
        scrub_errors,
    }
}

impl Ledger {
    pub(crate) fn new(memory_bytes_max: u64) -> Self {
        Self {
            memory: Arc::new(Budget::new(memory_bytes_max)),
            ..Self::default()
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number of bytes of which parts can be taken.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    used: AtomicU64,
    bytes_max: u64,
    /// Wakes those who wait for a part.
    freed: Notify,
}

impl Budget {
    fn new(bytes_max: u64) -> Self {
        Self {
            used: AtomicU64::new(0),
            bytes_max,
            freed: Notify::new(),
        }
    }

    /// Takes `bytes` until the charge is dropped, or returns `None` if so much is not left.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64) -> Option<Charge> {
        self.take(bytes).then(|| Charge {
            budget: Arc::clone(self),
            bytes,
        })
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Whether `more` bytes would leave a quarter to those who cannot wait.
    pub(crate) fn has_room(&self, more: u64) -> bool {
        self.used().saturating_add(more) <= self.bytes_max / 4 * 3
    }

    /// Resolves when a part comes back after this call, even if it is awaited only later.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    fn take(&self, bytes: u64) -> bool {
        let grown = |used: u64| {
            used.checked_add(bytes)
                .filter(|&used| used <= self.bytes_max)
        };
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown)
            .is_ok()
    }
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Charge {
    /// Takes `more` bytes, or returns false and takes nothing.
    pub(crate) fn grow(&mut self, more: u64) -> bool {
        let is_taken = self.budget.take(more);
        if is_taken {
            self.bytes += more;
        }
        is_taken
    }

    /// Takes `bytes` of it, or all if it is less, into a charge of their own.
    pub(crate) fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            budget: Arc::clone(&self.budget),
            bytes,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_overdrawn_and_charges_come_back() {
        let budget = Arc::new(Budget::new(100));
        let mut first = budget.reserve(60).unwrap();
        assert!(budget.reserve(41).is_none());
        assert!(!first.grow(41));
        assert!(first.grow(40));
        assert_eq!(budget.used(), 100);
        drop(first.split(30));
        assert_eq!(budget.used(), 70);
        drop(first);
        assert_eq!(budget.used(), 0);
        assert!(budget.reserve(u64::MAX).is_none());
    }
}
