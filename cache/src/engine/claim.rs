//! Taking possession of a store: finding its file or device, locking it, and formatting it where
//! there is nothing yet.
//!
//! ```text
//! cache.path is …    the store is …
//! a directory        the file `store` in it; made under the name `store.new` and then renamed
//! nothing            the same, in a directory that is made
//! an empty file      that file
//! a file or device   whatever it holds, which must be a store
//! ```
//!
//! Refuses: to write over anything that is not a store, unless formatting is asked for.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    thread::yield_now,
};

use tracing::{info, warn};
use weir_hal::{Access, Disk, File, FileKind};

use super::{
    format::{Geometry, NoSuper, PAGE, PAGE_BYTES, Slot, SlotState, Super, SuperState, VERSION},
    survey::read_slot,
};
use crate::{Config, Error};

pub(super) const STORE_NAME: &str = "store";
pub(super) const NEW_NAME: &str = "store.new";
/// What an engine of one file an object left behind.
const FORMER_SUFFIXES: [&str; 2] = ["object", "tmp"];
/// Attempts to take a lock that is held.
const LOCK_TRIES: usize = 64;
/// Zeros written at once.
const ZERO_BYTES: u64 = 64 * PAGE_BYTES;

/// A store that this process alone uses.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// Holds the lock until it is dropped. Whoever still reads when the store is closed has
    /// another handle, which does not.
    pub(super) lock: Arc<dyn File>,
    pub(super) told: Super,
    /// It was closed in order the last time.
    pub(super) was_closed: bool,
}

impl Claim {
    /// Opens, or formats, the store of `config`, and marks it as being in use.
    pub(super) fn take(disk: &dyn Disk, config: &Config) -> Result<Self, Error> {
        let path = &config.path;
        let mut claim = match disk.kind(path) {
            Ok(FileKind::Directory) => in_directory(disk, config)?,
            Ok(FileKind::Regular | FileKind::BlockDevice) => at(disk, path, config)?,
            Ok(FileKind::Other) => return Err(Error::Unfit { path: path.clone() }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_directory(disk, path).map_err(refused(path))?;
                in_directory(disk, config)?
            }
            Err(error) => return Err(refused(path)(error)),
        };
        claim.fit(disk, config)?;
        Ok(claim)
    }

    /// Makes the store as large as configured, as far as that goes, and marks it as in use.
    fn fit(&mut self, disk: &dyn Disk, config: &Config) -> Result<(), Error> {
        let told = self.told.geometry;
        let is_device = disk.kind(&self.path).ok() == Some(FileKind::BlockDevice);
        let bytes = self.file.bytes().map_err(refused(&self.path))?;
        let bytes_max = if is_device {
            config.bytes_max.min(bytes)
        } else {
            config.bytes_max
        };
        let wanted = told
            .resized(bytes_max)
            .ok_or_else(|| Error::TooFewRegions {
                path: self.path.clone(),
                bytes: bytes_max,
                region_bytes: told.region_bytes,
            })?;
        if wanted.regions > told.regions && self.grow(wanted, is_device) {
            info!(regions = wanted.regions, "the cache has grown");
            self.told.geometry = wanted;
        } else if wanted.regions < told.regions {
            info!(regions = wanted.regions, "the cache has shrunk");
            self.told.geometry = wanted;
        }
        self.told.boot += 1;
        self.told.epoch += 1;
        self.told.state = SuperState::InUse;
        write_super(&*self.file, &self.told).map_err(refused(&self.path))?;
        if wanted.regions < told.regions && !is_device {
            let outcome = self.file.resize(wanted.file_bytes());
            outcome.map_err(refused(&self.path))?;
        }
        Ok(())
    }

    /// Adds regions, all free. What a former, larger store left of them is wiped out first.
    fn grow(&self, wanted: Geometry, is_device: bool) -> bool {
        let resize = || {
            if is_device {
                return Ok(());
            }
            self.file.resize(wanted.file_bytes())
        };
        let wipe = || {
            let mut new = self.told.geometry.regions..wanted.regions;
            new.try_for_each(|region| self.wipe(wanted, region))
        };
        let outcome = resize()
            .and_then(|()| wipe())
            .and_then(|()| self.file.sync());
        if let Err(error) = &outcome {
            let reason = std::error::Error::source(error).map(ToString::to_string);
            warn!(%error, reason, "the cache cannot grow; it stays as large as it was");
        }
        outcome.is_ok()
    }

    /// Makes a region free. A device keeps the records of a former, larger store: their generation
    /// stays told, so that it is not used again.
    fn wipe(&self, wanted: Geometry, region: u32) -> Result<(), weir_hal::Error> {
        let former = read_slot(&*self.file, wanted, region);
        let free = former.map(|former| {
            let Slot {
                stream, generation, ..
            } = former;
            Slot::empty(region, SlotState::Free, stream, generation).encode()
        });
        let slot = free.unwrap_or([0; PAGE]);
        self.file.write_at(&slot, wanted.slot_offset(region))
    }
}

