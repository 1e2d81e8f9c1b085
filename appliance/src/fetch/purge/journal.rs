//! Bans on disk, so that neither a restart nor a power cut forgets one.
//!
//! The file is a run of frames, each beginning on a page of 4 KiB:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `WBAN` |
//! | 4 | 4 | CRC-32C of all that follows in the frame |
//! | 8 | 8 | number of the frame: 0 for the snapshot that begins the file, then one more each |
//! | 16 | 4 | bytes of the records |
//! | 20 | | records, one behind the other |
//!
//! A record is a letter (`a`ll, `p`lace, prefi`x`, patter`n`), the moment in 8 bytes, and the place
//! in 2 bytes or a text behind its length in 2. Numbers are little-endian.
//!
//! A frame is synced before any ban in it is acknowledged, and before the next one is written. So
//! a torn frame at the end held nothing that anybody relies on, while a bad one before a good one
//! did: then, or when the file cannot be read, [`Loaded::Damaged`] has everything banned. When the
//! file is long it is written anew beside itself and renamed.
//!
//! Refuses: to interpret bans.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use weir_hal::{Access, Disk, Error, File, Wall};

use super::{
    bans::{Ban, Scope},
    pattern::Pattern,
};
use crate::whole_file::{make_directory, replace};

const PAGE_BYTES: usize = 4_096;
const HEADER_BYTES: usize = 20;
const MAGIC: [u8; 4] = *b"WBAN";

/// Bytes from which the file is written anew: 256 frames of few bans.
const LONG_BYTES: u64 = 1 << 20;

/// Bytes of the longest file that is read: a snapshot of everything, and as many frames as fit
/// before it is written anew.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// What a file held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// These bans; none if there was no file.
    Bans(Vec<Ban>),
    /// It cannot be told which bans it held.
    Damaged,
}

/// The file that bans are added to.
#[derive(Debug)]
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Arc<dyn File>,
    end: u64,
    /// The number of the next frame.
    number: u64,
    /// Bytes of the snapshot that begins the file.
    snapshot_bytes: u64,
}

impl Journal {
    /// Reads what stands at `path`. Blocks.
    ///
    /// # Errors
    /// [`Error::Disk`] when something is there and cannot be read.
    pub(super) fn load(disk: &dyn Disk, path: &Path) -> Result<Loaded, Error> {
        let file = match disk.open(path, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Loaded::Bans(Vec::new()));
            }
            Err(error) => return Err(error),
        };
        let bytes = file.bytes()?.min(FILE_BYTES_MAX + 1);
        let mut content = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        let read = file.read_at(&mut content, 0)?;
        content.truncate(read);
        if bytes > FILE_BYTES_MAX {
            return Ok(Loaded::Damaged);
        }
        Ok(read_frames(&content).map_or(Loaded::Damaged, Loaded::Bans))
    }

    /// Begins a file at `path` with all of `bans`, in place of what stood there. Blocks.
    ///
    /// # Errors
    /// [`Error::Disk`] when the directory cannot be made or written to; what was there remains.
    pub(super) fn begin(disk: Arc<dyn Disk>, path: &Path, bans: &[Ban]) -> Result<Self, Error> {
        if let Some(directory) = path.parent() {
            make_directory(&*disk, directory)?;
        }
        let frame = frame(0, bans);
        let file = replace(&*disk, path, &frame)?;
        let bytes = frame.len() as u64;
        Ok(Self {
            disk,
            path: path.to_owned(),
            file,
            end: bytes,
            number: 1,
            snapshot_bytes: bytes,
        })
    }

    /// Adds `bans`; they survive a power cut once this has returned. Blocks.
    ///
    /// # Errors
    /// [`Error::Disk`] when the device refuses; then nothing is known of them, and the next
    /// attempt writes in the same place.
    pub(super) fn append(&mut self, bans: &[Ban]) -> Result<(), Error> {
        let frame = frame(self.number, bans);
        self.file.write_at(&frame, self.end)?;
        self.file.sync()?;
        self.end += frame.len() as u64;
        self.number += 1;
        Ok(())
    }

    /// Whether it is time to write the file anew.
    pub(super) const fn is_long(&self) -> bool {
        self.end - self.snapshot_bytes > LONG_BYTES
    }

    /// Writes the file anew with all of `bans`. Blocks.
    ///
    /// # Errors
    /// [`Error::Disk`]; then the old file goes on.
    pub(super) fn rewrite(&mut self, bans: &[Ban]) -> Result<(), Error> {
        *self = Self::begin(Arc::clone(&self.disk), &self.path, bans)?;
        Ok(())
    }
}

