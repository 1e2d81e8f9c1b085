//! `weir cache export`: one object, out of the cache.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::Args;
use weir_cache::{Flaw, Key};
use weir_hal::{Access, Board, Disk, Multicast};

use super::{Place, shown};
use crate::command::{CommandError, Terminal};

pub(super) const ABOUT: &str = "Write one object to a file or to standard output";

/// Arguments of `weir cache export`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The name of the object.
    #[arg(value_name = "KEY", value_parser = key)]
    pub key: Key,
    /// Which cache.
    #[command(flatten)]
    pub place: Place,
    /// The file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn key(text: &str) -> Result<Key, String> {
    Key::new(text).ok_or_else(|| format!("must be 1 to {} bytes of text", Key::BYTES_MAX))
}

pub(super) fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let inspection = arguments.place.inspect(board, terminal)?;
    let key = &arguments.key;
    let path = || inspection.summary().path;
    let damaged = |flaw: Flaw| CommandError::Flawed {
        key: shown(key),
        path: path(),
        flaw,
    };
    let held = inspection.find(key).map_err(|lost| damaged(lost.flaw))?;
    let held = held.ok_or_else(|| CommandError::NoObject {
        key: shown(key),
        path: path(),
    })?;
    let pieces = inspection.pieces(&held).map(|piece| piece.map_err(damaged));
    match &arguments.out {
        Some(file) => write_file(&*board.disk, file, pieces),
        None => write_output(terminal, pieces),
    }
}

/// Writes the file under another name first, so that it is there as a whole or not at all.
fn write_file(
    disk: &dyn Disk,
    path: &Path,
    pieces: impl Iterator<Item = Result<Bytes, CommandError>>,
) -> Result<(), CommandError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let file = disk.open(&part, Access::Create)?;
    let write = |offset: u64, piece: Result<Bytes, CommandError>| {
        let piece = piece?;
        file.write_at(&piece, offset)?;
        Ok(offset + piece.len() as u64)
    };
    let written = { pieces }.try_fold(0, write);
    let outcome = written.and_then(|_bytes: u64| Ok(disk.rename(&part, path)?));
    if outcome.is_err() {
        // It is of no use; that it cannot be removed would be less than why it is of none.
        drop(disk.remove(&part));
    }
    outcome
}

fn write_output(
    terminal: Terminal,
    mut pieces: impl Iterator<Item = Result<Bytes, CommandError>>,
) -> Result<(), CommandError> {
    let mut output = terminal.output();
    pieces.try_for_each(|piece| output.write_all(&piece?).map_err(CommandError::Output))?;
    output.flush().map_err(CommandError::Output)
}
