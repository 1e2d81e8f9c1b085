//! Taking possession of a directory, and finding what is whole in it.
//!
//! ```text
//! lock                      held by the one process that uses the directory
//! incoming.tmp              an object being written
//! 000000000000002a.object   an object; the number is its sequence, in hexadecimal
//! ```
//!
//! Anything else in the directory is left alone. Heads of objects are checked here; bodies when
//! they are first read.

use std::{
    collections::HashSet,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{info, warn};
use weir_hal::{Access, DirectoryEntry, Disk, File, FileKind};

use super::{
    Body, Engine, Stored,
    index::EVICTION_ORDER,
    layout::{FIXED_BYTES, HEADER_BYTES_MAX, Header, header_sum},
    stored::FilePlace,
};
use crate::Error;

/// What files are charged in: the block of common file systems.
const BLOCK_BYTES: u64 = 4096;
/// Bytes read of each file at first: a block holds all but unusually long headers.
const HEAD_BYTES: usize = 4096;
const _: () = assert!(FIXED_BYTES <= HEAD_BYTES && HEAD_BYTES <= HEADER_BYTES_MAX);

const LOCK_NAME: &str = "lock";
const TEMPORARY_NAME: &str = "incoming.tmp";
const OBJECT_SUFFIX: &str = ".object";

/// Bytes of the disk budget that a file takes.
pub(super) const fn charged_bytes(file_bytes: u64) -> u64 {
    file_bytes.next_multiple_of(BLOCK_BYTES)
}

/// The directory of a store, held against all other processes.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Holds the lock until it is dropped.
    _lock: Arc<dyn File>,
}

impl Directory {
    /// Makes the directory if it is missing, and locks it.
    pub(super) fn claim(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let refused = |source: weir_hal::Error| {
            let is_forbidden = matches!(
                source.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            );
            let path = path.to_owned();
            if is_forbidden {
                Error::NotWritable { path, source }
            } else {
                Error::Unusable { path, source }
            }
        };
        require_directory(disk, path)?.map_err(refused)?;
        let lock = disk
            .open(&path.join(LOCK_NAME), Access::Create)
            .map_err(refused)?;
        match lock.lock_exclusive() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(Error::InUse {
                    path: path.to_owned(),
                });
            }
            outcome => outcome.map_err(refused)?,
        }
        let directory = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        // The lock file may be older than a change of owner: try what every object will need.
        let temporary = directory.temporary();
        disk.open(&temporary, Access::Create).map_err(refused)?;
        disk.remove(&temporary).map_err(refused)?;
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where an object is written.
    pub(super) fn temporary(&self) -> PathBuf {
        self.path.join(TEMPORARY_NAME)
    }

    /// Where an object stays.
    pub(super) fn object(&self, sequence: u64) -> PathBuf {
        self.path.join(format!("{sequence:016x}{OBJECT_SUFFIX}"))
    }
}

/// Makes sure that a directory stands at `path`, durably. The outer error is a wrong kind.
fn require_directory(disk: &dyn Disk, path: &Path) -> Result<Result<(), weir_hal::Error>, Error> {
    let what = match disk.kind(path) {
        Ok(FileKind::Directory) => return Ok(Ok(())),
        Ok(FileKind::Regular) => "a file",
        Ok(FileKind::BlockDevice) => "a block device",
        Ok(FileKind::Other) => "neither a directory nor a file",
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(make(disk, path)),
        Err(error) => return Ok(Err(error)),
    };
    Err(Error::NotADirectory {
        path: path.to_owned(),
        what,
    })
}

fn make(disk: &dyn Disk, path: &Path) -> Result<(), weir_hal::Error> {
    let missing = path
        .ancestors()
        .take_while(|path| disk.kind(path).is_err())
        .count();
    disk.create_directory(path)?;
    // Each new name is in the parent of the directory that was missing.
    let mut parents = path.ancestors().skip(1).take(missing);
    parents.try_for_each(|parent| disk.sync_directory(parent))
}

/// An object found on disk.
#[derive(Debug)]
struct Found {
    header: Header,
    place: FilePlace,
}

