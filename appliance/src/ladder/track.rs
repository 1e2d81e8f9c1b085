//! The sound and the subtitles of a rendition, as its PMT lists them.

use std::fmt::{self, Display};

use heapless::Vec;

use crate::demux::STREAMS_MAX;

/// All tracks of one rendition, in the order of its PMT.
pub type Tracks = Vec<Track, STREAMS_MAX>;

/// Sound or subtitles in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track {
    /// Which of them.
    pub kind: TrackKind,
    /// ISO 639 code, as the PMT writes it.
    pub language: Option<[u8; 3]>,
}

/// What a track is, whatever its coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// DVB subtitles.
    Subtitles,
    /// Teletext.
    Teletext,
}

impl Display for Track {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            TrackKind::Audio => "audio",
            TrackKind::Subtitles => "subtitles",
            TrackKind::Teletext => "teletext",
        })?;
        match self.language {
            None => formatter.write_str(" without a language"),
            Some(code) => write!(formatter, " in {}", code.escape_ascii()),
        }
    }
}

/// The first track of `one` that is not, or not as often, in `other`.
pub(super) fn difference(one: &Tracks, other: &Tracks) -> Option<Track> {
    let count = |tracks: &Tracks, track: &Track| tracks.iter().filter(|it| *it == track).count();
    let is_lacking = |track: &&Track| count(one, track) > count(other, track);
    one.iter().find(is_lacking).copied()
}
