//! What `segment` counts.

use crate::counter::counters;

counters! {
    /// Segments made and rules met with difficulty.
    pub struct Counters {
        /// Media Segments completed.
        segments,
    }
}
