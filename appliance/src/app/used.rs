//! What was counted of the sources that a rendition was made of.

use weir_hal::Multicast;

use crate::{
    app::leg::Leg,
    demux, measure,
    receive::{self, merge},
};

/// Counters of sources.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) receive: receive::Counters,
    pub(super) demux: demux::Counters,
    pub(super) merge: merge::Counters,
    pub(super) measure: measure::Counters,
}

impl Used {
    /// Those of `leg` since it was made.
    pub(super) fn of<M: Multicast>(leg: &Leg<M>) -> Self {
        Self {
            receive: leg.received(),
            demux: leg.demultiplexed(),
            merge: *leg.merged(),
            measure: leg.measured(),
        }
    }

    /// Those of both.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            receive: self.receive.plus(&other.receive),
            demux: self.demux.plus(&other.demux),
            merge: self.merge.plus(&other.merge),
            measure: self.measure.plus(&other.measure),
        }
    }

    /// These without those of `other`.
    pub(super) fn minus(&self, other: &Self) -> Self {
        Self {
            receive: self.receive.minus(&other.receive),
            demux: self.demux.minus(&other.demux),
            merge: self.merge.minus(&other.merge),
            measure: self.measure.minus(&other.measure),
        }
    }
}
