//! What is told of alarms as it happens, and how much of it is remembered.
//!
//! Source: RFC 8632 §3.5 (status changes and changes of the operator's state are listed).

use std::collections::VecDeque;

use weir_hal::Wall;

use crate::alarm::{Kind, Resource, Severity};

/// Changes that are remembered: about 300 KiB.
pub const HISTORY_MAX: usize = 1_024;

/// Bytes of a text that is told.
pub const TEXT_BYTES_MAX: usize = 384;

/// What happened to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was raised.
    Raised,
    /// Its severity, its cause or its flapping is another.
    Changed,
    /// It was cleared.
    Cleared,
    /// An operator knows of it.
    Acknowledged,
    /// An operator has done with it.
    Closed,
    /// An operator does not want to hear of it for a while.
    Shelved,
    /// That while is over.
    Unshelved,
}

impl Event {
    const ALL: [Self; 7] = [
        Self::Raised,
        Self::Changed,
        Self::Cleared,
        Self::Acknowledged,
        Self::Closed,
        Self::Shelved,
        Self::Unshelved,
    ];

    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Changed => "changed",
            Self::Cleared => "cleared",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
            Self::Shelved => "shelved",
            Self::Unshelved => "unshelved",
        }
    }

    /// The event of that word; `None` if there is none.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == word)
    }
}

/// One change of one alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Each change has the next number, so that whoever misses one knows.
    pub sequence: u64,
    /// The alarm: the number of the change that raised it.
    pub id: u64,
    /// When.
    pub at: Wall,
    /// What.
    pub event: Event,
    /// Its kind.
    pub kind: Kind,
    /// What it is of.
    pub resource: Resource,
    /// How bad it is from now on.
    pub severity: Severity,
    /// One sentence, of at most [`TEXT_BYTES_MAX`].
    pub text: String,
}

/// The latest changes, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    changes: VecDeque<Change>,
}

impl History {
    /// Remembers `change`. Tells how many were forgotten for it.
    pub(super) fn push(&mut self, change: Change) -> u64 {
        let is_full = self.changes.len() == HISTORY_MAX;
        if is_full {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
        is_full.into()
    }

    /// The changes, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Change> + ExactSizeIterator {
        self.changes.iter()
    }
}

/// `text`, cut to `bytes_max`.
pub(super) fn bounded(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A change of that number.
    pub(crate) fn change(sequence: u64) -> Change {
        Change {
            sequence,
            id: sequence,
            at: Wall::from_nanos(sequence),
            event: Event::Raised,
            kind: Kind::DiskFull,
            resource: Resource::Disk,
            severity: Severity::Critical,
            text: "full".to_owned(),
        }
    }

    #[test]
    fn the_oldest_change_is_forgotten_and_counted() {
        let mut history = History::default();
        let forgotten: u64 = (1..=HISTORY_MAX as u64 + 3)
            .map(|sequence| history.push(change(sequence)))
            .sum();
        assert_eq!(forgotten, 3);
        assert_eq!(history.iter().len(), HISTORY_MAX);
        assert_eq!(history.iter().next().map(|it| it.sequence), Some(4));
    }

    #[test]
    fn words_of_events_read_back() {
        for event in Event::ALL {
            assert_eq!(Event::from_word(event.as_str()), Some(event));
        }
        assert_eq!(Event::from_word("exploded"), None);
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(bounded("aéé".to_owned(), 4), "aé");
        assert_eq!(bounded("abc".to_owned(), 4), "abc");
    }
}
