//! What the store holds and has done: two budgets that cannot be overdrawn, and counters.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The budgets and counters of one store.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Bytes of objects being written or not yet on disk.
    pub(crate) memory: Arc<Budget>,
    pub(crate) hits: Count,
    pub(crate) misses: Count,
    pub(crate) commits: Count,
    pub(crate) aborts: Count,
    pub(crate) evictions: Count,
    pub(crate) read_errors: Count,
    pub(crate) write_errors: Count,
    pub(crate) refused_no_space: Count,
    pub(crate) refused_no_memory: Count,
    pub(crate) refused_admission: Count,
    pub(crate) refused_write_budget: Count,
    pub(crate) expired: Count,
    pub(crate) recovered: Count,
    pub(crate) discarded: Count,
    pub(crate) reinsertions: Count,
    pub(crate) bytes_reinserted: Count,
    pub(crate) syncs: Count,
    pub(crate) parts_written: Count,
    pub(crate) bytes_admitted: Count,
    pub(crate) bytes_written: Count,
    pub(crate) pieces_warm: Count,
    pub(crate) pieces_cold: Count,
    pub(crate) pieces_ahead: Count,
    pub(crate) scrubbed_bytes: Count,
    pub(crate) scrub_passes: Count,
    pub(crate) scrub_errors: Count,
}

impl Ledger {
    pub(crate) fn new(memory_bytes_max: u64) -> Self {
        Self {
            memory: Arc::new(Budget::new(memory_bytes_max)),
            hits: Count::default(),
            misses: Count::default(),
            commits: Count::default(),
            aborts: Count::default(),
            evictions: Count::default(),
            read_errors: Count::default(),
            write_errors: Count::default(),
            refused_no_space: Count::default(),
            refused_no_memory: Count::default(),
            refused_admission: Count::default(),
            refused_write_budget: Count::default(),
            expired: Count::default(),
            recovered: Count::default(),
            discarded: Count::default(),
            reinsertions: Count::default(),
            bytes_reinserted: Count::default(),
            syncs: Count::default(),
            parts_written: Count::default(),
            bytes_admitted: Count::default(),
            bytes_written: Count::default(),
            pieces_warm: Count::default(),
            pieces_cold: Count::default(),
            pieces_ahead: Count::default(),
            scrubbed_bytes: Count::default(),
            scrub_passes: Count::default(),
            scrub_errors: Count::default(),
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
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    bytes_max: u64,
}

impl Budget {
    const fn new(bytes_max: u64) -> Self {
        Self {
            used: AtomicU64::new(0),
            bytes_max,
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
