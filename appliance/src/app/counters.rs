//! What is counted on the way to the air.

use crate::counter::counters;

counters! {
    /// What became of segments on their way into the store.
    pub struct PublishCounters {
        /// Segments the store refused for want of memory; they are not listed.
        segments_refused: polled,
        /// Segments held back for want of a key; gaps are listed for them.
        segments_withheld: detail,
        /// Playlists the store refused; a restart would go on from an older one.
        playlists_refused: detail,
        /// Parts of an archive the store refused; a restart would have gaps there.
        archives_refused: detail,
        /// Segments given up before their time, for want of room or because too many left at once.
        segments_released_early: detail,
        /// Splice messages that are not listed: too long, or against what players were told before.
        cues_refused: detail,
        /// Events taken off the playlist before their time, because there were too many.
        date_ranges_dropped: detail,
    }
}
