//! Reads a live Media Playlist back that this module's own code once wrote.
//!
//! Strict: a text in any other form is refused, because going on from a misread list would break
//! promises already made to players.

use weir_hal::Wall;

use crate::segment::{
    KeyTag, MediaPlaylist, Segment, cue_tag::CueTag, date_ranges::DateRanges, playlist::Listed,
};

/// Numbers from here on are not believed: they leave no room to count on.
const SEQUENCE_MAX: u64 = 1 << 62;

/// What a list said.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) target_duration_s: u32,
    pub(super) discontinuity_sequence: u64,
    pub(super) listed: Vec<Listed>,
    pub(super) date_ranges: DateRanges,
}

/// What the tags before the first segment say of the list.
#[derive(Debug, Default)]
struct Header {
    target_duration_s: Option<u32>,
    sequence: Option<u64>,
    discontinuity_sequence: Option<u64>,
}

/// What the tags before a URI say of its segment.
#[derive(Debug, Default)]
struct Tags {
    duration_90k: Option<u64>,
    discontinuity: bool,
    gap: bool,
    date_time: Option<Wall>,
    cue_tag: Option<CueTag>,
}

/// Reads `text` as the list of a live stream that goes on with `window` segments.
pub(super) fn resume(text: &str, window: usize) -> Option<MediaPlaylist> {
    let mut lines = text.lines();
    if lines.next()? != "#EXTM3U" {
        return None;
    }
    let mut tags = Tags::default();
    let mut header = Header::default();
    let mut listed: Vec<Listed> = Vec::new();
    let mut date_ranges = DateRanges::default();
    let mut key = None;
    for line in lines {
        if let Some(value) = line.strip_prefix("#EXT-X-TARGETDURATION:") {
            header.target_duration_s = Some(value.parse().ok()?);
        } else if let Some(value) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            header.sequence = value.parse().ok().filter(|first| *first < SEQUENCE_MAX);
        } else if let Some(value) = line.strip_prefix("#EXT-X-DISCONTINUITY-SEQUENCE:") {
            let number = value.parse().ok();
            header.discontinuity_sequence = number.filter(|first| *first < SEQUENCE_MAX);
        } else if line.starts_with("#EXT-X-DATERANGE:") {
            let sequence = header.sequence? + listed.len() as u64;
            date_ranges.restore(line, sequence)?;
        } else if line.starts_with("#EXT-X-KEY:") {
            key = KeyTag::read(line).ok()?;
        } else if line.starts_with('#') {
            tags.read(line)?;
        } else {
            let sequence = header.sequence? + listed.len() as u64;
            let last = listed.last().map(|row| &row.segment);
            listed.push(Listed {
                segment: tags.segment(sequence, header.target_duration_s?, last)?,
                cue_tag: tags.cue_tag,
                key: key.clone(),
            });
            tags = Tags::default();
        }
    }
    let resumed = Resumed {
        target_duration_s: header.target_duration_s?,
        discontinuity_sequence: header.discontinuity_sequence?,
        listed,
        date_ranges,
    };
    MediaPlaylist::of(window, resumed)
}

impl Tags {
    fn read(&mut self, line: &str) -> Option<()> {
        if let Some(value) = line.strip_prefix("#EXTINF:") {
            let (seconds, micros) = value.strip_suffix(',')?.split_once('.')?;
            if micros.len() != 6 {
                return None;
            }
            let seconds: u64 = seconds.parse().ok()?;
            let micros: u64 = micros.parse().ok()?;
            let micros = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
            // The nearest tick: the very one that was rounded to microseconds.
            self.duration_90k = Some(micros.checked_mul(9)?.checked_add(50)? / 100);
        } else if let Some(value) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            let at: jiff::Timestamp = value.parse().ok()?;
            self.date_time = Some(Wall::from_nanos(u64::try_from(at.as_nanosecond()).ok()?));
        } else if line == "#EXT-X-DISCONTINUITY" {
            self.discontinuity = true;
        } else if line == "#EXT-X-GAP" {
            self.gap = true;
        } else if line.starts_with("#EXT-X-CUE-") {
            let follows = self.cue_tag == Some(CueTag::In);
            self.cue_tag = Some(CueTag::read(line)?.behind(follows));
        }
        Some(())
    }

    fn segment(
        &self,
        sequence: u64,
        target_duration_s: u32,
        last: Option<&Segment>,
    ) -> Option<Segment> {
        let duration_max_90k = (u64::from(target_duration_s) + 1) * 90_000;
        Some(Segment {
            sequence,
            duration_90k: self
                .duration_90k
                .filter(|duration| *duration < duration_max_90k)?,
            target_duration_s,
            bytes: 0,
            discontinuity: self.discontinuity,
            independent: false,
            gap: self.gap,
            date_time: self.date_time.or_else(|| last.map(Segment::end))?,
            begin: None,
        })
    }
}
