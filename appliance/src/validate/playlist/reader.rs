//! From bytes to a playlist, line by line.

use std::{borrow::Cow, sync::Arc};

use super::{
    Attributes, BYTES_MAX, ByteRange, DateRange, DateTime, Flaw, ListType, Located, Map,
    MediaPlaylist, MultivariantPlaylist, NEWEST_MAX, Playlist, Rendition, SEGMENTS_MAX, Segment,
    THINGS_MAX, URI_BYTES_MAX, Variant,
    attributes::first_bytes,
    values::{byte_range, is_vector, micros},
};

/// Bytes of an EXT-X-KEY of which the key is asked for: many segments remember them.
const KEY_BYTES_MAX: usize = 16 << 10;

/// Tags that stand in Media Playlists alone, besides those of segments.
const MEDIA_TAGS: [&str; 7] = [
    "TARGETDURATION",
    "MEDIA-SEQUENCE",
    "DISCONTINUITY-SEQUENCE",
    "PLAYLIST-TYPE",
    "ENDLIST",
    "I-FRAMES-ONLY",
    "SKIP",
];

/// Reads `body`, at most its first [`BYTES_MAX`] bytes; `None` if it is no playlist.
pub fn read(body: &[u8]) -> Option<Playlist> {
    let body = body.get(..BYTES_MAX).unwrap_or(body);
    let bare = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = String::from_utf8_lossy(bare);
    if text.lines().next()?.trim_end() != "#EXTM3U" {
        return None;
    }
    let mut reader = Reader::default();
    if bare.len() != body.len() || matches!(text, Cow::Owned(_)) {
        reader.flaw(1, Flaw::Encoding);
    }
    for (index, line) in text.lines().enumerate().skip(1) {
        reader.line(u32::try_from(index + 1).unwrap_or(u32::MAX), line.trim());
    }
    Some(reader.finish())
}

/// What the lines so far have said.
#[derive(Debug, Default)]
struct Reader {
    media: MediaPlaylist,
    multivariant: MultivariantPlaylist,
    flaws: Vec<Located<Flaw>>,
    /// What tags say of the segment to come.
    next: Segment,
    has_duration: bool,
    key: Option<Located<Arc<str>>>,
    map: Option<Located<Arc<Map>>>,
    /// Where the last byte range of a resource ended.
    range_end: Option<(String, u64)>,
    range: Option<(u64, Option<u64>)>,
    variant: Option<(u32, Attributes)>,
    /// The first line that belongs in a Media Playlist alone.
    media_line: Option<u32>,
    first_map: Option<u32>,
    leaves_out: bool,
}

impl Reader {
    fn line(&mut self, line: u32, text: &str) {
        if text.is_empty() {
            return;
        }
        if !text.starts_with('#') {
            return self.uri(line, text);
        }
        if !text.starts_with("#EXT") {
            return;
        }
        let (tag, value) = text.split_once(':').unwrap_or((text, ""));
        let tag = tag.strip_prefix("#EXT-X-").unwrap_or(tag);
        let is_of_segment = self.segment_tag(line, tag, value);
        if is_of_segment || MEDIA_TAGS.contains(&tag) {
            self.media_line.get_or_insert(line);
        }
        if !is_of_segment && !self.header_tag(line, tag, value) {
            self.multivariant_tag(line, tag, value);
        }
    }

    /// Tags that stand once in a Media Playlist, or in both kinds.
    fn header_tag(&mut self, line: u32, tag: &str, value: &str) -> bool {
        match tag {
            "VERSION" => self.version(line, value),
            "TARGETDURATION" => {
                let number = self.number(line, value, Flaw::TargetDuration);
                self.media.target_duration_s = number.or(self.media.target_duration_s);
            }
            "MEDIA-SEQUENCE" => {
                let number = self.early_number(line, value, Flaw::MediaSequence);
                self.media.media_sequence = number.or(self.media.media_sequence);
            }
            "DISCONTINUITY-SEQUENCE" => {
                let number = self.early_number(line, value, Flaw::DiscontinuitySequence);
                self.media.discontinuity_sequence = number.or(self.media.discontinuity_sequence);
            }
            "PLAYLIST-TYPE" => self.list_type(line, value),
            "ENDLIST" => self.media.end = Some(line),
            "INDEPENDENT-SEGMENTS" => self.media.independent_segments = Some(line),
            "I-FRAMES-ONLY" => {
                self.media.i_frames_only = Some(line);
                self.needs(line, 4);
            }
            "START" => {
                let value = value.to_owned();
                self.media.start = Some(Located { line, value });
            }
            "DEFINE" => {
                let is_of_query = self.attributes(line, value).value("QUERYPARAM").is_some();
                self.needs(line, if is_of_query { 11 } else { 8 });
            }
            "SKIP" => {
                let attributes = self.attributes(line, value);
                let removed = attributes.value("RECENTLY-REMOVED-DATERANGES");
                self.needs(line, if removed.is_some() { 10 } else { 9 });
            }
            _ => return false,
        }
        true
    }

