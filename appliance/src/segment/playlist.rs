//! The Media Playlist: a window over a live stream, or the whole of a file.
//!
//! Source: RFC 8216 §4.3 (tags), §6.2.1 and §6.2.2 (what a server may change). A live playlist
//! only ever gains a segment at its end and loses segments at its start. What serves which rule:
//!
//! - EXT-X-TARGETDURATION never changes and no EXTINF rounds above it: taken from the first
//!   segment; the segmenter keeps to it.
//! - EXT-X-MEDIA-SEQUENCE goes up by one per removed segment: it is the first segment's number.
//! - EXT-X-DISCONTINUITY-SEQUENCE goes up when a discontinuity leaves; always written when live.
//! - A removal never leaves less than three Target Durations, within `SEGMENTS_MAX`.
//! - A removed segment stays available for its duration and that of the longest playlist that
//!   listed it: [`Removed::keep`].
//! - EXT-X-PROGRAM-DATE-TIME stands on the first segment and after each discontinuity.
//! - EXT-X-INDEPENDENT-SEGMENTS binds the future too, so only a finished playlist carries it.

use std::{
    collections::VecDeque,
    fmt::{self, Display},
    time::Duration,
};

use jiff::Timestamp;
use weir_hal::Wall;

use crate::segment::{Segment, resume::resume};

/// Segments a live playlist lists at most beyond its window, while they are too short for it.
const EXTRA_SEGMENTS_MAX: usize = 50;

const SECOND_90K: u64 = 90_000;

/// A Media Playlist that grows.
#[derive(Debug, Clone)]
pub struct MediaPlaylist {
    kind: Kind,
    segments: VecDeque<Segment>,
    sequence_next: u64,
    target_duration_s: Option<u32>,
    discontinuity_sequence: u64,
    duration_longest_90k: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Live { window: usize },
    Vod,
}

/// A segment that left the playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The segment.
    pub segment: Segment,
    /// How long it must stay available from now on (RFC 8216 §6.2.2).
    pub keep: Duration,
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
    /// Grows with the file: some 80 bytes a segment.
    pub fn vod() -> Self {
        Self::new(Kind::Vod)
    }

    /// Reads back what [`MediaPlaylist::render`] wrote of a live list, to go on from there.
    ///
    /// Returns `None` when `text` is anything else. Segments read back do not know their size.
    pub fn resume(text: &str, window: usize) -> Option<Self> {
        resume(text, window)
    }

    /// A live list that already holds `segments`; `None` when they do not fit one another.
    pub(super) fn of(
        window: usize,
        (target_duration_s, discontinuity_sequence): (u32, u64),
        segments: Vec<Segment>,
    ) -> Option<Self> {
        let is_consecutive = segments.is_sorted_by(|one, next| one.sequence + 1 == next.sequence);
        if segments.is_empty() || !is_consecutive {
            return None;
        }
        let mut playlist = Self::live(window.max(segments.len()));
        playlist.target_duration_s = Some(target_duration_s);
        playlist.discontinuity_sequence = discontinuity_sequence;
        for segment in segments {
            playlist.push(segment);
        }
        playlist.kind = Kind::Live {
            window: window.max(3),
        };
        Some(playlist)
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            segments: VecDeque::new(),
            sequence_next: 0,
            target_duration_s: None,
            discontinuity_sequence: 0,
            duration_longest_90k: 0,
        }
    }

    /// Appends `segment` and returns those that leave: mostly one, none while the playlist fills.
    ///
    /// # Panics
    /// When `segment` does not bear the next Media Sequence Number.
    pub fn push(&mut self, segment: Segment) -> Vec<Removed> {
        if let Some(last) = self.segments.back() {
            assert_eq!(
                segment.sequence,
                last.sequence + 1,
                "segments come in sequence"
            );
        }
        let target = rounded_s(segment.duration_90k).max(1);
        match (self.kind, &mut self.target_duration_s) {
            (Kind::Live { .. }, present) => {
                present.get_or_insert(segment.target_duration_s);
            }
            (Kind::Vod, present) => *present = Some(present.unwrap_or(1).max(target)),
        }
        self.segments.push_back(segment);
        self.sequence_next = segment.sequence + 1;
        let removed = self.shorten();
        self.duration_longest_90k = self.duration_longest_90k.max(self.duration_90k());
        removed
    }

    /// Number of segments listed.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// True before the first segment.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The segments listed, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// EXT-X-TARGETDURATION; `None` before the first segment.
    pub fn target_duration_s(&self) -> Option<u32> {
        self.target_duration_s
    }

    /// Media in the segments listed, in ticks of 90 kHz.
    pub fn duration_90k(&self) -> u64 {
        self.segments().map(|segment| segment.duration_90k).sum()
    }

    /// The Media Sequence Number of the next segment; 0 before the first.
    pub fn sequence_next(&self) -> u64 {
        self.sequence_next
    }

    /// Wall time at which the last segment listed ends.
    pub fn end(&self) -> Option<Wall> {
        self.segments.back().map(Segment::end)
    }

    /// Empties a live list that is too old to go on from, as if its segments had left one by one,
    /// and up to `unknown` further ones with it that players may have seen, each of which may have
    /// begun with a discontinuity: numbers that players know never come back.
    pub fn forget(&mut self, unknown: u64) {
        let discontinuities = self
            .segments()
            .filter(|segment| segment.discontinuity)
            .count();
        self.discontinuity_sequence += discontinuities as u64 + unknown;
        self.sequence_next = self.sequence_next.saturating_add(unknown);
        self.segments.clear();
    }

    /// Renders the playlist; segments have the URI `{directory}segment-{sequence}.ts`.
    pub fn render(&self, directory: &str) -> String {
        let playlist = self;
        Rendering {
            playlist,
            directory,
        }
        .to_string()
    }

    /// Takes out the segments that are too many.
    fn shorten(&mut self) -> Vec<Removed> {
        let Kind::Live { window } = self.kind else {
            return Vec::new();
        };
        let least_90k = 3 * SECOND_90K * u64::from(self.target_duration_s.unwrap_or(0));
        let mut duration_90k = self.duration_90k();
        let mut removed = Vec::new();
        while self.segments.len() > window {
            let Some(first) = self.segments.front().copied() else {
                break;
            };
            duration_90k -= first.duration_90k;
            let is_overlong = self.segments.len() > window + EXTRA_SEGMENTS_MAX;
            if duration_90k < least_90k && !is_overlong {
                break;
            }
            self.segments.pop_front();
            self.discontinuity_sequence += u64::from(first.discontinuity);
            let keep_90k = first.duration_90k + self.duration_longest_90k;
            let keep = Duration::from_micros(micros(keep_90k));
            removed.push(Removed {
                segment: first,
                keep,
            });
        }
        removed
    }
}

