//! Puts finished segments into the store and on air, and keeps them as long as players may ask.
//!
//! Source: RFC 8216 §6.2.1 (a listed segment is available), §6.2.2 (and stays so for its own
//! duration plus that of the longest playlist that listed it). A segment is listed only after it
//! is committed, so nothing is listed that cannot be fetched. The playlist itself is stored too:
//! after a restart the list goes on from there ([`crate::app::restore`]), and so does what players
//! may start over in ([`crate::app::past`]).

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use heapless::Deque;
use tracing::warn;
use weir_cache::{Class, Error, Key, Pin, Store};
use weir_hal::{Monotonic, Wall};

use crate::{
    app::{
        description::Description,
        past::Past,
        rendition::Plan,
        restore::Restored,
        sealed_writer::{Sealed, SealedWriter},
    },
    config::Config,
    counter::counters,
    demux::Event,
    encryption::{NoKey, Vault},
    ladder::Line,
    live::{self, Document},
    segment::{
        Archive, BandwidthMeter, Cue, CueOutcome, KeyTag, Markers, MediaPlaylist, Output, Segment,
        Variant,
    },
    serve::{playlist_path, segment_path_of},
};

counters! {
    /// What became of segments on their way into the store.
    pub struct PublishCounters {
        /// Segments the store refused for want of memory; they are not listed.
        segments_refused,
        /// Segments held back for want of a key; gaps are listed for them.
        segments_withheld,
        /// Playlists the store refused; a restart would go on from an older one.
        playlists_refused,
        /// Parts of an archive the store refused; a restart would have gaps there.
        archives_refused,
        /// Segments given up before their time, for want of room or because too many left at once.
        segments_released_early,
        /// Splice messages that are not listed: too long, or against what players were told before.
        cues_refused,
        /// Events taken off the playlist before their time, because there were too many.
        date_ranges_dropped,
    }
}

/// Segments out of the playlist that are kept for players that still ask for them.
///
/// One playlist duration and one segment: a window of 1,000 needs as many, and an archive as many
/// as it holds. Beyond it the oldest is released early, and counted.
const RETAINED_MAX: usize = 1_024;

const _: () = assert!(Archive::SEGMENTS_MAX as u128 == Config::DVR_SEGMENTS_MAX);
/// Segments listed in one turn of the receive thread that the ladder is told of: of a burst of
/// more, which are stubs, the newest.
const TOLD_MAX: usize = 8;

/// When something came, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The turn of the receive thread.
    pub(super) now: Monotonic,
    /// The datagram's reception by the kernel.
    pub(super) received: Wall,
}

/// Why there is a writer when bytes or the end of a segment come.
const OPEN: &str = "a segment that was begun and not lost is open";

/// One rendition's way from finished segments to the air.
#[derive(Debug)]
pub(super) struct Publisher {
    store: Store,
    vault: Arc<Vault>,
    live: Arc<live::Rendition>,
    channel: String,
    class: Class,
    description: Description,
    bandwidth: BandwidthMeter,
    /// What was listed and not yet told to the ladder, oldest first.
    told: Deque<(Segment, Line), TOLD_MAX>,
    playlist: MediaPlaylist,
    /// One for each segment listed, oldest first; none for a gap.
    listed: VecDeque<Option<Pin>>,
    /// What players may start over in; those listed are the newest of it.
    past: Option<Past>,
    /// Segments that left the list, until their time is over.
    retained: VecDeque<(Monotonic, Pin)>,
    writer: Option<SealedWriter>,
    /// Why the last segment could not be encrypted, if so.
    no_key: Option<NoKey>,
    has_lost_segment: bool,
    last_segment: Option<Moment>,
    /// When the list last grew; known from the first turn on.
    updated: Option<Monotonic>,
    /// How long before that turn it grew in an earlier life.
    age: Duration,
    counters: PublishCounters,
}

impl Publisher {
    /// Goes on from what `restored` found of the rendition `live` of `plan`: a list that is found
    /// is on air again at once. Segments are encrypted by what `vault` has.
    pub(super) fn new(
        store: Store,
        vault: Arc<Vault>,
        plan: &Plan,
        live: Arc<live::Rendition>,
        restored: Restored,
    ) -> Self {
        let mut publisher = Self {
            store,
            vault,
            live,
            channel: plan.channel.clone(),
            class: plan.class,
            description: Description::default(),
            bandwidth: BandwidthMeter::default(),
            told: Deque::new(),
            playlist: restored.playlist,
            listed: restored.listed,
            past: restored.past,
            retained: VecDeque::new(),
            writer: None,
            no_key: None,
            has_lost_segment: false,
            last_segment: None,
            updated: None,
            age: restored.age,
            counters: PublishCounters::default(),
        };
        publisher.playlist.set_markers(plan.markers);
        publisher.playlist.set_format(publisher.live.format);
        publisher.set_dvr(plan.dvr);
        if !publisher.playlist.is_empty() {
            publisher.live.publish_playlist(publisher.document());
        }
        publisher
    }

