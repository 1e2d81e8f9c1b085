//! `[purge]`: who may purge, how much, and where it is remembered.

use std::path::{Path, PathBuf};

use super::{
    Cache, Purge,
    cache::{absolute_path, beside},
    mistake::Ledger,
    section::Section,
};

/// Blocks of addresses that may purge, or prewarm.
pub(super) const ALLOWED_MAX: usize = 64;

/// Things purged in a second, or at once: the table of purges takes any number, the disk does not.
const RATE_RANGE: (u64, u64) = (1, 100_000);

pub(super) fn read_purge(mut section: Section<'_>, cache: &Cache, ledger: &mut Ledger) -> Purge {
    let default = Purge::default();
    let is_given = section.has("allow");
    let allowed = section.texts("allow", ALLOWED_MAX, str::parse, ledger);
    let mut count = |key, default: u32| {
        let found = section.integer(key, RATE_RANGE, ledger);
        found.map_or(default, |found| u32::try_from(found).unwrap_or(default))
    };
    let (rate_per_s, burst) = (
        count("rate", default.rate_per_s),
        count("burst", default.burst),
    );
    let journal = section.text("journal", absolute_path, ledger);
    section.finish(ledger);
    Purge {
        allowed: if is_given {
            allowed.into_iter().map(|found| found.value).collect()
        } else {
            default.allowed
        },
        rate_per_s,
        burst,
        journal: journal.map_or_else(|| journal_of(&cache.path), |journal| journal.value),
    }
}

/// Beside the cache, or where the cache is by default if it is a device.
pub(super) fn journal_of(cache: &Path) -> PathBuf {
    beside(cache, ".purged")
}
