//! What the renditions of one channel have in common: Target Duration, clock, and the number of
//! discontinuities.
//!
//! Source: RFC 8216 §6.2.4.

use super::Segmenter;
use crate::segment::StreamClock;

/// Discontinuities that a rendition makes up for at most.
const BREAKS_OWED_MAX: u64 = 8;

impl Segmenter {
    /// Takes `seconds` for the Target Duration, if none is fixed and the target fits into it: what
    /// the other renditions of the channel have.
    pub fn agree(&mut self, seconds: u32) {
        self.target.agree(seconds);
    }

    /// Dates by the clock of the `channel` from now on, as far as that is of the same time base.
    /// The rendition that `leads` keeps it: its [clock](Self::clock) is that of the channel.
    pub fn agree_on_time(&mut self, channel: Option<StreamClock>, leads: bool) {
        self.time.agree(channel, leads);
    }

    /// Begins as many of the next segments with a discontinuity as this rendition is behind the
    /// `channel`, which had so many, after a list that `had` fewer: players find their place in
    /// another rendition by the number (RFC 8216 §6.2.4). One that is more than a few behind does
    /// not.
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

    /// True when the next segment, which is `independent` or not, is to begin with a discontinuity
    /// that another rendition had.
    pub(super) fn pay_break(&mut self, independent: bool) -> bool {
        let is_due = independent && self.breaks_owed > 0;
        self.breaks_owed -= u64::from(is_due);
        is_due
    }
}
