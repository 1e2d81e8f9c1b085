//! What tracks count.

use crate::counter::counters;

counters! {
    /// What became of the tracks of a rendition: its sound alone, and its subtitles as WebVTT.
    pub struct Counters {
        /// Segments of tracks completed.
        track_segments,
        /// Segments of tracks listed as gaps: nothing came, or they could not be stored.
        track_gaps,
        /// Program clock references that a track of sound took out of packets of other streams.
        clock_references,
        /// Packets of sound left out at the end of a segment: they are of the next time base.
        sound_ahead,
        /// Teletext pages of subtitles that were shown or cleared.
        teletext_pages,
        /// Teletext pages of the number chosen, not marked as subtitles; they are not shown.
        teletext_pages_unmarked,
        /// Teletext PES packets without a time stamp near the clock; shown when they come.
        teletext_packets_untimed,
        /// Teletext packets with more bit errors than can be mended; they are dropped.
        teletext_packets_damaged,
        /// Teletext letters with a bit error; they are shown as blanks.
        teletext_letters_damaged,
        /// Data units and PES packets that contradict EN 300 472; they are dropped.
        teletext_units_malformed,
        /// Cues written to WebVTT.
        cues_written,
        /// Changes of subtitles that were dropped because too many came at once.
        cues_dropped,
    }
}
