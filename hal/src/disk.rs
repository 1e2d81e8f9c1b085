//! Files and block devices, by absolute offset.

use std::{
    fmt::Debug,
    io::IoSlice,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::{Error, linux::Descriptor};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// A new or emptied file, for reading and writing.
    Create,
    /// The same, that nobody but this user may read: for what is secret.
    CreatePrivate,
    /// A new file, or an existing one as it is, for reading and writing.
    CreateOrKeep,
}

/// What stands behind a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// A block device.
    BlockDevice,
    /// A socket, pipe, character device or the like.
    Other,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The full path.
    pub path: PathBuf,
    /// What stands behind it.
    pub kind: FileKind,
    /// Size in bytes; 0 for anything but a regular file.
    pub bytes: u64,
}

/// The fill of the file system that holds a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// Size of the file system, without what it keeps for root: as `df` reckons its use.
    pub bytes_total: u64,
    /// Bytes an unprivileged process may still write.
    pub bytes_free: u64,
}

/// A file system, or several below one root.
///
/// Every call may block for as long as the device takes: call it from a thread that may wait,
/// never from the receive thread.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file or block device.
    ///
    /// # Errors
    /// [`Error::Disk`] when the path is missing, forbidden, or (for those that create) its
    /// directory is.
    fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn File>, Error>;

    /// Makes a directory and its missing parents. One that is there already is left as it is.
    ///
    /// # Errors
    /// [`Error::Disk`] when a part of the path is no directory or may not be written.
    fn create_directory(&self, path: &Path) -> Result<(), Error>;

    /// Tells what stands behind `path`, following links.
    ///
    /// # Errors
    /// [`Error::Disk`] when nothing does.
    fn kind(&self, path: &Path) -> Result<FileKind, Error>;

    /// Lists a directory, ordered by path.
    ///
    /// # Errors
    /// [`Error::Disk`] when `path` is no directory that may be read.
    fn list(&self, path: &Path) -> Result<Vec<DirectoryEntry>, Error>;

    /// Gives a file a new name in one step, replacing what stood there.
    ///
    /// # Errors
    /// [`Error::Disk`] when `from` is missing or the directory may not be written.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`Error::Disk`] when it is missing or its directory may not be written.
    fn remove(&self, path: &Path) -> Result<(), Error>;

    /// Removes a directory that is empty.
    ///
    /// # Errors
    /// [`Error::Disk`] with kind `DirectoryNotEmpty` when it is not; when it is missing, or its
    /// own directory may not be written.
    fn remove_directory(&self, path: &Path) -> Result<(), Error>;

    /// Makes the names in a directory (creations, renames, removals) survive a power cut.
    ///
    /// # Errors
    /// [`Error::Disk`] when the device refuses.
    fn sync_directory(&self, path: &Path) -> Result<(), Error>;

    /// Reads the fill of the file system that holds `path`.
    ///
    /// # Errors
    /// [`Error::Disk`] when `path` is missing.
    fn usage(&self, path: &Path) -> Result<DiskUsage, Error>;
}

/// An open file or block device. Offsets are absolute, so threads may share it.
pub trait File: Debug + Send + Sync {
    /// Fills `buffer` from `offset` on; fewer bytes are returned only at the end of the file.
    ///
    /// # Errors
    /// [`Error::Disk`] when the device refuses.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error>;

    /// Writes all of `bytes` at `offset`, growing a regular file as needed.
    ///
    /// The bytes survive a power cut only after [`File::sync`] has returned.
    ///
    /// # Errors
    /// [`Error::Disk`] when the device refuses or is full; a prefix may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error>;

    /// Writes all of `parts`, one behind the other, at `offset`, as [`File::write_at`] does.
    ///
    /// # Errors
    /// Those of [`File::write_at`].
    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> Result<(), Error>;

    /// Asks the device to begin with what was written in so many bytes from `offset` on, so that
    /// a later [`File::sync`] finds less to do. Waits for nothing but a full queue of the device,
    /// and promises nothing.
    fn begin_sync(&self, offset: u64, bytes: u64);