fn in_directory(disk: &dyn Disk, config: &Config) -> Result<Claim, Error> {
    let directory = &config.path;
    let entries = disk.list(directory).map_err(refused(directory))?;
    let former = entries.iter().filter(|entry| is_former(&entry.path));
    for entry in former {
        if !config.is_format_allowed {
            return Err(Error::Former {
                path: directory.clone(),
            });
        }
        disk.remove(&entry.path).map_err(refused(&entry.path))?;
    }
    let path = directory.join(STORE_NAME);
    if disk.kind(&path).is_ok() {
        return at(disk, &path, config);
    }
    let new = directory.join(NEW_NAME);
    // Another process may be making it at this moment: nothing is changed before the lock is held.
    let file = disk
        .open(&new, Access::CreateOrKeep)
        .map_err(refused(directory))?;
    let lock = lock(disk, &new, directory);
    if disk.kind(&path).is_ok() {
        // It has been made meanwhile.
        return at(disk, &path, config);
    }
    let mut claim = format(file, lock?, &path, config, None)?;
    disk.rename(&new, &path).map_err(refused(&path))?;
    disk.sync_directory(directory).map_err(refused(directory))?;
    // What fails later is told of under the name that it has from now on.
    claim.file = disk
        .open(&path, Access::ReadWrite)
        .map_err(refused(directory))?;
    claim.path = path;
    Ok(claim)
}

/// Whether a path is that of an object of the former engine.
pub(super) fn is_former(path: &Path) -> bool {
    let suffix = path.extension().and_then(|suffix| suffix.to_str());
    suffix.is_some_and(|suffix| FORMER_SUFFIXES.contains(&suffix))
}

/// Opens a file or device, whatever it holds.
fn at(disk: &dyn Disk, path: &Path, config: &Config) -> Result<Claim, Error> {
    let file = disk.open(path, Access::ReadWrite).map_err(refused(path))?;
    let lock = lock(disk, path, &config.path)?;
    let is_device = disk.kind(path).ok() == Some(FileKind::BlockDevice);
    let bytes = file.bytes().map_err(refused(path))?;
    if config.is_format_allowed || bytes == 0 {
        return format(file, lock, path, config, is_device.then_some(bytes));
    }
    let (mut told, is_newest) = read_super(&*file, path)?;
    check_whole(&told, bytes, path)?;
    if !is_newest {
        warn!(path = %path.display(), "the cache has lost one of its two super blocks");
        // It may have told of one more start, whose sequences and births are taken.
        told.boot += 1;
    }
    Ok(Claim {
        path: path.into(),
        was_closed: told.state == SuperState::Closed,
        file,
        lock,
        told,
    })
}

fn lock(disk: &dyn Disk, file: &Path, path: &Path) -> Result<Arc<dyn File>, Error> {
    let lock = disk.open(file, Access::Read).map_err(refused(path))?;
    let mut outcome = lock.lock_exclusive();
    for _ in 0..LOCK_TRIES {
        if outcome.is_ok() {
            break;
        }
        // Somebody who looks at the store holds the lock for the blink of an eye.
        yield_now();
        outcome = lock.lock_exclusive();
    }
    match outcome {
        Ok(()) => Ok(lock),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(Error::InUse { path: path.into() })
        }
        Err(error) => Err(refused(path)(error)),
    }
}

/// Makes an empty store. A device, of `device_bytes`, keeps its length.
fn format(
    file: Arc<dyn File>,
    lock: Arc<dyn File>,
    path: &Path,
    config: &Config,
    device_bytes: Option<u64>,
) -> Result<Claim, Error> {
    let bytes = device_bytes.unwrap_or(u64::MAX).min(config.bytes_max);
    let geometry = Geometry::plan(bytes, config.region_bytes).ok_or_else(|| too_small(config))?;
    let mut told = Super::new(geometry);
    let run = |told: &mut Super| {
        if device_bytes.is_none() {
            file.resize(0)?;
            file.resize(geometry.file_bytes())?;
        }
        // Both blocks, so that neither of a former store is left.
        for _ in 0..2 {
            told.epoch += 1;
            write_super(&*file, told)?;
        }
        if device_bytes.is_some() {
            wipe_directories(&*file, geometry)?;
        }
        told.epoch += 1;
        told.state = SuperState::Closed;
        write_super(&*file, told)
    };
    run(&mut told).map_err(|source| {
        if source.kind() != ErrorKind::StorageFull {
            return refused(path)(source);
        }
        Error::NoRoom {
            path: path.into(),
            bytes: geometry.file_bytes(),
            source,
        }
    })?;
    info!(path = %path.display(), regions = geometry.regions, "formatted the cache");
    Ok(Claim {
        path: path.into(),
        file,
        lock,
        told,
        was_closed: true,
    })
}

