//! How bad something is: a colour, an icon and a word, always all three.

use maud::{Markup, html};

use crate::{
    alarm::Severity,
    health::Status,
    live::{Condition, State},
    page::Language,
};

/// How bad something is; the worst is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Bad,
    Poor,
    Unknown,
    Good,
}

impl Level {
    /// Its class in the style, and the id of its icon.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Poor => "poor",
            Self::Unknown => "dim",
            Self::Good => "good",
        }
    }

    pub(super) const fn of_severity(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Bad,
            Severity::Major | Severity::Minor | Severity::Warning => Self::Poor,
            Severity::Cleared => Self::Unknown,
        }
    }

    pub(super) const fn of_state(state: &State) -> Self {
        match state {
            State::OnAir => Self::Good,
            State::Filling | State::Waiting | State::NoClock => Self::Poor,
            State::NotJoined { .. }
            | State::Silent
            | State::NotTransportStream
            | State::NoTables
            | State::NoProgram { .. }
            | State::Scrambled
            | State::NoKey { .. }
            | State::NoRandomAccess
            | State::Stills
            | State::Stalled => Self::Bad,
        }
    }

    pub(super) const fn of_condition(condition: Condition) -> Self {
        match condition {
            Condition::Good => Self::Good,
            Condition::Damaged => Self::Poor,
            Condition::Unusable => Self::Bad,
        }
    }
}

impl From<Status> for Level {
    fn from(status: Status) -> Self {
        match status {
            Status::Failed => Self::Bad,
            Status::Degraded => Self::Poor,
            Status::Ok => Self::Good,
        }
    }
}

/// Icon and word.
pub(super) fn badge(level: Level, word: &str) -> Markup {
    html! {
        b class={ "badge " (level.as_str()) } { (icon(level)) (word) }
    }
}

/// The icon alone, for beside it is a word.
pub(super) fn icon(level: Level) -> Markup {
    html! { svg class="icon" aria-hidden="true" { use href={ "#" (level.as_str()) } {} } }
}

/// An octagon with a cross.
const BAD: &str = "M5 1h6l4 4v6l-4 4H5l-4-4V5z\
    M5 6l2 2-2 2 1 1 2-2 2 2 1-1-2-2 2-2-1-1-2 2-2-2z";

/// A triangle with an exclamation mark.
const POOR: &str = "M8 1l7 14H1zM7 6v4h2V6zM7 11v2h2v-2z";

/// A disc with a tick.
const GOOD: &str = "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z\
    M7 11.4L3.8 8.2l1.3-1.3L7 8.8l4-4 1.3 1.3z";

/// A disc with a bar.
const UNKNOWN: &str = "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM4 7h8v2H4z";

/// The shapes that [`icon`] refers to, once for a page.
pub(super) fn shapes() -> Markup {
    let shapes = [
        (Level::Bad, BAD),
        (Level::Poor, POOR),
        (Level::Good, GOOD),
        (Level::Unknown, UNKNOWN),
    ];
    html! {
        svg class="shapes" aria-hidden="true" {
            @for (level, path) in shapes {
                symbol id=(level.as_str()) viewBox="0 0 16 16" {
                    path d=(path) fill-rule="evenodd" {}
                }
            }
        }
    }
}

pub(super) const fn status_word(status: Status, language: &Language) -> &'static str {
    match status {
        Status::Failed => language.failed,
        Status::Degraded => language.degraded,
        Status::Ok => language.ok,
    }
}

pub(super) const fn severity_word(severity: Severity, language: &Language) -> &'static str {
    match severity {
        Severity::Critical => language.critical,
        Severity::Major => language.major,
        Severity::Minor => language.minor,
        Severity::Warning => language.warning,
        Severity::Cleared => language.cleared,
    }
}

pub(super) const fn state_word(state: &State, language: &Language) -> &'static str {
    match state {
        State::Waiting => language.waiting,
        State::NotJoined { .. } => language.not_joined,
        State::Silent => language.silent,
        State::NotTransportStream => language.not_transport_stream,
        State::NoTables => language.no_tables,
        State::NoProgram { .. } => language.no_program,
        State::Scrambled => language.scrambled,
        State::NoKey { .. } => language.no_key,
        State::NoRandomAccess => language.no_random_access,
        State::Stills => language.stills,
        State::Stalled => language.stalled,
        State::Filling => language.filling,
        State::NoClock => language.no_clock,
        State::OnAir => language.on_air,
    }
}

pub(super) const fn condition_word(condition: Condition, language: &Language) -> &'static str {
    match condition {
        Condition::Unusable => language.unusable,
        Condition::Damaged => language.damaged_media,
        Condition::Good => language.good,
    }
}
