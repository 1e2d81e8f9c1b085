//! Files of `/sys`, and of `/proc/sys`: a value each.
//!
//! Source: Documentation/filesystems/sysfs.rst of the kernel. Refuses: to know what a value means.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What lies in `folder`, in any order.
pub(super) fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    let entries = fs::read_dir(folder)?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths.collect())
}

/// The one value in a file, without the end of its line; `None` if it cannot be read.
pub(super) fn text(path: &Path) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim_ascii().to_owned())
}
