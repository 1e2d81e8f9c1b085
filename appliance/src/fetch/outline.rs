//! What a list promises: how often it changes, and whether it changes at all.
//!
//! Source: RFC 8216 §6.2.1, §6.2.2 (a Media Playlist changes once in a Target Duration), ISO/IEC
//! 23009-1 §5.3.1.2 (`MPD@minimumUpdatePeriod`).

use std::{
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use weir_cache::Key;

use crate::fetch::{manifest, playlist};

/// Lists whose outlines are remembered: 400 KiB. What is forgotten is read again, or taken to
/// change as often as [`Knowledge`](crate::fetch::Knowledge) assumes.
const OUTLINES_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");

/// What a list promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Which kind of list it is.
    pub form: Form,
    /// How often it changes: the Target Duration, or the update period of a manifest.
    pub period: Option<Duration>,
}

/// Kinds of lists, by how they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// It names lists, and changes when a rendition comes or goes: a Multivariant Playlist, or a
    /// dynamic manifest that announces no updates.
    Multivariant,
    /// It grows: a Media Playlist or a dynamic manifest.
    Live,
    /// It will not change any more.
    Ended,
}

impl Outline {
    /// Reads the outline of an HLS playlist or a DASH manifest; `None` if `body` is neither.
    pub fn of(body: &[u8]) -> Option<Self> {
        playlist::header(body)
            .map(Self::of_playlist)
            .or_else(|| manifest::header(body).map(Self::of_manifest))
    }

    fn of_playlist(header: playlist::Header) -> Self {
        let form = match (header.is_multivariant, header.is_ended) {
            (true, _) => Form::Multivariant,
            (false, true) => Form::Ended,
            (false, false) => Form::Live,
        };
        Self {
            form,
            period: header.target_duration,
        }
    }

    fn of_manifest(header: manifest::Header) -> Self {
        let form = match (header.is_dynamic, header.update_period) {
            (false, _) => Form::Ended,
            (true, None) => Form::Multivariant,
            (true, Some(_)) => Form::Live,
        };
        // Zero: it may change with every segment.
        let period = header.update_period.filter(|period| !period.is_zero());
        Self {
            form,
            period: period.or(header.segment_duration),
        }
    }
}

/// The outlines of the lists that came through lately, least recently used first out. A list is
/// told by a hash of its key: two of one hash have each other's lifetimes, and nothing else.
#[derive(Debug)]
pub struct Outlines {
    hasher: RandomState,
    latest: Mutex<LruCache<u64, Outline>>,
}

impl Default for Outlines {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            latest: Mutex::new(LruCache::new(OUTLINES_MAX)),
        }
    }
}

impl Outlines {
    /// Remembers the outline of the list called `key`, and returns it; forgets the list if `body`
    /// is none.
    pub fn note(&self, key: &Key, body: &[u8]) -> Option<Outline> {
        let outline = Outline::of(body);
        let hash = self.hasher.hash_one(key);
        match outline {
            Some(outline) => drop(self.lock().put(hash, outline)),
            None => drop(self.lock().pop(&hash)),
        }
        outline
    }

    /// The outline of the list called `key`, if it is remembered.
    pub fn of(&self, key: &Key) -> Option<Outline> {
        let hash = self.hasher.hash_one(key);
        self.lock().get(&hash).copied()
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<u64, Outline>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIX: Option<Duration> = Some(Duration::from_secs(6));

    fn outline(body: &str) -> Option<(Form, Option<Duration>)> {
        Outline::of(body.as_bytes()).map(|outline| (outline.form, outline.period))
    }

    #[test]
    fn tells_lists_apart_by_how_they_change() {
        let playlist = |rest: &str| outline(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{rest}"));
        assert_eq!(playlist(""), Some((Form::Live, SIX)));
        assert_eq!(playlist("#EXT-X-ENDLIST\n"), Some((Form::Ended, SIX)));
        assert_eq!(
            outline("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n"),
            Some((Form::Multivariant, None))
        );
        for (attributes, expected) in [
            ("type='static'", (Form::Ended, None)),
            ("type='dynamic'", (Form::Multivariant, None)),
            (
                "type='dynamic' minimumUpdatePeriod='PT6S'",
                (Form::Live, SIX),
            ),
            (
                "type='dynamic' minimumUpdatePeriod='PT0S' maxSegmentDuration='PT6S'",
                (Form::Live, SIX),
            ),
        ] {
            let manifest = outline(&format!("<MPD {attributes}>"));
            assert_eq!(manifest, Some(expected), "{attributes}");
        }
        assert_eq!(outline("GIF89a"), None);
    }

    #[test]
    fn remembers_lists_by_their_key_until_they_are_none() {
        let outlines = Outlines::default();
        let key = |name: &str| Key::new(name).expect("a key");
        outlines.note(&key("/a"), b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n");
        let found = outlines.of(&key("/a")).expect("noted");
        assert_eq!((found.form, found.period), (Form::Live, SIX));
        assert_eq!(outlines.of(&key("/b")), None);
        assert_eq!(outlines.note(&key("/a"), b"<html>"), None);
        assert_eq!(outlines.of(&key("/a")), None);
    }

    #[test]
    fn forgets_what_was_not_used_for_longest() {
        let outlines = Outlines::default();
        let key = |number: usize| Key::new(&format!("/{number}")).expect("a key");
        for number in 0..=OUTLINES_MAX.get() {
            outlines.note(&key(number), b"#EXTM3U\n");
        }
        assert_eq!(outlines.of(&key(0)), None);
        assert!(outlines.of(&key(1)).is_some());
    }
}
