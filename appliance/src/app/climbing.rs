//! The ladder of one channel at work: its renditions tell it what they list, and what comes of
//! that goes on air and into the log.

use std::{ops::Range, sync::Arc};

use tracing::{info, warn};
use weir_hal::{Monotonic, Multicast, Wall};

use crate::{
    app::rendition::Rendition,
    ladder::{Alignment, Ladder, Report},
    live,
    segment::{MasterPlaylist, StreamClock, Variant},
};

/// One channel as the receive thread carries it.
#[derive(Debug)]
pub(super) struct Climbing {
    face: Arc<live::Channel>,
    ladder: Ladder,
    /// What dates all its renditions.
    clock: Option<StreamClock>,
    /// Where its renditions stand among those of all channels.
    renditions: Range<usize>,
}

impl Climbing {
    /// A channel whose renditions stand at `renditions`, which goes on from `before`, if it was
    /// carried already.
    pub(super) fn new<M: Multicast>(
        face: Arc<live::Channel>,
        renditions: Range<usize>,
        before: Option<Self>,
        all: &[Rendition<M>],
    ) -> Self {
        let names = face.renditions.iter().map(|one| one.name.clone());
        let (ladder, clock) = match before {
            None => (Ladder::new(names), None),
            Some(before) => (before.ladder.follow(names), before.clock),
        };
        let climbing = Self {
            face,
            ladder,
            clock,
            renditions,
        };
        climbing.publish(all);
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
        let leader = self.leader(renditions);
        for (rung, rendition) in renditions.iter_mut().enumerate() {
            if let Some(seconds) = self.ladder.target_duration_s() {
                rendition.agree(seconds);
            }
            rendition.agree_on_time(self.clock, leader == Some(rung));
            turn(rendition);
            self.keep_time(rendition.clock(), leader == Some(rung));
            while let Some((segment, line)) = rendition.take_told() {
                self.ladder.listed(rung, (&segment, line), now, wall);
                is_changed = true;
            }
        }
        if is_changed {
            self.ladder.look(now, wall);
            self.publish(all);
        }
    }

    /// The rendition that keeps the clock of the channel: the first on air that dates by it.
    fn leader<M: Multicast>(&self, renditions: &[Rendition<M>]) -> Option<usize> {
        let time_base = self.clock?.time_base();
        let is_leader = |rendition: &Rendition<M>| {
            let clock = rendition.clock();
            clock.is_some_and(|clock| clock.time_base() == time_base)
        };
        renditions.iter().position(is_leader)
    }

    /// Takes the `clock` of a rendition for that of the channel, if it leads, or is the first in a
    /// new time base.
    fn keep_time(&mut self, clock: Option<StreamClock>, leads: bool) {
        let is_newer = |clock: &StreamClock| match self.clock {
            Some(present) => leads || clock.time_base() > present.time_base(),
            None => true,
        };
        self.clock = clock.filter(is_newer).or(self.clock);
    }

    fn publish<M: Multicast>(&self, all: &[Rendition<M>]) {
        let renditions = all.get(self.renditions.clone()).unwrap_or_default();
        self.face.publish_master(self.master(renditions));
        for (rung, rendition) in renditions.iter().enumerate() {
            let is_withdrawn = self.ladder.is_withdrawn(rung);
            rendition.live().set_withdrawn(is_withdrawn);
            for track in rendition.lists().track_faces() {
                track.set_withdrawn(is_withdrawn);
            }
        }
    }

    /// The rungs of the ladder, and behind them the sound of each alone. What has no subtitles of
    /// its own has those of the first that has.
    fn master<M: Multicast>(&self, renditions: &[Rendition<M>]) -> MasterPlaylist {
        let mut list = MasterPlaylist::default();
        let mut sounds = Vec::new();
        for (rung, rendition) in renditions.iter().enumerate() {
            let Some(variant) = self.ladder.variant(rung) else {
                continue;
            };
            let (name, lists) = (&rendition.live().name, rendition.lists());
            let before = list.subtitles.len();
            list.subtitles.extend(lists.subtitles(name));
            let group = (list.subtitles.len() > before).then(|| name.clone());
            let with_group = |variant: Variant| Variant {
                subtitles: group.clone(),
                ..variant
            };
            list.variants.push(with_group(variant.clone()));
            sounds.extend(lists.sound().map(with_group));
        }
        list.variants.extend(sounds);
        let first = list
            .subtitles
            .first()
            .map(|rendition| rendition.group.clone());
        for variant in &mut list.variants {
            variant.subtitles = variant.subtitles.take().or_else(|| first.clone());
        }
        list
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