    /// Tags that belong to the segment that follows, or to all that follow.
    fn segment_tag(&mut self, line: u32, tag: &str, value: &str) -> bool {
        match tag {
            "#EXTINF" => self.duration(line, value),
            "DISCONTINUITY" => self.next.discontinuity = Some(line),
            "GAP" => self.next.gap = Some(line),
            "BYTERANGE" => {
                self.range = byte_range(value);
                self.needs(line, 4);
            }
            "PROGRAM-DATE-TIME" => self.date_time(line, value),
            "KEY" => self.key(line, value),
            "MAP" => self.map(line, value),
            "DATERANGE" => self.date_range(line, value),
            _ => return false,
        }
        true
    }

    fn multivariant_tag(&mut self, line: u32, tag: &str, value: &str) {
        match tag {
            "STREAM-INF" => self.variant = Some((line, self.attributes(line, value))),
            "MEDIA" if self.multivariant.renditions.len() >= THINGS_MAX => self.leave_out(line),
            "MEDIA" => {
                let attributes = self.attributes(line, value);
                let rendition = Rendition { line, attributes };
                self.multivariant.renditions.push(rendition);
            }
            _ => {}
        }
    }

    fn uri(&mut self, line: u32, uri: &str) {
        match self.variant.take() {
            Some((line, attributes)) => self.variant(line, attributes, uri),
            None => self.segment(line, uri),
        }
    }

    fn variant(&mut self, line: u32, attributes: Attributes, uri: &str) {
        if self.multivariant.variants.len() >= THINGS_MAX {
            return self.leave_out(line);
        }
        let uri = uri.to_owned();
        self.multivariant.variants.push(Variant {
            line,
            uri,
            attributes,
        });
    }

    fn segment(&mut self, line: u32, uri: &str) {
        let mut segment = std::mem::take(&mut self.next);
        if !std::mem::take(&mut self.has_duration) {
            self.flaw(line, Flaw::NoDuration);
            segment.duration_line = line;
        }
        segment.byte_range = self.byte_range(uri);
        segment.key.clone_from(&self.key);
        segment.map.clone_from(&self.map);
        segment.line = line;
        first_bytes(uri, URI_BYTES_MAX).clone_into(&mut segment.uri);
        segment.is_cut = segment.uri.len() < uri.len();
        if segment.is_cut {
            self.flaw(line, Flaw::TooLong);
        }
        self.media_line.get_or_insert(line);
        self.keep(segment);
    }

    /// Keeps the first segments and the last: players begin at the end.
    fn keep(&mut self, segment: Segment) {
        if self.media.segments.len() < SEGMENTS_MAX {
            return self.media.segments.push(segment);
        }
        self.leave_out(segment.line);
        self.media.unread += 1;
        if self.media.newest.len() >= NEWEST_MAX {
            self.media.newest.pop_front();
        }
        self.media.newest.push_back(segment);
    }

    /// The range of the segment at hand: without an offset it begins where the one before ended.
    fn byte_range(&mut self, uri: &str) -> Option<ByteRange> {
        let Some((bytes, offset)) = self.range.take() else {
            self.range_end = None;
            return None;
        };
        let last = self.range_end.take().filter(|(before, _)| before == uri);
        let offset = offset.or(last.map(|(_, end)| end)).unwrap_or(0);
        self.range_end = Some((uri.to_owned(), offset.saturating_add(bytes)));
        Some(ByteRange { offset, bytes })
    }

    fn version(&mut self, line: u32, value: &str) {
        let version = self.number(line, value, Flaw::Version);
        if self.media.version.is_some() {
            self.flaw(line, Flaw::Version);
        }
        self.media.version = version.or(self.media.version);
    }

    fn list_type(&mut self, line: u32, value: &str) {
        let value = match value.trim() {
            "EVENT" => ListType::Event,
            "VOD" => ListType::Vod,
            _ => return self.flaw(line, Flaw::ListType),
        };
        self.media.list_type = Some(Located { line, value });
    }

    fn duration(&mut self, line: u32, value: &str) {
        let text = value.split(',').next().unwrap_or("").trim();
        self.has_duration = true;
        self.next.duration_line = line;
        match micros(text) {
            Ok(duration_us) => self.next.duration_us = duration_us,
            Err(flaw) => {
                let is_beyond = flaw == Flaw::DurationBeyond;
                self.next.duration_us = if is_beyond { u64::MAX } else { 0 };
                self.flaw(line, flaw);
            }
        }
        if text.contains('.') {
            self.needs(line, 3);
        }
    }

