//! One version of a Media Playlist, with the times between which it was the present one.

use std::{sync::Arc, time::Duration};

use weir_hal::{Monotonic, Wall};

use crate::validate::{
    finding::Evidence,
    playlist::{MediaPlaylist, Playlist, read},
};

/// Characters of a line that are shown.
const LINE_CHARACTERS_MAX: usize = 160;

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
}

impl Text {
    /// The text in `body`, as far as it is one.
    pub fn new(playlist: &Arc<str>, number: u64, loaded_at: Wall, body: &[u8]) -> Self {
        let content = String::from_utf8_lossy(body).into();
        Self {
            playlist: Arc::clone(playlist),
            number,
            loaded_at,
            content,
        }
    }

    /// Shows the line of that number.
    pub fn evidence(&self, line: u32) -> Evidence {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let text = self.content.lines().nth(index).unwrap_or("").trim_end();
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
            list,
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
}
