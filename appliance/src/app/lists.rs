//! The lists of one rendition: its own, and those of its tracks.
//!
//! Each list has a [`Publisher`] of its own, so that gaps, the archive, restarts and all else hold
//! for tracks as they do for the rendition. A track is told only what the rendition has listed;
//! where the store refuses a segment of a track alone, a gap takes its place.

use std::sync::Arc;

use tracing::info;
use weir_cache::Store;
use weir_hal::Monotonic;

use crate::{
    app::{
        PublishCounters,
        keeping::Spare,
        language::Language,
        master::{KeepError, KeptMaster},
        plan::Plan,
        publisher::{Moment, Publisher},
        restore::{Waking, restore},
    },
    config::TeletextChoice,
    demux::{Event, TeletextKind},
    encryption::Vault,
    ladder::Line,
    live,
    segment::{
        Format, MasterPlaylist, Output, Segment, SubtitleRendition, Variant,
        track::{self, PageChoice, Subtitles, Track},
    },
};

/// What a track is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Sound,
    Subtitles(TeletextChoice),
}

impl Choice {
    /// Those of `plan`, each with its name in URLs.
    fn all(plan: &Plan) -> Vec<(Self, String)> {
        let audio = plan.rendition.audio_name();
        let audio = audio.into_iter().map(|name| (Self::Sound, name));
        let pages = plan.rendition.teletext_names();
        let pages = pages.map(|(page, name)| (Self::Subtitles(page), name));
        audio.chain(pages).collect()
    }

    const fn format(self) -> Format {
        match self {
            Self::Sound => Format::TransportStream,
            Self::Subtitles(_) => Format::WebVtt,
        }
    }

    fn track(self) -> Track {
        match self {
            Self::Sound => Track::Sound(Box::default()),
            Self::Subtitles(page) => Track::Subtitles(Box::new(Subtitles::new(page.into()))),
        }
    }
}

impl From<TeletextChoice> for PageChoice {
    fn from(choice: TeletextChoice) -> Self {
        match choice {
            TeletextChoice::First => Self::First,
            TeletextChoice::Page(number) => Self::Number(number),
            TeletextChoice::Language(code) => Self::Language(code),
        }
    }
}

/// One track at work.
#[derive(Debug)]
struct Side {
    choice: Choice,
    track: Track,
    publisher: Publisher,
    /// What is to be added to the counters of the track: segments that the store refused, and what
    /// it counted before the rendition was received anew.
    counted: track::Counters,
}

/// The lists of one rendition.
#[derive(Debug)]
pub(super) struct Lists {
    main: Publisher,
    sides: Vec<Side>,
    /// What was counted of tracks that have ended.
    ended: (track::Counters, PublishCounters),
}

impl Lists {
    /// Goes on from what the store knows of the rendition of `plan` and its tracks, which are
    /// encrypted with the keys of the vault.
    pub(super) async fn restore(
        keeping: (&Store, &Arc<Vault>),
        plan: &Plan,
        waking: Waking,
    ) -> Self {
        let name = plan.rendition.name.clone();
        let main = publisher(keeping, plan, (name, Format::TransportStream), waking).await;
        let mut sides = Vec::new();
        for (choice, name) in Choice::all(plan) {
            let publisher = publisher(keeping, plan, (name, choice.format()), waking).await;
            sides.push(Side::new(choice, publisher));
        }
        Self {
            main,
            sides,
            ended: (track::Counters::default(), PublishCounters::default()),
        }
    }

    /// Goes on by `plan`, which changes nothing of the rendition itself but how segments are kept
    /// and told of: tracks that it names too go on, others begin or end.
    pub(super) fn follow(&mut self, plan: &Plan) {
        let mut before = std::mem::take(&mut self.sides);
        for (choice, name) in Choice::all(plan) {
            let place = before.iter().position(|side| side.choice == choice);
            let side = place.map(|place| before.swap_remove(place));
            self.sides.push(side.unwrap_or_else(|| {
                info!(channel = plan.channel, track = name, "begins");
                let face = live::Rendition::of_format(name, choice.format());
                Side::new(choice, self.main.beside(plan, Arc::new(face)))
            }));
        }
        for side in before {
            let (track, publish) = self.ended;
            let publish = publish.plus(side.publisher.counters());
            self.ended = (track.plus(&side.counters()), publish);
        }
        let sides = self.sides.iter_mut().map(|side| &mut side.publisher);
        for publisher in [&mut self.main].into_iter().chain(sides) {
            publisher.set_class(plan.class);
            publisher.set_markers(plan.markers);
            publisher.set_dvr(plan.dvr);
        }
    }

