//! The Media Playlist: a window over a live stream, or the whole of a file.
//!
//! Source: RFC 8216 §4.3 (tags), §6.2.1 and §6.2.2 (what a server may change). A live playlist
//! only ever gains a segment at its end and loses segments at its start. What serves which rule:
//!
//! - EXT-X-TARGETDURATION never changes and no EXTINF rounds above it: taken from the first
//!   segment; the segmenter keeps to it.
//! - EXT-X-MEDIA-SEQUENCE goes up by one per removed segment: it is the first segment's number.
//! - EXT-X-DISCONTINUITY-SEQUENCE goes up when a discontinuity leaves; always written when live.
//! - A removal never leaves less than three Target Durations, up to `EXTRA_SEGMENTS_MAX` more.
//! - A removed segment stays available for its duration and that of the longest playlist that
//!   listed it: by who holds it, `app::keeping`.
//! - EXT-X-PROGRAM-DATE-TIME stands on every segment: none gets one when it comes to be the first.
//! - EXT-X-GAP marks what never came, so that players pass over it. There are readers that want
//!   version 8 for it, and the header of a list does not change: every live list has version 8.
//! - EXT-X-DATERANGE stays while it reaches into the window, and is never written anew.
//! - EXT-X-KEY stands before the first segment of each key; a gap is under the key before it.
//! - EXT-X-INDEPENDENT-SEGMENTS binds the future too, so only a finished playlist carries it.

use std::{
    collections::VecDeque,
    fmt::{self, Display},
};

use jiff::Timestamp;
use weir_hal::Wall;

use crate::segment::{
    Cue, CueOutcome, Format, KeyTag, Markers, RangeLine, Segment, StreamPosition,
    cue_tag::CueTag,
    date_ranges::{DateRanges, Place},
    key_tag::write_key,
    resume::{Resumed, resume},
};

/// Segments a live playlist lists at most beyond its window, while they are too short for it.
pub(super) const EXTRA_SEGMENTS_MAX: usize = 50;

/// EXT-X-VERSION of a list that may come to have gaps.
pub(super) const LIVE_VERSION: u32 = 8;

/// EXT-X-VERSION of a list of a file: durations are no whole seconds (§7).
const VOD_VERSION: u32 = 3;

pub(super) const SECOND_90K: u64 = 90_000;

/// A Media Playlist that grows.
#[derive(Debug, Clone)]
pub struct MediaPlaylist {
    kind: Kind,
    format: Format,
    markers: Markers,
    listed: VecDeque<Listed>,
    date_ranges: DateRanges,
    sequence_next: u64,
    /// Wall time at which the last segment ends that was ever listed.
    end: Option<Wall>,
    /// Where it ends in the stream, as far as that is known.
    stream_end: Option<StreamPosition>,
    target_duration_s: Option<u32>,
    discontinuity_sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Live { window: usize },
    Vod,
}

/// A segment and what stands beside it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) segment: Segment,
    pub(super) cue_tag: Option<CueTag>,
    /// Where its key is; `None` if it is in the clear.
    pub(super) key: Option<KeyTag>,
}

impl MediaPlaylist {
    /// Makes an empty live playlist that will list the last `window` segments, at least 3.
    ///
    /// Its Target Duration is that of the first segment.
    pub fn live(window: usize) -> Self {
        let window = window.max(3);
        Self::new(Kind::Live { window })
    }

    /// Makes an empty playlist that will list all segments of a file.
    ///
    /// # Limits
    /// Grows with the file: some 120 bytes a segment.
    pub fn vod() -> Self {
        Self::new(Kind::Vod)
    }

    /// Reads back what [`MediaPlaylist::render`] wrote of a live list, to go on from there.
    ///
    /// Returns `None` when `text` is anything else. Segments read back do not know their size.
    pub fn resume(text: &str, window: usize) -> Option<Self> {
        resume(text, window)
    }

