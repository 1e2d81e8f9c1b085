//! A Media Playlist as it was read.

use std::{collections::VecDeque, sync::Arc};

use super::{Attributes, DateTime, Flaw, Located, values::byte_range};

/// What a Media Playlist says, each with its line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MediaPlaylist {
    /// EXT-X-VERSION.
    pub version: Option<Located<u64>>,
    /// EXT-X-TARGETDURATION, in seconds.
    pub target_duration_s: Option<Located<u64>>,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: Option<Located<u64>>,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: Option<Located<u64>>,
    /// EXT-X-PLAYLIST-TYPE.
    pub list_type: Option<Located<ListType>>,
    /// Line of EXT-X-ENDLIST.
    pub end: Option<u32>,
    /// Line of EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: Option<u32>,
    /// Line of EXT-X-I-FRAMES-ONLY.
    pub i_frames_only: Option<u32>,
    /// EXT-X-START.
    pub start: Option<Located<String>>,
    /// The lowest version that has all that is used, and the line that needs it.
    pub version_needed: Located<u64>,
    /// The segments, in order, as many as are read.
    pub segments: Vec<Segment>,
    /// Segments behind those.
    pub unread: u64,
    /// The last of them, which end the list.
    pub newest: VecDeque<Segment>,
    /// EXT-X-DATERANGE, in order.
    pub date_ranges: Vec<DateRange>,
    /// What is wrong with lines by themselves.
    pub flaws: Vec<Located<Flaw>>,
}

/// EXT-X-PLAYLIST-TYPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListType {
    /// It only grows.
    Event,
    /// It does not change.
    Vod,
}

/// A part of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Its first byte.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// One Media Segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// Its URI, as it is written, or the beginning of it.
    pub uri: String,
    /// Whether it is longer than what is read of it: then nobody can be asked for it.
    pub is_cut: bool,
    /// Line of the URI.
    pub line: u32,
    /// EXTINF, in microseconds; zero if it is absent or malformed, all that fits if it is larger.
    pub duration_us: u64,
    /// Line of EXTINF; that of the URI without one.
    pub duration_line: u32,
    /// Line of EXT-X-DISCONTINUITY.
    pub discontinuity: Option<u32>,
    /// Line of EXT-X-GAP.
    pub gap: Option<u32>,
    /// EXT-X-PROGRAM-DATE-TIME.
    pub date_time: Option<Located<DateTime>>,
    /// EXT-X-BYTERANGE.
    pub byte_range: Option<ByteRange>,
    /// The EXT-X-KEY that holds for it, unless that says NONE.
    pub key: Option<Located<Arc<str>>>,
    /// The EXT-X-MAP that holds for it.
    pub map: Option<Located<Arc<Map>>>,
}

/// Where a Media Initialization Section is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Map {
    /// Its URI, as it is written; empty if its tag is malformed.
    pub uri: String,
    /// Which part of that.
    pub byte_range: Option<ByteRange>,
}

impl Map {
    /// What an EXT-X-MAP says; `None` if it is malformed.
    pub(super) fn of(attributes: &Attributes) -> Option<Self> {
        let uri = attributes.value("URI").filter(|uri| !uri.is_empty())?;
        let part = match attributes.value("BYTERANGE") {
            Some(text) => Some(byte_range(text)?),
            None => None,
        };
        Some(Self {
            uri: uri.to_owned(),
            byte_range: part.map(|(bytes, offset)| ByteRange {
                offset: offset.unwrap_or(0),
                bytes,
            }),
        })
    }
}

/// One EXT-X-DATERANGE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRange {
    /// Its line.
    pub line: u32,
    /// All it says.
    pub attributes: Attributes,
}

impl DateRange {
    /// ID; empty when absent.
    pub fn id(&self) -> &str {
        self.attributes.value("ID").unwrap_or("")
    }

