//! Boot entries: unified kernel images on the EFI system partition, whose names hold what
//! systemd-boot counts.
//!
//! Source: the UAPI group's Boot Loader Specification, "Boot counting". `weir_VERSION_SLOT.efi` is
//! committed; `weir_VERSION_SLOT+LEFT-DONE.efi` has LEFT tries to go, of which none means bad.
//!
//! Refuses: to take any other name for an entry of ours.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Where entries are, on the EFI system partition.
pub const FOLDER: &str = "EFI/Linux";

const PREFIX: &str = "weir_";
const SUFFIX: &str = ".efi";

/// Entries looked at: there are two, and what an interrupted update left.
const ENTRIES_MAX: usize = 32;

/// Half of the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The one that is flashed.
    A,
    /// The one that the first boot makes.
    B,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The slot called `text`.
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "a" => Some(Self::A),
            "b" => Some(Self::B),
            _ => None,
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
        })
    }
}

/// How often an entry may still be tried, and has been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// To go.
    pub left: u32,
    /// Done.
    pub done: u32,
}

/// What the name of a unified kernel image says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Version of the image.
    pub version: String,
    /// Where its root is.
    pub slot: Slot,
    /// `None` once it was found good.
    pub tries: Option<Tries>,
}

impl Entry {
    /// Reads a file name. Firmware and FAT do not tell large letters from small ones.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let middle = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let (rest, tries) = match middle.split_once('+') {
            None => (middle, None),
            Some((rest, tries)) => (rest, Some(tries_of(tries)?)),
        };
        let (version, slot) = rest.rsplit_once('_')?;
        Some(Self {
            version: version.to_owned(),
            slot: Slot::named(slot)?,
            tries,
        })
    }

    /// Whether systemd-boot would still start it by itself.
    pub fn is_bootable(&self) -> bool {
        self.tries.is_none_or(|tries| tries.left > 0)
    }

    fn is_trial_of(&self, slot: Slot, version: &str) -> bool {
        self.slot == slot && self.version == version && self.tries.is_some()
    }

    /// The same, found good.
    #[must_use]
    pub fn committed(&self) -> Self {
        Self {
            tries: None,
            ..self.clone()
        }
    }

    /// The same, with no try left.
    #[must_use]
    pub fn exhausted(&self) -> Self {
        let done = self.tries.map_or(0, |tries| tries.done);
        let tries = Some(Tries { left: 0, done });
        Self {
            tries,
            ..self.clone()
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}", self.version, self.slot)?;
        match self.tries {
            None => {}
            Some(Tries { left, done: 0 }) => write!(f, "+{left}")?,
            Some(Tries { left, done }) => write!(f, "+{left}-{done}")?,
        }
        f.write_str(SUFFIX)
    }
}

/// LEFT or LEFT-DONE.
fn tries_of(text: &str) -> Option<Tries> {
    let (left, done) = text.split_once('-').unwrap_or((text, "0"));
    Some(Tries {
        left: left.parse().ok()?,
        done: done.parse().ok()?,
    })
}

/// The entries in `folder`, with where they are.
///
/// # Errors
/// That of listing it.
#[expect(
    clippy::disallowed_methods,
    reason = "boots the box; there is no appliance and no hal::Disk yet"
)]
pub fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder)?.take(ENTRIES_MAX) {
        let file = file?;
        if let Some(entry) = file.file_name().to_str().and_then(Entry::named) {
            found.push((file.path(), entry));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

/// Takes the last try from every entry of `slot`, if the other slot has one to go on with. Tells
/// whether it has.
///
/// # Errors
/// That of listing or renaming.
pub fn give_up(folder: &Path, slot: Slot) -> io::Result<bool> {
    let entries = entries(folder)?;
    let is_other = |entry: &Entry| entry.slot != slot && entry.is_bootable();
    if !entries.iter().any(|(_, entry)| is_other(entry)) {
        return Ok(false);
    }
    for (path, entry) in entries.iter().filter(|(_, entry)| entry.slot == slot) {
        rename(path, &folder.join(entry.exhausted().to_string()))?;
    }
    Ok(true)
}

/// Whether `version` in `slot` has still to be found good.
///
/// # Errors
/// That of listing.
pub fn is_on_trial(folder: &Path, slot: Slot, version: &str) -> io::Result<bool> {
    let entries = entries(folder)?;
    Ok(entries
        .iter()
        .any(|(_, entry)| entry.is_trial_of(slot, version)))
}

/// Makes `version` in `slot` a committed one.
///
/// # Errors
/// That of listing or renaming.
pub fn commit(folder: &Path, slot: Slot, version: &str) -> io::Result<()> {
    for (path, entry) in entries(folder)? {
        if entry.is_trial_of(slot, version) {
            rename(&path, &folder.join(entry.committed().to_string()))?;
        }
    }
    Ok(())
}

/// Renames, and has the device know of it before this returns.
#[expect(
    clippy::disallowed_methods,
    reason = "boots the box; there is no appliance and no hal::Disk yet"
)]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if from == to {
        return Ok(());
    }
    std::fs::rename(from, to)?;
    let folder = to.parent().unwrap_or(Path::new("/"));
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make files of their own")]

    use std::fs;

    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    fn names_in(folder: &tempfile::TempDir) -> Vec<String> {
        let files = fs::read_dir(folder.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_is_read_and_written_the_same() {
        for name in [
            "weir_0.1.0_a.efi",
            "weir_1.2.3_b+3.efi",
            "weir_1.2.3-rc1_a+0-3.efi",
        ] {
            assert_eq!(Entry::named(name).unwrap().to_string(), name);
        }
        let shouted = Entry::named("WEIR_1.0_B+2-1.EFI").unwrap();
        assert_eq!(shouted.tries, Some(Tries { left: 2, done: 1 }));
    }

    #[test]
    fn other_names_are_no_entries() {
        let others = [
            "weir_1_c.efi",
            "weir_a.efi",
            "weir_1_a+x.efi",
            "weir_1_a.efi.new",
            "x.efi",
        ];
        for name in others {
            assert_eq!(Entry::named(name), None, "{name}");
        }
    }

    #[test]
    fn commit_takes_the_count_of_the_version_that_runs() {
        let folder = folder_with(&["weir_1_a.efi", "weir_2_b+2-1.efi", "other.efi"]);
        assert!(is_on_trial(folder.path(), Slot::B, "2").unwrap());
        assert!(!is_on_trial(folder.path(), Slot::A, "1").unwrap());
        commit(folder.path(), Slot::B, "2").unwrap();
        assert_eq!(
            names_in(&folder),
            ["other.efi", "weir_1_a.efi", "weir_2_b.efi"]
        );
        assert!(!is_on_trial(folder.path(), Slot::B, "2").unwrap());
    }

    #[test]
    fn a_slot_is_given_up_only_for_another_that_boots() {
        let folder = folder_with(&["weir_1_a.efi", "weir_2_b.efi"]);
        assert!(give_up(folder.path(), Slot::B).unwrap());
        assert_eq!(names_in(&folder), ["weir_1_a.efi", "weir_2_b+0.efi"]);
        assert!(!give_up(folder.path(), Slot::A).unwrap());
        assert_eq!(names_in(&folder), ["weir_1_a.efi", "weir_2_b+0.efi"]);
    }
}