    /// One for `live`, a further list out of this rendition that begins now.
    pub(super) fn beside(&self, plan: &Plan, live: Arc<live::Rendition>) -> Self {
        Self::new(
            self.store.clone(),
            Arc::clone(&self.vault),
            plan,
            live,
            Restored::nothing(plan.window),
        )
    }

    /// Gives segments that begin from now on another class.
    pub(super) const fn set_class(&mut self, class: Class) {
        self.class = class;
    }

    /// Tells of events that come from now on in another way.
    pub(super) fn set_markers(&mut self, markers: Markers) {
        self.playlist.set_markers(markers);
    }

    /// Goes on by `plan` with the same list for a stream that is received anew. The open segment
    /// is given up. A raised target ends the list: its segments stay in the store, unpinned.
    pub(super) fn begin_anew(mut self, plan: &Plan) -> Self {
        self.playlist.set_window(plan.window);
        if self.playlist.outgrow(plan.rules.target.as_secs()) {
            self.listed.clear();
            self.past = None;
        }
        self.set_dvr(plan.dvr);
        Self {
            description: Description::default(),
            bandwidth: BandwidthMeter::default(),
            writer: None,
            has_lost_segment: false,
            last_segment: None,
            ..self
        }
    }

    pub(super) fn live(&self) -> &Arc<live::Rendition> {
        &self.live
    }

    pub(super) fn playlist(&self) -> &MediaPlaylist {
        &self.playlist
    }

    /// Begins a list that is empty with at least so many discontinuities behind it.
    pub(super) fn begin_behind(&mut self, discontinuities: u64) {
        self.playlist.begin_behind(discontinuities);
    }

    pub(super) fn counters(&self) -> &PublishCounters {
        &self.counters
    }

    /// When the last segment was listed in this life.
    pub(super) fn last_segment(&self) -> Option<Moment> {
        self.last_segment
    }

    /// When the list last grew; `None` while it is empty.
    pub(super) fn updated(&self) -> Option<Monotonic> {
        self.updated.filter(|_| !self.playlist.is_empty())
    }

    /// Why the last segment was held back, if it was.
    pub(super) fn no_key(&self) -> Option<&NoKey> {
        self.no_key.as_ref()
    }

    /// True while the list ends with a gap.
    pub(super) fn ends_with_gap(&self) -> bool {
        let last = self.playlist.segments().last();
        last.is_some_and(|last| last.gap)
    }

    /// The next segment that was listed, with what the rendition says of itself.
    pub(super) fn take_told(&mut self) -> Option<(Segment, Line)> {
        self.told.pop_front()
    }

    /// The line in the Master Playlist of `track`, this rendition's sound; `None` until that has
    /// listed some.
    pub(super) fn sound(&self, track: &Self) -> Option<Variant> {
        let bandwidth = track.bandwidth.declared();
        let uri = format!("{}.m3u8", track.stem());
        let sound = self.description.sound(uri, bandwidth);
        sound.filter(|_| bandwidth.peak_bps > 0 && !track.playlist.is_empty())
    }

    /// Goes on beside `other`, the list of the rendition that this is a track of, where segment
    /// `sequence` comes next: what is lacking before it are gaps.
    pub(super) fn line_up(&mut self, other: &MediaPlaylist, sequence: u64, now: Monotonic) {
        let lacking = self.playlist.line_up(other, sequence);
        if self.playlist.is_empty() {
            self.listed.clear();
            if let Some(past) = &mut self.past {
                past.begin_anew(self.playlist.discontinuity_sequence());
            }
        }
        for gap in lacking {
            self.list(gap, (None, None), now);
        }
    }

    /// Gives the open segment up: its number comes again.
    pub(super) fn abandon(&mut self) {
        self.writer = None;
        self.has_lost_segment = false;
    }

    /// True while bytes are lost and nobody has asked.
    pub(super) const fn has_lost(&self) -> bool {
        self.has_lost_segment
    }

    /// True once after the store has refused bytes of the open segment.
    pub(super) fn take_loss(&mut self) -> bool {
        std::mem::take(&mut self.has_lost_segment)
    }

