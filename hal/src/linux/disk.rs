//! Files and block devices of the Linux kernel.
//!
//! Source: open(2), pread(2), preadv2(2) with `RWF_NOWAIT`, pwrite(2), pwritev(2), fallocate(2),
//! ftruncate(2), `sync_file_range(2)`, fdatasync(2), fsync(2) on directories, flock(2),
//! `posix_fadvise(2)`, statvfs(3). A page that leaves the page cache by fallocate(2) with
//! `FALLOC_FL_ZERO_RANGE` or `FALLOC_FL_PUNCH_HOLE` lives on, unchanged, in the sockets that send
//! it. The standard library opens everything with `O_CLOEXEC` and repeats a call that a signal
//! broke off.
//!
//! Refuses: direct and asynchronous I/O. Every call may block.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is what hal::Disk stands for"
)]
#![expect(
    unsafe_code,
    reason = "nix has no safe form of preadv2 and sync_file_range"
)]

use std::{
    fs::{self, OpenOptions, Permissions, TryLockError},
    io::{self, IoSlice, Seek, SeekFrom},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, PosixFadviseAdvice, fallocate, posix_fadvise},
    libc,
    sys::{statvfs::statvfs, uio::pwritev},
};

use super::mapping::Windows;
use crate::{Access, DirectoryEntry, DiskUsage, Error, FileKind};

/// The permissions of what is secret.
const PRIVATE: u32 = 0o600;

/// The file systems of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Disk {
    /// The file systems below `/`.
    pub const fn new() -> Self {
        Self
    }
}

impl crate::Disk for Disk {
    fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn crate::File>, Error> {
        let mut options = OpenOptions::new();
        options.read(true);
        let act = match access {
            Access::Read => "open",
            Access::ReadWrite => {
                options.write(true);
                "open"
            }
            Access::Create | Access::CreatePrivate => {
                options.write(true).create(true).truncate(true);
                if access == Access::CreatePrivate {
                    options.mode(PRIVATE);
                }
                "create"
            }
            Access::CreateOrKeep => {
                options.write(true).create(true).truncate(false);
                "create"
            }
        };
        let file = options.open(path).map_err(failed(act, path))?;
        if access == Access::CreatePrivate {
            // It may have stood there before.
            let permissions = Permissions::from_mode(PRIVATE);
            file.set_permissions(permissions)
                .map_err(failed("shut", path))?;
        }
        Ok(Arc::new(File {
            inner: file,
            path: path.to_owned(),
            windows: Windows::default(),
        }))
    }

    fn create_directory(&self, path: &Path) -> Result<(), Error> {
        fs::create_dir_all(path).map_err(failed("create directory", path))
    }

    fn kind(&self, path: &Path) -> Result<FileKind, Error> {
        let metadata = fs::metadata(path).map_err(failed("look at", path))?;
        Ok(kind_of(metadata.file_type()))
    }

