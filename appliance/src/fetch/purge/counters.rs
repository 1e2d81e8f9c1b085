//! What purging counts.

use crate::counter::shared_counters;

shared_counters! {
    /// Orders to purge, and what became of them.
    pub struct Counters, shared as CounterCells {
        /// URLs purged.
        urls_purged,
        /// Tags purged.
        tags_purged,
        /// Prefixes and patterns purged.
        prefixes_purged,
        /// Objects evicted at once because their URL was purged.
        objects_evicted,
        /// Objects found in the cache that a purge forbids.
        objects_banned,
        /// Orders refused because their sender may not purge.
        orders_forbidden,
        /// Orders refused because there were too many of late.
        orders_throttled,
        /// Orders in force that could not be written to disk: a restart forgets them.
        orders_unsaved,
        /// Prefixes and patterns that left the full list: everything older counts as purged.
        prefixes_folded,
        /// Times that the file of purges was damaged, so that everything older was purged.
        journals_damaged,
    }
}
