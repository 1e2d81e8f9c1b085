//! The vocabulary between the segmenter, the playlists and whoever stores the bytes.

use std::time::Duration;

use bytes::Bytes;
use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{Cue, ticks},
};

/// When to cut. All limits hold for every segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Cut at the first random access point at or after this much media.
    pub target: Duration,
    /// How much longer than the target a segment may get for want of a random access point, whose
    /// distances are not known beforehand. None: they never move, and the Target Duration is what
    /// the first of them make of the target.
    pub slack: Duration,
    /// Cut here even without a random access point; at least `target`.
    pub duration_max: Duration,
    /// Cut here even without a random access point; fewer than 256 KiB count as 256 KiB.
    pub bytes_max: u64,
    /// Where segments begin on the stream's own timeline.
    pub phase: Phase,
}

/// Where segments begin on the stream's own timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// At the first random access point, then every target duration: for files.
    First,
    /// At the first random access point at or after each multiple of the target duration on the
    /// PTS timeline, so that renditions, and boxes, that join at different moments cut alike, and
    /// do so again after what only one of them met.
    Grid,
}

/// What the segments of a list are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// MPEG-2 Transport Stream (RFC 8216 §3.2).
    #[default]
    TransportStream,
    /// WebVTT (RFC 8216 §3.5).
    WebVtt,
}

impl Format {
    /// What the names of its files end with.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::TransportStream => ".ts",
            Self::WebVtt => ".vtt",
        }
    }
}

/// What the segmenter makes, in stream order.
#[derive(Debug, Clone)]
pub enum Output {
    /// A segment begins.
    Begin {
        /// Its Media Sequence Number.
        sequence: u64,
    },
    /// The next bytes of the segment that began last; whole transport packets, or the text of a
    /// track of subtitles.
    Bytes(Bytes),
    /// That segment is whole.
    End(Segment),
    /// Media is missing: a segment without bytes, to be listed as a gap. Of a rendition none is
    /// open; of a track the open one is given up in its favour.
    Gap(Segment),
    /// The stream announces an event. It stands between the segments, wherever it comes.
    Cue(Cue),
}

/// One complete Media Segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Media Sequence Number.
    pub sequence: u64,
    /// Media time, from the PTS of the primary stream, in ticks of 90 kHz.
    pub duration_90k: u64,
    /// Target Duration of the playlist it belongs to, in seconds: the same in all segments of one
    /// segmenter, and no `duration_90k` rounds above it.
    pub target_duration_s: u32,
    /// Size in bytes.
    pub bytes: u64,
    /// True when the timeline, the tables or the coding changed before it (EXT-X-DISCONTINUITY).
    pub discontinuity: bool,
    /// True when it begins with a random access point.
    pub independent: bool,
    /// True when it stands for media that never came (EXT-X-GAP): it has no bytes.
    pub gap: bool,
    /// Wall time of its first picture (EXT-X-PROGRAM-DATE-TIME).
    pub date_time: Wall,
    /// Where it begins; `None` when it was read back from a list, which does not tell.
    pub begin: Option<StreamPosition>,
}

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// PTS.
    pub pts: Pts,
    /// The number of the time base that it is of.
    pub time_base: u64,
    /// A hash of the tables and of the coding of the primary stream.
    pub coding: u64,
}

impl StreamPosition {
    /// The place so many ticks of 90 kHz later.
    #[must_use]
    pub fn later(self, ticks: u64) -> Self {
        let pts = Pts::from_ticks(self.pts.ticks().wrapping_add(ticks));
        Self { pts, ..self }
    }
}

impl Segment {
    /// Media time.
    pub fn duration(&self) -> Duration {
        ticks::span(self.duration_90k)
    }

    /// PTS at which it begins, if that is known.
    pub fn pts(&self) -> Option<Pts> {
        self.begin.map(|begin| begin.pts)
    }

    /// The same without its media.
    #[must_use]
    pub fn as_gap(&self) -> Self {
        Self {
            bytes: 0,
            independent: false,
            gap: true,
            ..*self
        }
    }

    /// Wall time at which it ends.
    pub fn end(&self) -> Wall {
        self.date_time + self.duration()
    }
}

/// How a playlist tells of breaks and other events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Markers {
    /// By EXT-X-DATERANGE.
    pub date_ranges: bool,
    /// By EXT-X-CUE-OUT, EXT-X-CUE-OUT-CONT and EXT-X-CUE-IN.
    pub cue_tags: bool,
}
