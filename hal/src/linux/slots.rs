//! The slots of an image of Weir: which runs from `/run/weir/slot`, which the initramfs writes, and
//! what each has from the names in `/efi/EFI/Linux`, where systemd-boot finds unified kernels.
//!
//! Source: UAPI.1 Boot Loader Specification, *Type #2 EFI Unified Kernel Images*.
//!
//! Refuses: to look into the kernels, and to change a name.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    Error,
    slots::{KERNEL_NAMES_MAX, SlotName, SlotTable},
};

const RUNNING: &str = "run/weir/slot";
const KERNELS: &str = "efi/EFI/Linux";

/// What is read to find one letter: more than that is none.
const RUNNING_BYTES_MAX: u64 = 16;

/// The slots of this machine.
#[derive(Debug)]
pub struct Slots {
    running: PathBuf,
    kernels: PathBuf,
}

impl Slots {
    /// The slots of this machine.
    pub fn new() -> Self {
        Self::below(Path::new("/"))
    }

    /// Those of a machine whose files lie below `root`.
    pub fn below(root: &Path) -> Self {
        Self {
            running: root.join(RUNNING),
            kernels: root.join(KERNELS),
        }
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::new()
    }
}

impl crate::Slots for Slots {
    fn slots(&self) -> Result<Option<SlotTable>, Error> {
        let running = match running(&self.running) {
            // Nothing was booted from a slot.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| Error::Sensor {
                what: "the slot that runs from /run/weir/slot",
                source,
            })?,
        };
        let table = names(&self.kernels)
            .map(|names| SlotTable::of_names(running, names.iter().map(String::as_str)));
        Ok(Some(table.unwrap_or(SlotTable::unknown(running))))
    }
}

/// The slot that the file at `path` names.
fn running(path: &Path) -> io::Result<SlotName> {
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    let file = File::open(path)?;
    let mut text = String::new();
    file.take(RUNNING_BYTES_MAX).read_to_string(&mut text)?;
    let name = SlotName::from_letter(text.trim_ascii());
    name.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// What lies in `folder`, as far as it is text.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    let entries = fs::read_dir(folder)?;
    let names = entries.take(KERNEL_NAMES_MAX).filter_map(|entry| {
        let name = entry.map(|entry| entry.file_name().into_string().ok());
        name.transpose()
    });
    names.collect()
}
