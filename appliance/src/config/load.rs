//! From a file to a configuration.

use std::path::{Path, PathBuf};

use weir_hal::{Access, Disk};

use super::{Config, Mistakes, Parsed};

/// Why a configuration file gives no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the configuration")]
    Read(#[source] weir_hal::Error),
    /// The file can be read, but not obeyed.
    #[error("{mistakes} in {}", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// Everything that is wrong in it.
        mistakes: Mistakes,
    },
}

/// Reads the configuration in `file`.
///
/// # Errors
/// [`LoadError::Read`] when the file cannot be read, [`LoadError::Refused`] when it has mistakes.
///
/// # Limits
/// Takes at most [`Config::FILE_BYTES_MAX`] and one byte into memory.
pub fn load(disk: &dyn Disk, file: &Path) -> Result<Parsed, LoadError> {
    let bytes = read(disk, file).map_err(LoadError::Read)?;
    let parsed = match str::from_utf8(&bytes) {
        _ if bytes.len() > Config::FILE_BYTES_MAX => Err(too_long()),
        Ok(text) => Config::parse(text),
        Err(error) => Err(not_utf8(bytes.get(..error.valid_up_to()).unwrap_or(&[]))),
    };
    let file = file.to_owned();
    parsed.map_err(|mistakes| LoadError::Refused { file, mistakes })
}

pub(super) fn too_long() -> Mistakes {
    let max = Config::FILE_BYTES_MAX;
    Mistakes::of_file(
        1,
        format!("the file is longer than {max} bytes: shorten it"),
    )
}

fn not_utf8(readable: &[u8]) -> Mistakes {
    let line = readable.split(|byte| *byte == b'\n').count();
    Mistakes::of_file(line, "not UTF-8: save the file as UTF-8 text".to_owned())
}

fn read(disk: &dyn Disk, file: &Path) -> Result<Vec<u8>, weir_hal::Error> {
    let mut bytes = vec![0; Config::FILE_BYTES_MAX + 1];
    let count = disk.open(file, Access::Read)?.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}
