//! What `segment` counts.

use crate::counter::counters;

counters! {
    /// Segments made and rules met with difficulty.
    pub struct Counters {
        /// Media Segments completed.
        segments,
        /// Bytes of completed Media Segments.
        bytes,
        /// Media Segments that begin with a discontinuity.
        discontinuities,
        /// Gaps listed where media did not come in time (EXT-X-GAP).
        gap_segments,
        /// Packets dropped while waiting for the first random access point.
        packets_before_random_access,
        /// Packets dropped because their PES packet or section began before the first segment.
        packets_before_payload_start,
        /// Segments cut off a random access point because none came within the Target Duration.
        target_overruns,
        /// Segments cut at a random access point before the target because the next would overrun.
        early_cuts,
        /// Segments cut off a random access point because they reached the size limit.
        size_overruns,
        /// Access units whose time stamps contradict their neighbours; they are passed on untimed.
        timestamps_ignored,
        /// Access units too large to be held back until understood; they are passed on uncut.
        hold_back_overflows,
        /// Changes of PIDs, stream types or coding parameters.
        program_changes,
        /// Segments given up because they could not be stored.
        segments_abandoned,
    }
}
