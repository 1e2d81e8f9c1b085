//! Reads files that hold secrets: whole, of bounded size, and not left open to everybody.
//!
//! Refuses: to show anything of a file, in errors as well.

use std::path::{Path, PathBuf};

use weir_hal::{Access, Disk, File};

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is not there, or may not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// It is far longer than it should be.
    #[error("{} has more than {bytes_max} bytes, which no secret has", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it may have.
        bytes_max: u64,
    },
    /// Everybody on this machine may read it.
    #[error(
        "{path} may be read by everybody on this box: run `chmod o-r {path}`",
        path = path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
    },
}

/// All of the file at `path`, which nobody but its owner and its group may read. Blocks.
///
/// # Errors
/// [`SecretError`], which names the file and shows nothing of it.
pub(crate) fn read(disk: &dyn Disk, path: &Path, bytes_max: u64) -> Result<Vec<u8>, SecretError> {
    let failed = |source| SecretError::Read {
        path: path.to_owned(),
        source,
    };
    let file = disk.open(path, Access::Read).map_err(failed)?;
    if file.is_open_to_everybody().map_err(failed)? {
        let path = path.to_owned();
        return Err(SecretError::Open { path });
    }
    let contents = contents_of(&*file, bytes_max).map_err(failed)?;
    contents.ok_or_else(|| SecretError::TooLong {
        path: path.to_owned(),
        bytes_max,
    })
}

/// All of a file; `None` if it is too long. Blocks.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn contents(
    disk: &dyn Disk,
    path: &Path,
    bytes_max: u64,
) -> Result<Option<Vec<u8>>, weir_hal::Error> {
    contents_of(&*disk.open(path, Access::Read)?, bytes_max)
}

fn contents_of(file: &dyn File, bytes_max: u64) -> Result<Option<Vec<u8>>, weir_hal::Error> {
    let bytes = file.bytes()?;
    if bytes > bytes_max {
        return Ok(None);
    }
    let mut contents = vec![0; usize::try_from(bytes).unwrap_or_default()];
    let read = file.read_at(&mut contents, 0)?;
    contents.truncate(read);
    Ok(Some(contents))
}
