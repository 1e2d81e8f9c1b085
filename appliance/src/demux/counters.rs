//! What `demux` counts.

use crate::counter::counters;

counters! {
    /// Packets seen and damage found.
    pub struct Counters {
        /// Transport packets received.
        packets,
    }
}
