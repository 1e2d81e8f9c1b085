//! `weir cache`: what the cache holds, looked at from outside.
//!
//! Each act opens the store for reading alone and takes no lock, so it may be done beside a
//! running appliance. Refuses: to change anything; formatting is for `weir run --format`.

pub mod export;
pub mod list;
pub mod stat;
pub mod verify;

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use weir_cache::{Class, Inspection, Key};
use weir_hal::{Board, Multicast, Wall};

use super::{CommandError, Terminal, check::tell};
use crate::{config::load, measure::is_shown};

pub(super) const ABOUT: &str = "Look into the cache: what it holds, and whether it is whole";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir cache stat
  weir cache verify --path /dev/nvme0n1p4
  weir cache list /live/CH_001/
  weir cache export /live/CH_001/CH_001_HD/segment-12.ts --out segment.ts

Nothing is changed, and weir may be running. What it has in memory alone is not seen.";

const STAT_EXAMPLES: &str = "\
Examples:
  weir cache stat
  weir cache stat --path /var/lib/weir/cache --json";

const VERIFY_EXAMPLES: &str = "\
Examples:
  weir cache verify
  weir cache verify --config test.toml --json

Exits with 0 when every object is whole, 74 when some would be dropped.";

const LIST_EXAMPLES: &str = "\
Examples:
  weir cache list
  weir cache list /live/CH_001/
  weir cache list --json | jq .key

Bytes, class, age and key, one object a line, in the order in which they lie in the cache.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  weir cache export /live/CH_001/CH_001_HD/segment-12.ts --out segment.ts
  weir cache export /vod/trailer.ts | ffprobe -

Every byte is compared with its checksum before it is written. Exits with 69 when there is no such
object, 74 when it is damaged.";

/// Arguments of `weir cache`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub act: Act,
}

/// The acts of `weir cache`.
#[derive(Debug, Subcommand)]
#[command(subcommand_value_name = "ACT")]
pub enum Act {
    /// `weir cache stat`
    #[command(about = stat::ABOUT, after_help = STAT_EXAMPLES)]
    Stat(stat::Arguments),
    /// `weir cache verify`
    #[command(about = verify::ABOUT, after_help = VERIFY_EXAMPLES)]
    Verify(verify::Arguments),
    /// `weir cache list`
    #[command(about = list::ABOUT, after_help = LIST_EXAMPLES)]
    List(list::Arguments),
    /// `weir cache export`
    #[command(about = export::ABOUT, after_help = EXPORT_EXAMPLES)]
    Export(export::Arguments),
}

/// Which cache is meant.
#[derive(Debug, Args)]
pub struct Place {
    /// The configuration that names the cache.
    #[arg(long, value_name = "FILE", default_value = "/etc/weir/weir.toml")]
    #[arg(conflicts_with = "path")]
    pub config: PathBuf,
    /// The cache itself: a directory, a file or a block device. No configuration is read.
    #[arg(long, value_name = "PATH")]
    pub path: Option<PathBuf>,
}

impl Place {
    /// Takes stock of the cache.
    fn inspect<M: Multicast>(
        &self,
        board: &Board<M>,
        terminal: Terminal,
    ) -> Result<Inspection, CommandError> {
        let path = match &self.path {
            Some(path) => path.clone(),
            // What is suspicious in it is not the point here.
            None => match load(&*board.disk, &self.config) {
                Ok(parsed) => parsed.config.cache.path,
                refused => tell(refused, terminal)?.config.cache.path,
            },
        };
        let spinner = terminal.spinner("looking through the cache");
        let inspection = Inspection::open(Arc::clone(&board.disk), &path);
        spinner.finish_and_clear();
        Ok(inspection?)
    }
}

/// Does one act.
///
/// # Errors
/// What kept it from its result.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    match &arguments.act {
        Act::Stat(arguments) => stat::execute(arguments, board, terminal),
        Act::Verify(arguments) => verify::execute(arguments, board, terminal),
        Act::List(arguments) => list::execute(arguments, board, terminal),
        Act::Export(arguments) => export::execute(arguments, board, terminal),
    }
}

const fn class_name(class: Class) -> &'static str {
    match class {
        Class::LiveHigh => "live-high",
        Class::Live => "live",
        Class::LiveLow => "live-low",
        Class::High => "high",
        Class::Medium => "medium",
        Class::Low => "low",
    }
}

/// A key as a terminal may have it. Control characters cannot be in a key; characters that turn
/// the direction of writing, or are not seen, can.
fn shown(key: &Key) -> String {
    let mut shown = String::with_capacity(key.as_str().len());
    for character in key.as_str().chars() {
        if is_shown(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// A time as RFC 3339 has it.
pub(super) fn date(at: Wall) -> String {
    let seconds = i64::try_from(at.as_nanos() / 1_000_000_000).ok();
    let timestamp = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| "unknown".to_owned(), |timestamp| timestamp.to_string())
}

/// How long ago something was, in the largest unit that has two of them.
pub(in crate::command) fn age(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60)];
    let fitting = units.iter().find(|(_, length)| seconds >= 2 * length);
    let (unit, length) = fitting.copied().unwrap_or(("s", 1));
    format!("{} {unit}", seconds / length)
}

/// Bytes with a binary unit and, above the first, one decimal.
pub(in crate::command) fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, power)) = units.iter().find(|(_, power)| bytes >> power > 0) else {
        return format!("{bytes} B");
    };
    let tenths = (u128::from(bytes) * 10) >> power;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use weir_cache::Key;

    use super::{age, shown, size};

    #[test]
    fn what_would_turn_the_writing_is_spelled_out() {
        let key = Key::new("/vod/größe\u{202E}st.exe").expect("no control character");
        assert_eq!(shown(&key), "/vod/größe\\u{202e}st.exe");
    }

    #[test]
    fn sizes_and_ages_are_short() {
        assert_eq!(size(1_023), "1023 B");
        assert_eq!(size(1_536 << 20), "1.5 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
        assert_eq!(age(119), "119 s");
        assert_eq!(age(120), "2 min");
        assert_eq!(age(400_000), "4 d");
    }
}
