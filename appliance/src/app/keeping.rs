//! What must stay fetchable: the lists of one rendition, and the hold on each segment that they
//! promise.
//!
//! Source: RFC 8216 §6.2.1 (a listed segment is available), §6.2.2 (and stays so when it leaves a
//! list, for its own duration plus that of the longest list that had it).
//!
//! The live list and the archive end with the same segment, and the archive is never the shorter
//! one. So there is one hold on each segment of the longer list, whichever lists have it; it goes
//! over to those retained when no list has the segment any more, however that came: by the next
//! segment, another depth, the end of the archive, or a list that begins anew. From there it goes
//! when the promise is over, and the store may reuse the room.
//!
//! Refuses: to hold more than twice what the longest list had, and [`SPARE`]; or what the store
//! has no room for. Then the one goes that is soonest over, or the oldest of the lists; while there
//! is an archive, before it costs live output anything. Lists that
//! a reload takes away have all that they held go at once: whoever configures it so means it.
//! After a restart what had left the lists before is not held any more.

use std::{collections::VecDeque, iter::repeat_with, time::Duration};

use weir_cache::{Class, Error, Pin, Store};
use weir_hal::{Monotonic, Wall};

use crate::{
    app::past::Past,
    config::Config,
    segment::{Archive, Cue, CueOutcome, Format, KeyTag, Markers, MediaPlaylist, Segment},
};

/// Segments held at most beyond twice as many as the longest list had: as many as leave it while
/// one of them is retained, for a live list of 1,000.
///
/// Where short segments follow on long ones more leave in that time. Their number is bounded all
/// the same, and then not each of them stays as long as was promised.
const SPARE: usize = 1_024;

// What may be configured is what an archive holds.
const _: () = assert!(Archive::SEGMENTS_MAX as u128 == Config::DVR_SEGMENTS_MAX);

/// What is held for those alone who start over, in the order in which it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spare {
    /// It has left an archive.
    Unlisted,
    /// It is the oldest of an archive, and ended then.
    Archived(Wall),
}

/// The hold on one segment.
#[derive(Debug)]
struct Hold<P> {
    pin: P,
    duration: Duration,
}

/// The lists of one rendition, and a hold `P` on each segment that players may ask for by them.
#[derive(Debug)]
pub(super) struct Keeping<P = Pin> {
    /// The first part of its paths: channel and rendition.
    stem: String,
    format: Format,
    playlist: MediaPlaylist,
    /// What players may start over in; those listed are the newest of it.
    past: Option<Past>,
    /// One for each segment of the longer list, oldest first; none for a gap. Those before have
    /// left since the last turn.
    held: VecDeque<Option<Hold<P>>>,
    /// Segments that were ever held: the number of the next one.
    count: u64,
    /// How long lists were when so many segments had come, if none was as long since. Oldest, and
    /// so longest, first.
    lengths: VecDeque<(u64, Duration)>,
    /// The most segments that a list had.
    len_max: usize,
    /// Those that no list has any more, by when their time is over.
    retained: VecDeque<(Monotonic, P)>,
    /// Events that the archive could not keep, since somebody asked.
    ranges_dropped: u64,
}

impl<P> Keeping<P> {
    /// Goes on from lists that were read back, with the hold on each segment of the longer one, or
    /// none of a gap; `stem` is the first part of their paths.
    pub(super) fn new(
        (stem, format): (String, Format),
        (mut playlist, past): (MediaPlaylist, Option<Past>),
        pins: VecDeque<Option<P>>,
    ) -> Self {
        playlist.set_format(format);
        let mut keeping = Self {
            stem,
            format,
            playlist,
            past,
            held: VecDeque::new(),
            count: 0,
            lengths: VecDeque::new(),
            len_max: 0,
            retained: VecDeque::new(),
            ranges_dropped: 0,
        };
        let listed = keeping.playlist.len();
        let durations: Vec<_> = match keeping.archive().filter(|it| it.len() > listed) {
            Some(archive) => archive.segments().map(Segment::duration).collect(),
            None => keeping.playlist.segments().map(Segment::duration).collect(),
        };
        assert_eq!(durations.len(), pins.len(), "one for each segment");
        for (duration, pin) in durations.into_iter().zip(pins) {
            keeping.hold(duration, pin);
        }
        keeping.note_length();
        keeping
    }

