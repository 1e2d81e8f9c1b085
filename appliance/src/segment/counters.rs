//! What `segment` counts.

use crate::counter::counters;

counters! {
    /// Segments made and rules met with difficulty.
    pub struct Counters {
        /// Media Segments completed.
        segments,
        /// Bytes of completed Media Segments.
        bytes: detail,
        /// Media Segments that begin with a discontinuity.
        discontinuities: detail,
        /// Gaps listed where media did not come in time (EXT-X-GAP).
        gap_segments,
        /// Packets dropped while waiting for the first random access point.
        packets_before_random_access: detail,
        /// Packets dropped because their PES packet or section began before the first segment.
        packets_before_payload_start: detail,
        /// Packets left out of a segment: they are not of its time, or not of its tables.
        packets_left_out: detail,
        /// Segments cut off a random access point because none came within the Target Duration.
        target_overruns: detail,
        /// Segments cut at a random access point before the target because the next would overrun.
        early_cuts: detail,
        /// Segments cut off a random access point because they reached the size limit.
        size_overruns: detail,
        /// Access units whose time stamps contradict their neighbours; they are passed on untimed.
        timestamps_ignored: detail,
        /// Access units without PTS; they are passed on, and no segment begins or ends at them.
        units_untimed: detail,
        /// Times that more waited for a cut than can be held back; it was passed on uncut.
        hold_back_overflows: detail,
        /// Changes of PIDs, stream types or coding parameters.
        program_changes: detail,
        /// PCRs that do not follow those before them: another time base, or the wall clock was set.
        clock_restarts: detail,
        /// Segments given up because they could not be stored.
        segments_abandoned: detail,
        /// Events that splice messages announced or cancelled, breaks above all.
        cues: detail,
        /// Splice messages that repeat the last one of their event; they are told of once.
        splice_repetitions: detail,
        /// Segments cut at a splice point before their time.
        splice_cuts: detail,
        /// Splice messages that came after the time they name; they are listed, not cut at.
        splices_late: detail,
        /// Splice messages for a time more than an hour away; they are not believed.
        splices_implausible: detail,
        /// Splice messages before the first segment: too many waited, or they name no time.
        splices_unplaced: detail,
        /// Splice points without a cut: no random access point came, time leapt, too many waited.
        splices_missed: detail,
        /// Boundaries marked by the encoder on access units where decoding cannot begin.
        boundaries_refused: detail,
        /// Boundaries marked by the encoder before the target duration; no cut there.
        boundaries_passed_over: detail,
        /// Times that a boundary of the encoder was waited for in vain.
        boundaries_missed: detail,
    }
}
