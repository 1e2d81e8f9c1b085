//! What the recorder counts.

use crate::counter::shared_counters;

shared_counters! {
    /// What was recorded, and what was not.
    pub struct Counters, shared as CounterCells {
        /// Seconds taken in.
        samples_recorded: polled,
        /// Seconds dropped because the disk was so slow that the queue was full.
        samples_dropped: polled,
        /// Values dropped because there were too many series, or a name was too long.
        values_dropped: polled,
        /// Minutes written.
        blocks_written: polled,
        /// Minutes lost because they could not be written.
        blocks_lost: polled,
        /// Files removed because they were the oldest.
        files_removed: polled,
    }
}