    /// The first part of its paths: channel and rendition.
    pub(super) fn stem(&self) -> &str {
        &self.stem
    }

    pub(super) fn playlist(&self) -> &MediaPlaylist {
        &self.playlist
    }

    /// What players may start over in, if that is kept.
    pub(super) fn archive(&self) -> Option<&Archive> {
        self.past.as_ref().map(Past::archive)
    }

    /// Begins a live list that is empty with at least so many discontinuities behind it.
    pub(super) fn begin_behind(&mut self, discontinuities: u64) {
        self.playlist.begin_behind(discontinuities);
        if self.archive().is_some_and(Archive::is_empty) {
            self.begin_past_anew();
        }
    }

    /// Tells of events that come from now on in another way.
    pub(super) fn set_markers(&mut self, markers: Markers) {
        self.playlist.set_markers(markers);
    }

    /// Has the live list tell of an event, from its next version on.
    pub(super) fn take_cue(&mut self, cue: &Cue) -> CueOutcome {
        self.playlist.take_cue(cue)
    }

    /// Begins an archive of `depth` with what is listed, gives the present one that depth from the
    /// next segment on, or ends it.
    pub(super) fn set_dvr(&mut self, depth: Option<Duration>) {
        let past = self.past.take();
        self.past = depth.map(|depth| match past {
            Some(mut past) => {
                past.set_depth(depth);
                past
            }
            None => self.begin_past(depth),
        });
    }

    /// Makes the live list one of `window` segments, from the next one on, or begins both lists
    /// anew if `target_s` is above their Target Duration, which no list may change.
    pub(super) fn set_shape(&mut self, window: usize, target_s: u64) {
        self.playlist.set_window(window);
        if self.playlist.outgrow(target_s) {
            self.begin_past_anew();
        }
    }

    /// Goes on beside `other`, as [`MediaPlaylist::line_up`] does. An archive that was read back
    /// goes on behind gaps, as that of `other` does, unless it reaches beyond `sequence`.
    pub(super) fn line_up(&mut self, other: &MediaPlaylist, sequence: u64) -> Vec<Segment> {
        let ends_in_time = |it: &Archive| !it.is_empty() && it.sequences().end <= sequence;
        let goes_on = self.playlist.is_empty() && self.archive().is_some_and(ends_in_time);
        let lacking = self.playlist.line_up(other, sequence);
        if self.playlist.is_empty() && !goes_on {
            self.begin_past_anew();
        }
        lacking
    }

    /// Appends `segment` to both lists; a gap has neither key nor hold. Returns how many others
    /// were let go before their time.
    #[must_use]
    pub(super) fn list(
        &mut self,
        segment: Segment,
        (key, pin): (Option<KeyTag>, Option<P>),
        now: Monotonic,
    ) -> u64 {
        let discontinuities = self.playlist.discontinuities();
        self.playlist.push_encrypted(segment, key.clone());
        let gaps = self.past.as_mut().map_or(0, |past| {
            self.ranges_dropped += past.follow(&self.playlist.range_lines());
            past.set_len_min(self.playlist.len());
            let gaps = past.fill(segment.sequence, segment.date_time, discontinuities);
            past.push(segment, key);
            gaps
        });
        for pin in repeat_with(|| None).take(gaps).chain([pin]) {
            self.hold(segment.duration(), pin);
        }
        let early = self.retain_unlisted(now);
        self.note_length();
        early
    }