    fn date_time(&mut self, line: u32, value: &str) {
        let Some(value) = DateTime::read(value) else {
            let is_beyond = DateTime::is_beyond(value);
            let flaw = if is_beyond {
                Flaw::DateTimeBeyond
            } else {
                Flaw::DateTime
            };
            return self.flaw(line, flaw);
        };
        if !value.has_zone {
            self.flaw(line, Flaw::TimeZone);
        }
        self.next.date_time = Some(Located { line, value });
    }

    /// What is not read whole is not judged.
    fn date_range(&mut self, line: u32, value: &str) {
        let attributes = Attributes::read(value);
        if !attributes.is_whole() {
            return self.flaw(line, Flaw::TooLong);
        }
        if self.media.date_ranges.len() >= THINGS_MAX {
            return self.leave_out(line);
        }
        let range = DateRange { line, attributes };
        self.media.date_ranges.push(range);
    }

    /// The attributes of any other tag.
    fn attributes(&mut self, line: u32, value: &str) -> Attributes {
        let attributes = Attributes::read(value);
        if !attributes.is_whole() {
            self.flaw(line, Flaw::TooLong);
        }
        attributes
    }

    fn key(&mut self, line: u32, value: &str) {
        let attributes = self.attributes(line, value);
        let [method, uri, vector] = ["METHOD", "URI", "IV"].map(|name| attributes.value(name));
        let is_none = method == Some("NONE");
        let is_sound = if is_none {
            attributes.iter().count() == 1
        } else {
            let is_said = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
            is_said(method) && is_said(uri) && vector.is_none_or(is_vector)
        };
        if !is_sound {
            self.flaw(line, Flaw::Key);
        }
        // Without its value a segment counts as encrypted in a way that is not known.
        let is_kept = attributes.is_whole() && value.len() <= KEY_BYTES_MAX;
        let kept = if is_kept { value } else { "" };
        self.key = (!is_none).then(|| Located {
            line,
            value: kept.into(),
        });
        if attributes.value("KEYFORMAT").is_some() || method == Some("SAMPLE-AES") {
            self.needs(line, 5);
        } else if vector.is_some() {
            self.needs(line, 2);
        }
    }

    fn map(&mut self, line: u32, value: &str) {
        let attributes = self.attributes(line, value);
        let map = Map::of(&attributes);
        if map.is_none() {
            self.flaw(line, Flaw::Map);
        }
        let map = map.filter(|_| attributes.is_whole());
        let value = Arc::new(map.unwrap_or_default());
        self.map = Some(Located { line, value });
        self.first_map.get_or_insert(line);
    }

    fn number(&mut self, line: u32, text: &str, flaw: Flaw) -> Option<Located<u64>> {
        let value = text.trim().parse().ok();
        if value.is_none() {
            self.flaw(line, flaw);
        }
        value.map(|value| Located { line, value })
    }

    /// A number that must stand before the first segment.
    fn early_number(&mut self, line: u32, text: &str, flaw: Flaw) -> Option<Located<u64>> {
        if !self.media.segments.is_empty() {
            self.flaw(line, flaw);
        }
        self.number(line, text, flaw)
    }

    fn needs(&mut self, line: u32, value: u64) {
        if value > self.media.version_needed.value {
            self.media.version_needed = Located { line, value };
        }
    }

    /// There is more than what is kept of its kind; that is told once.
    fn leave_out(&mut self, line: u32) {
        if !std::mem::replace(&mut self.leaves_out, true) {
            self.flaw(line, Flaw::TooLong);
        }
    }

    fn flaw(&mut self, line: u32, value: Flaw) {
        if self.flaws.len() < THINGS_MAX {
            self.flaws.push(Located { line, value });
        }
    }

    fn finish(mut self) -> Playlist {
        if self.has_duration {
            self.flaw(self.next.duration_line, Flaw::BreaksOff);
        }
        if let Some(line) = self.first_map {
            let is_i_frames = self.media.i_frames_only.is_some();
            self.needs(line, if is_i_frames { 5 } else { 6 });
        }
        let is_multivariant =
            !self.multivariant.variants.is_empty() || !self.multivariant.renditions.is_empty();
        if let Some(line) = self.media_line.filter(|_| is_multivariant) {
            self.flaw(line, Flaw::Mixed);
        }
        if is_multivariant && self.media.segments.is_empty() {
            return Playlist::Multivariant(MultivariantPlaylist {
                flaws: self.flaws,
                ..self.multivariant
            });
        }
        Playlist::Media(Box::new(MediaPlaylist {
            flaws: self.flaws,
            ..self.media
        }))
    }
}

impl Default for Located<u64> {
    fn default() -> Self {
        Self { line: 1, value: 1 }
    }
}