fn frame(number: u64, bans: &[Ban]) -> Vec<u8> {
    let mut records = Vec::new();
    for ban in bans {
        write_record(&mut records, ban);
    }
    // A snapshot is 65,536 places of 11 bytes and 256 texts of 1 KiB at most.
    let bytes = u32::try_from(records.len()).expect("bans are fewer than 4 GiB");
    let mut frame = Vec::with_capacity((HEADER_BYTES + records.len()).next_multiple_of(PAGE_BYTES));
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&number.to_le_bytes());
    frame.extend_from_slice(&bytes.to_le_bytes());
    frame.append(&mut records);
    let sum = crc32c::crc32c(&frame[8..]);
    frame[4..8].copy_from_slice(&sum.to_le_bytes());
    frame.resize(frame.len().next_multiple_of(PAGE_BYTES), 0);
    frame
}

fn write_record(records: &mut Vec<u8>, ban: &Ban) {
    let (letter, text) = match &ban.scope {
        Scope::All => (b'a', None),
        Scope::Place(_) => (b'p', None),
        Scope::Prefix(prefix) => (b'x', Some(&**prefix)),
        Scope::Pattern(pattern) => (b'n', Some(pattern.as_str())),
    };
    records.push(letter);
    records.extend_from_slice(&ban.until.as_nanos().to_le_bytes());
    if let Scope::Place(place) = ban.scope {
        records.extend_from_slice(&place.to_le_bytes());
    }
    if let Some(text) = text {
        let bytes = u16::try_from(text.len()).expect("a scope has at most 1,024 bytes");
        records.extend_from_slice(&bytes.to_le_bytes());
        records.extend_from_slice(text.as_bytes());
    }
}

/// The bans in a file; `None` if some that were acknowledged cannot be read.
fn read_frames(content: &[u8]) -> Option<Vec<Ban>> {
    let mut bans = Vec::new();
    let mut rest = content;
    let mut number = 0;
    while let Some((records, tail)) = whole_frame(rest, number) {
        read_records(records, &mut bans)?;
        rest = tail;
        number += 1;
    }
    // A file begins with its snapshot, renamed into place when it was synced: without one it is
    // none of ours. Behind the last good frame there may be one torn, but nothing good.
    let is_begun = number > 0;
    let is_followed = (0..rest.len().div_ceil(PAGE_BYTES))
        .filter_map(|page| rest.get(page * PAGE_BYTES..))
        .any(|rest| frame_number(rest).is_some_and(|found| found > number));
    (is_begun && !is_followed).then_some(bans)
}

/// The records of the frame that `content` begins with, if it is the one of this number, and what
/// follows it.
fn whole_frame(content: &[u8], number: u64) -> Option<(&[u8], &[u8])> {
    let records = records(content)?;
    let frame_bytes = (HEADER_BYTES + records.len()).next_multiple_of(PAGE_BYTES);
    let tail = content.get(frame_bytes..).unwrap_or_default();
    (frame_number(content)? == number).then_some((records, tail))
}

/// The number of the frame that `content` begins with, if it is whole.
fn frame_number(content: &[u8]) -> Option<u64> {
    records(content)?;
    let number = content.get(8..16)?.first_chunk()?;
    Some(u64::from_le_bytes(*number))
}

