//! The past of a live list, for players that start over: every segment of so long a time, and
//! lists that begin anywhere in it.
//!
//! Source: RFC 8216 §4.3.3 (tags), §6.2.1 and §6.2.2 (how a list may change). A list that begins
//! at a moment grows at its end as the live list does, loses at its start what the archive loses,
//! and carries the same numbers; one that ends at a moment has EXT-X-ENDLIST once that has passed,
//! and loses its start all the same, as §6.2.2 lets it. None has EXT-X-PLAYLIST-TYPE, because what
//! is too old leaves.
//!
//! An archive of hours has thousands of segments, and each publication is a copy that shares all
//! but its last chunk: a segment costs the copy of [`CHUNK_SEGMENTS`] of them, however many there
//! are. A list is put together when it is asked for, out of text that was written once.
//!
//! Numbers never have a hole: what is missing between two segments stands there as gaps. For the
//! next life of the box an archive is told in blocks, each a list of its own.
//!
//! Breaks are told of by EXT-X-DATERANGE, as the live list did ([`super::past_ranges`]).
//!
//! Refuses: cue tags, which stand in the live list alone. Where the live list begins anew with
//! discontinuities made up for and no number is left out, no gap can have them: Discontinuity
//! Sequence Numbers are lower here from then on.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use weir_hal::Wall;

use crate::segment::{
    Format, KeyTag, RangeLine, Segment,
    key_tag::write_key,
    past_ranges::{Part, PastRanges},
    playlist::{LIVE_VERSION, SECOND_90K, write_segment},
    ticks,
};

/// Segments whose text is kept together: some 8 KiB.
const CHUNK_SEGMENTS: usize = 64;

/// The shortest gap that is listed, in ticks of 90 kHz: a millisecond. None has no length at all.
const GAP_MIN_90K: u64 = 90;

/// The segments of a time that has passed, oldest first.
#[derive(Debug, Clone)]
pub struct Archive {
    directory: Arc<str>,
    format: Format,
    depth_90k: u64,
    /// Segments that stay, however long they are.
    len_min: usize,
    target_duration_s: u32,
    chunks: VecDeque<Arc<Chunk>>,
    /// Segments of the first chunk that have left.
    left: usize,
    len: usize,
    duration_90k: u64,
    /// Discontinuities before the next segment, since the list began.
    discontinuities: u64,
    /// What the last segment is encrypted by.
    key: Option<KeyTag>,
    ranges: PastRanges,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    entries: Vec<Entry>,
    text: String,
}

#[derive(Debug, Clone)]
struct Entry {
    segment: Segment,
    /// What it is encrypted by, if its own tags do not say that.
    key: Option<KeyTag>,
    /// Discontinuities before it: the EXT-X-DISCONTINUITY-SEQUENCE of a list that begins with it.
    discontinuities: u64,
    /// Where its tags begin in the text of its chunk.
    text_start: usize,
}

/// Where a list begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this time.
    At(Wall),
    /// So long before the end of the archive: it moves along.
    BeforeEnd(Duration),
}

/// A list out of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The Media Playlist.
    pub text: String,
    /// True when whoever asks the same again is given the same, until the archive loses its first
    /// segment: it has ended, is all there, and neither its beginning nor its end moves along.
    pub is_final: bool,
}

impl Archive {
    /// Segments there are at most: 24 h of 6 s, or 8 h of 2 s.
    ///
    /// # Limits
    /// Some 300 bytes each, and what the store needs to keep it; a list of all has some 2 MB.
    pub const SEGMENTS_MAX: usize = 14_400;

    /// Segments of a block: those whose Media Sequence Numbers, divided by it, are its number.
    pub const BLOCK_SEGMENTS: u64 = 64;

    /// An empty archive of `depth` for a list whose first segment has the Discontinuity Sequence
    /// Number `discontinuity_sequence`. Segments have the URI `{directory}segment-{sequence}.ts`,
    /// unless [`Self::of_format`] says otherwise.
    pub fn new(depth: Duration, directory: &str, discontinuity_sequence: u64) -> Self {
        Self {
            directory: directory.into(),
            format: Format::default(),
            depth_90k: ticks::of(depth).unsigned_abs(),
            len_min: 1,
            target_duration_s: 1,
            chunks: VecDeque::new(),
            left: 0,
            len: 0,
            duration_90k: 0,
            discontinuities: discontinuity_sequence,
            key: None,
            ranges: PastRanges::default(),
        }
    }

