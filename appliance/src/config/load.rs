//! From a file to a configuration.

use std::path::{Path, PathBuf};

use weir_hal::{Access, Disk};

use super::{Config, Mistakes, Parsed};
use crate::causes::with_causes;

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

impl LoadError {
    /// Bytes of [`Self::brief`] at most: the text of an alarm has room for them.
    pub const BRIEF_BYTES_MAX: usize = 240;

    /// As much of `reason` as there is room for.
    pub fn in_brief(reason: &str) -> String {
        shortened(reason, Self::BRIEF_BYTES_MAX)
    }

    /// The first mistake and how many more there are, for where there is no room for all.
    pub fn brief(&self) -> String {
        match self {
            Self::Read(error) => Self::in_brief(&with_causes(error)),
            Self::Refused { mistakes, .. } => {
                let more = match mistakes.total().saturating_sub(1) {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                };
                let room = Self::BRIEF_BYTES_MAX.saturating_sub(more.len());
                let first = mistakes.iter().next().map(ToString::to_string);
                shortened(&first.unwrap_or_default(), room) + &more
            }
        }
    }
}

/// `text`, cut to so many bytes.
fn shortened(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let room = bytes_max.saturating_sub('…'.len_utf8());
    let (start, _) = text.split_at(text.floor_char_boundary(room));
    format!("{start}…")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a refusal of `text`, which has an origin too, is in brief.
    fn brief(text: &str) -> String {
        let text = format!("{text}[[origin]]\nname = \"o\"\nurls = [\"http://o\"]\n");
        let mistakes = Config::parse(&text).expect_err("it has mistakes");
        let file = PathBuf::from("weir.toml");
        LoadError::Refused { file, mistakes }.brief()
    }

    #[test]
    fn a_refusal_is_told_in_brief_by_its_first_mistake_and_how_many_more_there_are() {
        let one = brief("[node]\nname = 7\n");
        assert!(one.starts_with("line 2: node.name: "), "{one}");
        assert!(!one.contains("more"), "{one}");
        let two = brief("[node]\nname = 7\nage = 7\n");
        assert!(two.starts_with("line 2: node.name: "), "{two}");
        assert!(two.ends_with(", and 1 more"), "{two}");
    }

    #[test]
    fn a_refusal_in_brief_has_a_bound_whatever_the_file_says() {
        let key = "ñ".repeat(3_000);
        let told = brief(&format!("\"{key}\" = 1\n[node]\n\"{key}\" = 1\n"));
        assert!(told.len() <= LoadError::BRIEF_BYTES_MAX, "{told}");
        assert!(told.starts_with("line 1: ") && told.contains('…'), "{told}");
        assert!(told.ends_with(" more"), "{told}");
    }
}
