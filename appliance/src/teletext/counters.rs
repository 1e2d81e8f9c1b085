//! What is damaged in a teletext stream.

use crate::counter::counters;

counters! {
    /// Damage in a teletext stream, and pages that are not shown.
    pub struct Counters {
        /// Packets with more bit errors in their address or triplets than can be mended.
        packets_damaged,
        /// Letters with a bit error.
        letters_damaged,
        /// Data units and PES packets that contradict EN 300 472.
        units_malformed,
        /// Pages of the number wanted that are not marked as subtitles.
        pages_unmarked,
    }
}
