//! Reads successive versions of a Media Playlist as a player would, and holds each against the
//! one before.
//!
//! Source: RFC 8216 §4.3.3 (media playlist tags), §6.2.1 and §6.2.2 (how a playlist may change).
//! Shares no code with the product's own playlists.

use std::fmt::{self, Display};

use weir_cache::{Key, Store};
use weir_tests::stream::PACKET_BYTES;

/// One segment of one version.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    uri: String,
    duration_s: f64,
    is_discontinuity: bool,
    is_gap: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Version {
    target_duration_s: u64,
    sequence: u64,
    discontinuity_sequence: u64,
    entries: Vec<Entry>,
}

/// The reader and what it remembers.
#[derive(Debug)]
pub(crate) struct Checker {
    seed: u64,
    text: String,
    last: Option<Version>,
    has_restarted: bool,
    versions: u64,
    restarts: u64,
    discontinuities: u64,
    pub(crate) segments: u64,
}

impl Display for Checker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            versions,
            segments,
            discontinuities,
            restarts,
            ..
        } = self;
        write!(
            formatter,
            "{versions} versions, {segments} segments, {discontinuities} discontinuities, \
             {restarts} power cuts"
        )
    }
}

impl Checker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            text: String::new(),
            last: None,
            has_restarted: false,
            versions: 0,
            restarts: 0,
            discontinuities: 0,
            segments: 0,
        }
    }

    /// The appliance has come back from a power cut: it may have forgotten the last seconds.
    pub(crate) fn restarted(&mut self) {
        self.has_restarted = true;
        self.restarts += 1;
    }

    /// Takes note of the playlist as it is now.
    pub(crate) async fn check(&mut self, text: &str, store: &Store) {
        if text == self.text {
            return;
        }
        let version = parse(text);
        let context = format!("seed {}:\n{}\nthen\n{text}", self.seed, self.text);
        version.check_alone(&context);
        let is_new = match &self.last {
            Some(last) => version.check_after(last, self.has_restarted, &context),
            None => version.entries.len(),
        };
        let from = version.entries.len() - is_new;
        for entry in &version.entries[from..] {
            self.segments += u64::from(!entry.is_gap);
            self.discontinuities += u64::from(entry.is_discontinuity);
        }
        for entry in version.entries.iter().filter(|entry| !entry.is_gap) {
            fetch(&entry.uri, store, &context).await;
        }
        self.versions += 1;
        text.clone_into(&mut self.text);
        self.last = Some(version);
        self.has_restarted = false;
    }
}

/// A listed segment can be fetched whole.
async fn fetch(uri: &str, store: &Store, context: &str) {
    let key = Key::new(&format!("/live/ch/{uri}")).expect("a plain path");
    let object = store
        .get(&key)
        .unwrap_or_else(|| panic!("{uri} is listed but not there: {context}"));
    let announced = object
        .bytes()
        .unwrap_or_else(|| panic!("{uri} is listed but not whole: {context}"));
    let mut reader = object.read(0..u64::MAX);
    let mut bytes = 0;
    while let Some(chunk) = reader
        .next()
        .await
        .unwrap_or_else(|error| panic!("{error}: {context}"))
    {
        bytes += chunk.bytes.len();
    }
    assert_eq!(u64::try_from(bytes).ok(), Some(announced), "{context}");
    assert!(bytes > 0 && bytes.is_multiple_of(PACKET_BYTES), "{context}");
}

impl Version {
    fn check_alone(&self, context: &str) {
        assert!(!self.entries.is_empty(), "an empty playlist: {context}");
        for entry in &self.entries {
            #[expect(clippy::cast_precision_loss, reason = "a target duration is small")]
            let limit = self.target_duration_s as f64;
            assert!(
                entry.duration_s.round() <= limit,
                "EXTINF over TARGETDURATION: {context}"
            );
            assert!(entry.duration_s > 0.0, "EXTINF of zero: {context}");
        }
    }

    /// Holds `self` against the version before; returns how many segments are new.
    fn check_after(&self, last: &Self, has_restarted: bool, context: &str) -> usize {
        assert_eq!(
            self.target_duration_s, last.target_duration_s,
            "TARGETDURATION moved: {context}"
        );
        assert!(
            self.sequence >= last.sequence,
            "MEDIA-SEQUENCE stepped back: {context}"
        );
        assert!(
            self.discontinuity_sequence >= last.discontinuity_sequence,
            "DISCONTINUITY-SEQUENCE stepped back: {context}"
        );
        let end = last.sequence + last.entries.len() as u64;
        let own_end = self.sequence + self.entries.len() as u64;
        assert!(own_end > last.sequence, "the list stepped back: {context}");
        if !has_restarted {
            assert!(own_end >= end, "a segment was taken back: {context}");
        }
        let removed = usize::try_from(self.sequence - last.sequence).expect("a small number");
        let kept = last.entries.get(removed..).unwrap_or_default();
        let common = kept.len().min(self.entries.len());
        assert_eq!(
            self.entries[..common],
            kept[..common],
            "a listed segment changed: {context}"
        );
        let gone = last
            .entries
            .iter()
            .take(removed)
            .filter(|entry| entry.is_discontinuity)
            .count();
        let expected = last.discontinuity_sequence + gone as u64;
        if !has_restarted {
            assert_eq!(
                self.discontinuity_sequence, expected,
                "DISCONTINUITY-SEQUENCE: {context}"
            );
        }
        self.entries.len() - common
    }
}

fn parse(text: &str) -> Version {
    let mut version = Version::default();
    let mut duration_s = None;
    let (mut is_discontinuity, mut is_gap) = (false, false);
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("#EXT-X-TARGETDURATION:") {
            version.target_duration_s = value.parse().expect("whole seconds");
        } else if let Some(value) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            version.sequence = value.parse().expect("a number");
        } else if let Some(value) = line.strip_prefix("#EXT-X-DISCONTINUITY-SEQUENCE:") {
            version.discontinuity_sequence = value.parse().expect("a number");
        } else if line == "#EXT-X-DISCONTINUITY" {
            is_discontinuity = true;
        } else if line == "#EXT-X-GAP" {
            is_gap = true;
        } else if let Some(value) = line.strip_prefix("#EXTINF:") {
            duration_s = value.trim_end_matches(',').parse().ok();
        } else if !line.starts_with('#') && !line.is_empty() {
            version.entries.push(Entry {
                uri: line.to_owned(),
                duration_s: duration_s.take().expect("an EXTINF before each URI"),
                is_discontinuity: std::mem::take(&mut is_discontinuity),
                is_gap: std::mem::take(&mut is_gap),
            });
        }
    }
    version
}
