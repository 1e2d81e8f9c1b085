//! What an HLS playlist names, in the order in which it names it.
//!
//! Source: RFC 8216 §4 and draft-pantos-hls-rfc8216bis §4 (`EXT-X-PART`, `EXT-X-PRELOAD-HINT`,
//! `EXT-X-SKIP`). Borrows from the body and allocates nothing. A line that breaks the syntax is
//! passed over: the players judge it, not the cache. Pure.
//!
//! Refuses: bodies that do not begin with `#EXTM3U` or are longer than [`BYTES_MAX`].

use std::{str::Split, time::Duration};

/// Bytes a playlist may have to be looked into: 24 hours of segments of 2 s at 90 bytes each.
pub const BYTES_MAX: usize = 4 << 20;

/// Longest Target Duration that is believed. What lasts longer is no stream of segments.
const TARGET_DURATION_MAX: Duration = Duration::from_hours(1);

/// One thing a playlist names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A Media Playlist of a Multivariant Playlist.
    Rendition {
        /// Its URI reference.
        uri: &'a str,
    },
    /// A Media Initialization Section.
    Map {
        /// Its URI reference.
        uri: &'a str,
    },
    /// A Media Segment that is there.
    Segment {
        /// Its URI reference.
        uri: &'a str,
        /// Its Media Sequence Number.
        sequence: u64,
    },
    /// A Partial Segment that is there.
    Part {
        /// Its URI reference.
        uri: &'a str,
    },
    /// What will be there next.
    Hint {
        /// Its URI reference.
        uri: &'a str,
    },
}

impl<'a> Entry<'a> {
    /// The URI reference, relative to the playlist.
    pub const fn uri(&self) -> &'a str {
        match self {
            Self::Rendition { uri }
            | Self::Map { uri }
            | Self::Segment { uri, .. }
            | Self::Part { uri }
            | Self::Hint { uri } => uri,
        }
    }
}

/// What a playlist says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// It lists renditions, not segments.
    pub is_multivariant: bool,
    /// The Target Duration, at most an hour.
    pub target_duration: Option<Duration>,
    /// It will not change any more.
    pub is_ended: bool,
}

/// Tells what the playlist in `body` says of itself; `None` if it is none.
pub fn header(body: &[u8]) -> Option<Header> {
    let mut header = Header::default();
    for line in lines(body)? {
        if let Some(seconds) = line.strip_prefix("#EXT-X-TARGETDURATION:") {
            header.target_duration = target_duration(seconds);
        } else if line == "#EXT-X-ENDLIST" || line == "#EXT-X-PLAYLIST-TYPE:VOD" {
            header.is_ended = true;
        } else if line.starts_with("#EXT-X-STREAM-INF:") {
            header.is_multivariant = true;
        }
    }
    Some(header)
}

/// What the playlist in `body` names; nothing if it is none.
pub fn entries(body: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut reading = Reading::default();
    let lines = lines(body).into_iter().flatten();
    lines.filter_map(move |line| reading.take(line))
}

fn target_duration(seconds: &str) -> Option<Duration> {
    // A decimal integer by the RFC; some write a fraction.
    let whole = seconds.trim_ascii().split('.').next()?;
    let seconds = whole.parse().ok().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds).min(TARGET_DURATION_MAX))
}

fn lines(body: &[u8]) -> Option<impl Iterator<Item = &str>> {
    let text = str::from_utf8(body.get(..body.len().min(BYTES_MAX + 1))?).ok()?;
    if text.len() > BYTES_MAX {
        return None;
    }
    let mut lines: Split<'_, char> = text.split('\n');
    let first = lines.next()?.trim_end();
    (first == "#EXTM3U").then(|| lines.map(str::trim_end))
}

/// What the lines so far have said of those to come.
#[derive(Debug, Default)]
struct Reading {
    sequence: u64,
    is_rendition_next: bool,
    is_gap_next: bool,
}

impl Reading {
    fn take<'a>(&mut self, line: &'a str) -> Option<Entry<'a>> {
        if line.is_empty() {
            return None;
        }
        if !line.starts_with('#') {
            return self.named(line);
        }
        let (tag, list) = line.split_once(':').unwrap_or((line, ""));
        let uri = |list| attribute(list, "URI");
        match tag {
            "#EXT-X-MEDIA-SEQUENCE" => {
                self.sequence = list.trim_ascii().parse().unwrap_or(0);
                None
            }
            "#EXT-X-SKIP" => {
                let skipped =
                    attribute(list, "SKIPPED-SEGMENTS").and_then(|text| text.parse().ok());
                self.sequence = self.sequence.saturating_add(skipped.unwrap_or(0));
                None
            }
            "#EXT-X-GAP" => {
                self.is_gap_next = true;
                None
            }
            "#EXT-X-STREAM-INF" => {
                self.is_rendition_next = true;
                None
            }
            "#EXT-X-MEDIA" => uri(list).map(|uri| Entry::Rendition { uri }),
            "#EXT-X-MAP" => uri(list).map(|uri| Entry::Map { uri }),
            "#EXT-X-PART" if attribute(list, "GAP") != Some("YES") => {
                uri(list).map(|uri| Entry::Part { uri })
            }
            "#EXT-X-PRELOAD-HINT" => uri(list).map(|uri| Entry::Hint { uri }),
            _ => None,
        }
    }

    /// A line that is a URI.
    fn named<'a>(&mut self, uri: &'a str) -> Option<Entry<'a>> {
        if std::mem::take(&mut self.is_rendition_next) {
            return Some(Entry::Rendition { uri });
        }
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(1);
        let is_gap = std::mem::take(&mut self.is_gap_next);
        (!is_gap).then_some(Entry::Segment { uri, sequence })
    }
}