    /// Takes note of what the stream says of itself.
    pub(super) fn observe(&mut self, event: &Event<'_>) {
        self.description.observe(event);
    }

    /// Takes the next output of the segmenter; nothing more after a loss, until it was asked for
    /// by [`Self::take_loss`]: what comes meanwhile has numbers that are not to be had any more.
    pub(super) fn take(&mut self, output: Output, moment: Moment) {
        if let Output::Cue(cue) = &output {
            self.take_cue(cue);
        }
        if self.has_lost_segment {
            return;
        }
        let outcome = match output {
            Output::Cue(_) => Ok(()),
            Output::Begin { sequence } => self.begin(sequence, moment.received),
            Output::Bytes(bytes) => self.append(bytes),
            Output::End(segment) => self.end(segment, moment),
            Output::Gap(segment) => {
                self.writer = None;
                self.list(segment, (None, None), moment.now);
                Ok(())
            }
        };
        if let Err(error) = outcome {
            self.writer = None;
            self.has_lost_segment = true;
            self.counters.segments_refused += 1;
            self.make_room();
            warn!(channel = self.channel, rendition = self.live.name, %error, "segment lost");
        }
    }

    /// Lets go of segments whose time is over.
    pub(super) fn release(&mut self, now: Monotonic) {
        let (age, nanos) = (self.age.as_nanos(), now.as_nanos());
        let age = u64::try_from(age).unwrap_or(u64::MAX);
        let before = Monotonic::from_nanos(nanos.saturating_sub(age));
        self.updated.get_or_insert(before);
        while self
            .retained
            .front()
            .is_some_and(|(until, _)| *until <= now)
        {
            self.retained.pop_front();
        }
    }

    /// Has the playlist tell of an event, from its next version on.
    fn take_cue(&mut self, cue: &Cue) {
        match self.playlist.take_cue(cue) {
            CueOutcome::Taken => {}
            CueOutcome::TakenForAnother => self.counters.date_ranges_dropped += 1,
            CueOutcome::Refused => self.counters.cues_refused += 1,
        }
    }

    fn begin(&mut self, sequence: u64, received: Wall) -> Result<(), Error> {
        let file = (sequence, self.live.format);
        let key = key(&segment_path_of(&self.channel, &self.live.name, file));
        // Strong, and new for every attempt at this number: RFC 9110 §8.8.3.
        let etag = format!("\"{sequence:x}-{:x}\"", received.as_nanos());
        let seal = self.vault.seal(sequence);
        self.no_key = seal.as_ref().err().cloned();
        let begin = || self.store.begin(&key, self.class, Bytes::from(etag));
        self.writer = Some(SealedWriter::begin(seal, begin)?);
        Ok(())
    }

    fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        let writer = self.writer.as_mut();
        writer.expect(OPEN).append(bytes)
    }

    fn end(&mut self, segment: Segment, moment: Moment) -> Result<(), Error> {
        let writer = self.writer.take().expect(OPEN);
        match writer.end(segment)? {
            Sealed::Kept(segment, key, pin) => {
                self.bandwidth.push(&segment);
                self.description.end_segment(&segment);
                self.last_segment = Some(moment);
                self.tell(segment);
                self.list(segment, (key, Some(pin)), moment.now);
            }
            Sealed::Withheld(gap) => {
                self.counters.segments_withheld += 1;
                // Before the first segment there is no list, and nobody who waits.
                if !self.playlist.is_empty() {
                    self.list(gap, (None, None), moment.now);
                }
            }
        }
        Ok(())
    }

    /// Appends `segment` to the list; a gap has neither key nor pin.
    fn list(
        &mut self,
        segment: Segment,
        (key, pin): (Option<KeyTag>, Option<Pin>),
        now: Monotonic,
    ) {
        self.listed.push_back(pin.clone());
        for removed in self.playlist.push_encrypted(segment, key.clone()) {
            let pin = self.listed.pop_front();
            if let Some(pin) = pin.expect("one entry for each segment listed") {
                self.retain(now + removed.keep, pin);
            }
        }
        self.archive(segment, (key, pin), now);
        self.updated = Some(now);
        self.publish();
    }

    /// Begins an archive of `depth` with what is listed, gives the present one that depth, or ends
    /// it.
    fn set_dvr(&mut self, depth: Option<Duration>) {
        match (depth, &mut self.past) {
            (None, past) => *past = None,
            (Some(depth), Some(past)) => past.set_depth(depth),
            (Some(depth), None) => {
                let numbers_from = self.playlist.discontinuity_sequence();
                let stem = self.stem();
                let mut past = Past::new(depth, &stem, self.live.format, numbers_from);
                let segments = self.playlist.encrypted_segments().zip(&self.listed);
                for ((segment, key), pin) in segments {
                    past.push(*segment, (key.cloned(), pin.clone()));
                }
                self.past = Some(past);
            }
        }
        self.publish_archive();
    }

    /// Appends `segment` to the archive, if there is one. What leaves it stays for as long as the
    /// longest list that had it: that of the whole archive.
    fn archive(&mut self, segment: Segment, held: (Option<KeyTag>, Option<Pin>), now: Monotonic) {
        let Some(past) = &mut self.past else {
            return;
        };
        let longest = past.archive().duration();
        let leaving = past.append(segment, held);
        let keep = longest.max(past.archive().duration()) + segment.duration();
        if let Err(error) = past.keep(&self.store, self.class, self.playlist.len()) {
            self.counters.archives_refused += 1;
            warn!(channel = self.channel, rendition = self.live.name, %error, "archive not stored");
        }
        for pin in leaving {
            self.retain(now + keep, pin);
        }
    }

    fn publish_archive(&self) {
        let archive = self.past.as_ref().map(|past| past.archive().clone());
        self.live.publish_archive(archive);
    }

    fn retain(&mut self, until: Monotonic, pin: Pin) {
        let most = match &self.past {
            None => RETAINED_MAX,
            Some(_) => RETAINED_MAX + Archive::SEGMENTS_MAX,
        };
        if self.retained.len() == most {
            self.retained.pop_front();
            self.counters.segments_released_early += 1;
        }
        self.retained.push_back((until, pin));
    }

    /// Gives up the oldest segment that is kept, retained ones first: what is pinned and does not
    /// fit on the disk stays in memory, and would keep every later segment out for ever.
    fn make_room(&mut self) {
        if self.retained.pop_front().is_none() && !self.shorten_archive() {
            let mut pins = Vec::new();
            while !pins.iter().any(Option::is_some) && self.playlist.drop_first() {
                pins.extend(self.listed.pop_front());
                if let Some(past) = &mut self.past {
                    past.drop_first(&mut pins);
                }
            }
            if pins.is_empty() {
                return;
            }
            // Off the lists before the pins go: nothing is listed that cannot be fetched.
            self.live.publish_playlist(self.document());
            self.publish_archive();
        }
        self.counters.segments_released_early += 1;
    }

    /// Gives up the oldest segment of the archive, if that goes back further than the list. Tells
    /// whether there was one.
    fn shorten_archive(&mut self) -> bool {
        let Some(past) = &mut self.past else {
            return false;
        };
        let mut released = Vec::new();
        while !released.iter().any(Option::is_some) && past.archive().len() > self.playlist.len() {
            if !past.drop_first(&mut released) {
                break;
            }
        }
        // Off the archive before the pins go.
        self.publish_archive();
        !released.is_empty()
    }

    /// The stem of the rendition's paths.
    pub(super) fn stem(&self) -> String {
        format!("{}_{}", self.channel, self.live.name)
    }

    fn document(&self) -> Document {
        Document::new(self.playlist.render(&format!("{}/", self.stem())))
    }

    /// Keeps what the ladder is to know of `segment`.
    fn tell(&mut self, segment: Segment) {
        let uri = format!("{}.m3u8", self.stem());
        let bandwidth = self.bandwidth.declared();
        let target_duration_s = self.playlist.target_duration_s();
        let target_duration_s = target_duration_s.unwrap_or(segment.target_duration_s);
        let line = self.description.line(uri, bandwidth, target_duration_s);
        if self.told.is_full() {
            self.told.pop_front();
        }
        let pushed = self.told.push_back((segment, line));
        pushed.expect("one was taken out if it was full");
    }

    fn publish(&mut self) {
        let document = self.document();
        let key = key(&playlist_path(&self.channel, &self.live.name));
        if let Err(error) = self.keep(&key, &document) {
            self.counters.playlists_refused += 1;
            warn!(%key, %error, "playlist not stored");
        }
        self.live.publish_playlist(document);
        self.publish_archive();
    }

    fn keep(&self, key: &Key, document: &Document) -> Result<(), Error> {
        let mut writer = self.store.begin(key, self.class, Bytes::new())?;
        writer.append(document.body.clone())?;
        // Its pin is not needed: losing the list to eviction only costs a restart its window.
        drop(writer.commit()?);
        Ok(())
    }
}

/// Channel and rendition names are checked when the configuration is read.
pub(super) fn key(path: &str) -> Key {
    Key::new(path).expect("paths of checked names are short and printable")
}
