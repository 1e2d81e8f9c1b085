//! Puts finished segments into the store and on air.
//!
//! Source: RFC 8216 §6.2.1 (a listed segment is available). A segment is listed only after it is
//! committed, so nothing is listed that cannot be fetched; how long it stays is told in
//! [`crate::app::keeping`]. The playlist itself is stored too: after a restart the list goes on
//! from there ([`crate::app::restore`]), and so does what players may start over in
//! ([`crate::app::past`]).
//!
//! Refuses: to take a list off air before there is another. One that begins anew for a raised
//! target is seen until its next segment; without a source, beyond the time that its segments stay.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use heapless::Deque;
use tracing::warn;
use weir_cache::{Class, Error, Key, Pin, Store};
use weir_hal::{Monotonic, Wall};

use crate::{
    app::{
        PublishCounters,
        description::Description,
        keeping::{Keeping, Spare},
        master::{KeepError, KeptMaster},
        note::Note,
        plan::Plan,
        restore::Restored,
        sealed_writer::{Sealed, SealedWriter},
    },
    demux::Event,
    encryption::{NoKey, Vault},
    ladder::Line,
    live::{self, Document},
    segment::{
        Bandwidth, BandwidthMeter, Cue, CueOutcome, KeyTag, Markers, MasterPlaylist, MediaPlaylist,
        Output, Segment, Variant,
    },
    serve::{playlist_path, segment_path_of},
};

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
    keeping: Keeping,
    writer: Option<SealedWriter>,
    /// Why the last segment could not be encrypted, if so.
    no_key: Option<NoKey>,
    has_lost_segment: bool,
    last_segment: Option<Moment>,
    /// When the list last grew, or the first turn of this life.
    updated: Option<Monotonic>,
    /// How long before that it grew, if that was in an earlier life.
    age: Duration,
    /// Since when players see the list.
    listed: Option<Wall>,
    /// This run of the machine.
    boot: Option<u64>,
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
        let stem = format!("{}_{}", plan.channel, live.name);
        let lists = (restored.playlist, restored.past);
        let mut publisher = Self {
            store,
            vault,
            keeping: Keeping::new((stem, live.format), lists, restored.pins),
            live,
            channel: plan.channel.clone(),
            class: plan.class,
            description: Description::default(),
            bandwidth: BandwidthMeter::default(),
            told: Deque::new(),
            writer: None,
            no_key: None,
            has_lost_segment: false,
            last_segment: None,
            updated: None,
            age: restored.age,
            listed: restored.listed,
            boot: restored.boot,
            counters: PublishCounters::default(),
        };
        publisher.set_markers(plan.markers);
        publisher.set_dvr(plan.dvr);
        publisher.publish_playlist();
        publisher
    }

    /// One for `live`, a further list out of this rendition that begins now.
    pub(super) fn beside(&self, plan: &Plan, live: Arc<live::Rendition>) -> Self {
        Self::new(
            self.store.clone(),
            Arc::clone(&self.vault),
            plan,
            live,
            Restored::nothing(plan.window, self.boot),
        )
    }

    /// Gives segments that begin from now on another class.
    pub(super) const fn set_class(&mut self, class: Class) {
        self.class = class;
    }

    /// Tells of events that come from now on in another way.
    pub(super) fn set_markers(&mut self, markers: Markers) {
        self.keeping.set_markers(markers);
    }

    /// Has players start over in the last `depth`, or in nothing any more.
    pub(super) fn set_dvr(&mut self, depth: Option<Duration>) {
        self.keeping.set_dvr(depth);
        self.publish_archive();
    }

    /// Goes on by `plan` with the same list for a stream that is received anew. The open segment
    /// is given up. A raised target begins the lists anew.
    pub(super) fn begin_anew(mut self, plan: &Plan) -> Self {
        let target_s = plan.rules.target.as_secs();
        self.keeping.set_shape(plan.window, target_s);
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
        self.keeping.playlist()
    }

    /// Begins a list that is empty with at least so many discontinuities behind it.
    pub(super) fn begin_behind(&mut self, discontinuities: u64) {
        self.keeping.begin_behind(discontinuities);
    }

    pub(super) fn counters(&self) -> &PublishCounters {
        &self.counters
    }

    /// When the last segment was listed in this life.
    pub(super) fn last_segment(&self) -> Option<Moment> {
        self.last_segment
    }

    /// How long before [`Self::updated`] it grew: in an earlier life.
    pub(super) const fn age(&self) -> Duration {
        self.age
    }

    /// When the list last grew, or this life began; `None` while it is empty.
    pub(super) fn updated(&self) -> Option<Monotonic> {
        self.updated.filter(|_| !self.playlist().is_empty())
    }

    /// Why the last segment was held back, if it was.
    pub(super) fn no_key(&self) -> Option<&NoKey> {
        self.no_key.as_ref()
    }

    /// True while the list ends with a gap.
    pub(super) fn ends_with_gap(&self) -> bool {
        let last = self.playlist().segments().last();
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
        let sound = self.description.sound(track.uri(), bandwidth);
        sound.filter(|_| bandwidth.peak_bps > 0 && !track.playlist().is_empty())
    }

    /// Goes on beside `other`, the list of the rendition that this is a track of, where segment
    /// `sequence` comes next: what is lacking before it are gaps.
    pub(super) fn line_up(&mut self, other: &MediaPlaylist, sequence: u64, moment: Moment) {
        for gap in self.keeping.line_up(other, sequence) {
            self.list(gap, (None, None), moment);
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
                self.list(segment, (None, None), moment);
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

    /// Ends in order: tells the next life that nothing is listed behind what players see now.
    pub(super) fn end_in_order(&mut self) {
        let opening = self.store.opening();
        self.keep_again(|note| note.ended_in = Some(opening));
    }

    /// Lets go of segments whose time is over.
    pub(super) fn release(&mut self, now: Monotonic) {
        self.updated.get_or_insert(now);
        self.counters.segments_released_early += self.keeping.release(now);
    }

    /// Has the playlist tell of an event, from its next version on.
    fn take_cue(&mut self, cue: &Cue) {
        match self.keeping.take_cue(cue) {
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
                self.list(segment, (key, Some(pin)), moment);
            }
            Sealed::Withheld(gap) => {
                self.counters.segments_withheld += 1;
                // Before the first segment there is no list, and nobody who waits.
                if !self.playlist().is_empty() {
                    self.list(gap, (None, None), moment);
                }
            }
        }
        Ok(())
    }

    /// Appends `segment` to the lists; a gap has neither key nor pin.
    fn list(&mut self, segment: Segment, held: (Option<KeyTag>, Option<Pin>), moment: Moment) {
        self.counters.segments_released_early += self.keeping.list(segment, held, moment.now);
        self.counters.date_ranges_dropped += self.keeping.take_ranges_dropped();
        (self.updated, self.age) = (Some(moment.now), Duration::ZERO);
        self.publish(moment.received);
        // Behind the playlist: a power cut between both must leave no block that knows more.
        if let Err(error) = self.keeping.store_past(&self.store, self.class) {
            self.counters.archives_refused += 1;
            warn!(channel = self.channel, rendition = self.live.name, %error, "archive not stored");
        }
    }

    /// Gives up a segment after a loss: what is pinned and does not fit on the disk stays in
    /// memory, and would keep every later segment out for ever.
    fn make_room(&mut self) {
        let given_up = self.keeping.give_up();
        self.counters.segments_released_early += u64::from(given_up.is_some());
        self.publish_playlist();
        self.publish_archive();
        drop(given_up);
        self.keep_again(|_| ());
    }

    /// Whether the store has less room on disk than is held.
    pub(super) fn lacks_room(&self) -> bool {
        self.store.pinned_excess_bytes() > 0
    }

    /// What of it may go next before live output has no room.
    pub(super) fn spare(&self) -> Option<Spare> {
        self.keeping.spare()
    }

    /// Gives that up.
    pub(super) fn give_up_spare(&mut self) {
        let is_listed = matches!(self.spare(), Some(Spare::Archived(_)));
        let given_up = self.keeping.give_up_spare();
        self.counters.segments_released_early += u64::from(given_up.is_some());
        self.publish_archive();
        drop(given_up);
        if is_listed {
            self.keep_again(|_| ());
        }
    }

    /// Where its list is, relative to the Master Playlist.
    pub(super) fn uri(&self) -> String {
        format!("{}.m3u8", self.keeping.stem())
    }

    fn document(&self) -> Document {
        Document::new(self.playlist().render(&format!("{}/", self.keeping.stem())))
    }

    /// Keeps what the ladder is to know of `segment`.
    fn tell(&mut self, segment: Segment) {
        let uri = self.uri();
        let bandwidth = self.bandwidth.declared();
        let target_duration_s = self.playlist().target_duration_s();
        let target_duration_s = target_duration_s.unwrap_or(segment.target_duration_s);
        let line = self.description.line(uri, bandwidth, target_duration_s);
        if self.told.is_full() {
            self.told.pop_front();
        }
        let pushed = self.told.push_back((segment, line));
        pushed.expect("one was taken out if it was full");
    }

    fn publish(&mut self, listed: Wall) {
        let document = self.document();
        self.listed = Some(listed);
        self.keep(&document, self.note(listed));
        self.live.publish_playlist(document);
        self.publish_archive();
    }

    /// What a restart wants to know of the present list, which players see since `listed`.
    fn note(&self, listed: Wall) -> Note {
        Note {
            listed: Some(listed),
            doubtful_until: self.playlist().doubtful_until(),
            ended_in: None,
            boot: self.boot,
            stream_end: self.playlist().stream_end(),
            past_begin: self.keeping.archive().map(|past| past.sequences().start),
        }
    }

    /// Has players see the present list, once there is one.
    fn publish_playlist(&self) {
        if !self.playlist().is_empty() {
            self.live.publish_playlist(self.document());
        }
    }

    fn publish_archive(&self) {
        self.live.publish_archive(self.keeping.archive().cloned());
    }

    /// Stores the list that players see once more, if there is one, with a note that is `changed`.
    fn keep_again(&mut self, changed: impl FnOnce(&mut Note)) {
        let listed = self.listed.filter(|_| !self.playlist().is_empty());
        if let Some(listed) = listed {
            let mut note = self.note(listed);
            changed(&mut note);
            self.keep(&self.document(), note);
        }
    }

    /// Stores the list that players see, with a `note` of what a restart wants to know.
    fn keep(&mut self, document: &Document, note: Note) {
        let key = key(&playlist_path(&self.channel, &self.live.name));
        let store = || {
            let mut writer = self.store.begin(&key, self.class, note.bytes())?;
            writer.append(document.body.clone())?;
            // Its pin is not needed: losing the list to eviction only costs a restart its window.
            writer.commit().map(drop)
        };
        if let Err(error) = store() {
            self.counters.playlists_refused += 1;
            warn!(%key, %error, "playlist not stored");
        }
    }

    /// Goes on from the bandwidth that an earlier life `offered`.
    pub(super) fn resume_bandwidth(&mut self, offered: &MasterPlaylist) {
        let uri = self.uri();
        let mut variants = offered.variants.iter();
        if let Some(variant) = variants.find(|variant| variant.uri == uri) {
            self.bandwidth = BandwidthMeter::resume(Bandwidth {
                peak_bps: variant.bandwidth_bps,
                average_bps: variant.bandwidth_average_bps,
            });
        }
    }

    /// Stores the Master Playlist of the channel.
    ///
    /// # Errors
    /// [`KeepError`] when the store refuses, which is counted.
    pub(super) fn keep_master(&mut self, list: MasterPlaylist) -> Result<KeptMaster, KeepError> {
        let kept = KeptMaster::store(&self.store, (&self.channel, self.class), list);
        self.counters.playlists_refused += u64::from(kept.is_err());
        kept
    }
}

/// Channel and rendition names are checked when the configuration is read.
pub(super) fn key(path: &str) -> Key {
    Key::new(path).expect("paths of checked names are short and printable")
}
