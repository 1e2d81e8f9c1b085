//! What is wrong with a configuration, where it stands, and the ledger that gathers it.
//!
//! Refuses: stopping at the first mistake. An operator mends a file once, not once per mistake.

use std::{
    borrow::Cow,
    fmt::{self, Display},
};

/// Letters of the file that a message repeats: a whole URL, but not a whole file.
const QUOTED_LETTERS_MAX: usize = 120;

/// One thing that is wrong, or suspicious, in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Line in the file, from 1.
    pub line: usize,
    /// The key, as in `channel[2].rendition[0].sources[1]` (counted from 0); empty for the file.
    pub path: String,
    /// One sentence that names the thing and the remedy.
    pub text: String,
}

impl Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: ", self.line)?;
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.text)
    }
}

/// Why a configuration is refused: every mistake in it, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", count(self.total()))]
pub struct Mistakes {
    list: Vec<Mistake>,
    omitted: usize,
}

impl Mistakes {
    /// Mistakes named one by one at most; the rest is counted.
    pub const LISTED_MAX: usize = 200;

    /// The mistakes in the order of the file, at most [`Self::LISTED_MAX`].
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.list.iter()
    }

    /// Mistakes beyond those of [`Self::iter`].
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// How many there are in all, at least one.
    pub fn total(&self) -> usize {
        self.list.len() + self.omitted
    }

    /// A file that cannot even be taken apart.
    pub(super) fn of_file(line: usize, text: String) -> Self {
        let path = String::new();
        Self {
            list: vec![Mistake { line, path, text }],
            omitted: 0,
        }
    }
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) line: usize,
}

/// Gathers mistakes and warnings while a file is read.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
    omitted: usize,
    damaged_lines: Vec<usize>,
}

impl Ledger {
    /// Notes a breach of TOML itself, the first of each line.
    pub(super) fn syntax(&mut self, line: usize, text: String) {
        if self.damaged_lines.contains(&line) {
            return;
        }
        let path = String::new();
        self.mistake(&Place { path, line }, text);
        if self.damaged_lines.len() < Mistakes::LISTED_MAX {
            self.damaged_lines.push(line);
        }
    }

    /// Notes a mistake: the file is refused. What a broken line holds is not judged further.
    pub(super) fn mistake(&mut self, place: &Place, text: impl Into<String>) {
        if self.damaged_lines.contains(&place.line) {
            return;
        }
        if self.mistakes.len() == Mistakes::LISTED_MAX {
            self.omitted += 1;
        } else {
            self.mistakes.push(note(place, text));
        }
    }

    /// Notes a mistake that may be the mere consequence of a breach of TOML: only if there is none.
    pub(super) fn mistake_unless_damaged(&mut self, place: &Place, text: impl Into<String>) {
        if self.damaged_lines.is_empty() {
            self.mistake(place, text);
        }
    }

    /// Notes something suspicious that the appliance can live with.
    pub(super) fn warning(&mut self, place: &Place, text: impl Into<String>) {
        if self.warnings.len() < Mistakes::LISTED_MAX {
            self.warnings.push(note(place, text));
        }
    }

    /// Closes the ledger: the warnings if nothing is wrong, otherwise the mistakes.
    pub(super) fn close(mut self) -> Result<Vec<Mistake>, Mistakes> {
        self.mistakes.sort();
        self.warnings.sort();
        if self.mistakes.is_empty() {
            return Ok(self.warnings);
        }
        Err(Mistakes {
            list: self.mistakes,
            omitted: self.omitted,
        })
    }
}

/// Text from the file as a message may show it: quoted, escaped, and cut to a readable length.
pub(super) fn quoted(text: &str) -> String {
    let text = without_secrets(text);
    let mut letters = text.chars();
    let shown: String = letters.by_ref().take(QUOTED_LETTERS_MAX).collect();
    let rest = if letters.next().is_some() { "…" } else { "" };
    format!("\"{}{rest}\"", shown.escape_debug())
}

/// `text`, of a URL without user, password and query: people read it in logs and on pages.
pub(super) fn without_secrets(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.into();
    };
    let (path, query) = match rest.split_once(['?', '#']) {
        Some((path, _)) => (path, "?…"),
        None => (rest, ""),
    };
    // Before a group stands a sender.
    let is_group = ["udp", "rtp"].contains(&scheme);
    match path.rsplit_once('@').filter(|_| !is_group) {
        Some((_, host)) => format!("{scheme}://…@{host}{query}").into(),
        None => format!("{scheme}://{path}{query}").into(),
    }
}

fn note(place: &Place, text: impl Into<String>) -> Mistake {
    Mistake {
        line: place.line,
        path: place.path.clone(),
        text: text.into(),
    }
}

fn count(total: usize) -> String {
    match total {
        1 => "1 mistake".to_owned(),
        _ => format!("{total} mistakes"),
    }
}
