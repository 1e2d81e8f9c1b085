//! Boot entries: unified kernel images on the EFI system partition, whose names
//! ([`KernelName`]) hold what systemd-boot counts.
//!
//! Refuses: to take any other name for an entry of ours.

use std::{
    io,
    path::{Path, PathBuf},
};

use weir_hal::{KERNEL_NAMES_MAX, KernelName, SlotName};

/// Where entries are, on the EFI system partition.
pub const FOLDER: &str = "EFI/Linux";

/// The entries in `folder`, with where they are.
///
/// # Errors
/// That of listing it.
#[expect(
    clippy::disallowed_methods,
    reason = "boots the box; there is no appliance and no hal::Disk yet"
)]
pub fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, KernelName)>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder)?.take(KERNEL_NAMES_MAX) {
        let file = file?;
        if let Some(entry) = file.file_name().to_str().and_then(KernelName::parse) {
            found.push((file.path(), entry));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

/// Whether the boot loader would start what is in `slot` by itself.
///
/// # Errors
/// That of listing.
pub fn is_bootable(folder: &Path, slot: SlotName) -> io::Result<bool> {
    let is_it = |entry: &KernelName| entry.slot == slot && entry.is_bootable();
    Ok(entries(folder)?.iter().any(|(_, entry)| is_it(entry)))
}

/// Takes the last try from every entry of `slot`, if the other slot has one to go on with. Tells
/// whether it has.
///
/// # Errors
/// That of listing or renaming.
pub fn give_up(folder: &Path, slot: SlotName) -> io::Result<bool> {
    if !is_bootable(folder, slot.other())? {
        return Ok(false);
    }
    for (path, entry) in entries(folder)? {
        if entry.slot == slot {
            rename(&path, &folder.join(entry.given_up().to_string()))?;
        }
    }
    Ok(true)
}

fn is_trial_of(entry: &KernelName, slot: SlotName, version: &str) -> bool {
    let is_it = entry.slot == slot && entry.version.as_str() == version;
    is_it && entry.tries.is_some()
}

/// Whether `version` in `slot` has still to be found good.
///
/// # Errors
/// That of listing.
pub fn is_on_trial(folder: &Path, slot: SlotName, version: &str) -> io::Result<bool> {
    let entries = entries(folder)?;
    Ok(entries
        .iter()
        .any(|(_, entry)| is_trial_of(entry, slot, version)))
}

/// Makes `version` in `slot` a committed one.
///
/// # Errors
/// That of listing or renaming.
pub fn commit(folder: &Path, slot: SlotName, version: &str) -> io::Result<()> {
    for (path, entry) in entries(folder)? {
        if is_trial_of(&entry, slot, version) {
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
    fn commit_takes_the_count_of_the_version_that_runs() {
        let folder = folder_with(&["weir_1_a.efi", "weir_2_b+2-1.efi", "other.efi"]);
        assert!(is_on_trial(folder.path(), SlotName::B, "2").unwrap());
        assert!(!is_on_trial(folder.path(), SlotName::A, "1").unwrap());
        commit(folder.path(), SlotName::B, "2").unwrap();
        assert_eq!(
            names_in(&folder),
            ["other.efi", "weir_1_a.efi", "weir_2_b.efi"]
        );
        assert!(!is_on_trial(folder.path(), SlotName::B, "2").unwrap());
    }

    #[test]
    fn a_slot_is_given_up_only_for_another_that_boots() {
        let folder = folder_with(&["weir_1_a.efi", "weir_2_b.efi"]);
        assert!(give_up(folder.path(), SlotName::B).unwrap());
        assert_eq!(names_in(&folder), ["weir_1_a.efi", "weir_2_b+0.efi"]);
        assert!(!give_up(folder.path(), SlotName::A).unwrap());
        assert_eq!(names_in(&folder), ["weir_1_a.efi", "weir_2_b+0.efi"]);
    }
}
