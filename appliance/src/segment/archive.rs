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
//! Refuses: to tell of breaks. EXT-X-DATERANGE and cue tags stand in the live list alone.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use weir_hal::Wall;

use crate::segment::{
    Format, KeyTag, Segment,
    key_tag::write_key,
    playlist::{LIVE_VERSION, SECOND_90K, write_date_time, write_segment},
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
    /// Some 250 bytes each, and what the store needs to keep it; a list of all has some 1.5 MB.
    pub const SEGMENTS_MAX: usize = 14_400;

    /// Segments of a block: those whose Media Sequence Numbers, divided by it, are its number.
    pub const BLOCK_SEGMENTS: u64 = 64;

    /// An empty archive of `depth` for a list whose first segment has the Discontinuity Sequence
    /// Number `discontinuity_sequence`. Segments have the URI `{directory}segment-{sequence}.ts`,
    /// unless [`Self::of_format`] says otherwise.
    pub fn new(depth: Duration, directory: &str, discontinuity_sequence: u64) -> Self {
        let depth_90k = depth.as_micros() * 9 / 100;
        Self {
            directory: directory.into(),
            format: Format::default(),
            depth_90k: u64::try_from(depth_90k).unwrap_or(u64::MAX),
            len_min: 1,
            target_duration_s: 1,
            chunks: VecDeque::new(),
            left: 0,
            len: 0,
            duration_90k: 0,
            discontinuities: discontinuity_sequence,
            key: None,
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

    /// Appends `segment`, which is in the clear, and tells how many of the oldest leave: all, if it
    /// is not the next one or has another Target Duration, which no list may change.
    pub fn push(&mut self, segment: Segment) -> usize {
        self.push_encrypted(segment, None)
    }

    /// The same for a segment that is encrypted, if it has a `key`. A gap is under that of the
    /// segment before it.
    pub fn push_encrypted(&mut self, segment: Segment, key: Option<KeyTag>) -> usize {
        let is_next = |last: &Entry| last.segment.sequence + 1 == segment.sequence;
        let goes_on = self.entries().next_back().is_some_and(is_next)
            && self.target_duration_s == segment.target_duration_s;
        let len_before = self.len + 1;
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
        let dated = (&segment, segment.discontinuity, None);
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
        len_before - self.len
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
        let hole_90k = u64::try_from(date_time.since(begin).as_micros() * 9 / 100);
        let longest_90k = SECOND_90K * u64::from(self.target_duration_s);
        let duration_90k = hole_90k.unwrap_or(u64::MAX) / count.max(1);
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
        has_media.then(|| self.text(first, count, false))
    }

    /// Makes it one of `depth`, from the next push on.
    pub fn set_depth(&mut self, depth: Duration) {
        self.depth_90k = u64::try_from(depth.as_micros() * 9 / 100).unwrap_or(u64::MAX);
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
        Duration::from_micros(self.duration_90k * 100 / 9)
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
        let text = self.text(first, count, is_ended);
        // Dates are told to the millisecond.
        let begin = self.entries().next()?.segment.date_time;
        let is_whole = earlier(begin, Duration::from_millis(1)) <= from;
        let is_final = is_ended && is_fixed && is_whole;
        Some(Excerpt { text, is_final })
    }

    fn text(&self, first: usize, count: usize, is_ended: bool) -> String {
        let mut text = String::with_capacity(count * 128 + 256);
        if let Some(entry) = self.entries().nth(first) {
            self.write_header(&mut text, entry)
                .expect("a String takes all");
        }
        let mut skipped = self.left + first;
        let mut wanted = count;
        for chunk in &self.chunks {
            let present = chunk.entries.len().saturating_sub(skipped);
            text.push_str(chunk.text_of(skipped, wanted));
            wanted -= wanted.min(present);
            skipped = skipped.saturating_sub(chunk.entries.len());
        }
        if is_ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }

    fn write_header(&self, text: &mut String, first: &Entry) -> fmt::Result {
        writeln!(text, "#EXTM3U\n#EXT-X-VERSION:{LIVE_VERSION}")?;
        writeln!(text, "#EXT-X-TARGETDURATION:{}", self.target_duration_s)?;
        writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", first.segment.sequence)?;
        let discontinuities = first.discontinuities;
        writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}")?;
        write_key(text, None, first.key.as_ref())?;
        if !first.segment.discontinuity {
            write_date_time(text, &first.segment)?;
        }
        Ok(())
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
    use crate::segment::MediaPlaylist;

    const START: u64 = 1_700_000_000;

    fn segment(index: u64) -> Segment {
        Segment {
            sequence: 1_000 + index,
            duration_90k: 540_000,
            target_duration_s: 6,
            bytes: 1,
            discontinuity: index % 10 == 3,
            independent: true,
            gap: index % 10 == 4,
            date_time: at(index * 6),
            begin: None,
        }
    }

    fn at(seconds: u64) -> Wall {
        Wall::from_nanos((START + seconds) * 1_000_000_000)
    }

    fn archive(depth_s: u64, count: u64) -> Archive {
        let mut archive = Archive::new(Duration::from_secs(depth_s), "d/", 7);
        for index in 0..count {
            archive.push(segment(index));
        }
        archive
    }

    #[test]
    fn a_list_of_the_whole_is_what_the_live_list_of_it_would_be() {
        for count in [1, 63, 64, 65, 200] {
            let mut playlist = MediaPlaylist::live(1_000);
            for index in 0..count {
                playlist.push(segment(index));
            }
            let archive = Archive {
                discontinuities: 0,
                ..Archive::new(Duration::from_hours(1), "d/", 0)
            };
            let archive = (0..count).fold(archive, |mut archive, index| {
                archive.push(segment(index));
                archive
            });
            let listed = archive.excerpt(Moment::At(at(0)), None).expect("all of it");
            assert_eq!(listed.text, playlist.render("d/"), "{count}");
            assert!(!listed.is_final);
        }
    }

    #[test]
    fn a_list_that_begins_anywhere_says_under_which_key() {
        let tag = |index: u64| match index {
            70..140 => KeyTag::new("one"),
            140..190 => KeyTag::new("two"),
            _ => None,
        };
        let mut archive = archive(3_600, 0);
        for index in 0..200 {
            archive.push_encrypted(segment(index), tag(index));
        }
        for first in 0..200 {
            let mut playlist = MediaPlaylist::live(1_000);
            for index in first..200 {
                // A gap has no key of its own, but stands under that of the segment before it.
                playlist.push_encrypted(segment(index), tag(index));
            }
            let of = |text: &str| {
                let resumed = MediaPlaylist::resume(text, 1_000).expect("it is one of ours");
                let rows = resumed.encrypted_segments();
                let rows = rows.filter(|(segment, _)| !segment.gap);
                let rows = rows.map(|(segment, key)| (segment.sequence, key.cloned()));
                rows.collect::<Vec<_>>()
            };
            let listed = archive.excerpt(Moment::At(at(first * 6)), None);
            let listed = listed.expect("something").text;
            assert_eq!(of(&listed), of(&playlist.render("d/")), "{first}: {listed}");
        }
    }

    #[test]
    fn a_list_begins_with_the_segment_on_air_at_its_start_and_ends_with_the_one_at_its_end() {
        let archive = archive(3_600, 300);
        let until = Some(Moment::At(at(1_212)));
        let listed = archive
            .excerpt(Moment::At(at(1_001)), until)
            .expect("200 s");
        let lines: Vec<_> = listed.text.lines().collect();
        assert_eq!(lines[3], "#EXT-X-MEDIA-SEQUENCE:1166");
        assert_eq!(
            lines[4], "#EXT-X-DISCONTINUITY-SEQUENCE:24",
            "7 and 17 since"
        );
        assert_eq!(
            lines[5],
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:29:56.000Z"
        );
        assert_eq!(lines[lines.len() - 2], "d/segment-1201.ts");
        assert_eq!(lines[lines.len() - 1], "#EXT-X-ENDLIST");
        assert_eq!(listed.text.matches("#EXTINF").count(), 36);
        assert!(listed.is_final);
    }

    #[test]
    fn a_list_that_begins_with_a_discontinuity_has_one_date() {
        let listed = archive(3_600, 9).excerpt(Moment::At(at(18)), None);
        let text = listed.expect("six segments").text;
        assert_eq!(text.matches("PROGRAM-DATE-TIME").count(), 1, "{text}");
        assert!(
            text.contains("SEQUENCE:7\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM"),
            "{text}"
        );
    }

    #[test]
    fn an_end_to_come_is_no_end_and_one_that_has_come_is() {
        let archive = archive(3_600, 100);
        let is_ended = |seconds| {
            let listed = archive.excerpt(Moment::At(at(0)), Some(Moment::At(at(seconds))));
            listed.expect("something").is_final
        };
        assert!(!is_ended(601));
        assert!(is_ended(600) && is_ended(599) && is_ended(1));
    }

    #[test]
    fn what_has_not_come_or_has_left_is_no_list() {
        let archive = archive(60, 100);
        let from = |seconds| archive.excerpt(Moment::At(at(seconds)), None);
        assert_eq!(from(600), None);
        assert!(from(599).is_some());
        assert!(from(0).is_some_and(|listed| listed.text.contains("SEQUENCE:1090")));
        let past = archive.excerpt(Moment::At(at(0)), Some(Moment::At(at(60))));
        assert_eq!(past, None);
    }

    #[test]
    fn a_start_before_the_end_moves_along() {
        let listed = archive(3_600, 100).excerpt(Moment::BeforeEnd(Duration::from_mins(1)), None);
        assert_eq!(
            listed.expect("a minute").text.matches("#EXTINF").count(),
            10
        );
    }

    #[test]
    fn a_list_that_moves_along_keeps_three_target_durations() {
        let listed = archive(3_600, 100).excerpt(Moment::BeforeEnd(Duration::from_secs(2)), None);
        let text = listed.expect("the last").text;
        assert_eq!(text.matches("#EXTINF").count(), 4);
    }

    #[test]
    fn a_part_that_moves_along_has_ended_and_is_not_final() {
        let archive = archive(3_600, 100);
        let before = |seconds| Moment::BeforeEnd(Duration::from_secs(seconds));
        for (from, until) in [
            (before(60), before(30)),
            (Moment::At(at(0)), before(30)),
            (before(600), Moment::At(at(30))),
        ] {
            let listed = archive.excerpt(from, Some(until)).expect("a part");
            assert!(listed.text.ends_with("#EXT-X-ENDLIST\n") && !listed.is_final);
        }
    }

    #[test]
    fn what_leaves_is_as_much_as_is_too_much() {
        let mut archive = archive(60, 10);
        assert_eq!(
            (archive.len(), archive.duration()),
            (10, Duration::from_mins(1))
        );
        assert_eq!(archive.push(segment(10)), 1);
        archive.set_depth(Duration::from_secs(30));
        assert_eq!(archive.push(segment(11)), 6);
        assert_eq!(archive.len(), 5);
    }

    #[test]
    fn a_day_of_segments_costs_each_push_the_copy_of_one_chunk() {
        let mut archive = archive(7 * 86_400, 20_000);
        assert_eq!(archive.len(), Archive::SEGMENTS_MAX);
        let published = archive.clone();
        archive.push(segment(20_000));
        let shared = published
            .chunks
            .iter()
            .filter(|chunk| Arc::strong_count(chunk) > 1);
        assert!(shared.count() + 2 >= published.chunks.len());
        let largest = published.chunks.iter().map(|chunk| chunk.text.len()).max();
        assert!(largest < Some(16 * 1024), "{largest:?}");
        let text = published
            .excerpt(Moment::At(at(0)), None)
            .expect("all")
            .text;
        assert_eq!(text.matches("#EXTINF").count(), Archive::SEGMENTS_MAX);
        assert!(text.len() < 2 << 20, "{}", text.len());
    }

    #[test]
    fn what_is_missing_between_two_segments_stands_there_as_gaps() {
        let mut archive = archive(3_600, 3);
        let next = Segment {
            discontinuity: true,
            date_time: at(18 + 30),
            ..segment(9)
        };
        let gaps: Vec<_> = archive
            .gaps_until(next.sequence, next.date_time, 0)
            .collect();
        let numbers: Vec<_> = gaps.iter().map(|gap| gap.sequence).collect();
        assert_eq!(numbers, [1_003, 1_004, 1_005, 1_006, 1_007, 1_008]);
        assert!(
            gaps.iter()
                .all(|gap| gap.gap && gap.duration_90k == 5 * 90_000)
        );
        assert_eq!(gaps[0].date_time, at(18));
        for gap in gaps {
            archive.push(gap);
        }
        archive.push(next);
        let text = archive.excerpt(Moment::At(at(0)), None).expect("all").text;
        assert_eq!(text.matches("#EXT-X-GAP").count(), 6, "{text}");
        assert_eq!(archive.sequences(), 1_000..1_010);
    }

    #[test]
    fn gaps_are_no_longer_than_the_target_duration_and_have_some_length() {
        let archive = archive(3_600, 3);
        for (seconds, expected_90k) in [(1_000, 540_000), (18, GAP_MIN_90K), (0, GAP_MIN_90K)] {
            let mut gaps = archive.gaps_until(1_005, at(seconds), 0);
            assert!(
                gaps.all(|gap| gap.duration_90k == expected_90k),
                "{seconds}"
            );
        }
        assert_eq!(archive.gaps_until(1_003, at(100), 0).count(), 0);
        let beyond = 1_004 + Archive::SEGMENTS_MAX as u64;
        assert_eq!(archive.gaps_until(beyond, at(100), 0).count(), 0);
    }

    #[test]
    fn gaps_make_up_for_discontinuities_that_nobody_knows_any_more() {
        let mut archive = archive(3_600, 3);
        for gap in archive.gaps_until(1_010, at(60), 9) {
            archive.push(gap);
        }
        let text = archive.excerpt(Moment::At(at(0)), None).expect("all").text;
        assert_eq!(
            text.matches("#EXT-X-DISCONTINUITY\n").count(),
            2,
            "seven before: {text}"
        );
    }

    #[test]
    fn what_is_not_the_next_segment_begins_anew() {
        let mut archive = archive(3_600, 5);
        assert_eq!(archive.push(segment(9)), 5);
        let longer = Segment {
            target_duration_s: 7,
            ..segment(10)
        };
        assert_eq!(archive.push(longer), 1);
        let text = archive.excerpt(Moment::At(at(0)), None).expect("one").text;
        assert!(
            text.contains("TARGETDURATION:7\n#EXT-X-MEDIA-SEQUENCE:1010\n"),
            "{text}"
        );
        assert!(
            text.contains("DISCONTINUITY-SEQUENCE:8\n"),
            "one of five had left: {text}"
        );
    }

    #[test]
    fn blocks_read_back_are_what_was_archived() {
        let archive = archive(3_600, 200);
        let mut read = Vec::new();
        for number in 0..32 {
            let Some(text) = archive.block(number) else {
                continue;
            };
            assert!(text.len() < 16 * 1024);
            let list = MediaPlaylist::resume(&text, 64).expect("a list");
            assert_eq!(
                list.segments().next().map(|it| it.sequence / 64),
                Some(number)
            );
            read.extend(list.segments().copied());
        }
        let due = (0..200).map(|index| Segment {
            bytes: 0,
            independent: false,
            ..segment(index)
        });
        assert_eq!(read, due.collect::<Vec<_>>());
    }

    #[test]
    fn a_block_of_gaps_alone_is_none() {
        let mut archive = archive(36_000, 8);
        for gap in archive.gaps_until(1_200, at(1_200), 0) {
            archive.push(gap);
        }
        assert!(
            archive
                .block(15)
                .is_some_and(|text| text.contains("segment-1007.ts"))
        );
        assert_eq!(archive.block(17), None);
        assert_eq!(archive.block(100), None, "it has not come");
    }
}
