//! A simulated disk whose directories can be made to refuse changes.

use std::{
    io::ErrorKind,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use weir_hal::{Access, DirectoryEntry, Disk, DiskUsage, Error, File, FileKind, sim};

/// Clones are the same disk.
#[derive(Debug, Clone)]
pub(super) struct Forbidding {
    disk: sim::Disk,
    creations: Arc<AtomicBool>,
}

impl Default for Forbidding {
    fn default() -> Self {
        Self {
            disk: sim::Disk::new(1),
            creations: Arc::default(),
        }
    }
}

impl Forbidding {
    pub(super) fn forbid_creations(&self, is_forbidden: bool) {
        self.creations.store(is_forbidden, Ordering::SeqCst);
    }
}

fn check(flag: &AtomicBool, act: &'static str, path: &Path) -> Result<(), Error> {
    if !flag.load(Ordering::SeqCst) {
        return Ok(());
    }
    Err(Error::Disk {
        act,
        path: path.to_owned(),
        source: ErrorKind::PermissionDenied.into(),
    })
}

impl Disk for Forbidding {
    fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn File>, Error> {
        if access == Access::Create {
            check(&self.creations, "create", path)?;
        }
        self.disk.open(path, access)
    }

    fn create_directory(&self, path: &Path) -> Result<(), Error> {
        check(&self.creations, "create directory", path)?;
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