    /// The same of segments of `format`.
    #[must_use]
    pub fn of_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Empties it, for a list whose first segment has that Discontinuity Sequence Number.
    pub fn begin_anew(&mut self, discontinuity_sequence: u64) {
        self.clear();
        self.discontinuities = discontinuity_sequence;
    }

    /// Appends `segment`, which is encrypted if it has a `key`; a gap is under that of the segment
    /// before it. The oldest leave that are too many: all, if it is not the next one or has another
    /// Target Duration, which no list may change.
    pub fn push(&mut self, segment: Segment, key: Option<KeyTag>) {
        let is_next = |last: &Entry| last.segment.sequence + 1 == segment.sequence;
        let goes_on = self.entries().next_back().is_some_and(is_next)
            && self.target_duration_s == segment.target_duration_s;
        if !goes_on {
            self.clear();
        }
        let before = self.key.take();
        let key = if segment.gap || before == key {
            before.clone()
        } else {
            key
        };
        let is_full = |chunk: &Arc<Chunk>| chunk.entries.len() >= CHUNK_SEGMENTS;
        let mut last = self.chunks.pop_back().unwrap_or_default();
        if is_full(&last) {
            self.chunks.push_back(std::mem::take(&mut last));
        }
        let chunk = Arc::make_mut(&mut last);
        chunk.entries.push(Entry {
            segment,
            key: key.clone().filter(|_| before == key),
            discontinuities: self.discontinuities,
            text_start: chunk.text.len(),
        });
        let dated = (&segment, true, None);
        let place = (&*self.directory, self.format);
        let text = fmt::from_fn(|text| {
            write_key(text, before.as_ref(), key.as_ref())?;
            write_segment(text, place, dated)
        });
        chunk.text.push_str(&text.to_string());
        self.key = key;
        self.chunks.push_back(last);
        self.target_duration_s = segment.target_duration_s;
        self.discontinuities += u64::from(segment.discontinuity);
        self.duration_90k += segment.duration_90k;
        self.len += 1;
        while self.is_overlong() {
            self.drop_first();
        }
        let begin = self.segments().next().map(|first| first.date_time);
        self.ranges.drop_before(begin.unwrap_or_default());
    }

    /// Takes over what the live list tells of events, before the next segment is pushed. Returns
    /// how many had to go for others.
    pub fn follow(&mut self, lines: &[RangeLine]) -> u64 {
        let end = self.segments().next_back().map(Segment::end);
        self.ranges.follow(lines, end)
    }

    /// Gaps that stand for what lies between the last segment and the one with the number
    /// `sequence` that begins at `date_time`: they have the numbers left out, and as long together
    /// as the time that passed, as far as the Target Duration lets so many be. The first of them
    /// begin with a discontinuity until there were `discontinuities` in all.
    ///
    /// None if an archive could not hold as many.
    pub fn gaps_until(
        &self,
        sequence: u64,
        date_time: Wall,
        discontinuities: u64,
    ) -> impl Iterator<Item = Segment> + use<> {
        let end = self.sequences().end;
        let count = sequence.saturating_sub(end);
        let last = self.entries().next_back().map(|entry| entry.segment);
        let last = last.filter(|_| count <= Self::SEGMENTS_MAX as u64);
        let mut begin = last.as_ref().map_or(date_time, Segment::end);
        let hole_90k = ticks::of(date_time.since(begin)).unsigned_abs();
        let longest_90k = SECOND_90K * u64::from(self.target_duration_s);
        let duration_90k = hole_90k / count.max(1);
        let breaks = discontinuities.saturating_sub(self.discontinuities);
        let gap = move |(index, last): (u64, Segment)| {
            let gap = Segment {
                sequence: end + index,
                duration_90k: duration_90k.clamp(GAP_MIN_90K, longest_90k),
                bytes: 0,
                discontinuity: index < breaks,
                independent: false,
                gap: true,
                date_time: begin,
                begin: None,
                ..last
            };
            begin = gap.end();
            gap
        };
        (0..count).zip(last.into_iter().cycle()).map(gap)
    }

