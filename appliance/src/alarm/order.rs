//! What an operator says of an alarm.
//!
//! Source: RFC 8632 §3.5.3 (operator states: acknowledged, closed, shelved).

use std::time::Duration;

use weir_hal::Wall;

/// Bytes of the name of whoever says it.
pub const AUTHOR_BYTES_MAX: usize = 64;

/// Bytes of what else is said.
pub const NOTE_BYTES_MAX: usize = 256;

/// How long it may hold at most.
pub const PERIOD_MAX: Duration = Duration::from_hours(30 * 24);

/// Alarms that may be shelved, raised or not.
pub const SHELVES_MAX: usize = 512;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// I know of it. One that is latched and over is cleared by that.
    Acknowledge,
    /// I have done with it: besides, it counts no more until it is raised anew.
    Close,
    /// I do not want to hear of it for a while, however often it is raised.
    Shelve,
    /// I do again.
    Unshelve,
}

/// An order of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is said.
    pub verb: Verb,
    /// By whom; at most [`AUTHOR_BYTES_MAX`].
    pub author: String,
    /// Why; at most [`NOTE_BYTES_MAX`].
    pub note: String,
    /// For how long, up to [`PERIOD_MAX`]; without end if that is not said.
    pub period: Option<Duration>,
}

/// What an operator has said and still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What of it.
    pub state: OperatorState,
    /// By whom.
    pub author: String,
    /// Why.
    pub note: String,
    /// Since when.
    pub at: Wall,
    /// Until when.
    pub until: Option<Wall>,
}

/// The state an operator has put an alarm in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorState {
    /// Somebody knows of it.
    Acknowledged,
    /// Somebody has done with it.
    Closed,
    /// Nobody wants to hear of it for a while.
    Shelved,
}

/// Why an order is not obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such alarm.
    #[error("there is no alarm {0}: it may be cleared; look at /api/v1/alarms")]
    Unknown(u64),
    /// It is not shelved.
    #[error("alarm {0} is not shelved: there is nothing to undo")]
    NotShelved(u64),
    /// Too many are shelved.
    #[error("{SHELVES_MAX} alarms are shelved: unshelve some first")]
    ShelvesFull,
}

impl OperatorState {
    const ALL: [Self; 3] = [Self::Acknowledged, Self::Closed, Self::Shelved];

    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
            Self::Shelved => "shelved",
        }
    }

    /// The state of that word; `None` if there is none.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl Order {
    /// What holds from `at` on, in that state.
    pub(super) fn operation(&self, state: OperatorState, at: Wall) -> Operation {
        Operation {
            state,
            author: self.author.clone(),
            note: self.note.clone(),
            at,
            until: self.period.map(|period| at + period),
        }
    }

    /// Who says so and why.
    pub(super) fn text(&self) -> String {
        if self.note.is_empty() {
            format!("by {}", self.author)
        } else {
            format!("by {}: {}", self.author, self.note)
        }
    }
}

impl Operation {
    /// Whether it holds no more, or was said while the wall clock stood far ahead.
    pub(super) fn is_over(&self, now: Wall) -> bool {
        let is_over = |until| until <= now || until > now + PERIOD_MAX;
        self.until.is_some_and(is_over)
    }
}