fn wipe_directories(file: &dyn File, geometry: Geometry) -> Result<(), weir_hal::Error> {
    let zeros = vec![0; usize::try_from(ZERO_BYTES).unwrap_or(PAGE)];
    for span in 0..geometry.spans() {
        let mut rest = geometry.directory_bytes();
        let mut offset = geometry.directory_offset(span);
        while rest > 0 {
            let bytes = zeros.len().min(usize::try_from(rest).unwrap_or(PAGE));
            file.write_at(&zeros[..bytes], offset)?;
            offset += bytes as u64;
            rest -= bytes as u64;
        }
    }
    Ok(())
}

fn write_super(file: &dyn File, told: &Super) -> Result<(), weir_hal::Error> {
    file.write_at(&told.encode(), told.offset())?;
    file.sync()
}

/// Refuses a store that was not formatted to its end, or is cut short.
pub(super) fn check_whole(told: &Super, bytes: u64, path: &Path) -> Result<(), Error> {
    let path = path.to_owned();
    if told.state == SuperState::Formatting {
        return Err(Error::HalfFormatted { path });
    }
    let bytes_told = told.geometry.file_bytes();
    if bytes < bytes_told {
        return Err(Error::WrongSize {
            path,
            bytes,
            bytes_told,
        });
    }
    Ok(())
}

/// The super block that counts, and whether it is the newest for certain: the other one is whole.
pub(super) fn read_super(file: &dyn File, path: &Path) -> Result<(Super, bool), Error> {
    let mut unreadable = None;
    let blocks = [0, PAGE_BYTES].map(|offset| {
        let mut block = [0; PAGE];
        if let Err(error) = file.read_at(&mut block, offset) {
            unreadable = Some(error);
        }
        Super::decode(&block)
    });
    match blocks {
        [Ok(first), Ok(second)] if first.epoch < second.epoch => return Ok((second, true)),
        [Ok(first), Ok(_)] => return Ok((first, true)),
        // It has begun to use the store, and may have changed what the other one tells of.
        [Ok(_), Err(NoSuper::Version(version))] | [Err(NoSuper::Version(version)), Ok(_)]
            if version > VERSION =>
        {
            return Err(other_version(path.to_owned(), version));
        }
        [Ok(told), Err(_)] | [Err(_), Ok(told)] => return Ok((of_two(told), false)),
        [Err(_), Err(_)] if unreadable.is_some() => {}
        [Err(first), Err(second)] => return Err(no_super(first, second, path)),
    }
    let error = unreadable.map(refused(path));
    Err(error.unwrap_or_else(|| Error::Broken { path: path.into() }))
}

/// A super block whose other one is lost: what that said of the end of the last run is unknown.
fn of_two(mut told: Super) -> Super {
    if told.state == SuperState::Closed {
        told.state = SuperState::InUse;
    }
    told
}

fn no_super(first: NoSuper, second: NoSuper, path: &Path) -> Error {
    let path = path.to_owned();
    match (first, second) {
        (NoSuper::Version(version), _) | (_, NoSuper::Version(version)) => {
            other_version(path, version)
        }
        (NoSuper::Damaged, _) | (_, NoSuper::Damaged) => Error::Broken { path },
        (NoSuper::Strange, NoSuper::Strange) => Error::NotAStore { path },
    }
}

const fn other_version(path: PathBuf, version: u32) -> Error {
    if version > VERSION {
        return Error::NewerVersion { path, version };
    }
    Error::OlderVersion { path, version }
}

fn make_directory(disk: &dyn Disk, path: &Path) -> Result<(), weir_hal::Error> {
    let missing = path
        .ancestors()
        .take_while(|path| disk.kind(path).is_err())
        .count();
    disk.create_directory(path)?;
    // Each new name is in the parent of the directory that was missing.
    let mut parents = path.ancestors().skip(1).take(missing);
    parents.try_for_each(|parent| disk.sync_directory(parent))
}

fn too_small(config: &Config) -> Error {
    Error::TooSmall {
        bytes: config.bytes_max,
    }
}

/// What the refusal of the operating system means for the operator.
pub(super) fn refused(path: &Path) -> impl Fn(weir_hal::Error) -> Error + '_ {
    move |source| {
        let path = path.to_owned();
        let is_forbidden = matches!(
            source.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
        );
        if is_forbidden {
            Error::NotWritable { path, source }
        } else {
            Error::Unusable { path, source }
        }
    }
}