    /// Takes out the oldest segment; the last one stays. Tells whether one was taken.
    pub fn drop_first(&mut self) -> bool {
        let first = self.entries().next().map(|entry| entry.segment);
        let Some(first) = first.filter(|_| self.len > 1) else {
            return false;
        };
        self.duration_90k -= first.duration_90k;
        self.len -= 1;
        self.left += 1;
        let first_chunk = self.chunks.front().map_or(0, |chunk| chunk.entries.len());
        if self.left == first_chunk {
            self.chunks.pop_front();
            self.left = 0;
        }
        true
    }

    /// The Media Sequence Numbers of its segments.
    pub fn sequences(&self) -> Range<u64> {
        let first = self
            .entries()
            .next()
            .map_or(0, |entry| entry.segment.sequence);
        first..first + self.len as u64
    }

    /// Takes out what ended before `since`, but for the segments that stay.
    pub fn drop_before(&mut self, since: Wall) {
        let is_over = |first: &Segment| first.end() <= since;
        while self.len > self.len_min && self.segments().next().is_some_and(is_over) {
            self.drop_first();
        }
    }

    /// When the oldest one ended, if there are more than those that stay.
    pub fn spare_end(&self) -> Option<Wall> {
        let oldest = self.segments().next().map(Segment::end);
        oldest.filter(|_| self.len > self.len_min.max(1))
    }

    /// The list of those segments that belong to a block; `None` when there is no media in it.
    /// [`crate::segment::MediaPlaylist::resume`] reads it back.
    pub fn block(&self, number: u64) -> Option<String> {
        let Range { start, end } = self.sequences();
        let from = number.saturating_mul(Self::BLOCK_SEGMENTS).max(start);
        let until = (number + 1).saturating_mul(Self::BLOCK_SEGMENTS).min(end);
        let first = usize::try_from(from - start).unwrap_or(usize::MAX);
        let count = usize::try_from(until.saturating_sub(from)).unwrap_or(0);
        let mut entries = self.entries().skip(first).take(count);
        let has_media = entries.any(|entry| !entry.segment.gap);
        let lines = self.ranges.of_block(self.part((first, count), false)?);
        has_media.then(|| self.text((first, count), &lines, false))
    }

    /// Makes it one of `depth`, from the next push on.
    pub fn set_depth(&mut self, depth: Duration) {
        self.depth_90k = ticks::of(depth).unsigned_abs();
    }

    /// Has its newest `len` segments stay, however long they are: those of the live list.
    pub fn set_len_min(&mut self, len: usize) {
        self.len_min = len;
    }

    /// Its segments, oldest first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.entries().map(|entry| &entry.segment)
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True before the first segment.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Media in it.
    pub fn duration(&self) -> Duration {
        ticks::span(self.duration_90k)
    }

    /// The list of what was on air from `from` on, until `until` if that is given. `None` when
    /// that is nothing: it has not come yet, or has left.
    pub fn excerpt(&self, from: Moment, until: Option<Moment>) -> Option<Excerpt> {
        let end = self.entries().next_back()?.segment.end();
        let wall = |moment, span_min| match moment {
            Moment::At(wall) => wall,
            Moment::BeforeEnd(span) => earlier(end, span.max(span_min)),
        };
        let is_fixed = |moment| matches!(moment, Moment::At(_));
        let is_fixed = is_fixed(from) && until.is_none_or(is_fixed);
        // A list that moves along keeps three Target Durations when its first segment leaves.
        let span_min = Duration::from_secs(4 * u64::from(self.target_duration_s));
        let from = wall(
            from,
            if until.is_none() {
                span_min
            } else {
                Duration::ZERO
            },
        );
        let until = until.map(|until| wall(until, Duration::ZERO));
        let is_within = |entry: &Entry| until.is_none_or(|until| entry.segment.date_time < until);
        let first = self
            .entries()
            .position(|entry| entry.segment.end() > from)?;
        let last = self
            .entries()
            .skip(first)
            .take_while(|entry| is_within(entry));
        let count = last.count();
        if count == 0 {
            return None;
        }
        let is_ended = until.is_some_and(|until| first + count < self.len || end >= until);
        let lines = self.ranges.of(self.part((first, count), is_ended)?);
        let text = self.text((first, count), &lines, is_ended);
        // Dates are told to the millisecond.
        let begin = self.entries().next()?.segment.date_time;
        let is_whole = earlier(begin, Duration::from_millis(1)) <= from;
        let is_final = is_ended && is_fixed && is_whole;
        Some(Excerpt { text, is_final })
    }

