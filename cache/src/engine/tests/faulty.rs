//! A simulated disk with bad pages, and with accidents at random.

use std::{
    io::{self, ErrorKind, IoSlice},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use weir_hal::{
    Access, DirectoryEntry, Disk, DiskUsage, Error, File, FileKind,
    sim::{self, Generator},
};

const PAGE_BYTES: u64 = 4096;

/// Clones are the same disk.
#[derive(Debug, Clone)]
pub(super) struct Faulty {
    disk: sim::Disk,
    faults: Arc<Faults>,
}

/// What goes wrong, in so many of a million calls.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) read_ppm: AtomicU32,
    pub(super) short_read_ppm: AtomicU32,
    pub(super) write_ppm: AtomicU32,
    pub(super) full_ppm: AtomicU32,
    pub(super) sync_ppm: AtomicU32,
    bad_writes: Mutex<Vec<u64>>,
    bad_reads: Mutex<Vec<u64>>,
    random: Mutex<Generator>,
}

impl Faults {
    /// Nothing goes wrong at random any more.
    pub(super) fn heal(&self) {
        for ppm in [
            &self.read_ppm,
            &self.short_read_ppm,
            &self.write_ppm,
            &self.full_ppm,
            &self.sync_ppm,
        ] {
            ppm.store(0, Ordering::SeqCst);
        }
    }

    fn happens(&self, ppm: &AtomicU32) -> bool {
        let ppm = ppm.load(Ordering::SeqCst);
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        ppm > 0 && random.chance_ppm(ppm)
    }

    fn is_bad(pages: &Mutex<Vec<u64>>, offset: u64, bytes: usize) -> bool {
        let pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset + bytes as u64;
        let mut pages = pages.iter().map(|page| page * PAGE_BYTES);
        pages.any(|page| page < end && offset < page + PAGE_BYTES)
    }
}

impl Faulty {
    pub(super) fn new(disk: sim::Disk, seed: u64) -> Self {
        Self {
            disk,
            faults: Arc::new(Faults {
                read_ppm: AtomicU32::new(0),
                short_read_ppm: AtomicU32::new(0),
                write_ppm: AtomicU32::new(0),
                full_ppm: AtomicU32::new(0),
                sync_ppm: AtomicU32::new(0),
                bad_writes: Mutex::default(),
                bad_reads: Mutex::default(),
                random: Mutex::new(Generator::new(seed)),
            }),
        }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Makes every write to the page at `offset` fail from now on, and leave all as it is.
    pub(super) fn break_writes_at(&self, offset: u64) {
        let pages = self.faults.bad_writes.lock();
        let mut pages = pages.unwrap_or_else(PoisonError::into_inner);
        pages.push(offset / PAGE_BYTES);
    }

    /// Makes every read of the page at `offset` fail from now on, even of what is in memory.
    pub(super) fn break_reads_at(&self, offset: u64) {
        let pages = self.faults.bad_reads.lock();
        let mut pages = pages.unwrap_or_else(PoisonError::into_inner);
        pages.push(offset / PAGE_BYTES);
    }

    fn wrap(&self, path: &Path, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(FaultyFile {
            inner,
            path: path.to_owned(),
            faults: Arc::clone(&self.faults),
        })
    }
}

impl Disk for Faulty {
    fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn File>, Error> {
        Ok(self.wrap(path, self.disk.open(path, access)?))
    }

    fn create_directory(&self, path: &Path) -> Result<(), Error> {
        self.disk.create_directory(path)
    }

    fn kind(&self, path: &Path) -> Result<FileKind, Error> {
        self.disk.kind(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<DirectoryEntry>, Error> {
        self.disk.list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.disk.remove(path)
    }

    fn remove_directory(&self, path: &Path) -> Result<(), Error> {
        self.disk.remove_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> Result<(), Error> {
        self.disk.sync_directory(path)
    }

    fn usage(&self, path: &Path) -> Result<DiskUsage, Error> {
        self.disk.usage(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    faults: Arc<Faults>,
}

impl FaultyFile {
    fn error(&self, act: &'static str, source: io::Error) -> Error {
        Error::Disk {
            act,
            path: self.path.clone(),
            source,
        }
    }
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let faults = &self.faults;
        let is_bad = Faults::is_bad(&faults.bad_reads, offset, buffer.len());
        if is_bad || faults.happens(&faults.read_ppm) {
            return Err(self.error("read", io::Error::other("bad medium")));
        }
        let filled = self.inner.read_at(buffer, offset)?;
        if faults.happens(&faults.short_read_ppm) {
            buffer[filled / 2..].fill(0);
            return Ok(filled / 2);
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        let faults = &self.faults;
        if Faults::is_bad(&faults.bad_writes, offset, bytes.len()) {
            return Err(self.error("write", io::Error::other("bad medium")));
        }
        if faults.happens(&faults.write_ppm) {
            self.inner.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(self.error("write", io::Error::other("bad medium")));
        }
        if faults.happens(&faults.full_ppm) {
            self.inner.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(self.error("write", ErrorKind::StorageFull.into()));
        }
        self.inner.write_at(bytes, offset)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> Result<(), Error> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        self.write_at(&parts.concat(), offset)
    }

    fn begin_sync(&self, offset: u64, bytes: u64) {
        self.inner.begin_sync(offset, bytes);
    }

    fn sync(&self) -> Result<(), Error> {
        if self.faults.happens(&self.faults.sync_ppm) {
            return Err(self.error("sync", io::Error::other("bad medium")));
        }
        self.inner.sync()
    }

    fn read_resident_at(&self, buffer: &mut [u8], offset: u64) -> Result<bool, Error> {
        self.inner.read_resident_at(buffer, offset)
    }

    fn is_resident(&self, offset: u64, bytes: usize) -> Result<bool, Error> {
        self.inner.is_resident(offset, bytes)
    }

    fn view(&self, offset: u64, bytes: usize) -> Result<Bytes, Error> {
        self.inner.view(offset, bytes)
    }

    fn detach(&self, offset: u64, bytes: u64) -> Result<(), Error> {
        self.inner.detach(offset, bytes)
    }

    fn advise_random(&self) {
        self.inner.advise_random();
    }

    fn forget(&self, offset: u64, bytes: u64) {
        self.inner.forget(offset, bytes);
    }

    fn resize(&self, bytes: u64) -> Result<(), Error> {
        self.inner.resize(bytes)
    }

    fn bytes(&self) -> Result<u64, Error> {
        self.inner.bytes()
    }

    fn lock_exclusive(&self) -> Result<(), Error> {
        self.inner.lock_exclusive()
    }
}
