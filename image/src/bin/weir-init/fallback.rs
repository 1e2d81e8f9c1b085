//! The other slot: a root that cannot be proved costs its entries their tries.
//!
//! systemd-boot counts only while a version is on trial; a committed one that rots would be
//! started for ever. Source: systemd-boot's `LoaderEntrySelected` (the Boot Loader Interface).
//!
//! Refuses: to give up the last slot that can be booted.

use std::{fs, io, path::Path};

use nix::mount::{MsFlags, umount};
use weir_hal::KernelName;
use weir_image::{
    entry::{self, FOLDER},
    partition,
};

use super::mounts;

const VARIABLES: &str = "/sys/firmware/efi/efivars";
const SELECTED: &str = "LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const SYSTEM: &str = "/esp";

/// The entry that was started, if the boot loader tells.
pub(crate) fn selected() -> Option<KernelName> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV | MsFlags::MS_RDONLY;
    // systemd mounts it again for itself; without it the slots are looked at in order.
    mounts::one("efivarfs", VARIABLES, "efivarfs", flags, "").ok()?;
    let value = fs::read(format!("{VARIABLES}/{SELECTED}"));
    umount(VARIABLES).unwrap_or_default();
    KernelName::parse(&text_of(&value.ok()?))
}

/// Turns to the other slot if that can be booted, and tells why in any case.
pub(crate) fn give_up(selected: Option<&KernelName>, reason: io::Error) -> io::Error {
    let Some(selected) = selected else {
        return reason;
    };
    match exhaust(selected) {
        Ok(true) => io::Error::other(format!("slot {} is given up: {reason}", selected.slot)),
        Ok(false) => io::Error::other(format!("{reason}; no other slot can be booted")),
        Err(error) => io::Error::other(format!("{reason}; its slot stays: {error}")),
    }
}

fn exhaust(selected: &KernelName) -> io::Result<bool> {
    let device = partition::find("esp")?
        .ok_or_else(|| io::Error::other("there is no EFI system partition"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV;
    mounts::one(&device.to_string_lossy(), SYSTEM, "vfat", flags, "")?;
    let outcome = entry::give_up(&Path::new(SYSTEM).join(FOLDER), selected.slot);
    umount(SYSTEM)?;
    outcome
}

/// The text of a variable: four bytes of attributes, then UTF-16, zero at the end.
fn text_of(value: &[u8]) -> String {
    let units = value.get(4..).unwrap_or_default().chunks_exact(2);
    let units = units.map(|unit| {
        unit.iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u16::from(*byte))
    });
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_utf_16_behind_its_attributes() {
        assert_eq!(text_of(b"\x06\0\0\0w\0e\0i\0r\0\0\0"), "weir");
        assert_eq!(text_of(b"\x06"), "");
    }
}