    /// A live list that already holds what was `resumed`; `None` when segments do not fit one
    /// another.
    pub(super) fn of(window: usize, resumed: Resumed) -> Option<Self> {
        let Resumed {
            target_duration_s,
            discontinuity_sequence,
            listed,
            mut date_ranges,
        } = resumed;
        let is_next =
            |one: &Listed, next: &Listed| one.segment.sequence + 1 == next.segment.sequence;
        if !listed.is_sorted_by(is_next) {
            return None;
        }
        let last = listed.last()?;
        if let Some(tag) = last.cue_tag {
            date_ranges.restore_break(&last.segment, tag);
        }
        let mut playlist = Self::live(window.max(listed.len()));
        playlist.target_duration_s = Some(target_duration_s);
        playlist.discontinuity_sequence = discontinuity_sequence;
        for row in listed {
            playlist.append(row);
        }
        playlist.date_ranges = date_ranges;
        playlist.set_window(window);
        Some(playlist)
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            format: Format::default(),
            markers: Markers::default(),
            listed: VecDeque::new(),
            date_ranges: DateRanges::default(),
            sequence_next: 0,
            end: None,
            stream_end: None,
            target_duration_s: None,
            discontinuity_sequence: 0,
        }
    }

    /// Appends `segment`, which is in the clear; the oldest leave that are too many.
    ///
    /// # Panics
    /// When `segment` does not bear the next Media Sequence Number.
    pub fn push(&mut self, segment: Segment) {
        self.push_encrypted(segment, None);
    }

    /// The same for a segment that is encrypted, if it has a `key`. A gap has none.
    ///
    /// # Panics
    /// As [`Self::push`] does.
    pub fn push_encrypted(&mut self, segment: Segment, key: Option<KeyTag>) {
        if let Some(last) = self.listed.back() {
            assert_eq!(
                segment.sequence,
                last.segment.sequence + 1,
                "segments come in sequence"
            );
        }
        let cue_tag = self.date_ranges.tag(&segment, self.markers);
        let before = self.listed.back().and_then(|last| last.key.as_ref());
        let key = if segment.gap || before == key.as_ref() {
            before.cloned()
        } else {
            key
        };
        self.append(Listed {
            segment,
            cue_tag,
            key,
        });
        if let (Kind::Live { .. }, Some(first)) = (self.kind, self.listed.front()) {
            self.date_ranges.shorten(first.segment.date_time);
        }
    }

    /// Takes an event that the stream announces before the next segment.
    pub fn take_cue(&mut self, cue: &Cue) -> CueOutcome {
        let place = Place {
            sequence: self.sequence_next,
            end: self.end(),
            markers: self.markers,
        };
        self.date_ranges.take(cue, place)
    }

    /// The lines of EXT-X-DATERANGE that it has, in the order in which they were written.
    pub fn range_lines(&self) -> Vec<RangeLine> {
        self.date_ranges.all_lines().collect()
    }

    /// Says what its segments are; transport streams, unless told otherwise.
    pub fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    /// Tells of events that come from now on in another way.
    pub fn set_markers(&mut self, markers: Markers) {
        self.markers = markers;
    }

    fn append(&mut self, row: Listed) {
        let segment = row.segment;
        let target = rounded_s(segment.duration_90k).max(1);
        match (self.kind, &mut self.target_duration_s) {
            (Kind::Live { .. }, present) => {
                present.get_or_insert(segment.target_duration_s);
            }
            (Kind::Vod, present) => *present = Some(present.unwrap_or(1).max(target)),
        }
        self.listed.push_back(row);
        self.end = Some(segment.end());
        let begin = segment.begin.or(self
            .stream_end
            .filter(|_| segment.gap && !segment.discontinuity));
        self.stream_end = begin.map(|begin| begin.later(segment.duration_90k));
        self.sequence_next = segment.sequence + 1;
        self.shorten();
    }

    /// Number of segments listed.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// True before the first segment.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The segments listed, oldest first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.listed.iter().map(|row| &row.segment)
    }

    /// The same, each with what it is encrypted by.
    pub fn encrypted_segments(&self) -> impl Iterator<Item = (&Segment, Option<&KeyTag>)> {
        self.listed
            .iter()
            .map(|row| (&row.segment, row.key.as_ref()))
    }

    /// EXT-X-TARGETDURATION; `None` before the first segment.
    pub fn target_duration_s(&self) -> Option<u32> {
        self.target_duration_s
    }

    /// Media in the segments listed, in ticks of 90 kHz.
    pub fn duration_90k(&self) -> u64 {
        self.segments().map(|segment| segment.duration_90k).sum()
    }

    /// EXT-X-DISCONTINUITY-SEQUENCE: discontinuities that have left.
    pub fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    /// Discontinuities so far, listed or left: what the next segment has before it.
    pub fn discontinuities(&self) -> u64 {
        self.discontinuities_before(self.sequence_next)
    }

    /// Begins an empty list with at least so many discontinuities behind it.
    pub fn begin_behind(&mut self, discontinuities: u64) {
        if self.listed.is_empty() {
            self.discontinuity_sequence = self.discontinuity_sequence.max(discontinuities);
        }
    }

    /// The Media Sequence Number of the next segment; 0 before the first.
    pub fn sequence_next(&self) -> u64 {
        self.sequence_next
    }

    /// Wall time at which the last segment ends that was ever listed.
    pub fn end(&self) -> Option<Wall> {
        self.end
    }

    /// Where the last segment ends in the stream; `None` if that is not known.
    pub fn stream_end(&self) -> Option<StreamPosition> {
        self.stream_end
    }

    /// Takes note of where a list that was read back ends in the stream.
    pub fn ends_at(&mut self, stream_end: StreamPosition) {
        self.stream_end = Some(stream_end);
    }

    /// Takes the oldest segment off a live list before its time; the last one stays. Tells whether
    /// one was taken.
    pub fn drop_first(&mut self) -> bool {
        if self.listed.len() < 2 {
            return false;
        }
        let first = self.listed.pop_front();
        let is_break = first.is_some_and(|first| first.segment.discontinuity);
        self.discontinuity_sequence += u64::from(is_break);
        true
    }

    /// Makes a live list one of the last `window` segments, at least 3, from the next push on.
    pub fn set_window(&mut self, window: usize) {
        self.kind = Kind::Live {
            window: window.max(3),
        };
    }

    /// Begins the list anew if `target_s` is above its Target Duration, which cannot change while
    /// the list lives. Numbers go on. Tells whether it did.
    pub fn outgrow(&mut self, target_s: u64) -> bool {
        let is_outgrown = self
            .target_duration_s
            .is_some_and(|present| u64::from(present) < target_s);
        if is_outgrown {
            self.forget(0);
            self.target_duration_s = None;
        }
        is_outgrown
    }

    /// Empties a live list that is too old to go on from, as if its segments had left one by one,
    /// and up to `unknown` further ones with it that players may have seen, each of which may have
    /// begun with a discontinuity or told of the end of a break: numbers that players know never
    /// come back, and no end is told otherwise than they know it.
    pub fn forget(&mut self, unknown: u64) {
        let discontinuities = self
            .segments()
            .filter(|segment| segment.discontinuity)
            .count();
        self.discontinuity_sequence += discontinuities as u64 + unknown;
        self.sequence_next = self.sequence_next.saturating_add(unknown);
        self.listed.clear();
        self.stream_end = None;
        if unknown > 0 {
            self.date_ranges.doubt_ends();
        }
    }

    /// The latest beginning of an event of which a list that was lost may have told the end.
    pub fn doubtful_until(&self) -> Option<Wall> {
        self.date_ranges.doubtful_until()
    }

    /// The ends of all events that are open and began until `begin` were doubtful in an earlier
    /// life.
    pub fn doubt_until(&mut self, begin: Wall) {
        self.date_ranges.doubt_until(begin);
    }

    /// Goes on beside `other`, the list of another rendition of the same content that has segment
    /// `sequence`, which comes next here: returns what this one lacks before it, as gaps. A list
    /// that cannot go on begins anew, with the numbers that `other` has.
    pub fn line_up(&mut self, other: &Self, sequence: u64) -> Vec<Segment> {
        let is_lacking =
            |segment: &&Segment| (self.sequence_next..sequence).contains(&segment.sequence);
        if self.fits(other, sequence) {
            let lacking = other.segments().filter(is_lacking);
            return lacking.map(Segment::as_gap).collect();
        }
        self.forget(0);
        self.target_duration_s = None;
        self.discontinuity_sequence = other.discontinuities_before(sequence);
        Vec::new()
    }

    /// True when the segments listed are those of `other`, as far as both have them, and `other`
    /// has all from there to `sequence`.
    fn fits(&self, other: &Self, sequence: u64) -> bool {
        let (Some(first), Some(begin)) = (self.listed.front(), other.listed.front()) else {
            return false;
        };
        let both = first.segment.sequence.max(begin.segment.sequence);
        (both..=sequence).contains(&self.sequence_next)
            && self.target_duration_s == other.target_duration_s
            && self.discontinuities_before(both) == other.discontinuities_before(both)
    }

    /// The Discontinuity Sequence Number of a list that begins with segment `sequence`, of those
    /// listed or the next.
    fn discontinuities_before(&self, sequence: u64) -> u64 {
        let before = self.segments().take_while(|it| it.sequence < sequence);
        let breaks = before.filter(|segment| segment.discontinuity).count();
        self.discontinuity_sequence + breaks as u64
    }

    /// Renders the playlist; segments have the URI `{directory}segment-{sequence}.ts`, or what
    /// else their [`Format`] is.
    pub fn render(&self, directory: &str) -> String {
        let playlist = self;
        Rendering {
            playlist,
            directory,
        }
        .to_string()
    }

    /// Takes out the segments that are too many.
    fn shorten(&mut self) {
        let Kind::Live { window } = self.kind else {
            return;
        };
        let least_90k = 3 * SECOND_90K * u64::from(self.target_duration_s.unwrap_or(0));
        let mut duration_90k = self.duration_90k();
        while self.listed.len() > window {
            let Some(first) = self.listed.front().map(|row| row.segment) else {
                break;
            };
            duration_90k -= first.duration_90k;
            let is_overlong = self.listed.len() > window + EXTRA_SEGMENTS_MAX;
            if duration_90k < least_90k && !is_overlong {
                break;
            }
            self.listed.pop_front();
            self.discontinuity_sequence += u64::from(first.discontinuity);
        }
    }
}

