//! The ladder of one channel at work: its renditions tell it what they list, and what comes of
//! that goes on air and into the log.

use std::{ops::Range, sync::Arc};

use tracing::{info, warn};
use weir_hal::{Monotonic, Multicast, Wall};

use crate::{
    app::rendition::Rendition,
    ladder::{Alignment, Ladder, Report},
    live,
};

/// One channel as the receive thread carries it.
#[derive(Debug)]
pub(super) struct Climbing {
    face: Arc<live::Channel>,
    ladder: Ladder,
    /// Where its renditions stand among those of all channels.
    renditions: Range<usize>,
}

impl Climbing {
    /// A channel whose renditions stand at `renditions`, which goes on from `before`, if it was
    /// carried already.
    pub(super) fn new(
        face: Arc<live::Channel>,
        renditions: Range<usize>,
        before: Option<Self>,
    ) -> Self {
        let names = face.renditions.iter().map(|one| one.name.clone());
        let ladder = match before {
            None => Ladder::new(names),
            Some(before) => before.ladder.follow(names),
        };
        let climbing = Self {
            face,
            ladder,
            renditions,
        };
        climbing.publish();
        climbing
    }

    /// True when it is the channel called `id`.
    pub(super) fn is_called(&self, id: &str) -> bool {
        self.face.id == id
    }

    /// Carries on each rendition of the channel out of `all` by `turn`. What they have listed, or
    /// the time, may change the Master Playlist; the time is looked at when it `is_due`.
    pub(super) fn turn<M: Multicast>(
        &mut self,
        all: &mut [Rendition<M>],
        (now, wall): (Monotonic, Wall),
        is_due: bool,
        mut turn: impl FnMut(&mut Rendition<M>),
    ) {
        let mut is_changed = is_due;
        let renditions = all.get_mut(self.renditions.clone()).unwrap_or_default();
        for (rung, rendition) in renditions.iter_mut().enumerate() {
            if let Some(seconds) = self.ladder.target_duration_s() {
                rendition.agree(seconds);
            }
            turn(rendition);
            while let Some((segment, line)) = rendition.take_told() {
                self.ladder.listed(rung, (&segment, line), now, wall);
                is_changed = true;
            }
        }
        if is_changed {
            self.ladder.look(now, wall);
            self.publish();
        }
    }

    fn publish(&self) {
        self.face.publish_master(&self.ladder.variants());
        for (rung, rendition) in self.face.renditions.iter().enumerate() {
            rendition.set_withdrawn(self.ladder.is_withdrawn(rung));
        }
    }

    /// Publishes state and counters, and logs what has changed; called once a second.
    pub(super) fn report(&self) {
        let (before, report) = (self.face.ladder(), self.ladder.report());
        if *before == report {
            return;
        }
        self.log(&before, &report);
        self.face.tell(report);
    }

    fn log(&self, before: &Report, report: &Report) {
        let channel = &self.face.id;
        if before.alignment.as_str() != report.alignment.as_str() {
            match report.alignment {
                Alignment::Drifting { .. } => warn!(channel, "{}", report.alignment),
                Alignment::Aligned | Alignment::Unknown => info!(channel, "{}", report.alignment),
            }
        }
        let is_in = |report: &Report, check| report.findings.iter().any(|it| it.check == check);
        for finding in &report.findings {
            if !is_in(before, finding.check) {
                warn!(
                    channel,
                    finding = finding.check.as_str(),
                    "{}",
                    finding.reason
                );
            }
        }
        for finding in &before.findings {
            if !is_in(report, finding.check) {
                info!(channel, finding = finding.check.as_str(), "no longer so");
            }
        }
    }
}
