//! The one error type of this crate.

use std::{io, path::PathBuf};

use crate::Key;

/// A store that cannot be opened, or an act on an object that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that cannot hold a store stands at the configured path.
    #[error(
        "cache.path must be a directory, a file or a block device, but {} is none of them: \
         change cache.path",
        path.display()
    )]
    Unfit {
        /// The configured path.
        path: PathBuf,
    },
    /// A file or device holds something else.
    #[error(
        "{} holds something that is no cache: change cache.path, or run weir with --format, which \
         destroys what is there",
        path.display()
    )]
    NotAStore {
        /// The file or device.
        path: PathBuf,
    },
    /// The store was written by a newer version.
    #[error(
        "the cache in {} is of version {version}, which is newer than this weir: update weir, or \
         run it with --format, which destroys what is there",
        path.display()
    )]
    NewerVersion {
        /// The file or device.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The store was written by an older version, whose layout is not read any more.
    #[error(
        "the cache in {} is of version {version}, which this weir does not read: run weir with \
         --format, which destroys what is there",
        path.display()
    )]
    OlderVersion {
        /// The file or device.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Both super blocks are damaged.
    #[error(
        "the cache in {} is damaged at its very beginning: run weir with --format, which destroys \
         what is there",
        path.display()
    )]
    Broken {
        /// The file or device.
        path: PathBuf,
    },
    /// Formatting was broken off.
    #[error(
        "the cache in {} was not formatted to its end: run weir with --format",
        path.display()
    )]
    HalfFormatted {
        /// The file or device.
        path: PathBuf,
    },
    /// The store is shorter than it says.
    #[error(
        "the cache in {} is {bytes} bytes long where {bytes_told} are expected: restore it, or run \
         weir with --format, which destroys what is there",
        path.display()
    )]
    WrongSize {
        /// The file or device.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The length it should have.
        bytes_told: u64,
    },
    /// The directory holds the objects of a former version, one file each.
    #[error(
        "cache path {} holds objects of a former version: remove its *.object files, or run weir \
         with --format, which does",
        path.display()
    )]
    Former {
        /// The configured path.
        path: PathBuf,
    },
    /// The configured size is too small for a store.
    #[error("{bytes} bytes are too few for a cache: raise cache.size")]
    TooSmall {
        /// The configured size.
        bytes: u64,
    },
    /// The configured size holds too few of the regions that the store was formatted with.
    #[error(
        "the cache in {} cannot be made as small as {bytes} bytes, as its regions have \
         {region_bytes}: raise cache.size, or run weir with --format, which destroys what is there",
        path.display()
    )]
    TooFewRegions {
        /// The file or device.
        path: PathBuf,
        /// The configured size, or that of the device.
        bytes: u64,
        /// Bytes of each region.
        region_bytes: u64,
    },
    /// The file system has no room for a store of the configured size.
    #[error(
        "there is no room for {bytes} bytes of cache in {}: lower cache.size or make room",
        path.display()
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Bytes that were to be reserved.
        bytes: u64,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// The file or its directory may not be written.
    #[error(
        "cache path {} is not writable by weir: change its owner or cache.path",
        path.display()
    )]
    NotWritable {
        /// The configured path.
        path: PathBuf,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// There is nothing to look at.
    #[error(
        "there is no cache in {}: name another path, or start weir once to have it made",
        path.display()
    )]
    NoStore {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file or its directory may not be read.
    #[error(
        "the cache in {} may not be read: look at it as root or as the user that weir runs as",
        path.display()
    )]
    NotReadable {
        /// The file, device or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// Another process keeps its objects there.
    #[error(
        "cache path {} is in use by another process: stop that process or change cache.path",
        path.display()
    )]
    InUse {
        /// The configured path.
        path: PathBuf,
    },
    /// The path cannot be used for another reason, such as a failing device.
    #[error("cannot use cache path {}: check the device or change cache.path", path.display())]
    Unusable {
        /// The configured path.
        path: PathBuf,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// The thread that writes to disk could not be started.
    #[error("cannot start the thread that writes the cache")]
    Thread {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// As much is being written as the configured memory can hold.
    #[error(
        "the memory for objects being written is full: raise cache.memory, or cache.size if \
         refused_no_space grows"
    )]
    NoMemory,
    /// The metadata of an object is longer than the store keeps.
    #[error("{bytes} bytes of metadata for {key} are more than the {bytes_max} that are kept")]
    MetadataTooLong {
        /// The object.
        key: Key,
        /// Bytes that were offered.
        bytes: usize,
        /// Bytes that would have been taken.
        bytes_max: usize,
    },
    /// The writer gave the object up before it was complete.
    #[error("the object was given up before it was complete")]
    Aborted,
    /// The object could not be read from disk; if the device failed, the object is gone.
    #[error("cannot read {key} from the cache")]
    Read {
        /// The object.
        key: Key,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// What lies on disk is not what was written; the object is gone.
    #[error("{key} is damaged on disk and has been dropped from the cache")]
    Damaged {
        /// The object.
        key: Key,
    },
    /// The store has been closed.
    #[error("the cache is closed")]
    Closed,
}
