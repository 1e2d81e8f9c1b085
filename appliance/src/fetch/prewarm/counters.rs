//! What prewarming counts.

use crate::counter::shared_counters;

shared_counters! {
    /// Orders to prewarm, and what became of them.
    pub struct Counters, shared as CounterCells {
        /// Orders that were obeyed.
        orders_obeyed,
        /// Orders refused because their sender may not prewarm.
        orders_forbidden,
        /// Orders given up half-way because they were cancelled.
        orders_cancelled,
        /// Objects fetched.
        objects_fetched,
        /// Objects that were there already.
        objects_present,
        /// Objects that no origin gave, or that may not be kept.
        objects_failed,
        /// Objects left because no route leads there, or because there were too many.
        objects_refused,
        /// Playlists followed to what they name.
        lists_followed,
        /// Bytes fetched.
        bytes_fetched,
    }
}
