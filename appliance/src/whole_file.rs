//! Files that are written as a whole: after any power cut the old one stands there, or the new one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use weir_hal::{Access, Disk, Error, File};

/// Makes a directory that survives a power cut, with its parents. Blocks.
///
/// # Errors
/// [`Error::Disk`] when it cannot be made.
pub(crate) fn make_directory(disk: &dyn Disk, directory: &Path) -> Result<(), Error> {
    if disk.kind(directory).is_ok() {
        return Ok(());
    }
    disk.create_directory(directory)?;
    let mut parents = directory.ancestors().skip(1);
    parents.try_for_each(|parent| disk.sync_directory(named(parent)))
}

/// Puts a file with these bytes at `path` in one step. Blocks.
///
/// # Errors
/// [`Error::Disk`] when it cannot be written; what was there remains.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<Arc<dyn File>, Error> {
    put(disk, (path, bytes), Access::Create)
}

/// The same for what is secret: nobody but this user may read it.
///
/// # Errors
/// [`Error::Disk`] when it cannot be written; what was there remains.
pub(crate) fn replace_secret(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    put(disk, (path, bytes), Access::CreatePrivate).map(drop)
}

fn put(
    disk: &dyn Disk,
    (path, bytes): (&Path, &[u8]),
    access: Access,
) -> Result<Arc<dyn File>, Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let file = disk.open(&beside, access)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&beside, path)?;
    if let Some(directory) = path.parent() {
        disk.sync_directory(named(directory))?;
    }
    Ok(file)
}

/// The directory above a plain name is the one this process is in, which has no name there.
fn named(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    }
}