    /// Makes all that was written before this call survive a power cut.
    ///
    /// # Errors
    /// [`Error::Disk`] when the device refuses; then nothing is known of the unsynced bytes.
    fn sync(&self) -> Result<(), Error>;

    /// Fills `buffer` from `offset` on if that takes no wait for a device.
    ///
    /// Returns false, with nothing promised of `buffer`, if some of the bytes are not in memory,
    /// lie beyond the end or cannot be told to be in memory. Never blocks.
    ///
    /// # Errors
    /// [`Error::Disk`] when the device refuses.
    fn read_resident_at(&self, buffer: &mut [u8], offset: u64) -> Result<bool, Error>;

    /// Whether the bytes of a range could be read without a wait for a device, as far as can be
    /// told. Never blocks. The answer is out of date as soon as it is given.
    ///
    /// A range that reaches beyond the end is not. Whoever may neither write to the file nor owns
    /// it may be told yes for want of an answer.
    ///
    /// # Errors
    /// [`Error::Disk`] when the system refuses to tell.
    fn is_resident(&self, offset: u64, bytes: usize) -> Result<bool, Error>;

    /// The bytes of a range, without a copy: what the system keeps of the file in memory, which
    /// counts as page cache and not as memory of this process. Never blocks.
    ///
    /// Bytes that are not resident are read when they are first looked at. If they are handed on
    /// to the kernel and the device cannot give them, that call fails. If the program itself looks
    /// at them then, **the process ends**: use [`File::read_at`] for what is to be looked at.
    ///
    /// As long as the view lives nobody may write these bytes, or cut the file off below their
    /// end: the view would show it, and where nothing is left, looking ends as above.
    ///
    /// # Errors
    /// [`Error::Disk`] with kind `UnexpectedEof` if the range reaches beyond the end; when the
    /// system has no room for another mapping.
    fn view(&self, offset: u64, bytes: usize) -> Result<Bytes, Error>;

    /// Parts a range of whole pages from what was done with it before: bytes of it that a
    /// connection is still sending
    /// ([`Connection::poll_send_file`](crate::Connection::poll_send_file)) stay as they are,
    /// whatever is written there from now on. Until it is written, the range reads as anything.
    /// May block.
    ///
    /// # Errors
    /// [`Error::Disk`], of kind `Unsupported` where the system cannot do this: then what is still
    /// being sent may turn into what is written.
    fn detach(&self, offset: u64, bytes: u64) -> Result<(), Error>;

    /// The descriptor by which the system knows this file, for calls between two of them; `None`
    /// if it is not one of the system's.
    fn descriptor(&self) -> Option<Descriptor<'_>> {
        None
    }

    /// Says that reads through this handle will be at random: nothing is then read ahead of what
    /// is asked for. Advice, which not all systems take.
    fn advise_random(&self);

    /// Says that the bytes of a range will not be wanted soon: what the system keeps of them in
    /// memory may go, in whole pages. Advice, which not all systems take. Nothing written is lost.
    fn forget(&self, offset: u64, bytes: u64);

    /// Makes a regular file `bytes` long. What is added reads as zeros and has its room reserved,
    /// where the file system can do so; what is beyond is cut off.
    ///
    /// # Errors
    /// [`Error::Disk`] with kind `StorageFull` when there is no room; for a block device. The file
    /// is then as long as it was.
    fn resize(&self, bytes: u64) -> Result<(), Error>;

    /// Present size in bytes.
    ///
    /// # Errors
    /// [`Error::Disk`] when the device refuses.
    fn bytes(&self) -> Result<u64, Error>;

    /// Whether everybody on this machine may read the file. Nobody may where files have no
    /// permissions.
    ///
    /// # Errors
    /// [`Error::Disk`] when the system refuses to tell.
    fn is_open_to_everybody(&self) -> Result<bool, Error> {
        Ok(false)
    }

    /// Takes the exclusive advisory lock that is held until the last handle is dropped.
    ///
    /// # Errors
    /// [`Error::Disk`] with kind `WouldBlock` when another process or handle holds it.
    fn lock_exclusive(&self) -> Result<(), Error>;
}
