//! Looking at a store from outside, whether a process uses it or not.
//!
//! An [`Inspection`] finds what the next start would find, by the same survey, and takes no lock.
//! While a process uses the store, a record may go while it is looked at: before anything is
//! called damaged, the slot of its region is read again.
//!
//! Refuses: to write. What it finds damaged is told, not dropped.
//!
//! # Limits
//! 40 bytes of memory for each record, and as much again for each part of a long object.

mod findings;
mod stock;

use std::{
    borrow::Borrow,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use weir_hal::{Access, Disk, File, FileKind, Wall};

pub use self::findings::{Condition, Flaw, Held, Lost, Summary, Total};
use super::{
    claim::{self, NEW_NAME, STORE_NAME},
    format::{Entry, PAGE_BYTES, SlotState, Super, SuperState, VERSION},
    record::{Header, PIECE_BYTES},
    stored::{ReadFailure, Record},
    survey::{read_aside, read_slot},
};
use crate::{Class, Error, Key};

/// A store as it was when it was opened to be looked at.
#[derive(Debug)]
pub struct Inspection {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    kind: FileKind,
    file: Arc<dyn File>,
    file_bytes: u64,
    told: Super,
    /// One a region.
    regions: Vec<Seen>,
    /// The one that counts of each key, in the order in which they lie in the file.
    records: Vec<Recorded>,
    /// Parts of long objects, by hash.
    parts: Vec<Recorded>,
    /// What looks like a record, but only a search met it, and its header is damaged.
    damaged: Vec<Recorded>,
}

/// A region at the first look.
#[derive(Debug, Clone, Copy)]
struct Seen {
    usage: Option<SlotState>,
    generation: u64,
    /// First page of the last record.
    last_page: u32,
}

#[derive(Debug, Clone, Copy)]
struct Recorded {
    region: u32,
    entry: Entry,
}

impl Recorded {
    fn bytes(&self) -> u64 {
        u64::from(self.entry.pages) * PAGE_BYTES
    }
}

impl Inspection {
    /// Takes stock of the store at `path`: a directory that holds one, a file or a block device.
    /// Blocks.
    ///
    /// # Errors
    /// One sentence that says why there is no store that can be looked at.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, Error> {
        let (path, kind) = locate(&*disk, path)?;
        let file = disk.open(&path, Access::Read).map_err(refused(&path))?;
        file.advise_random();
        let file_bytes = file.bytes().map_err(refused(&path))?;
        if file_bytes == 0 {
            return Err(Error::NoStore { path });
        }
        let (told, _is_newest) = claim::read_super(&*file, &path)?;
        claim::check_whole(&told, file_bytes, &path)?;
        let unused = Seen {
            usage: None,
            generation: 0,
            last_page: 0,
        };
        let mut inspection = Self {
            disk,
            path,
            kind,
            file,
            file_bytes,
            regions: vec![unused; told.geometry.regions as usize],
            told,
            records: Vec::new(),
            parts: Vec::new(),
            damaged: Vec::new(),
        };
        inspection.take_stock();
        Ok(inspection)
    }

    /// What can be told without reading the records.
    pub fn summary(&self) -> Summary {
        let geometry = self.told.geometry;
        let count = |state: SlotState| {
            let usages = self.regions.iter().filter_map(|region| region.usage);
            usages.filter(|usage| *usage == state).count() as u64
        };
        let bad = (0..geometry.regions).filter(|region| self.told.is_bad(*region));
        let (open, sealed, bad) = (
            count(SlotState::Open),
            count(SlotState::Sealed),
            bad.count() as u64,
        );
        Summary {
            path: self.path.clone(),
            kind: self.kind,
            version: VERSION,
            condition: self.condition(),
            file_bytes: self.file_bytes,
            region_bytes: geometry.region_bytes,
            regions: geometry.regions.into(),
            regions_free: u64::from(geometry.regions) - open - sealed - bad,
            regions_open: open,
            regions_sealed: sealed,
            regions_bad: bad,
            classes: Class::ALL.map(|class| (class, self.total(class))),
        }
    }

    /// All objects, in the order in which they lie in the store. Those that have gone since the
    /// store was opened are left out. Each step reads a page or two.
    ///
    /// In a region that no slot tells of, what is damaged beyond likeness is not told.
    pub fn objects(&self) -> impl Iterator<Item = Result<Held, Lost>> {
        let records = self.damaged.iter().chain(&self.records);
        records.filter_map(|recorded| self.meet(recorded).transpose())
    }

    /// The object of `key`, if there is one and it has not gone since the store was opened.
    ///
    /// # Errors
    /// [`Lost`] if there should be one.
    pub fn find(&self, key: &Key) -> Result<Option<Held>, Lost> {
        let hash = self.told.secret.hash(key.as_str().as_bytes());
        let mut records = self.records.iter();
        let Some(recorded) = records.find(|recorded| recorded.entry.hash == hash) else {
            return Ok(None);
        };
        let held = self.meet(recorded)?;
        Ok(held.filter(|held| held.key() == key))
    }

    /// When the objects were written that have been in the store longest and shortest, by the order
    /// of the log: one that was carried over counts as new there.
    ///
    /// `None` without objects, or if the head of one of the two cannot be read.
    pub fn written_between(&self) -> Option<(Wall, Wall)> {
        let sequence = |recorded: &&Recorded| recorded.entry.sequence;
        let written_at = |recorded| Some(self.meet(recorded).ok()??.written_at());
        let oldest = written_at(self.records.iter().min_by_key(sequence)?)?;
        let newest = written_at(self.records.iter().max_by_key(sequence)?)?;
        Some((oldest, newest))
    }

    /// The body of an object, in order, in pieces of at most 256 KiB of which each has been
    /// compared with its sum.
    pub fn pieces<'a>(&'a self, held: &'a Held) -> impl Iterator<Item = Result<Bytes, Flaw>> + 'a {
        let bytes = held.record.header.chain.part_bytes.iter();
        let starts = bytes.scan(0, |end, bytes| {
            let start = *end;
            *end += u64::from(*bytes);
            Some(start)
        });
        let parts = starts.zip(&held.parts).flat_map(|(start, part)| {
            let (record, flaw) = match self.meet_part(part) {
                Ok(record) => (Some(record), None),
                Err(flaw) => (None, Some(Err(flaw))),
            };
            let pieces = record.map(|record| self.pieces_of(record, part, start));
            flaw.into_iter().chain(pieces.into_iter().flatten())
        });
        let last = held.bytes() - held.record.header.body_bytes;
        parts.chain(self.pieces_of(&held.record, &held.recorded, last))
    }

    /// The pieces of one record, whose body begins at `start` of its object.
    fn pieces_of<'a>(
        &'a self,
        record: impl Borrow<Record> + 'a,
        recorded: &'a Recorded,
        start: u64,
    ) -> impl Iterator<Item = Result<Bytes, Flaw>> + 'a {
        let pieces = record.borrow().header.sums.len() as u64;
        (0..pieces).map(move |index| {
            let record = record.borrow();
            let piece = read_aside(&*self.file, record, index);
            piece.map_err(|failure| match failure {
                _ if self.has_moved(recorded) => Flaw::Moved,
                ReadFailure::Device(source) => Flaw::Unreadable {
                    offset: record.body_offset() + index * PIECE_BYTES as u64,
                    source,
                },
                ReadFailure::Damaged | ReadFailure::Interrupted => Flaw::Body {
                    offset: start + index * PIECE_BYTES as u64,
                },
            })
        })
    }

    /// Whether a process has the store open, or how it was left.
    fn condition(&self) -> Condition {
        // The lock is let go at once; a process that starts at this very moment tries again.
        let lock = self.disk.open(&self.path, Access::Read);
        let outcome = lock.and_then(|lock| lock.lock_exclusive());
        let is_in_use = outcome.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        match self.told.state {
            _ if is_in_use => Condition::InUse,
            SuperState::Closed => Condition::Closed,
            SuperState::InUse | SuperState::Formatting => Condition::Interrupted,
        }
    }

    fn total(&self, class: Class) -> Total {
        let records = self.records.iter();
        let records = records.filter(|recorded| recorded.entry.class == class);
        let heads = records.fold(Total::default(), |sum, recorded| Total {
            objects: sum.objects + 1,
            bytes: sum.bytes + recorded.bytes(),
        });
        let parts = self.parts.iter();
        let parts = parts.filter(|recorded| recorded.entry.class == class);
        Total {
            bytes: heads.bytes + parts.map(Recorded::bytes).sum::<u64>(),
            ..heads
        }
    }

    /// The parts of a head; `None` if one is missing.
    fn parts_of(&self, header: &Header) -> Option<Vec<Recorded>> {
        let hashes = header.chain.keys().map(|key| {
            let secret = self.told.secret;
            secret.hash(key.as_str().as_bytes())
        });
        let parts = hashes.map(|hash| {
            let parts = &self.parts;
            let at = parts
                .binary_search_by_key(&hash, |part| part.entry.hash)
                .ok()?;
            parts.get(at).copied()
        });
        parts.collect()
    }

    /// Reads the head of a part.
    fn meet_part(&self, part: &Recorded) -> Result<Record, Flaw> {
        match self.meet(part) {
            Ok(Some(held)) => Ok(held.record),
            Ok(None) => Err(Flaw::Moved),
            Err(lost) => Err(lost.flaw),
        }
    }

    /// Reads the head of a record; `None` if it has gone.
    fn meet(&self, recorded: &Recorded) -> Result<Option<Held>, Lost> {
        let Recorded { region, entry } = *recorded;
        let at = self.told.geometry.address(region, entry.page);
        let generation = self.regions[region as usize].generation;
        let flaw = match Record::read_header(&*self.file, at, Some(generation)) {
            Ok(Some(header)) if header.is_dead => return Ok(None),
            Ok(Some(header)) if header.pages() == Some(entry.pages) => {
                if let Some(parts) = self.parts_of(&header) {
                    return Ok(Some(Held {
                        record: Record::new(header, entry.hash, at, false),
                        recorded: *recorded,
                        parts,
                    }));
                }
                Flaw::Part
            }
            Ok(_) => Flaw::Header,
            Err(source) => Flaw::Unreadable {
                offset: at.offset,
                source,
            },
        };
        if self.has_moved(recorded) {
            return Ok(None);
        }
        Err(Lost {
            region,
            page: entry.page,
            record_bytes: recorded.bytes(),
            flaw,
        })
    }

    /// Whether the store has let go of a record since the first look, or had not yet written it
    /// as a whole then.
    fn has_moved(&self, recorded: &Recorded) -> bool {
        let Recorded { region, entry } = *recorded;
        let seen = self.regions[region as usize];
        if let Some(slot) = read_slot(&*self.file, self.told.geometry, region) {
            let mut killed = slot.entries.iter().filter(|entry| entry.is_killed);
            if slot.state == SlotState::Free
                || slot.generation != seen.generation
                || killed.any(|killed| killed.page == entry.page)
            {
                return true;
            }
        }
        let at = self.told.geometry.address(region, entry.page);
        let header = Record::read_header(&*self.file, at, Some(seen.generation));
        let is_dead = header.is_ok_and(|header| header.is_some_and(|header| header.is_dead));
        let was_last = seen.usage == Some(SlotState::Open) && seen.last_page <= entry.page;
        is_dead || was_last && self.condition() == Condition::InUse
    }
}

