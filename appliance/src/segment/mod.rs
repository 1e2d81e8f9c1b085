//! Cuts one program into Media Segments and lists them: MPEG-TS in, HLS out, nothing transcoded.
//!
//! Source: RFC 8216 §3.2 (MPEG-2 Transport Stream segments), §4 (playlists), §6.2 (server).
//! Pure: time comes as an argument, bytes leave through the caller. Elementary streams pass
//! through untouched; only PAT and PMT are written anew, so that every segment opens with them.
//!
//! Refuses: to cut on wall time, to reorder packets, and to mend what the encoder sent.

mod archive;
mod bandwidth;
mod boundaries;
mod clock;
mod clocks;
mod coding;
mod counters;
mod cue;
mod cue_tag;
mod cut;
mod date_range;
mod date_ranges;
mod gap;
mod heard;
mod key_tag;
mod master;
mod mux;
mod on_air;
mod past_ranges;
mod pending;
mod pid_set;
mod playlist;
mod reception;
mod resume;
mod seconds;
mod segmenter;
mod sequence;
mod splice_points;
mod target_duration;
mod ticks;
mod timekeeping;
mod timeline;
pub mod track;
mod types;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use archive::{Archive, Excerpt, Moment};
pub use bandwidth::{Bandwidth, BandwidthMeter};
pub use clock::StreamClock;
pub use clocks::Clocks;
pub use counters::Counters;
pub use cue::{Cue, CueKind, EventId};
pub use date_ranges::CueOutcome;
pub use key_tag::KeyTag;
pub use master::{MasterPlaylist, SubtitleRendition, Variant, render_master};
pub use past_ranges::{RangeEnd, RangeLine};
pub use playlist::MediaPlaylist;
pub use segmenter::Segmenter;
pub use sequence::APART_MAX;
pub use types::{Format, Markers, Output, Phase, Rules, Segment, StreamPosition};