/// The value of `name` in an attribute list, without quotes (RFC 8216 §4.2).
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    while !rest.is_empty() {
        let (found, tail) = rest.split_once('=')?;
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => tail.split_at_checked(tail.find(',').unwrap_or(tail.len()))?,
        };
        if found.trim_ascii() == name {
            return Some(value).filter(|value| !value.is_empty());
        }
        rest = tail.strip_prefix(',').unwrap_or("");
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIVE: &[u8] = b"#EXTM3U\r\n#EXT-X-VERSION:9\r\n#EXT-X-TARGETDURATION:4\r\n\
        #EXT-X-MEDIA-SEQUENCE:266\r\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\r\n\
        #EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"100@0\"\r\n#EXTINF:4.0,\r\na/269.mp4\r\n\
        #EXT-X-GAP\r\n#EXTINF:4.0,\r\na/270.mp4\r\n#EXTINF:4.0,\r\na/271.mp4\r\n\
        #EXT-X-PART:DURATION=0.3,INDEPENDENT=YES,URI=\"part272.0.mp4\"\r\n\
        #EXT-X-PART:DURATION=0.3,URI=\"part272.1.mp4\",GAP=YES\r\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part272.2.mp4\"\r\n";

    #[test]
    fn names_what_a_low_latency_playlist_lists() {
        let names: Vec<Entry<'_>> = entries(LIVE).collect();
        assert_eq!(
            names,
            [
                Entry::Map { uri: "init.mp4" },
                Entry::Segment {
                    uri: "a/269.mp4",
                    sequence: 269
                },
                Entry::Segment {
                    uri: "a/271.mp4",
                    sequence: 271
                },
                Entry::Part {
                    uri: "part272.0.mp4"
                },
                Entry::Hint {
                    uri: "part272.2.mp4"
                },
            ]
        );
        let header = header(LIVE).expect("a playlist");
        assert_eq!(header.target_duration, Some(Duration::from_secs(4)));
        assert!(!header.is_ended && !header.is_multivariant);
    }

    #[test]
    fn names_the_renditions_of_a_multivariant_playlist() {
        let body = b"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a,URI=x\",URI=\"en.m3u8\"\n\
            #EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"c\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1,mp4a\"\n\n# a comment\nhd.m3u8?x=1\n";
        let uris: Vec<&str> = entries(body).map(|entry| entry.uri()).collect();
        assert_eq!(uris, ["en.m3u8", "hd.m3u8?x=1"]);
        assert!(header(body).expect("a playlist").is_multivariant);
    }

    #[test]
    fn knows_a_playlist_that_will_not_change() {
        for tag in ["#EXT-X-ENDLIST", "#EXT-X-PLAYLIST-TYPE:VOD"] {
            let body = format!("#EXTM3U\n#EXT-X-TARGETDURATION:9.5\n{tag}");
            let header = header(body.as_bytes()).expect("a playlist");
            assert!(header.is_ended, "{tag}");
            assert_eq!(header.target_duration, Some(Duration::from_secs(9)));
        }
    }

    #[test]
    fn refuses_what_is_no_playlist() {
        let long = [b"#EXTM3U\n".as_slice(), &vec![b'\n'; BYTES_MAX]].concat();
        for body in [
            b"".as_slice(),
            b"<html>",
            b"#EXTM3U8\n",
            b"#EXTM3U\n\xff",
            &long,
        ] {
            assert_eq!(header(body), None);
            assert_eq!(entries(body).next(), None);
        }
    }

    #[test]
    fn believes_no_target_duration_that_cannot_be() {
        let target_duration = |text: &str| {
            let body = format!("#EXTM3U\n#EXT-X-TARGETDURATION:{text}\n");
            header(body.as_bytes()).expect("a playlist").target_duration
        };
        assert_eq!(target_duration("0"), None);
        assert_eq!(target_duration("-1"), None);
        assert_eq!(target_duration("six"), None);
        assert_eq!(
            target_duration("18446744073709551615"),
            Some(TARGET_DURATION_MAX)
        );
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(body: Vec<u8>) {
            header(&body);
            prop_assert_eq!(entries(&body).next(), None, "a random body is no playlist");
        }

        #[test]
        fn names_no_more_than_there_are_lines(
            text in "(#EXT(INF|-X-(MAP|PART|GAP|SKIP|MEDIA-SEQUENCE)):?[A-Z=,\"0-9]{0,30}\n\
                |\\PC{0,20}\n){0,20}",
        ) {
            let body = format!("#EXTM3U\n{text}");
            header(body.as_bytes());
            prop_assert!(entries(body.as_bytes()).count() <= text.lines().count());
        }
    }
}