/// A playlist as it is written below a directory of segments.
struct Rendering<'a> {
    playlist: &'a MediaPlaylist,
    directory: &'a str,
}

impl Display for Rendering<'_> {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MediaPlaylist { kind, segments, .. } = self.playlist;
        let target_duration_s = self.playlist.target_duration_s.unwrap_or(1);
        let sequence = segments.front().map_or(0, |segment| segment.sequence);
        writeln!(text, "#EXTM3U\n#EXT-X-VERSION:3")?;
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
                if segments.iter().all(|segment| segment.independent) {
                    writeln!(text, "#EXT-X-INDEPENDENT-SEGMENTS")?;
                }
            }
        }
        for (index, segment) in segments.iter().enumerate() {
            self.write_segment(text, index == 0, segment)?;
        }
        match kind {
            Kind::Live { .. } => Ok(()),
            Kind::Vod => writeln!(text, "#EXT-X-ENDLIST"),
        }
    }
}

impl Rendering<'_> {
    fn write_segment(
        &self,
        text: &mut fmt::Formatter<'_>,
        is_first: bool,
        segment: &Segment,
    ) -> fmt::Result {
        if segment.discontinuity {
            writeln!(text, "#EXT-X-DISCONTINUITY")?;
        }
        // A file has no wall time.
        if self.playlist.kind != Kind::Vod && (is_first || segment.discontinuity) {
            writeln!(
                text,
                "#EXT-X-PROGRAM-DATE-TIME:{:.3}",
                timestamp(segment.date_time)
            )?;
        }
        let micros = micros(segment.duration_90k);
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        writeln!(text, "#EXTINF:{seconds}.{fraction:06},")?;
        writeln!(text, "{}segment-{}.ts", self.directory, segment.sequence)
    }
}

/// `duration_90k` in microseconds, rounded to the nearest: so close that the ticks can be read back.
fn micros(duration_90k: u64) -> u64 {
    (duration_90k * 200 + 9) / 18
}

