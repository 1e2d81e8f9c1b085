//! A directory for the life of one demo. One that is killed leaves it behind.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;
use weir_hal::{Disk, Error, FileKind, Wall};

/// Levels of directories below it that are removed with it; the cache makes fewer.
const DEPTH_MAX: usize = 4;

/// A directory that was not there before. Dropping it removes it with all that is in it.
#[derive(Debug)]
pub(super) struct Scratch {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Scratch {
    /// Makes a directory of a new name below `parent`, which other users may write to as well:
    /// the name is one that they cannot foresee, so that none of them is there first.
    pub(super) fn create(disk: Arc<dyn Disk>, parent: &Path, now: Wall) -> Result<Self, Error> {
        let path = (now.as_nanos()..=u64::MAX)
            .map(|number| parent.join(format!("weir-demo-{number:x}")))
            .find(|path| disk.kind(path).is_err())
            .expect("a directory does not hold 2^63 names");
        disk.create_directory(&path)?;
        Ok(Self { disk, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&*self.disk, &self.path, DEPTH_MAX) {
            let path = self.path.display();
            warn!(%error, "{path} is left behind: remove it by hand");
        }
    }
}

fn remove_tree(disk: &dyn Disk, directory: &Path, depth: usize) -> Result<(), Error> {
    for entry in disk.list(directory)? {
        let removed = match entry.kind {
            FileKind::Directory if depth > 0 => remove_tree(disk, &entry.path, depth - 1),
            FileKind::Directory | FileKind::Regular | FileKind::BlockDevice | FileKind::Other => {
                disk.remove(&entry.path)
            }
        };
        match removed {
            // The store may remove what it no longer needs at the same time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    disk.remove_directory(directory)
}