    /// How many events the archive could not keep since the last call.
    pub(super) fn take_ranges_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.ranges_dropped)
    }

    /// Lets go of segments whose time is over. Returns how many went before.
    #[must_use]
    pub(super) fn release(&mut self, now: Monotonic) -> u64 {
        let is_over = |(until, _): &(Monotonic, P)| *until <= now;
        while self.retained.front().is_some_and(is_over) {
            self.retained.pop_front();
        }
        self.retain_unlisted(now)
    }

    /// Gives up one segment, and with it the room that it takes: of those that no list has any more
    /// the one that is soonest over, otherwise the oldest, which leaves its lists. `None` if all
    /// that is held is the newest.
    ///
    /// To be dropped when these lists are on air: nothing is listed that cannot be fetched.
    pub(super) fn give_up(&mut self) -> Option<P> {
        if let Some((_, pin)) = self.retained.pop_front() {
            return Some(pin);
        }
        while self.held.len() > self.len() || self.shorten() {
            if let Some(Some(hold)) = self.held.pop_front() {
                return Some(hold.pin);
            }
        }
        None
    }

    /// What of it may go next, if the archive has more than is listed.
    pub(super) fn spare(&self) -> Option<Spare> {
        let end = self.archive().and_then(Archive::spare_end)?;
        Some(if self.retained.is_empty() {
            Spare::Archived(end)
        } else {
            Spare::Unlisted
        })
    }

    /// As [`Self::give_up`], but nothing that is listed.
    pub(super) fn give_up_spare(&mut self) -> Option<P> {
        self.spare()?;
        if let Some((_, pin)) = self.retained.pop_front() {
            return Some(pin);
        }
        while self.spare().is_some() && self.shorten() {
            if let Some(Some(hold)) = self.held.pop_front() {
                return Some(hold.pin);
            }
        }
        None
    }

    /// Stores what has come to the archive, as [`Past::keep`] does.
    ///
    /// # Errors
    /// When the store refuses it; it is tried again with the next segment.
    pub(super) fn store_past(&mut self, store: &Store, class: Class) -> Result<(), Error> {
        let listed = self.playlist.len();
        let past = self.past.as_mut();
        past.map_or(Ok(()), |past| past.keep(store, class, listed))
    }

    /// An archive of what is listed.
    fn begin_past(&self, depth: Duration) -> Past {
        let numbers_from = self.playlist.discontinuity_sequence();
        let mut past = Past::new(depth, &self.stem, self.format, numbers_from);
        past.set_len_min(self.playlist.len());
        for (segment, key) in self.playlist.encrypted_segments() {
            past.push(*segment, key.cloned());
        }
        past.follow(&self.playlist.range_lines());
        past
    }

    fn begin_past_anew(&mut self) {
        if let Some(past) = &mut self.past {
            past.begin_anew(self.playlist.discontinuity_sequence());
        }
    }

    fn hold(&mut self, duration: Duration, pin: Option<P>) {
        self.held.push_back(pin.map(|pin| Hold { pin, duration }));
        self.count += 1;
    }

    /// Segments of the longer list.
    fn len(&self) -> usize {
        let archived = self.archive().map_or(0, Archive::len);
        archived.max(self.playlist.len())
    }

    /// Takes the oldest segment off the lists that have it; the last one stays. Tells whether one
    /// was taken.
    fn shorten(&mut self) -> bool {
        let len = self.len();
        let is_listed = self.playlist.len() == len && self.playlist.drop_first();
        let past = self.past.as_mut();
        let past = past.filter(|past| past.archive().len() == len);
        past.is_some_and(Past::drop_first) || is_listed
    }

    /// Takes note of how long the lists are.
    fn note_length(&mut self) {
        let listed = self.playlist.segments().map(Segment::duration).sum();
        let archived = self.archive().map_or(Duration::ZERO, Archive::duration);
        let length = archived.max(listed);
        while self.lengths.back().is_some_and(|(_, it)| *it <= length) {
            self.lengths.pop_back();
        }
        self.lengths.push_back((self.count, length));
    }

    /// Retains what no list has any more. Returns how many segments had to go for it before their
    /// time.
    fn retain_unlisted(&mut self, now: Monotonic) -> u64 {
        self.len_max = self.len_max.max(self.len());
        while self.held.len() > self.len() {
            let number = self.count - self.held.len() as u64;
            while self
                .lengths
                .front()
                .is_some_and(|(count, _)| *count <= number)
            {
                self.lengths.pop_front();
            }
            let longest = self.lengths.front().map_or(Duration::ZERO, |(_, it)| *it);
            if let Some(Some(Hold { pin, duration })) = self.held.pop_front() {
                let until = now + longest + duration;
                let place = self.retained.partition_point(|(it, _)| *it <= until);
                self.retained.insert(place, (until, pin));
            }
        }
        let mut early = 0;
        while self.held.len() + self.retained.len() > 2 * self.len_max + SPARE
            && self.retained.pop_front().is_some()
        {
            early += 1;
        }
        early
    }
}