    fn list(&self, path: &Path) -> Result<Vec<DirectoryEntry>, Error> {
        let failed = failed("list", path);
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(&failed)? {
            let path = entry.map_err(&failed)?.path();
            match fs::metadata(&path) {
                Ok(metadata) => entries.push(directory_entry(path, &metadata)),
                // Removed since it was listed, or a link to nowhere: there is nothing to tell.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        entries.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        fs::rename(from, to).map_err(failed("rename", from))
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        fs::remove_file(path).map_err(failed("remove", path))
    }

    fn remove_directory(&self, path: &Path) -> Result<(), Error> {
        fs::remove_dir(path).map_err(failed("remove directory", path))
    }

    fn sync_directory(&self, path: &Path) -> Result<(), Error> {
        let directory = fs::File::open(path).map_err(failed("open", path))?;
        match directory.sync_all() {
            // A file system that is never written, such as squashfs, cannot be synced: its names
            // survive whatever happens.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            outcome => outcome.map_err(failed("sync", path)),
        }
    }

    fn usage(&self, path: &Path) -> Result<DiskUsage, Error> {
        let usage = statvfs(path)
            .map_err(io::Error::from)
            .map_err(failed("take the fill of", path))?;
        let block_bytes = usage.fragment_size();
        let available = usage.blocks_available();
        let used = usage.blocks().saturating_sub(usage.blocks_free());
        Ok(DiskUsage {
            bytes_total: used.saturating_add(available).saturating_mul(block_bytes),
            bytes_free: available.saturating_mul(block_bytes),
        })
    }
}

/// An open file, with its path for error texts. The kernel drops its lock with the last handle.
#[derive(Debug)]
struct File {
    inner: fs::File,
    path: PathBuf,
    windows: Windows,
}

impl File {
    fn measure(&self) -> io::Result<u64> {
        // The metadata of a block device has no size, but its end can be sought. Nothing here
        // depends on the position that this moves.
        (&self.inner).seek(SeekFrom::End(0))
    }
}

impl crate::File for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self
                .inner
                .read_at(&mut buffer[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", &self.path)(error)),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        self.inner
            .write_all_at(bytes, offset)
            .map_err(failed("write", &self.path))
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> Result<(), Error> {
        write_parts(&self.inner, parts, offset).map_err(failed("write", &self.path))
    }

    fn begin_sync(&self, offset: u64, bytes: u64) {
        if let (Ok(offset), Ok(bytes)) = (i64::try_from(offset), i64::try_from(bytes)) {
            begin_sync(&self.inner, offset, bytes);
        }
    }

    fn sync(&self) -> Result<(), Error> {
        self.inner.sync_data().map_err(failed("sync", &self.path))
    }

    fn read_resident_at(&self, buffer: &mut [u8], offset: u64) -> Result<bool, Error> {
        let Ok(offset) = i64::try_from(offset) else {
            return Ok(false);
        };
        match read_without_waiting(&self.inner, buffer, offset) {
            Ok(bytes) => Ok(bytes == buffer.len()),
            Err(Errno::EAGAIN | Errno::EINTR | Errno::EOPNOTSUPP) => Ok(false),
            Err(error) => Err(failed("read", &self.path)(error.into())),
        }
    }

    fn is_resident(&self, offset: u64, bytes: usize) -> Result<bool, Error> {
        let is_resident = self
            .windows
            .is_resident(&self.inner, offset, bytes, || self.measure());
        match is_resident {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            outcome => outcome.map_err(failed("probe", &self.path)),
        }
    }

    fn view(&self, offset: u64, bytes: usize) -> Result<Bytes, Error> {
        self.windows
            .view(&self.inner, offset, bytes, || self.measure())
            .map_err(failed("map", &self.path))
    }

    fn detach(&self, offset: u64, bytes: u64) -> Result<(), Error> {
        detach(&self.inner, offset, bytes).map_err(failed("detach", &self.path))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.inner.as_fd())
    }

    fn advise_random(&self) {
        // The whole file. What refuses this reads more than it is asked for, and works.
        let advice = PosixFadviseAdvice::POSIX_FADV_RANDOM;
        let _is_taken = posix_fadvise(&self.inner, 0, 0, advice).is_ok();
    }

    fn forget(&self, offset: u64, bytes: u64) {
        if let (Ok(offset), Ok(bytes)) = (i64::try_from(offset), i64::try_from(bytes)) {
            let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
            // A file system that does not take advice keeps what it has.
            posix_fadvise(&self.inner, offset, bytes, advice).unwrap_or(());
        }
    }

    fn resize(&self, bytes: u64) -> Result<(), Error> {
        let failed = failed("resize", &self.path);
        let before = self.bytes()?;
        if let (Ok(start), Ok(more)) = (
            i64::try_from(before),
            i64::try_from(bytes.saturating_sub(before)),
        ) && more > 0
        {
            match fallocate(&self.inner, FallocateFlags::empty(), start, more) {
                Ok(()) => return Ok(()),
                // The file system cannot reserve room: it will be taken when it is written.
                Err(Errno::EOPNOTSUPP) => {}
                Err(error) => {
                    // It may have been given a part of the room, which nobody would ever use.
                    drop(self.inner.set_len(before));
                    return Err(failed(error.into()));
                }
            }
        }
        self.inner.set_len(bytes).map_err(failed)
    }

    fn is_open_to_everybody(&self) -> Result<bool, Error> {
        const READ_BY_OTHERS: u32 = 0o004;
        let metadata = self.inner.metadata();
        let metadata = metadata.map_err(failed("look at", &self.path))?;
        Ok(metadata.mode() & READ_BY_OTHERS != 0)
    }

    fn bytes(&self) -> Result<u64, Error> {
        self.measure().map_err(failed("measure", &self.path))
    }

    fn lock_exclusive(&self) -> Result<(), Error> {
        self.inner
            .try_lock()
            .map_err(|error| match error {
                TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
                TryLockError::Error(error) => error,
            })
            .map_err(failed("lock", &self.path))
    }
}

/// Parts the kernel takes in one call.
const PARTS_MAX: usize = 1024;

fn write_parts(file: &fs::File, parts: &[IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    for parts in parts.chunks(PARTS_MAX) {
        let mut parts = parts.to_vec();
        let mut rest: &mut [IoSlice<'_>] = &mut parts;
        // Empty parts in front would be taken for an end of the device.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let start = i64::try_from(offset).map_err(|_beyond| io::ErrorKind::InvalidInput)?;
            match pwritev(file, rest, start) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    offset += bytes as u64;
                    IoSlice::advance_slices(&mut rest, bytes);
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Takes the pages of a range out of the page cache, whoever else still refers to them. A file
/// keeps its room on the device where it can; a device is only told that the range is not in use.
fn detach(file: &fs::File, offset: u64, bytes: u64) -> io::Result<()> {
    let beyond = |_too_large| io::Error::from(io::ErrorKind::InvalidInput);
    let (start, length) = (
        i64::try_from(offset).map_err(beyond)?,
        i64::try_from(bytes).map_err(beyond)?,
    );
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    let zeros = FallocateFlags::FALLOC_FL_ZERO_RANGE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    if file.metadata()?.file_type().is_block_device() {
        return match fallocate(file, hole, start, length) {
            // It cannot forget, but its pages have gone before it was asked.
            Err(Errno::EOPNOTSUPP) => Ok(()),
            outcome => Ok(outcome?),
        };
    }
    match fallocate(file, zeros, start, length) {
        Err(Errno::EOPNOTSUPP) => Ok(fallocate(file, hole, start, length)?),
        outcome => Ok(outcome?),
    }
}

fn begin_sync(file: &fs::File, offset: i64, bytes: i64) {
    // SAFETY: the call takes numbers alone, and the descriptor is open as long as `file`. That it
    // fails means only that more is left to do for the next sync.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), offset, bytes, libc::SYNC_FILE_RANGE_WRITE);
    }
}

/// Reads what the page cache holds. Returns the bytes filled.
fn read_without_waiting(file: &fs::File, buffer: &mut [u8], offset: i64) -> Result<usize, Errno> {
    let part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: the one part is `buffer`, which outlives the call and is lent to it alone.
    let outcome = unsafe {
        libc::preadv2(
            file.as_raw_fd(),
            &raw const part,
            1,
            offset,
            libc::RWF_NOWAIT,
        )
    };
    let bytes = Errno::result(outcome)?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// Names the failed act.
fn failed<'a>(act: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Error + 'a {
    move |source| Error::Disk {
        act,
        path: path.to_owned(),
        source,
    }
}

fn directory_entry(path: PathBuf, metadata: &fs::Metadata) -> DirectoryEntry {
    let kind = kind_of(metadata.file_type());
    let bytes = match kind {
        FileKind::Regular => metadata.len(),
        FileKind::Directory | FileKind::BlockDevice | FileKind::Other => 0,
    };
    DirectoryEntry { path, kind, bytes }
}

fn kind_of(file_type: fs::FileType) -> FileKind {
    if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_file() {
        FileKind::Regular
    } else if file_type.is_block_device() {
        FileKind::BlockDevice
    } else {
        FileKind::Other
    }
}