/// The file or device behind a path that a store was configured with.
fn locate(disk: &dyn Disk, path: &Path) -> Result<(PathBuf, FileKind), Error> {
    let kind = match disk.kind(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::NoStore { path: path.into() });
        }
        outcome => outcome.map_err(refused(path))?,
    };
    match kind {
        FileKind::Regular | FileKind::BlockDevice => return Ok((path.into(), kind)),
        FileKind::Other => return Err(Error::Unfit { path: path.into() }),
        FileKind::Directory => {}
    }
    let store = path.join(STORE_NAME);
    if let Ok(kind @ (FileKind::Regular | FileKind::BlockDevice)) = disk.kind(&store) {
        return Ok((store, kind));
    }
    let entries = disk.list(path).map_err(refused(path))?;
    let path = path.to_owned();
    if entries.iter().any(|entry| claim::is_former(&entry.path)) {
        return Err(Error::Former { path });
    }
    let new = path.join(NEW_NAME);
    if disk.kind(&new).is_ok() {
        return Err(Error::HalfFormatted { path: new });
    }
    Err(Error::NoStore { path })
}

/// What the refusal of the operating system means for somebody who only wants to look.
fn refused(path: &Path) -> impl Fn(weir_hal::Error) -> Error + '_ {
    move |source| {
        let path = path.to_owned();
        if source.kind() == ErrorKind::PermissionDenied {
            Error::NotReadable { path, source }
        } else {
            Error::Unusable { path, source }
        }
    }
}