/// A playlist as it is written below a directory of segments.
struct Rendering<'a> {
    playlist: &'a MediaPlaylist,
    directory: &'a str,
}

impl Display for Rendering<'_> {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MediaPlaylist { kind, listed, .. } = self.playlist;
        let target_duration_s = self.playlist.target_duration_s.unwrap_or(1);
        let sequence = listed.front().map_or(0, |first| first.segment.sequence);
        let version = match kind {
            Kind::Live { .. } => LIVE_VERSION,
            Kind::Vod => VOD_VERSION,
        };
        writeln!(text, "#EXTM3U\n#EXT-X-VERSION:{version}")?;
        writeln!(text, "#EXT-X-TARGETDURATION:{target_duration_s}")?;
        writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{sequence}")?;
        match kind {
            Kind::Live { .. } => {
                let discontinuity_sequence = self.playlist.discontinuity_sequence;
                writeln!(
                    text,
                    "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity_sequence}"
                )?;
            }
            Kind::Vod => {
                writeln!(text, "#EXT-X-PLAYLIST-TYPE:VOD")?;
                if listed.iter().all(|row| row.segment.independent) {
                    writeln!(text, "#EXT-X-INDEPENDENT-SEGMENTS")?;
                }
            }
        }
        let (mut before, mut key) = (None, None);
        for row in listed {
            self.write_date_ranges(text, before, row.segment.sequence)?;
            write_key(text, key, row.key.as_ref())?;
            self.write_row(text, row)?;
            before = Some(row.segment.sequence);
            key = row.key.as_ref();
        }
        match kind {
            Kind::Live { .. } => Ok(()),
            Kind::Vod => {
                self.write_date_ranges(text, before, u64::MAX)?;
                writeln!(text, "#EXT-X-ENDLIST")
            }
        }
    }
}

