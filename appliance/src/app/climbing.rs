//! The ladder of one channel at work: its renditions tell it what they list, and what comes of
//! that goes on air and into the log.

use std::{ops::Range, sync::Arc};

use tracing::{info, warn};
use weir_hal::{Monotonic, Multicast, Wall};

use crate::{
    app::{
        master::{KeptMaster, Shelf},
        rendition::Rendition,
    },
    ladder::{Alignment, Ladder, Report},
    live,
    segment::{Clocks, MasterPlaylist, Variant},
};

/// One channel as the receive thread carries it.
#[derive(Debug)]
pub(super) struct Climbing {
    face: Arc<live::Channel>,
    ladder: Ladder,
    /// What dates its renditions.
    clocks: Clocks,
    /// Where its renditions stand among those of all channels.
    renditions: Range<usize>,
    /// The Master Playlist that is stored.
    shelf: Shelf,
    /// False while players are offered what an earlier life offered.
    is_settled: bool,
}

impl Climbing {
    /// A channel whose renditions stand at `renditions`, which goes on from what it was `before`,
    /// if it was carried already, or from the Master Playlist of an earlier life.
    pub(super) fn new<M: Multicast>(
        face: &Arc<live::Channel>,
        renditions: Range<usize>,
        (before, stored): (Option<Self>, Option<KeptMaster>),
        (all, now): (&mut [Rendition<M>], Monotonic),
    ) -> Self {
        let mut climbing = match before {
            Some(before) => before.follow(face, renditions),
            None => Self::begin(face, renditions, stored, all),
        };
        climbing.publish(all, now);
        climbing
    }

    /// Goes on for what `face` shows, with the renditions at other places.
    fn follow(self, face: &Arc<live::Channel>, renditions: Range<usize>) -> Self {
        let names = face.renditions.iter().map(|one| one.name.clone());
        Self {
            face: Arc::clone(face),
            ladder: self.ladder.follow(names),
            renditions,
            ..self
        }
    }

    /// Offers what an earlier life offered, as far as it is on air.
    fn begin<M: Multicast>(
        face: &Arc<live::Channel>,
        renditions: Range<usize>,
        stored: Option<KeptMaster>,
        all: &mut [Rendition<M>],
    ) -> Self {
        let offered = stored.as_ref().map(|stored| stored.on_air(face));
        let offered = offered.unwrap_or_default();
        for rendition in all.get_mut(renditions.clone()).unwrap_or_default() {
            rendition.resume_bandwidth(&offered);
        }
        let is_settled = offered.variants.is_empty();
        face.publish_master(offered);
        let names = face.renditions.iter().map(|one| one.name.clone());
        Self {
            face: Arc::clone(face),
            ladder: Ladder::new(names),
            clocks: Clocks::default(),
            renditions,
            shelf: Shelf::new(stored),
            is_settled,
        }
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
        self.clocks.retain_used(|time_base| {
            let mut used = renditions.iter().filter_map(Rendition::clock);
            used.any(|clock| clock.time_base() == time_base)
        });
        for rung in 0..renditions.len() {
            let leads = leads(renditions, rung);
            self.agree(renditions, rung, leads);
            let Some(rendition) = renditions.get_mut(rung) else {
                break;
            };
            turn(rendition);
            if let Some(media) = rendition.media() {
                self.ladder.fed(rung, media);
            }
            if let Some(clock) = rendition.clock() {
                self.clocks.keep(clock, leads);
            }
            while let Some((segment, line)) = rendition.take_told() {
                self.ladder.listed(rung, (&segment, line), now, wall);
                is_changed = true;
            }
        }
        if is_changed || self.ladder.has_starved(now) {
            let breaks = renditions.iter().map(Rendition::discontinuities).max();
            for rendition in &mut *renditions {
                rendition.agree_on_breaks(breaks.unwrap_or(0));
            }
            self.ladder.look(now, wall);
            self.is_settled |= self.ladder.is_settled(now);
            self.publish(all, now);
        }
    }

    /// Has the rendition at `rung`, which `leads` in its time base or not, go on as the channel
    /// does.
    fn agree<M: Multicast>(&self, renditions: &mut [Rendition<M>], rung: usize, leads: bool) {
        let has_others = renditions.len() > 1;
        let Some(rendition) = renditions.get_mut(rung) else {
            return;
        };
        if let Some(seconds) = self.ladder.target_duration_s() {
            rendition.agree(seconds);
        }
        rendition.agree_on_time(&self.clocks, leads);
        rendition.agree_on_cells(has_others);
    }

    /// Puts the Master Playlist on air, and into the store if it is another one.
    fn publish<M: Multicast>(&mut self, all: &mut [Rendition<M>], now: Monotonic) {
        let renditions = all.get_mut(self.renditions.clone()).unwrap_or_default();
        let list = self.master(renditions);
        if !self.is_settled || list.variants.is_empty() {
            return;
        }
        let is_due = self.shelf.wants(&list, now);
        if let Some(first) = renditions.first_mut().filter(|_| is_due) {
            let outcome = first.keep_master(list.clone());
            self.shelf.take(&self.face.id, outcome, now);
        }
        self.face.publish_master(list);
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

/// True when the rendition at `rung` keeps the clock of its time base: the first on air in it.
fn leads<M: Multicast>(renditions: &[Rendition<M>], rung: usize) -> bool {
    let time_base = renditions.get(rung).and_then(Rendition::time_base);
    let is_first = |it: &Rendition<M>| it.time_base() == time_base;
    time_base.is_some() && renditions.iter().position(is_first) == Some(rung)
}
