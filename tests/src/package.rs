//! Programs of others: fetched once, each by its version and its sum.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::process::built;

/// A package of a registry.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The sum of all of it, as its registry writes it.
    pub sum: &'static str,
}

impl Package {
    /// The folder it is kept in, beside what is built. If this checkout has not got it, `fetch`
    /// puts it into the folder `package` of the one it is given, after a look at the sum.
    pub(crate) fn kept(&self, registry: &str, fetch: impl FnOnce(&Path)) -> PathBuf {
        let folder = built().join(registry);
        let kept = folder.join(format!("{}-{}", self.name, self.version));
        if kept.is_dir() {
            return kept;
        }
        fs::create_dir_all(&folder).expect("the target folder can be written");
        let own = TempDir::new_in(&folder).expect("the target folder can be written");
        fetch(own.path());
        // Another test may have been faster, with the same.
        if fs::rename(own.path().join("package"), &kept).is_err() {
            assert!(kept.is_dir(), "{} cannot be kept", kept.display());
        }
        kept
    }
}