    /// The date called `name`.
    pub fn date(&self, name: &str) -> Option<DateTime> {
        self.attributes.value(name).and_then(DateTime::read)
    }
}

impl MediaPlaylist {
    /// Media Sequence Number of the first segment.
    pub fn first_sequence(&self) -> u64 {
        self.media_sequence.map_or(0, |sequence| sequence.value)
    }

    /// Media Sequence Number of the segment behind the last.
    pub fn next_sequence(&self) -> u64 {
        self.first_sequence()
            .saturating_add(self.segments.len() as u64)
            .saturating_add(self.unread)
    }

    /// Each segment with its Media Sequence Number.
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = (u64, &Segment)> {
        let first = self.first_sequence();
        let segments = self.segments.iter().enumerate();
        segments.map(move |(index, segment)| (first.saturating_add(index as u64), segment))
    }

    /// The same for those that are not read, but end the list.
    pub fn numbered_newest(&self) -> impl Iterator<Item = (u64, &Segment)> {
        let first = self
            .next_sequence()
            .saturating_sub(self.newest.len() as u64);
        let newest = self.newest.iter().enumerate();
        newest.map(move |(index, segment)| (first.saturating_add(index as u64), segment))
    }

    /// How many segments from `sequence` on are neither read nor among the newest.
    pub fn passed_over(&self, sequence: u64) -> u64 {
        let end = self
            .next_sequence()
            .saturating_sub(self.newest.len() as u64);
        let begin = self.next_sequence().saturating_sub(self.unread);
        end.saturating_sub(begin.max(sequence))
    }

    /// The segment that ends the list.
    pub fn last(&self) -> Option<&Segment> {
        self.newest.back().or(self.segments.last())
    }

    /// The segment of a Media Sequence Number.
    pub fn segment(&self, sequence: u64) -> Option<&Segment> {
        let index = sequence.checked_sub(self.first_sequence())?;
        let read = self.segments.get(usize::try_from(index).ok()?);
        read.or_else(|| {
            let mut newest = self.numbered_newest();
            newest.find_map(|(number, segment)| (number == sequence).then_some(segment))
        })
    }

    /// Sum of all EXTINF, in microseconds.
    pub fn duration_us(&self) -> u64 {
        let durations = self.segments.iter().map(|segment| segment.duration_us);
        durations.fold(0, u64::saturating_add)
    }

    /// The Target Duration in microseconds; zero when absent.
    pub fn target_duration_us(&self) -> u64 {
        self.target_duration_s
            .map_or(0, |target| target.value.saturating_mul(1_000_000))
    }

    /// Whether segments are added at its end, as far as it says.
    pub fn is_live(&self) -> bool {
        let is_vod = self
            .list_type
            .is_some_and(|list_type| list_type.value == ListType::Vod);
        self.end.is_none() && !is_vod
    }

    /// When each segment begins, in microseconds since 1970, as far as the dates tell: counted on
    /// from the date before, or back from the first, never across a discontinuity.
    pub fn dates(&self) -> Vec<Option<i64>> {
        let mut dates = vec![None; self.segments.len()];
        let mut known: Option<i64> = None;
        for (segment, date) in self.segments.iter().zip(&mut dates) {
            if segment.discontinuity.is_some() {
                known = None;
            }
            known = segment.date_time.map(|date| date.value.micros).or(known);
            *date = known;
            known = known.map(|known| known.saturating_add(micros(segment.duration_us)));
        }
        let mut known: Option<i64> = None;
        let mut is_behind_break = false;
        for (segment, date) in self.segments.iter().zip(&mut dates).rev() {
            if is_behind_break {
                known = None;
            }
            let back = known.map(|known| known.saturating_sub(micros(segment.duration_us)));
            *date = date.or(back);
            known = *date;
            is_behind_break = segment.discontinuity.is_some();
        }
        dates
    }
}

fn micros(duration_us: u64) -> i64 {
    i64::try_from(duration_us).unwrap_or(i64::MAX)
}
