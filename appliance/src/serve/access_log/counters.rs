//! What an access log counts.

use crate::counter::shared_counters;

shared_counters! {
    /// Lines of an access log.
    pub struct Counters, shared as CounterCells {
        /// Lines written.
        lines_written,
        /// Lines dropped because the disk was too slow.
        lines_dropped,
        /// Lines lost because the disk refused them.
        lines_lost,
    }
}
