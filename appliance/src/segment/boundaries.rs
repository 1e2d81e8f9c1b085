//! Whether the boundaries that the encoder marks can be relied on.
//!
//! Source: OC-SP-EBP-I01-130118. All encoders of a channel mark the same pictures, so that who
//! cuts there cuts all its renditions alike. A mark counts only where decoding can begin.
//!
//! Marks that stop, or lie farther apart than a segment may last, are not waited for.

/// The boundaries of one time base.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    /// Unwrapped PTS of the last one, while others are expected.
    last: Option<i64>,
}

impl Boundaries {
    /// Begins with the unwrapped PTS of one, if one is there.
    pub(super) const fn starting(last: Option<i64>) -> Self {
        Self { last }
    }

    /// Takes note of one at the unwrapped `pts` and returns its distance from the one before.
    pub(super) fn note(&mut self, pts: i64) -> Option<i64> {
        self.last.replace(pts).map(|before| pts - before)
    }

    /// True while another is to be expected at `pts`, if they are up to `interval_90k` apart: no
    /// two in a row have failed to come.
    pub(super) fn are_expected(&self, pts: i64, interval_90k: i64) -> bool {
        self.last.is_some_and(|last| pts - last <= 2 * interval_90k)
    }

    /// Expects no more, and tells whether any were expected.
    pub(super) fn give_up(&mut self) -> bool {
        self.last.take().is_some()
    }
}
