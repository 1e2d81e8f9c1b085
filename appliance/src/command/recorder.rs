//! `weir recorder`: what the flight recorder kept, as comma-separated values.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use weir_hal::{Board, Disk, FileKind, Multicast};

use super::{CommandError, Terminal};
use crate::{
    recorder::{self, Columns, DISK_BYTES_MAX, Frames, NoSeries},
    secret::contents,
};

pub(super) const ABOUT: &str = "Print what the flight recorder kept, as CSV";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir recorder recorder.blocks > day.csv
  weir recorder recorder.blocks --series channel/CH_001/
  weir recorder /var/lib/weir/cache.recorder --series nic/

PATH is recorder.blocks out of a support bundle, or the directory of a recorder beside its cache. A
line for each second, a column for each series; what was not known is empty, and counters are as
they were: what they gained is the difference of two lines.";

/// Arguments of `weir recorder`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What was kept: a file or a directory.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Only series whose names begin so.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    pub series: String,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// Nothing was recorded, or it is something else.
    #[error("{} holds nothing that a flight recorder has kept", _0.display())]
    Nothing(PathBuf),
    /// No series is called so.
    #[error(transparent)]
    NoSeries(#[from] NoSeries),
}

/// Prints what was kept.
///
/// # Errors
/// [`CommandError::Recorder`] when there is nothing, [`CommandError::Hal`] when it cannot be read.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let path = &arguments.path;
    let bytes = kept(&*board.disk, path)?;
    let frames = Frames::of(&bytes);
    if frames.clone().blocks().next().is_none() {
        return Err(RecorderError::Nothing(path.clone()).into());
    }
    let columns = Columns::of(frames.clone().blocks(), &arguments.series);
    let columns = columns.map_err(RecorderError::from)?;
    let mut output = terminal.output();
    let mut write = |text: &str| output.write_all(text.as_bytes());
    write(&columns.head()).map_err(CommandError::Output)?;
    for block in frames.blocks() {
        write(&columns.lines(&block)).map_err(CommandError::Output)?;
    }
    output.flush().map_err(CommandError::Output)
}

fn kept(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, CommandError> {
    if disk.kind(path)? == FileKind::Directory {
        return Ok(recorder::read(disk, path, usize::MAX)?.bytes);
    }
    let bytes = contents(disk, path, DISK_BYTES_MAX)?;
    bytes.ok_or_else(|| RecorderError::Nothing(path.to_owned()).into())
}
