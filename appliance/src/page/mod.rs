//! The pages that a field technician looks at, on a phone beside the rack: is it this box, the
//! cable or the feed, which channel, since when, and did it help.
//!
//! A page is whole as it is sent, by `maud`; [`LIVE_JS`] only swaps in what is rendered here anew,
//! each time the stream of events tells of a snapshot. Each card of the overview is a file. What
//! was is a [`History`], out of the samples of the flight recorder. Words are in `language`.
//!
//! Whatever comes from outside (names of channels and services, URLs, reasons) is escaped by
//! `maud`, and the policy of the pages lets nothing run that is not a file of this box.
//!
//! Source: WCAG 2.2 AA; Content Security Policy Level 3.
//! Refuses: a page that needs a script, a host other than this box, zero for what is not known.

mod alarms;
mod banner;
mod channel;
mod channels;
mod chart;
mod counters;
mod format;
pub(crate) mod history;
mod language;
mod level;
mod login;
mod mark;
mod nics;
mod origins;
mod overview;
mod segments;
mod shell;
mod storage;
#[cfg(test)]
pub(crate) mod tests;

use weir_hal::Wall;

use crate::health::Snapshot;
pub(crate) use channel::{Asked, render as channel};
pub use history::History;
pub(crate) use language::{Language, parameter};
pub(crate) use login::{LoginFault, render as login};
pub(crate) use mark::{Mark, Marks};
pub(crate) use overview::render as overview;

/// The style of all pages.
pub(crate) const STYLE_CSS: &str = include_str!("style.css");

/// The script of the pages that show what is now.
pub(crate) const LIVE_JS: &str = include_str!("live.js");

/// Path of the style.
pub(crate) const STYLE_PATH: &str = "/assets/style.css";

/// Path of the script.
pub(crate) const LIVE_PATH: &str = "/assets/live.js";

/// Path of the page to log in.
pub(crate) const LOGIN_PATH: &str = "/login";

/// What a page shows, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// The name of the node.
    pub(crate) node: &'a str,
    /// Where it is; empty if nobody has said.
    pub(crate) site: &'a str,
    pub(crate) language: &'static Language,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) history: &'a History,
    pub(crate) person: &'a Person,
    /// The path of the page, which is safe in a URL.
    pub(crate) path: &'a str,
}

/// Whom a page is shown to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Person {
    /// Nobody can log in.
    Anybody,
    /// Somebody who may.
    Stranger,
    /// Who has, by this name.
    User(String),
}

impl Person {
    /// What no two of them have alike.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Anybody => "*".to_owned(),
            Self::Stranger => "?".to_owned(),
            Self::User(name) => format!("@{name}"),
        }
    }
}

impl View<'_> {
    /// When the snapshot was taken, in milliseconds since 1970.
    fn now_ms(&self) -> u64 {
        milliseconds(self.snapshot.taken)
    }
}

fn milliseconds(wall: Wall) -> u64 {
    wall.as_nanos() / 1_000_000
}