    /// Goes on by `plan` with the same lists for a stream that is received anew.
    pub(super) fn begin_anew(mut self, plan: &Plan) -> Self {
        self.follow(plan);
        let sides = self.sides.into_iter();
        let anew = |side: Side| Side {
            counted: side.counters(),
            ..Side::new(side.choice, side.publisher.begin_anew(plan))
        };
        Self {
            main: self.main.begin_anew(plan),
            sides: sides.map(anew).collect(),
            ended: self.ended,
        }
    }

    /// Ends in order: the next life goes on from what players see now.
    pub(super) fn end_in_order(&mut self) {
        let sides = self.sides.iter_mut().map(|side| &mut side.publisher);
        for publisher in [&mut self.main].into_iter().chain(sides) {
            publisher.end_in_order();
        }
    }

    /// The rendition's own.
    pub(super) const fn main(&self) -> &Publisher {
        &self.main
    }

    /// What players see of each track.
    pub(super) fn track_faces(&self) -> impl Iterator<Item = Arc<live::Rendition>> {
        let sides = self.sides.iter();
        sides.map(|side| Arc::clone(side.publisher.live()))
    }

    /// The line of its sound alone in the Master Playlist, if there is one.
    pub(super) fn sound(&self) -> Option<Variant> {
        let mut sides = self.sides.iter();
        let side = sides.find(|side| side.choice == Choice::Sound)?;
        self.main.sound(&side.publisher)
    }

    /// The lines of its subtitles in the Master Playlist, for the variants of `group`.
    pub(super) fn subtitles(&self, group: &str) -> Vec<SubtitleRendition> {
        let mut lines: Vec<SubtitleRendition> = Vec::new();
        for line in self.sides.iter().filter_map(|side| side.subtitles(group)) {
            // Two pages of one language, or one page by two names.
            let is_taken = lines.iter().any(|other| other.name == line.name);
            let name = if is_taken {
                format!("{} {}", line.name, lines.len() + 1)
            } else {
                line.name
            };
            lines.push(SubtitleRendition { name, ..line });
        }
        lines
    }

    /// Begins what lists nothing yet with at least so many discontinuities behind it.
    pub(super) fn begin_behind(&mut self, discontinuities: u64) {
        self.main.begin_behind(discontinuities);
    }

    /// What was counted of the tracks.
    pub(super) fn counters(&self) -> track::Counters {
        let (ended, _) = self.ended;
        let sum = |sum: track::Counters, side: &Side| sum.plus(&side.counters());
        self.sides.iter().fold(ended, sum)
    }

    /// What was counted on the way into the store.
    pub(super) fn publish_counters(&self) -> PublishCounters {
        let sides = self.sides.iter();
        let sum = |sum: PublishCounters, side: &Side| sum.plus(side.publisher.counters());
        let (_, ended) = &self.ended;
        sides.fold(self.main.counters().plus(ended), sum)
    }

    /// Takes note of what the stream says of itself.
    pub(super) fn observe(&mut self, event: &Event<'_>) {
        self.main.observe(event);
    }

    /// The next segment that was listed, with what the rendition says of itself.
    pub(super) fn take_told(&mut self) -> Option<(Segment, Line)> {
        self.main.take_told()
    }

    /// Goes on from the bandwidths that an earlier life `offered`.
    pub(super) fn resume_bandwidth(&mut self, offered: &MasterPlaylist) {
        let sides = self.sides.iter_mut().map(|side| &mut side.publisher);
        for publisher in [&mut self.main].into_iter().chain(sides) {
            publisher.resume_bandwidth(offered);
        }
    }

    /// Stores the Master Playlist of its channel.
    ///
    /// # Errors
    /// [`KeepError`] when the store refuses.
    pub(super) fn keep_master(&mut self, list: MasterPlaylist) -> Result<KeptMaster, KeepError> {
        self.main.keep_master(list)
    }

    /// Lets go of segments whose time is over.
    pub(super) fn release(&mut self, now: Monotonic) {
        self.main.release(now);
        for side in &mut self.sides {
            side.publisher.release(now);
        }
    }

    /// What of them may go next before live output has no room.
    pub(super) fn spare(&self) -> Option<Spare> {
        let sides = self.sides.iter().map(|side| &side.publisher);
        let all = [&self.main].into_iter().chain(sides);
        all.filter_map(Publisher::spare).min()
    }

