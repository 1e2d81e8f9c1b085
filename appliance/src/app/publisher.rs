//! Puts finished segments into the store and on air, and keeps them as long as players may ask.
//!
//! Source: RFC 8216 §6.2.1 (a listed segment is available), §6.2.2 (and stays so for its own
//! duration plus that of the longest playlist that listed it). A segment is listed only after it
//! is committed, so nothing is listed that cannot be fetched. The playlist itself is stored too:
//! after a restart the list goes on from there ([`crate::app::restore`]).

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tracing::warn;
use weir_cache::{Class, Error, Key, Pin, Store, Writer};
use weir_hal::{Monotonic, Wall};

use crate::{
    app::{description::Description, rendition::Plan, restore::Restored},
    counter::counters,
    demux::Event,
    live::{self, Document},
    segment::{BandwidthMeter, Cue, CueOutcome, Markers, MediaPlaylist, Output, Segment},
    serve::{playlist_path, segment_path},
};

counters! {
    /// What became of segments on their way into the store.
    pub struct PublishCounters {
        /// Segments the store refused for want of memory; they are not listed.
        segments_refused,
        /// Playlists the store refused; a restart would go on from an older one.
        playlists_refused,
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
/// One playlist duration and one segment: a window of 1,000 needs as many. Beyond it the oldest
/// is released early, and counted.
const RETAINED_MAX: usize = 1_024;

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
    live: Arc<live::Rendition>,
    channel: String,
    class: Class,
    description: Description,
    bandwidth: BandwidthMeter,
    playlist: MediaPlaylist,
    /// One for each segment listed, oldest first.
    listed: VecDeque<Pin>,
    /// Segments that left the list, until their time is over.
    retained: VecDeque<(Monotonic, Pin)>,
    writer: Option<Writer>,
    has_lost_segment: bool,
    last_segment: Option<Moment>,
    counters: PublishCounters,
}

impl Publisher {
    /// Goes on from what `restored` found of the rendition `live` of `plan`: a list that is found
    /// is on air again at once.
    pub(super) fn new(
        store: Store,
        plan: &Plan,
        live: Arc<live::Rendition>,
        restored: Restored,
    ) -> Self {
        let mut publisher = Self {
            store,
            live,
            channel: plan.channel.clone(),
            class: plan.class,
            description: Description::default(),
            bandwidth: BandwidthMeter::default(),
            playlist: restored.playlist,
            listed: restored.listed,
            retained: VecDeque::new(),
            writer: None,
            has_lost_segment: false,
            last_segment: None,
            counters: PublishCounters::default(),
        };
        publisher.playlist.set_markers(plan.markers);
        if !publisher.playlist.is_empty() {
            publisher.live.publish_playlist(publisher.document());
        }
        publisher
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
        }
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

    pub(super) fn counters(&self) -> &PublishCounters {
        &self.counters
    }

    /// When the last segment was listed in this life.
    pub(super) fn last_segment(&self) -> Option<Moment> {
        self.last_segment
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
        let key = key(&segment_path(&self.channel, &self.live.name, sequence));
        // Strong, and new for every attempt at this number: RFC 9110 §8.8.3.
        let etag = format!("\"{sequence:x}-{:x}\"", received.as_nanos());
        self.writer = Some(self.store.begin(&key, self.class, Bytes::from(etag))?);
        Ok(())
    }

    fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        let writer = self.writer.as_mut();
        writer.expect(OPEN).append(bytes)
    }

    fn end(&mut self, segment: Segment, moment: Moment) -> Result<(), Error> {
        let writer = self.writer.take().expect(OPEN);
        self.listed.push_back(writer.commit()?);
        self.bandwidth.push(&segment);
        for removed in self.playlist.push(segment) {
            let pin = self
                .listed
                .pop_front()
                .expect("one pin for each segment listed");
            self.retain(moment.now + removed.keep, pin);
        }
        self.last_segment = Some(moment);
        self.publish();
        Ok(())
    }

    fn retain(&mut self, until: Monotonic, pin: Pin) {
        if self.retained.len() == RETAINED_MAX {
            self.retained.pop_front();
            self.counters.segments_released_early += 1;
        }
        self.retained.push_back((until, pin));
    }

    /// Gives up the oldest segment that is kept, retained ones first: what is pinned and does not
    /// fit on the disk stays in memory, and would keep every later segment out for ever.
    fn make_room(&mut self) {
        if self.retained.pop_front().is_none() {
            if !self.playlist.drop_first() {
                return;
            }
            // Off the list first: nothing is listed that cannot be fetched.
            self.live.publish_playlist(self.document());
            self.listed.pop_front();
        }
        self.counters.segments_released_early += 1;
    }

    /// The stem of the rendition's paths.
    fn stem(&self) -> String {
        format!("{}_{}", self.channel, self.live.name)
    }

    fn document(&self) -> Document {
        Document::new(self.playlist.render(&format!("{}/", self.stem())))
    }

    fn publish(&mut self) {
        let uri = format!("{}.m3u8", self.stem());
        let variant = self.description.variant(uri, &self.bandwidth);
        let document = self.document();
        let key = key(&playlist_path(&self.channel, &self.live.name));
        if let Err(error) = self.keep(&key, &document) {
            self.counters.playlists_refused += 1;
            warn!(%key, %error, "playlist not stored");
        }
        self.live.publish_variant(variant);
        self.live.publish_playlist(document);
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
