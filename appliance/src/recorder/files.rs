//! The directory of the recorder: a file for each hour of blocks, the oldest of which go.
//!
//! A block is written behind the last whole one and synced; what a power cut has torn is
//! overwritten. Files are `NUMBER.blocks`, and higher numbers are later, whatever the clock was.
//!
//! Refuses: to touch files of other names.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use weir_hal::{Access, Disk, Error, File};

use super::{
    SAMPLES_MAX,
    frame::{FRAME_BYTES_MAX, Frames},
};
use crate::whole_file::make_directory;

/// Bytes of all files together.
pub const DISK_BYTES_MAX: u64 = 56 << 20;

/// Bytes of one file, so that what goes at once is no more than an eighth.
const FILE_BYTES_MAX: u64 = DISK_BYTES_MAX / 8;
const _: () = assert!((FRAME_BYTES_MAX as u64) < FILE_BYTES_MAX);

/// Blocks of one file: an hour.
const FILE_BLOCKS_MAX: usize = 60;

/// Files there are: 24 hours, and the one that is written.
const FILES_MAX: usize = 25;

const _: () = assert!((FILES_MAX - 1) * FILE_BLOCKS_MAX * SAMPLES_MAX == 24 * 3_600);

const EXTENSION: &str = "blocks";

/// The files, one of which is written.
#[derive(Debug)]
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// The oldest first; the last is written while it is open.
    kept: VecDeque<Entry>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Open {
    file: Arc<dyn File>,
    blocks: usize,
}

impl Files {
    /// Goes on where the last file ends, or begins anew. Blocks.
    ///
    /// # Errors
    /// When the directory cannot be made or listed.
    pub(super) fn open(disk: Arc<dyn Disk>, directory: &Path) -> Result<Self, Error> {
        make_directory(&*disk, directory)?;
        let mut files = Self {
            kept: list(&*disk, directory)?.into(),
            directory: directory.to_owned(),
            disk,
            open: None,
        };
        // One that cannot be read is left as it is, and the next one begun.
        files.open = files.reopen().unwrap_or_default();
        Ok(files)
    }

    /// The last file, if it has room for more, cut off behind its last whole block.
    fn reopen(&mut self) -> Result<Option<Open>, Error> {
        let Some(last) = self.kept.back_mut() else {
            return Ok(None);
        };
        let path = path_of(&self.directory, last.number);
        let file = self.disk.open(&path, Access::ReadWrite)?;
        let bytes = contents(&*file)?;
        let mut frames = Frames::of(&bytes);
        let blocks = frames.by_ref().count();
        if blocks >= FILE_BLOCKS_MAX {
            return Ok(None);
        }
        last.bytes = frames.whole_until() as u64;
        file.resize(last.bytes)?;
        Ok(Some(Open { file, blocks }))
    }

    /// Adds a block and makes it durable. Returns how many files had to go. Blocks.
    ///
    /// # Errors
    /// When it cannot be written; it is then lost.
    pub(super) fn add(&mut self, frame: &[u8]) -> Result<u64, Error> {
        let bytes = self.kept.back().map_or(0, |last| last.bytes) + frame.len() as u64;
        let is_full = |open: &Open| open.blocks >= FILE_BLOCKS_MAX || bytes > FILE_BYTES_MAX;
        if self.open.as_ref().is_none_or(is_full) {
            self.open = None;
            self.open = Some(self.begin()?);
        }
        let (Some(open), Some(last)) = (&mut self.open, self.kept.back_mut()) else {
            return Ok(0);
        };
        open.file.write_at(frame, last.bytes)?;
        open.file.sync()?;
        last.bytes += frame.len() as u64;
        open.blocks += 1;
        self.make_room()
    }

    fn begin(&mut self) -> Result<Open, Error> {
        let number = self.kept.back().map_or(1, |last| last.number + 1);
        let path = path_of(&self.directory, number);
        let file = self.disk.open(&path, Access::Create)?;
        self.disk.sync_directory(&self.directory)?;
        self.kept.push_back(Entry { number, bytes: 0 });
        Ok(Open { file, blocks: 0 })
    }

    /// Removes the oldest files until the others fit.
    fn make_room(&mut self) -> Result<u64, Error> {
        let mut removed = 0;
        while self.kept.len() > 1 && self.is_too_much() {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.disk.remove(&path_of(&self.directory, oldest.number))?;
            removed += 1;
        }
        Ok(removed)
    }

    fn is_too_much(&self) -> bool {
        let bytes: u64 = self.kept.iter().map(|entry| entry.bytes).sum();
        self.kept.len() > FILES_MAX || bytes > DISK_BYTES_MAX
    }
}

/// What was read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Whole blocks with their heads, the oldest first.
    pub bytes: Vec<u8>,
    /// How many they are.
    pub blocks: usize,
    /// Older blocks that were left out.
    pub blocks_left_out: usize,
    /// Bytes that were no blocks.
    pub damaged_bytes: u64,
}

/// Reads the newest blocks of the recorder in `directory`, up to `bytes_max` together. Blocks.
///
/// # Errors
/// When the directory or one of its files cannot be read.
pub fn read(disk: &dyn Disk, directory: &Path, bytes_max: usize) -> Result<Kept, Error> {
    let mut kept = Kept::default();
    let mut newest_first: Vec<Vec<u8>> = Vec::new();
    let mut room = bytes_max;
    for entry in list(disk, directory)?.iter().rev() {
        let file = disk.open(&path_of(directory, entry.number), Access::Read)?;
        let bytes = contents(&*file)?;
        let mut frames = Frames::of(&bytes);
        let found: Vec<&[u8]> = frames.by_ref().collect();
        kept.damaged_bytes += frames.damaged_bytes();
        for frame in found.into_iter().rev() {
            if kept.blocks_left_out > 0 || frame.len() > room {
                kept.blocks_left_out += 1;
                continue;
            }
            room -= frame.len();
            kept.blocks += 1;
            newest_first.push(frame.to_vec());
        }
    }
    kept.bytes = newest_first.into_iter().rev().flatten().collect();
    Ok(kept)
}

/// The files of the recorder, the oldest first.
fn list(disk: &dyn Disk, directory: &Path) -> Result<Vec<Entry>, Error> {
    let entries = disk.list(directory)?.into_iter();
    let numbered = entries.filter_map(|entry| {
        let is_ours = entry.path.extension().is_some_and(|it| it == EXTENSION);
        let stem = entry.path.file_stem()?.to_str()?;
        let number = stem.parse().ok().filter(|_| is_ours)?;
        let is_our_name = path_of(directory, number) == entry.path;
        is_our_name.then_some(Entry {
            number,
            bytes: entry.bytes,
        })
    });
    let mut entries: Vec<Entry> = numbered.collect();
    entries.sort_unstable_by_key(|entry| entry.number);
    Ok(entries)
}

fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:010}.{EXTENSION}"))
}

/// All of a file, up to what one may have.
fn contents(file: &dyn File) -> Result<Vec<u8>, Error> {
    let bytes = usize::try_from(file.bytes()?.min(FILE_BYTES_MAX)).unwrap_or(usize::MAX);
    let mut contents = vec![0; bytes];
    let read = file.read_at(&mut contents, 0)?;
    contents.truncate(read);
    Ok(contents)
}
