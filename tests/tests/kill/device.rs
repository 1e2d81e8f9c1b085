//! A block device of a test's own, made of a sparse file.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::NamedTempFile;
use weir_hal::{Access, Disk, linux};

use crate::victim::ROOMY_BYTES;

/// A loop device; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Loop {
    path: PathBuf,
    _image: NamedTempFile,
}

impl Loop {
    /// Makes a device, or returns `None` if only root may.
    ///
    /// # Panics
    /// If root may not either.
    pub(crate) fn attach() -> Option<Self> {
        if output(Command::new("id").arg("-u")) != "0" {
            return None;
        }
        let image = NamedTempFile::new().unwrap();
        let file = linux::Disk::new()
            .open(image.path(), Access::ReadWrite)
            .unwrap();
        // The last byte gives it its length and takes no room.
        file.write_at(&[0], ROOMY_BYTES - 1).unwrap();
        let path = output(
            Command::new("losetup")
                .args(["--find", "--show"])
                .arg(image.path()),
        );
        Some(Self {
            path: path.into(),
            _image: image,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        output(Command::new("losetup").arg("--detach").arg(&self.path));
    }
}

/// What a program says.
///
/// # Panics
/// If it fails.
fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
