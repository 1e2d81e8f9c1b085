//! What the recorder counts.

use crate::counter::shared_counters;

shared_counters! {
    /// What was recorded, and what was not.
    pub struct Counters, shared as CounterCells {
        /// Seconds taken in.
        samples_recorded: detail,
        /// Seconds dropped because the disk was so slow that the queue was full.
        samples_dropped: detail,
        /// Values dropped because there were too many series, or a name was too long.
        values_dropped: detail,
        /// Minutes written.
        blocks_written: detail,
        /// Minutes lost because they could not be written.
        blocks_lost: detail,
        /// Files removed because they were the oldest.
        files_removed: detail,
    }
}
