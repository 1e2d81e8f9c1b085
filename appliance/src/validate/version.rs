//! One version of a Media Playlist, with the times between which it was the present one.

use std::{sync::Arc, time::Duration};

use weir_hal::{Monotonic, Wall};

use crate::validate::{
    finding::Evidence,
    playlist::{MediaPlaylist, Playlist, Segment, read},
};

/// Characters of a line that are shown.
const LINE_CHARACTERS_MAX: usize = 160;

/// Lines from one entry of the index to the next.
const INDEX_LINES: usize = 64;

/// When an answer was asked for, and how old it said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loading {
    /// When it was asked for.
    pub requested_at: Monotonic,
    /// When it had come.
    pub received_at: Monotonic,
    /// When it had come, for people.
    pub loaded_at: Wall,
    /// Its Age: how long it may have lain in a cache.
    pub age: Duration,
}

impl Loading {
    /// The earliest moment of which the answer speaks, in nanoseconds on the monotonic clock.
    pub fn as_of_nanos(&self) -> u64 {
        let age = u64::try_from(self.age.as_nanos()).unwrap_or(u64::MAX);
        self.requested_at.as_nanos().saturating_sub(age)
    }
}

/// The text of one version, of which lines can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The playlist it is a version of.
    pub playlist: Arc<str>,
    /// Number of the version among those of its playlist, from 1.
    pub number: u64,
    /// When it was loaded.
    pub loaded_at: Wall,
    content: Arc<str>,
    /// Where every 64th line begins, from the first on: a list may have millions.
    index: Vec<usize>,
}

impl Text {
    /// The text in `body`, as far as it is one.
    pub fn new(playlist: &Arc<str>, number: u64, loaded_at: Wall, body: &[u8]) -> Self {
        let content = String::from_utf8_lossy(body);
        let ends = content.match_indices('\n').map(|(at, _)| at + 1);
        let beginnings = std::iter::once(0).chain(ends);
        Self {
            playlist: Arc::clone(playlist),
            number,
            loaded_at,
            index: beginnings.step_by(INDEX_LINES).collect(),
            content: content.into(),
        }
    }

    /// Shows the line of that number.
    pub fn evidence(&self, line: u32) -> Evidence {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let begins = self.index.get(index / INDEX_LINES);
        let text = begins.and_then(|begins| self.content.get(*begins..));
        let line_text = text.and_then(|text| text.lines().nth(index % INDEX_LINES));
        let text = line_text.unwrap_or("").trim_end();
        let printable = text.chars().filter(|letter| !letter.is_control());
        Evidence {
            playlist: Arc::clone(&self.playlist),
            version: self.number,
            loaded_at: self.loaded_at,
            line,
            text: printable.take(LINE_CHARACTERS_MAX).collect(),
        }
    }
}

/// One version of a Media Playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// When it was first seen.
    pub loading: Loading,
    /// What it says.
    pub list: MediaPlaylist,
    text: Text,
}

impl Version {
    /// Reads `body` as version `number` of `playlist`; `None` if it is no Media Playlist.
    pub fn read(playlist: &Arc<str>, number: u64, loading: Loading, body: &[u8]) -> Option<Self> {
        let Some(Playlist::Media(list)) = read(body) else {
            return None;
        };
        Some(Self {
            text: Text::new(playlist, number, loading.loaded_at, body),
            loading,
            list: *list,
        })
    }

    /// Its number among those of its playlist, from 1.
    pub const fn number(&self) -> u64 {
        self.text.number
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text.content
    }

    /// Shows the line of that number.
    pub fn evidence(&self, line: u32) -> Evidence {
        self.text.evidence(line)
    }

    /// The segment of a Media Sequence Number, if it is listed.
    pub fn listed(&self, sequence: u64) -> Option<Listed> {
        let segment = self.list.segment(sequence)?;
        let independent = self.list.independent_segments;
        Some(Listed {
            sequence,
            segment: segment.clone(),
            target_duration_us: self.list.target_duration_us(),
            uri_line: self.evidence(segment.line),
            duration_line: self.evidence(segment.duration_line),
            key_line: segment.key.as_ref().map(|tag| self.evidence(tag.line)),
            map_line: segment.map.as_ref().map(|tag| self.evidence(tag.line)),
            independent_segments: independent.map(|line| self.evidence(line)),
        })
    }
}

/// A segment as one version lists it, with all that it is judged by: the version may be forgotten
/// while the segment is awaited.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its Media Sequence Number.
    pub sequence: u64,
    /// What is said of it.
    pub segment: Segment,
    /// The Target Duration in microseconds; zero when absent.
    pub target_duration_us: u64,
    /// The line of its URI.
    pub uri_line: Evidence,
    /// That of its EXTINF.
    pub duration_line: Evidence,
    /// That of the EXT-X-KEY that holds for it.
    pub key_line: Option<Evidence>,
    /// That of the EXT-X-MAP that holds for it.
    pub map_line: Option<Evidence>,
    /// That of EXT-X-INDEPENDENT-SEGMENTS, if it is there.
    pub independent_segments: Option<Evidence>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_found_wherever_it_stands() {
        let lines: Vec<String> = (1..=200).map(|line: u32| line.to_string()).collect();
        for end in ["\n", "\r\n"] {
            let text = Text::new(&"a".into(), 1, Wall::default(), lines.join(end).as_bytes());
            for line in [1, 2, 63, 64, 65, 66, 128, 129, 200] {
                assert_eq!(text.evidence(line).text, line.to_string());
            }
            for line in [201, 257, u32::MAX] {
                assert_eq!(text.evidence(line).text, "", "there is none");
            }
        }
    }
}