impl Rendering<'_> {
    /// Writes what was learned behind segment `after` and before segment `sequence`.
    fn write_date_ranges(
        &self,
        text: &mut fmt::Formatter<'_>,
        after: Option<u64>,
        sequence: u64,
    ) -> fmt::Result {
        let mut lines = self.playlist.date_ranges.lines(after, sequence);
        lines.try_for_each(|line| writeln!(text, "{line}"))
    }

    fn write_row(&self, text: &mut fmt::Formatter<'_>, row: &Listed) -> fmt::Result {
        let Listed {
            segment, cue_tag, ..
        } = row;
        // A file has no wall time; its events are dated from its beginning.
        let is_dated = self.playlist.kind != Kind::Vod || self.playlist.date_ranges.has_lines();
        let place = (self.directory, self.playlist.format);
        write_segment(text, place, (segment, is_dated, cue_tag.as_ref()))
    }
}

/// Writes the tags and the URI of a segment, with its date if it is dated, and what it is of a
/// break.
pub(super) fn write_segment(
    text: &mut fmt::Formatter<'_>,
    (directory, format): (&str, Format),
    (segment, is_dated, cue_tag): (&Segment, bool, Option<&CueTag>),
) -> fmt::Result {
    if segment.discontinuity {
        writeln!(text, "#EXT-X-DISCONTINUITY")?;
    }
    if is_dated {
        let at = timestamp(segment.date_time);
        writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{at:.3}")?;
    }
    if let Some(tag) = cue_tag {
        writeln!(text, "{tag}")?;
    }
    let micros = micros(segment.duration_90k);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    writeln!(text, "#EXTINF:{seconds}.{fraction:06},")?;
    if segment.gap {
        writeln!(text, "#EXT-X-GAP")?;
    }
    let (sequence, suffix) = (segment.sequence, format.suffix());
    writeln!(text, "{directory}segment-{sequence}{suffix}")
}

/// `duration_90k` in microseconds, so close that the ticks can be read back.
pub(super) fn micros(duration_90k: u64) -> u64 {
    (duration_90k * 200 + 9) / 18
}

fn rounded_s(duration_90k: u64) -> u32 {
    u32::try_from((duration_90k + SECOND_90K / 2) / SECOND_90K).unwrap_or(u32::MAX)
}

/// `wall` as it is written.
pub(super) fn timestamp(wall: Wall) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(wall.as_nanos())).unwrap_or(Timestamp::MAX)
}
