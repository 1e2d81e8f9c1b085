//! Blocks as comma-separated values: a line for each second, a column for each series; pure.
//!
//! Source: RFC 4180. What is not known is an empty field.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Block;

/// Columns of one table: more is a question that was not asked well.
const COLUMNS_MAX: usize = 16_384;

/// No series is called so.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no series begins with {0:?}: leave --series out to see which there are")]
pub struct NoSeries(String);

/// The columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<String>);

impl Columns {
    /// All series of `blocks` whose names begin with `prefix`.
    ///
    /// # Errors
    /// [`NoSeries`] if there are none.
    pub fn of(blocks: impl Iterator<Item = Block>, prefix: &str) -> Result<Self, NoSeries> {
        let mut names = BTreeSet::new();
        for block in blocks {
            let fitting = block.names().filter(|name| name.starts_with(prefix));
            let room = COLUMNS_MAX.saturating_sub(names.len());
            let new: Vec<String> = fitting
                .filter(|name| !names.contains(*name))
                .take(room)
                .map(ToOwned::to_owned)
                .collect();
            names.extend(new);
        }
        if names.is_empty() {
            return Err(NoSeries(prefix.to_owned()));
        }
        Ok(Self(names.into_iter().collect()))
    }

    /// The first line.
    pub fn head(&self) -> String {
        let names = self.0.iter().map(|name| field(name));
        line([String::from("time")].into_iter().chain(names))
    }

    /// A line for each sample of `block`.
    pub fn lines(&self, block: &Block) -> String {
        let values: Vec<&[Option<u64>]> = self.0.iter().map(|name| block.values(name)).collect();
        let mut lines = String::new();
        for (sample, at_ms) in block.times_ms().iter().enumerate() {
            let value = |values: &&[Option<u64>]| values.get(sample).copied().flatten();
            let values = values.iter().map(value);
            let values = values.map(|value| value.map_or_else(String::new, |it| it.to_string()));
            lines.push_str(&line([time(*at_ms)].into_iter().chain(values)));
        }
        lines
    }
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let mut line = fields.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A name, in quotes if it has to be.
fn field(name: &str) -> String {
    if name.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

/// RFC 3339, to the millisecond; as it was written, if no calendar has it.
fn time(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok();
    let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| at_ms.to_string(), |at| format!("{at:.3}"))
}
