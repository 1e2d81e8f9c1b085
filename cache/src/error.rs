//! The one error type of this crate.

use std::{io, path::PathBuf};

use crate::Key;

/// A store that cannot be opened, or an act on an object that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that is no directory stands at the configured path.
    #[error(
        "cache.path must be a directory, but {} is {what}: change cache.path or remove that",
        path.display()
    )]
    NotADirectory {
        /// The configured path.
        path: PathBuf,
        /// What stands there, with its article.
        what: &'static str,
    },
    /// The directory may not be written.
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
    /// Another process keeps its objects there.
    #[error(
        "cache path {} is in use by another process: stop that process or change cache.path",
        path.display()
    )]
    InUse {
        /// The configured path.
        path: PathBuf,
    },
    /// The directory cannot be used for another reason, such as a failing device.
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
    #[error("the memory for objects being written is full: raise cache.memory")]
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
