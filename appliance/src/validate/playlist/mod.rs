//! Reads any playlist as it stands, keeps where each thing stands, and takes nothing amiss.
//!
//! Source: RFC 8216 §4; draft-pantos-hls-rfc8216bis §4 for what came later. Shares nothing with the
//! playlists that this appliance writes, nor with what the cache reads of those it passes on, so
//! that all of them cannot be wrong alike. Pure; any bytes are read without a panic, and what is
//! malformed is kept as a [`Flaw`] of its line for the rules to judge. Unknown tags are passed
//! over.
//!
//! Refuses: bodies that do not begin with `#EXTM3U`; to interpret `EXT-X-DEFINE` and the tags of
//! low latency.

mod attributes;
mod date_time;
mod media;
mod multivariant;
mod reader;
#[cfg(test)]
mod tests;
mod values;

pub use attributes::Attributes;
pub use date_time::DateTime;
pub use media::{ByteRange, DateRange, ListType, Map, MediaPlaylist, Segment};
pub use multivariant::{MultivariantPlaylist, Rendition, Variant};
pub use reader::read;

/// Bytes of a playlist that are read: a day of segments of 2 s at 90 bytes each.
pub const BYTES_MAX: usize = 4 << 20;

/// Segments of one playlist that are read: a day of segments of 2 s ...
pub const SEGMENTS_MAX: usize = 50_000;

/// ... and of those behind them the newest.
pub const NEWEST_MAX: usize = 64;

/// Things of any other kind of one playlist that are kept: date ranges, flaws, variants.
pub const THINGS_MAX: usize = 1_000;

/// Bytes of the URI of a segment that are read: more than servers take.
pub const URI_BYTES_MAX: usize = 8 << 10;

/// Something and the line it stands on, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located<T> {
    /// The line.
    pub line: u32,
    /// What stands there.
    pub value: T,
}

/// A playlist of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Playlist {
    /// It lists segments.
    Media(Box<MediaPlaylist>),
    /// It lists Media Playlists.
    Multivariant(MultivariantPlaylist),
}

/// What is wrong with a line by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// The playlist is not UTF-8, or begins with a byte order mark.
    Encoding,
    /// EXTINF without a URI behind it: the playlist breaks off.
    BreaksOff,
    /// A URI without an EXTINF before it.
    NoDuration,
    /// An EXTINF whose duration is no number.
    Duration,
    /// An EXTINF whose duration is a number that is not counted so far.
    DurationBeyond,
    /// An EXT-X-TARGETDURATION that is no whole number of seconds.
    TargetDuration,
    /// An EXT-X-MEDIA-SEQUENCE that is no number, or stands behind a segment.
    MediaSequence,
    /// An EXT-X-DISCONTINUITY-SEQUENCE that is no number, or stands behind a segment.
    DiscontinuitySequence,
    /// An EXT-X-PLAYLIST-TYPE that is neither EVENT nor VOD.
    ListType,
    /// An EXT-X-PROGRAM-DATE-TIME that is no date of ISO 8601.
    DateTime,
    /// An EXT-X-PROGRAM-DATE-TIME that is a date and is not counted so far.
    DateTimeBeyond,
    /// An EXT-X-PROGRAM-DATE-TIME without a time zone.
    TimeZone,
    /// An EXT-X-VERSION that is no number, or stands there twice.
    Version,
    /// Tags of Media Playlists and of Multivariant Playlists in one.
    Mixed,
    /// An EXT-X-KEY without METHOD or URI, with an IV that is none, or that says more than NONE.
    Key,
    /// An EXT-X-MAP without URI, or with a BYTERANGE that is none.
    Map,
    /// More of something, a longer URI, or more of an attribute list than is read.
    TooLong,
}
