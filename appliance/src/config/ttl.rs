//! `[ttl]`: how long what origins say nothing about is fresh, by priority.

use std::time::Duration;

use super::{Ttl, mistake::Ledger, read::duration_in, section::Section};

/// From a second, below which nothing is kept in effect, to the longest that RFC 9111 §1.2.2 makes
/// caches tell apart, in whole days.
const TTL_RANGE_MS: (u64, u64) = (1_000, 24_855 * 24 * 3_600 * 1_000);

pub(super) fn read_ttl(mut section: Section<'_>, ledger: &mut Ledger) -> Ttl {
    let default = Ttl::default();
    let mut ttl = |key, default: Duration| {
        let found = duration_in(&mut section, key, TTL_RANGE_MS, ledger);
        found.map_or(default, |found| found.value)
    };
    let ttl = Ttl {
        high: ttl("high", default.high),
        medium: ttl("medium", default.medium),
        low: ttl("low", default.low),
    };
    section.finish(ledger);
    ttl
}