/// The records of the frame that `content` begins with, if it is whole.
fn records(content: &[u8]) -> Option<&[u8]> {
    let header = content.get(..HEADER_BYTES)?;
    let u32_at = |at: usize| {
        let bytes = header.get(at..at + 4)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let bytes = usize::try_from(u32_at(16)?).ok()?;
    let summed = content.get(8..HEADER_BYTES.checked_add(bytes)?)?;
    let is_whole = header.starts_with(&MAGIC) && crc32c::crc32c(summed) == u32_at(4)?;
    is_whole.then(|| summed.get(HEADER_BYTES - 8..)).flatten()
}

fn read_records(records: &[u8], bans: &mut Vec<Ban>) -> Option<()> {
    let mut rest = records;
    while let [letter, tail @ ..] = rest {
        let (until, tail) = tail.split_first_chunk()?;
        let scope;
        (scope, rest) = read_scope(*letter, tail)?;
        let until = Wall::from_nanos(u64::from_le_bytes(*until));
        bans.push(Ban { scope, until });
    }
    Some(())
}

fn read_scope(letter: u8, rest: &[u8]) -> Option<(Scope, &[u8])> {
    if letter == b'a' {
        return Some((Scope::All, rest));
    }
    let (number, rest) = rest.split_first_chunk()?;
    let number = u16::from_le_bytes(*number);
    if letter == b'p' {
        return Some((Scope::Place(number), rest));
    }
    let (text, rest) = rest.split_at_checked(number.into())?;
    let text = str::from_utf8(text).ok()?;
    let scope = match letter {
        b'x' => Scope::Prefix(text.into()),
        b'n' => Scope::Pattern(Arc::new(Pattern::new(text)?)),
        _ => return None,
    };
    Some((scope, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_hal::sim;

    use super::*;

    const PATH: &str = "/var/bans";

    fn prefix(number: u64) -> Ban {
        Ban {
            scope: Scope::Prefix(format!("/{number}/").into()),
            until: Wall::from_nanos(number),
        }
    }

    fn begin(disk: &sim::Disk, bans: &[Ban]) -> Journal {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        Journal::begin(disk, Path::new(PATH), bans).expect("a flawless disk")
    }

    fn load(disk: &sim::Disk) -> Loaded {
        Journal::load(disk, Path::new(PATH)).expect("a flawless disk")
    }

    #[test]
    fn reads_back_every_kind_of_ban() {
        let disk = sim::Disk::new(1);
        assert_eq!(load(&disk), Loaded::Bans(Vec::new()));
        let until = Wall::from_nanos(7);
        let pattern = Arc::new(Pattern::new("/*/x").expect("a pattern"));
        let scopes = [
            Scope::All,
            Scope::Place(513),
            Scope::Prefix("//h/".into()),
            Scope::Pattern(pattern),
        ];
        let bans: Vec<Ban> = scopes.map(|scope| Ban { scope, until }).into();
        let mut journal = begin(&disk, &bans[..2]);
        journal.append(&bans[2..]).expect("a flawless disk");
        assert_eq!(load(&disk), Loaded::Bans(bans));
    }

    #[test]
    fn an_acknowledged_ban_survives_every_power_cut() {
        for seed in 0..200 {
            let disk = sim::Disk::new(seed);
            let mut journal = begin(&disk, &[prefix(0)]);
            let acknowledged = 1 + seed % 7;
            for number in 1..acknowledged {
                journal.append(&[prefix(number)]).expect("a flawless disk");
            }
            if seed % 3 == 0 {
                let all: Vec<Ban> = (0..acknowledged).map(prefix).collect();
                journal.rewrite(&all).expect("a flawless disk");
            }
            // The power goes while the next one is written.
            let frame = frame(journal.number, &vec![prefix(99); 1_000]);
            journal
                .file
                .write_at(&frame, journal.end)
                .expect("a flawless disk");
            let Loaded::Bans(bans) = load(&disk.power_cut()) else {
                panic!("seed {seed}: damaged");
            };
            let expected: Vec<Ban> = (0..acknowledged).map(prefix).collect();
            let (survived, torn) = bans.split_at(expected.len());
            assert_eq!(survived, expected, "seed {seed}");
            assert!(torn.iter().all(|ban| *ban == prefix(99)), "seed {seed}");
        }
    }

    #[test]
    fn a_bad_frame_before_a_good_one_is_damage() {
        for page in 0..3 {
            let disk = sim::Disk::new(1);
            let mut journal = begin(&disk, &[prefix(0)]);
            for number in 1..4 {
                journal.append(&[prefix(number)]).expect("a flawless disk");
            }
            assert!(disk.rot(Path::new(PATH), page * PAGE_BYTES + 21));
            assert_eq!(load(&disk), Loaded::Damaged, "page {page}");
        }
    }

    #[test]
    fn a_long_file_is_written_anew() {
        let disk = sim::Disk::new(1);
        let mut journal = begin(&disk, &[]);
        for _ in 0..=LONG_BYTES / PAGE_BYTES as u64 {
            assert!(!journal.is_long());
            journal.append(&[prefix(1)]).expect("a flawless disk");
        }
        assert!(journal.is_long());
        journal.rewrite(&[prefix(1)]).expect("a flawless disk");
        assert!(!journal.is_long());
        journal.append(&[prefix(2)]).expect("a flawless disk");
        assert_eq!(load(&disk), Loaded::Bans(vec![prefix(1), prefix(2)]));
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(content: Vec<u8>, records: Vec<u8>) {
            prop_assert_eq!(read_frames(&content), None, "random bytes are no journal");
            read_records(&records, &mut Vec::new());
        }

        #[test]
        fn never_takes_a_changed_frame_for_whole(at in 0_usize..40, bit in 0_u8..8) {
            let mut content = frame(0, &[prefix(1), prefix(2)]);
            content[at] ^= 1 << bit;
            prop_assert_eq!(read_frames(&content), None);
        }
    }
}
