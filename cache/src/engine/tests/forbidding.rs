//! A simulated disk whose directories can be made to refuse changes.

use std::{
    io::ErrorKind,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use weir_hal::{Access, Disk, Error, File, sim};

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
        if matches!(access, Access::Create | Access::CreateOrKeep) {
            check(&self.creations, "create", path)?;
        }
        self.disk.open(path, access)
    }

    fn create_directory(&self, path: &Path) -> Result<(), Error> {
        check(&self.creations, "create directory", path)?;
        self.disk.create_directory(path)
    }

    left_to!(disk);
}