    /// What the `count` segments behind the first `first` are.
    fn part(&self, (first, count): (usize, usize), is_ended: bool) -> Option<Part> {
        let mut segments = self.segments().skip(first).take(count);
        let begin = segments.next()?;
        let last = segments.last().unwrap_or(begin);
        Some(Part {
            sequence_last: last.sequence,
            begin: begin.date_time,
            end: is_ended.then(|| last.end()),
        })
    }

    fn text(&self, (first, count): (usize, usize), lines: &[&RangeLine], is_ended: bool) -> String {
        let mut text = String::with_capacity(count * 128 + 256);
        let mut at = first;
        if let Some(entry) = self.entries().nth(first) {
            self.write_header(&mut text, entry)
                .expect("a String takes all");
            let sequence_first = entry.segment.sequence;
            for line in lines {
                let offset = line.sequence.saturating_sub(sequence_first);
                let place = first.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
                self.write_segments(&mut text, at..place);
                at = at.max(place);
                text.push_str(&line.text);
                text.push('\n');
            }
        }
        self.write_segments(&mut text, at..first + count);
        if is_ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }

    /// Writes the segments at these places.
    fn write_segments(&self, text: &mut String, places: Range<usize>) {
        let mut skipped = self.left + places.start;
        let mut wanted = places.len();
        for chunk in &self.chunks {
            let present = chunk.entries.len().saturating_sub(skipped);
            text.push_str(chunk.text_of(skipped, wanted));
            wanted -= wanted.min(present);
            skipped = skipped.saturating_sub(chunk.entries.len());
        }
    }

    fn write_header(&self, text: &mut String, first: &Entry) -> fmt::Result {
        writeln!(text, "#EXTM3U\n#EXT-X-VERSION:{LIVE_VERSION}")?;
        writeln!(text, "#EXT-X-TARGETDURATION:{}", self.target_duration_s)?;
        writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", first.segment.sequence)?;
        let discontinuities = first.discontinuities;
        writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}")?;
        write_key(text, None, first.key.as_ref())
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        let skipped = self.left;
        let chunks = self.chunks.iter().enumerate();
        chunks.flat_map(move |(index, chunk)| {
            let start = if index == 0 { skipped } else { 0 };
            chunk.entries.get(start..).unwrap_or_default()
        })
    }

    /// Everything leaves; discontinuities are counted on.
    fn clear(&mut self) {
        self.chunks.clear();
        self.ranges.clear();
        self.left = 0;
        self.len = 0;
        self.duration_90k = 0;
    }

    fn is_overlong(&self) -> bool {
        let Some(first) = self.entries().next() else {
            return false;
        };
        let rest_90k = self.duration_90k - first.segment.duration_90k;
        let least_90k = 3 * SECOND_90K * u64::from(self.target_duration_s);
        let is_too_long = rest_90k >= self.depth_90k.max(least_90k);
        self.len > Self::SEGMENTS_MAX || self.len > self.len_min && is_too_long
    }
}

impl Chunk {
    /// The text of `count` segments behind `skipped` others, as far as they are here.
    fn text_of(&self, skipped: usize, count: usize) -> &str {
        let start_of = |index: usize| self.entries.get(index).map(|entry| entry.text_start);
        let start = start_of(skipped).unwrap_or(self.text.len());
        let end = start_of(skipped.saturating_add(count)).unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default()
    }
}

fn earlier(wall: Wall, span: Duration) -> Wall {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Wall::from_nanos(wall.as_nanos().saturating_sub(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_copies_one_chunk_of_what_was_published() {
        let mut archive = Archive::new(Duration::from_hours(24), "d/", 0);
        let segment = |sequence| Segment {
            sequence,
            duration_90k: 6 * SECOND_90K,
            target_duration_s: 6,
            bytes: 1,
            discontinuity: false,
            independent: true,
            gap: false,
            date_time: Wall::from_nanos(1_700_000_000_000_000_000),
            begin: None,
        };
        for sequence in 0..10_000 {
            archive.push(segment(sequence), None);
        }
        let published = archive.clone();
        archive.push(segment(10_000), None);
        let is_shared = |chunk: &&Arc<Chunk>| Arc::strong_count(chunk) > 1;
        let shared = published.chunks.iter().filter(is_shared).count();
        assert_eq!(shared + 1, published.chunks.len());
        let largest = published.chunks.iter().map(|chunk| chunk.text.len()).max();
        assert!(largest < Some(16 * 1024), "{largest:?}");
    }
}