    /// Gives up a segment of each list that has `spare`, or what goes before.
    pub(super) fn give_up(&mut self, spare: Spare) {
        let sides = self.sides.iter_mut().map(|side| &mut side.publisher);
        for publisher in [&mut self.main].into_iter().chain(sides) {
            if publisher.spare().is_some_and(|it| it <= spare) {
                publisher.give_up_spare();
            }
        }
    }

    /// Takes the next output of the segmenter.
    pub(super) fn take(&mut self, output: Output, moment: Moment) {
        let Self { main, sides, .. } = self;
        if sides.is_empty() {
            main.take(output, moment);
            return;
        }
        main.take(output.clone(), moment);
        if main.has_lost() {
            return;
        }
        for side in sides {
            side.take(&output, main, moment);
        }
    }

    /// True once after the store has refused bytes of the rendition's open segment. Its number
    /// comes again, so tracks give theirs up too.
    pub(super) fn take_loss(&mut self, moment: Moment) -> bool {
        let Self { main, sides, .. } = self;
        let is_lost = main.take_loss();
        if is_lost {
            for side in sides {
                side.abandon(main, moment);
            }
        }
        is_lost
    }
}

impl Side {
    fn new(choice: Choice, publisher: Publisher) -> Self {
        Self {
            choice,
            track: choice.track(),
            publisher,
            counted: track::Counters::default(),
        }
    }

    /// What was counted of it.
    fn counters(&self) -> track::Counters {
        self.track.counters().plus(&self.counted)
    }

    /// Its line in the Master Playlist for the variants of `group`, if it is one of subtitles that
    /// has listed something.
    fn subtitles(&self, group: &str) -> Option<SubtitleRendition> {
        let (Choice::Subtitles(choice), Track::Subtitles(track)) = (self.choice, &self.track)
        else {
            return None;
        };
        let language = match (track.page(), choice) {
            (Some(page), _) => Language::of(page.language),
            (None, TeletextChoice::Language(code)) => Language::of(code),
            (None, _) => None,
        };
        let kind = track.page().map(|page| page.kind);
        let is_for_hard_of_hearing = kind == Some(TeletextKind::HardOfHearing);
        let name = language
            .as_ref()
            .map_or("Teletext", |language| &language.name);
        let behind = if is_for_hard_of_hearing { " (SDH)" } else { "" };
        let line = SubtitleRendition {
            uri: self.publisher.uri(),
            group: group.to_owned(),
            name: format!("{name}{behind}"),
            language: language.map(|language| language.tag),
            is_for_hard_of_hearing,
        };
        (!self.publisher.playlist().is_empty()).then_some(line)
    }

    fn take(&mut self, output: &Output, main: &Publisher, moment: Moment) {
        let Self {
            track,
            publisher,
            counted,
            ..
        } = self;
        track.push(output, |output| {
            counted.track_gaps += u64::from(publish(publisher, output, main, moment));
        });
    }

    fn abandon(&mut self, main: &Publisher, moment: Moment) {
        let Self {
            track,
            publisher,
            counted,
            ..
        } = self;
        publisher.abandon();
        track.abandon(|output| {
            counted.track_gaps += u64::from(publish(publisher, output, main, moment));
        });
    }
}

/// Lists what a track has made beside `main`. True when the store refused a segment of it.
fn publish(publisher: &mut Publisher, output: Output, main: &Publisher, moment: Moment) -> bool {
    let ended = match &output {
        Output::End(segment) | Output::Gap(segment) => Some(*segment),
        Output::Begin { .. } | Output::Bytes(_) | Output::Cue(_) => None,
    };
    if let Some(segment) = &ended {
        publisher.line_up(main.playlist(), segment.sequence, moment);
    }
    publisher.take(output, moment);
    let refused = ended.filter(|_| publisher.take_loss());
    if let Some(segment) = &refused {
        publisher.take(Output::Gap(segment.as_gap()), moment);
    }
    refused.is_some()
}

async fn publisher(
    (store, vault): (&Store, &Arc<Vault>),
    plan: &Plan,
    (name, format): (String, Format),
    waking: Waking,
) -> Publisher {
    let restored = restore((store, vault), plan, (&name, format), waking).await;
    let face = Arc::new(live::Rendition::of_format(name, format));
    Publisher::new(store.clone(), Arc::clone(vault), plan, face, restored)
}
