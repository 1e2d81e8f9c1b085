//! What the renditions of one channel have in common: Target Duration, clock, and the number of
//! discontinuities.
//!
//! Source: RFC 8216 §6.2.4.

use super::Segmenter;
use crate::segment::{Clocks, Phase, StreamClock};

/// Discontinuities that a rendition makes up for at most: minutes of an encoder whose time stamps
/// jump at each segment.
const BREAKS_OWED_MAX: u64 = 64;

/// Segments from one of them to the next: an encoder whose time stamps jump at each segment must
/// not break up all other renditions as much.
const SEGMENTS_PER_BREAK_MIN: u64 = 4;

impl Segmenter {
    /// Takes `seconds` for the Target Duration, if none is fixed and the target fits into it: what
    /// the other renditions of the channel have.
    pub fn agree(&mut self, seconds: u32) {
        self.target.agree(seconds);
    }

    /// Dates by the clocks of the `channel` from now on, of which each is of another time base. The
    /// rendition that `leads` keeps one: its [clock](Self::clock) is that of the channel.
    pub fn agree_on_time(&mut self, channel: &Clocks, leads: bool) {
        self.time.agree(channel, leads);
    }

    /// Keeps to the cells of the grid, or not, when media is lost and comes back in its time base:
    /// the segment that is broken off lasts until its line, and media begins where a cell does, so
    /// that no discontinuity is needed that other renditions of the channel have not. Who is alone
    /// is better off with all media that there is.
    pub fn agree_on_cells(&mut self, has_others: bool) {
        self.keeps_to_cells = has_others && self.rules.phase == Phase::Grid;
    }

    /// Makes up for the discontinuities by which this rendition is behind the `channel`, which had
    /// so many, after a list that `had` fewer: one in `SEGMENTS_PER_BREAK_MIN` of the next segments
    /// begins with one. Players find their place in another rendition by the number (RFC 8216
    /// §6.2.4). One that is more than `BREAKS_OWED_MAX` behind stays behind.
    pub fn agree_on_breaks(&mut self, channel: u64, had: u64) {
        let open = self
            .on_air
            .as_ref()
            .is_some_and(|air| air.segment.discontinuity);
        let behind = channel.saturating_sub(had + u64::from(open));
        self.breaks_owed = if behind <= BREAKS_OWED_MAX { behind } else { 0 };
    }

    /// The clock by which it dates; `None` before the first segment.
    pub fn clock(&self) -> Option<StreamClock> {
        self.time.clock()
    }

    /// Whether the next segment, which is `independent` or not, begins with a discontinuity that
    /// another rendition had; the one after it is due some segments later.
    pub(super) fn claim_break(&mut self, independent: bool) -> bool {
        let next = self
            .on_air
            .as_ref()
            .map_or(0, |air| air.segment.sequence + 1);
        let is_due = independent && self.breaks_owed > 0 && next >= self.break_sequence_min;
        if is_due {
            self.break_sequence_min = next + SEGMENTS_PER_BREAK_MIN;
        }
        is_due
    }

    /// Takes note of what begins with a `discontinuity` or without: it makes up for one of another
    /// rendition, wherever that was.
    pub(super) fn pay_break(&mut self, discontinuity: bool) {
        self.breaks_owed = self.breaks_owed.saturating_sub(u64::from(discontinuity));
    }
}
