//! `[prewarm]`: who may prewarm, and how fast.

use super::{Prewarm, mistake::Ledger, purge::ALLOWED_MAX, section::Section};

/// Objects begun in a second.
const RATE_RANGE: (u64, u64) = (1, 10_000);

/// Objects fetched at one time: each holds a connection to an origin.
const CONCURRENCY_RANGE: (u64, u64) = (1, 64);

pub(super) fn read_prewarm(mut section: Section<'_>, ledger: &mut Ledger) -> Prewarm {
    let default = Prewarm::default();
    let is_given = section.has("allow");
    let allowed = section.texts("allow", ALLOWED_MAX, str::parse, ledger);
    let rate = section.integer("rate", RATE_RANGE, ledger);
    let concurrency = section.integer("concurrency", CONCURRENCY_RANGE, ledger);
    section.finish(ledger);
    Prewarm {
        allowed: if is_given {
            allowed.into_iter().map(|found| found.value).collect()
        } else {
            default.allowed
        },
        rate_per_s: rate
            .and_then(|rate| u32::try_from(rate).ok())
            .unwrap_or(default.rate_per_s),
        concurrency: concurrency
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(default.concurrency),
    }
}