/// Fills the index of `engine` from its directory. Returns the next sequence.
///
/// Of several objects of one key the newest counts. What is incomplete, damaged, superseded or
/// more than the disk budget is removed and counted.
pub(super) fn recover(engine: &Engine, path: &Path) -> Result<u64, Error> {
    let entries = engine.disk.list(path).map_err(|source| Error::Unusable {
        path: path.to_owned(),
        source,
    })?;
    let (mut found, mut unwanted) = (Vec::new(), Vec::new());
    for entry in entries.into_iter().filter(is_ours) {
        match examine(&*engine.disk, &entry) {
            Some(object) => found.push(object),
            None => unwanted.push(entry.path),
        }
    }
    found.sort_unstable_by_key(|object| object.header.sequence);
    let next_sequence = found.last().map_or(0, |object| object.header.sequence + 1);
    drop_superseded(&mut found, &mut unwanted);
    drop_excess(engine.ledger.disk.bytes_max(), &mut found, &mut unwanted);
    discard(engine, path, &unwanted);
    admit(engine, found);
    info!(
        path = %path.display(),
        recovered = engine.ledger.recovered.value(),
        discarded = engine.ledger.discarded.value(),
        "opened the cache"
    );
    Ok(next_sequence)
}

fn is_ours(entry: &DirectoryEntry) -> bool {
    let name = entry.path.file_name().and_then(|name| name.to_str());
    entry.kind == FileKind::Regular
        && name.is_some_and(|name| name == TEMPORARY_NAME || sequence_of(name).is_some())
}

fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(OBJECT_SUFFIX)?;
    let is_canonical = digits.len() == 16
        && digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    is_canonical
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

/// Reads the head of a file. Returns `None` if it is no whole object.
fn examine(disk: &dyn Disk, entry: &DirectoryEntry) -> Option<Found> {
    let sequence = sequence_of(entry.path.file_name()?.to_str()?)?;
    let file = disk.open(&entry.path, Access::Read).ok()?;
    let mut head = vec![0; HEAD_BYTES];
    let mut filled = file.read_at(&mut head, 0).ok()?;
    let header_bytes = Header::bytes_told(&head[..filled])?;
    if header_bytes > head.len() {
        head.resize(header_bytes, 0);
        filled = file.read_at(&mut head, 0).ok()?;
    }
    let header = Header::decode(&head[..filled])?;
    // A number that cannot be followed by another is no number that was ever given.
    let is_whole = header.file_bytes() == Some(entry.bytes)
        && header.sequence == sequence
        && sequence < u64::MAX;
    let place = FilePlace {
        path: entry.path.clone(),
        header_sum: header_sum(&head[..header_bytes])?,
        header_bytes: header_bytes as u64,
        body_bytes: header.body_bytes,
        file_bytes: entry.bytes,
    };
    is_whole.then_some(Found { header, place })
}

/// Keeps the newest object of each key.
fn drop_superseded(found: &mut Vec<Found>, unwanted: &mut Vec<PathBuf>) {
    let mut keys = HashSet::new();
    let mut newest_first = std::mem::take(found);
    newest_first.reverse();
    for object in newest_first {
        if keys.insert(object.header.key.clone()) {
            found.push(object);
        } else {
            unwanted.push(object.place.path);
        }
    }
    found.reverse();
}

/// Drops objects in the order of eviction until the rest fits.
fn drop_excess(bytes_max: u64, found: &mut Vec<Found>, unwanted: &mut Vec<PathBuf>) {
    let mut bytes: u128 = found.iter().map(charged).sum();
    for class in EVICTION_ORDER {
        found.retain(|object| {
            let is_kept = bytes <= u128::from(bytes_max) || object.header.class != class;
            if !is_kept {
                bytes -= charged(object);
                unwanted.push(object.place.path.clone());
            }
            is_kept
        });
    }
}

fn charged(object: &Found) -> u128 {
    charged_bytes(object.place.file_bytes).into()
}

/// Removes files for good, before anything that replaces them can be removed.
fn discard(engine: &Engine, directory: &Path, unwanted: &[PathBuf]) {
    for path in unwanted {
        engine.ledger.discarded.add_one();
        if let Err(error) = engine.disk.remove(path) {
            engine.ledger.write_errors.add_one();
            warn!(%error, "a useless file stays in the cache");
        }
    }
    if !unwanted.is_empty()
        && let Err(error) = engine.disk.sync_directory(directory)
    {
        engine.ledger.write_errors.add_one();
        warn!(%error, "removed files may come back after a power cut");
    }
}

fn admit(engine: &Engine, found: Vec<Found>) {
    let mut index = engine.lock();
    for Found { header, place } in found {
        let charge = engine.ledger.disk.reserve(charged_bytes(place.file_bytes));
        let charge = charge.expect("the excess has been dropped");
        let removals = Arc::clone(&engine.removals);
        let stored = Arc::new(Stored::found(place, charge, removals));
        let Header {
            key,
            class,
            metadata,
            ..
        } = header;
        let body = Arc::new(Body::found(key, class, metadata, Arc::clone(&stored)));
        index.recover(body, stored);
        engine.ledger.recovered.add_one();
    }
}
