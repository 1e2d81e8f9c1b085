//! Further Media Playlists out of one rendition: its sound alone, its subtitles as WebVTT.
//!
//! Source: RFC 8216 §4.3.4.2 (a Variant Stream without pictures), §3.5 (WebVTT), §6.2.4 (what
//! renditions have in common).
//!
//! A track is made of what the segmenter makes: for each segment of the rendition one of its own,
//! with the same Media Sequence Number, duration, date and discontinuity, and for each gap a gap.
//! So lists agree by construction, whatever the stream does. Its bytes depend on those of the
//! segment and the few before it alone, so that boxes that join at different moments make the same.
//!
//! Refuses: to cut anew. What the multiplex carries late stands in the segment it came in, as in
//! the rendition itself; only subtitles wait for the clock ([`subtitles`]).

mod counters;
mod program_reader;
mod sound;
mod subtitles;
#[cfg(test)]
mod subtitles_tests;
mod web_vtt;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use sound::Sound;
pub use subtitles::{PageChoice, Subtitles};

use crate::segment::Output;

/// One further Media Playlist out of a rendition.
#[derive(Debug)]
pub enum Track {
    /// Its sound.
    Sound(Box<Sound>),
    /// A teletext page of subtitles.
    Subtitles(Box<Subtitles>),
}

impl Track {
    /// Takes the next output of the segmenter that was kept, and calls `each` for what the track
    /// makes of it. No segment is open when a track is taken up.
    pub fn push(&mut self, output: &Output, each: impl FnMut(Output)) {
        match self {
            Self::Sound(sound) => sound.push(output, each),
            Self::Subtitles(subtitles) => subtitles.push(output, each),
        }
    }

    /// The open segment was given up: its number comes again.
    pub fn abandon(&mut self, each: impl FnMut(Output)) {
        match self {
            Self::Sound(sound) => sound.abandon(),
            Self::Subtitles(subtitles) => subtitles.abandon(each),
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        match self {
            Self::Sound(sound) => *sound.counters(),
            Self::Subtitles(subtitles) => subtitles.counters(),
        }
    }
}