fn rounded_s(duration_90k: u64) -> u32 {
    u32::try_from((duration_90k + SECOND_90K / 2) / SECOND_90K).unwrap_or(u32::MAX)
}

fn timestamp(wall: Wall) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(wall.as_nanos())).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Wall = Wall::from_nanos(1_767_225_600_123_456_789);

    fn segment(sequence: u64, duration_90k: u64) -> Segment {
        Segment {
            sequence,
            duration_90k,
            target_duration_s: 6,
            bytes: 1_000_000,
            discontinuity: false,
            independent: true,
            date_time: START + Duration::from_secs(sequence.saturating_sub(7) * 6),
        }
    }

    #[test]
    fn live_lists_the_last_segments_with_their_date() {
        let mut playlist = MediaPlaylist::live(3);
        playlist.push(segment(7, 540_000));
        playlist.push(segment(8, 540_540));
        playlist.push(Segment {
            discontinuity: true,
            ..segment(9, 450_000)
        });
        insta::assert_snapshot!(playlist.render(""), @r"
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-TARGETDURATION:6
        #EXT-X-MEDIA-SEQUENCE:7
        #EXT-X-DISCONTINUITY-SEQUENCE:0
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.123Z
        #EXTINF:6.000000,
        segment-7.ts
        #EXTINF:6.006000,
        segment-8.ts
        #EXT-X-DISCONTINUITY
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:12.123Z
        #EXTINF:5.000000,
        segment-9.ts
        ");
    }

    #[test]
    fn a_discontinuity_that_leaves_is_counted() {
        let mut playlist = MediaPlaylist::live(3);
        playlist.push(Segment {
            discontinuity: true,
            ..segment(7, 540_000)
        });
        for sequence in 8..=10 {
            playlist.push(segment(sequence, 540_000));
        }
        assert!(playlist.render("").contains(
            "#EXT-X-MEDIA-SEQUENCE:8\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-PROGRAM-DATE-TIME"
        ));
    }

    #[test]
    fn vod_lists_everything_and_ends() {
        let mut playlist = MediaPlaylist::vod();
        playlist.push(segment(0, 750_000));
        playlist.push(segment(1, 30_001));
        insta::assert_snapshot!(playlist.render(""), @r"
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-TARGETDURATION:8
        #EXT-X-MEDIA-SEQUENCE:0
        #EXT-X-PLAYLIST-TYPE:VOD
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXTINF:8.333333,
        segment-0.ts
        #EXTINF:0.333344,
        segment-1.ts
        #EXT-X-ENDLIST
        ");
    }

    #[test]
    fn a_segment_that_cannot_be_decoded_alone_takes_the_claim_back() {
        let mut playlist = MediaPlaylist::vod();
        playlist.push(Segment {
            independent: false,
            ..segment(0, 540_000)
        });
        assert!(!playlist.render("").contains("INDEPENDENT"));
    }

    #[test]
    fn a_removed_segment_is_kept_for_itself_and_the_longest_playlist_that_listed_it() {
        let mut playlist = MediaPlaylist::live(3);
        for sequence in 0..3 {
            assert_eq!(playlist.push(segment(sequence, 540_000)), []);
        }
        let removed = playlist.push(segment(3, 540_000));
        assert_eq!(removed.len(), 1);
        assert_eq!(removed[0].segment.sequence, 0);
        assert_eq!(removed[0].keep, Duration::from_secs(6 + 18));
    }

    #[test]
    fn short_segments_stay_until_three_target_durations_are_listed() {
        let mut playlist = MediaPlaylist::live(3);
        for sequence in 0..12 {
            assert_eq!(playlist.push(segment(sequence, 135_000)), [], "1.5 s each");
        }
        for sequence in 12..20 {
            playlist.push(segment(sequence, 540_000));
        }
        assert_eq!(playlist.len(), 3);
    }

    #[test]
    fn the_list_stays_bounded_while_segments_last_no_time() {
        let mut playlist = MediaPlaylist::live(3);
        for sequence in 0..200 {
            playlist.push(segment(sequence, 1));
        }
        assert_eq!(playlist.len(), 3 + EXTRA_SEGMENTS_MAX);
    }

    #[test]
    fn extinf_is_within_half_a_microsecond() {
        for duration_90k in [1, 3_003, 540_540, 540_541, 584_999] {
            let error = (micros(duration_90k) * 9).abs_diff(duration_90k * 100);
            assert!(error * 2 <= 9, "{duration_90k}");
        }
    }

    #[test]
    fn a_list_read_back_is_written_as_it_was() {
        let mut playlist = MediaPlaylist::live(4);
        for (sequence, duration_90k) in (70..).zip([540_541, 1, 584_999, 30_001, 450_007]) {
            playlist.push(Segment {
                discontinuity: sequence == 72,
                ..segment(sequence, duration_90k)
            });
        }
        let text = playlist.render("HD/");
        let back = MediaPlaylist::resume(&text, 4).expect("a live list");
        assert_eq!(back.render("HD/"), text);
        assert_eq!(back.sequence_next(), 75);
    }

    /// One published playlist, read back by the rules of RFC 8216.
    #[derive(Debug, Default, Clone, PartialEq)]
    struct Version {
        target: u64,
        sequence: u64,
        discontinuity_sequence: u64,
        /// Tags and URI of each segment.
        segments: Vec<String>,
    }

    fn read(text: &str) -> Version {
        let mut version = Version::default();
        let mut tags = String::new();
        for line in text.lines() {
            let number = || {
                line.rsplit(':')
                    .next()
                    .and_then(|digits| digits.parse().ok())
            };
            if line.starts_with("#EXT-X-TARGETDURATION") {
                version.target = number().expect("a number");
            } else if line.starts_with("#EXT-X-MEDIA-SEQUENCE") {
                version.sequence = number().expect("a number");
            } else if line.starts_with("#EXT-X-DISCONTINUITY-SEQUENCE") {
                version.discontinuity_sequence = number().expect("a number");
            } else if line.starts_with("#EXTINF") || line == "#EXT-X-DISCONTINUITY" {
                tags.push_str(line);
            } else if !line.starts_with('#') {
                tags.push_str(line);
                version.segments.push(std::mem::take(&mut tags));
            }
        }
        version
    }

    /// Checks that `after` may follow `before` (RFC 8216 §6.2.1, §6.2.2).
    fn may_follow(before: &Version, after: &Version) {
        assert_eq!(after.target, before.target);
        let removed = after
            .sequence
            .checked_sub(before.sequence)
            .expect("never steps back");
        let removed = usize::try_from(removed).expect("few");
        let (gone, kept) = before.segments.split_at(removed);
        assert_eq!(
            &after.segments[..kept.len()],
            kept,
            "what stays is untouched"
        );
        assert_eq!(after.segments.len(), kept.len() + 1, "one is appended");
        let breaks = gone
            .iter()
            .filter(|tags| tags.contains("DISCONTINUITY"))
            .count() as u64;
        assert_eq!(
            after.discontinuity_sequence,
            before.discontinuity_sequence + breaks
        );
    }

    proptest! {
        #[test]
        fn no_text_is_read_back_with_a_panic(text in "(#[A-Z-]{3,24}[:,]?[0-9.+TZ:-]{0,22}\n|s.ts\n){0,9}") {
            let text = format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n{text}"
            );
            MediaPlaylist::resume(&text, 5);
        }

        #[test]
        fn each_version_may_follow_the_one_before(
            window in 0..12_usize,
            first in 0..1_u64 << 60,
            segments in prop::collection::vec((1..585_000_u64, any::<bool>()), 1..80),
        ) {
            let mut playlist = MediaPlaylist::live(window);
            let mut before = None;
            let mut removed_next = first;
            for (sequence, (duration_90k, discontinuity)) in (first..).zip(segments) {
                let listed_90k = playlist.duration_90k();
                let removed = playlist.push(Segment {
                    discontinuity,
                    date_time: START,
                    ..segment(sequence, duration_90k)
                });
                for removed in removed {
                    prop_assert_eq!(removed.segment.sequence, removed_next);
                    removed_next += 1;
                    let least = listed_90k + removed.segment.duration_90k;
                    prop_assert!(removed.keep >= Duration::from_micros(micros(least)));
                    prop_assert!(playlist.duration_90k() >= 3 * 6 * SECOND_90K);
                }
                let after = read(&playlist.render(""));
                if let Some(before) = before.replace(after.clone()) {
                    may_follow(&before, &after);
                }
                prop_assert_eq!(after.segments.len(), playlist.len());
            }
        }
    }
}
