//! What managers are notified of: changes of alarms.
//!
//! Source: RFC 3416 §4.2.6; RFC 2578 §8.5 (the last but one sub-identifier is 0).

use crate::{alarm::Event, snmp::Oid};

/// A kind of notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notification {
    /// An alarm was raised.
    Raised,
    /// It is still there, and something about it is another, or an operator spoke of it.
    Changed,
    /// It was cleared.
    Cleared,
}

impl Notification {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Raised, Self::Changed, Self::Cleared];

    /// The one that tells of `event`.
    pub(crate) const fn of(event: Event) -> Self {
        match event {
            Event::Raised => Self::Raised,
            Event::Cleared => Self::Cleared,
            Event::Changed
            | Event::Acknowledged
            | Event::Closed
            | Event::Shelved
            | Event::Unshelved => Self::Changed,
        }
    }

    /// Its number, for good.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Raised => 1,
            Self::Changed => 2,
            Self::Cleared => 3,
        }
    }

    /// Its descriptor.
    pub(crate) const fn descriptor(self) -> &'static str {
        match self {
            Self::Raised => "weirAlarmRaised",
            Self::Changed => "weirAlarmChanged",
            Self::Cleared => "weirAlarmCleared",
        }
    }

    /// One sentence for a person.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Raised => {
                "An alarm was raised. The objects are those of the row that its change has in \
                 weirChangeTable. Whoever misses a number of weirChangeKey has missed a change."
            }
            Self::Changed => {
                "An alarm has another severity or cause, comes and goes, or an operator has \
                 spoken of it: weirChangeEvent tells."
            }
            Self::Cleared => "An alarm was cleared.",
        }
    }

    /// Its name.
    pub(crate) fn oid(self) -> Oid {
        super::enterprise::notification(self.number())
    }
}
