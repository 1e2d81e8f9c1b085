//! What tracks count.

use crate::counter::counters;

counters! {
    /// What became of the tracks of a rendition: its sound alone, and its subtitles as WebVTT.
    pub struct Counters {
        /// Segments of tracks completed.
        track_segments: detail,
        /// Segments of tracks listed as gaps: nothing came, or they could not be stored.
        track_gaps: detail,
        /// Program clock references that a track of sound took out of packets of other streams.
        clock_references: detail,
        /// Packets of sound left out at the end of a segment: they are of the next time base.
        sound_ahead: detail,
        /// Teletext pages of subtitles that were shown or cleared.
        teletext_pages: detail,
        /// Teletext pages of the number chosen, not marked as subtitles; they are not shown.
        teletext_pages_unmarked: detail,
        /// Teletext PES packets without a time stamp near the clock; shown when they come.
        teletext_packets_untimed: detail,
        /// Teletext packets with more bit errors than can be mended; they are dropped.
        teletext_packets_damaged: detail,
        /// Teletext letters with a bit error; they are shown as blanks.
        teletext_letters_damaged: detail,
        /// Data units and PES packets that contradict EN 300 472; they are dropped.
        teletext_units_malformed: detail,
        /// Cues written to WebVTT.
        cues_written: detail,
        /// Changes of subtitles that were dropped because too many came at once.
        cues_dropped: detail,
    }
}
