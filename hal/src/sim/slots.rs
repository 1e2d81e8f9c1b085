//! Slots that a test sets, by the same names that a machine has on its disk.
//!
//! Refuses: to boot. A slot does not change its state by itself.

use std::{io, sync::Mutex};

use super::lock;
use crate::{
    Error,
    slots::{SlotName, SlotTable},
};

/// Slots in memory. At first there are none.
#[derive(Debug, Default)]
pub struct Slots(Mutex<Booted>);

#[derive(Debug, Default)]
struct Booted {
    /// What the initramfs has written, if anything.
    running: Option<String>,
    /// The names of kernels; `None` if they cannot be read.
    kernels: Option<Vec<String>>,
}

impl Slots {
    /// A machine that is booted from none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Boots from the slot of this letter, beside kernels of these names.
    pub fn boot(&self, running: &str, kernels: &[&str]) {
        *lock(&self.0) = Booted {
            running: Some(running.to_owned()),
            kernels: Some(kernels.iter().map(|&name| name.to_owned()).collect()),
        };
    }

    /// Makes the names of kernels unreadable, until the next boot.
    pub fn lose_kernels(&self) {
        lock(&self.0).kernels = None;
    }

    /// Boots from something else.
    pub fn boot_without(&self) {
        *lock(&self.0) = Booted::default();
    }
}

impl crate::Slots for Slots {
    fn slots(&self) -> Result<Option<SlotTable>, Error> {
        let booted = lock(&self.0);
        let Some(running) = &booted.running else {
            return Ok(None);
        };
        let running = SlotName::from_letter(running.trim_ascii()).ok_or_else(|| Error::Sensor {
            what: "the slot of the simulation that runs",
            source: io::ErrorKind::InvalidData.into(),
        })?;
        let names = booted.kernels.as_ref();
        let table = names.map(|names| {
            let names = names.iter().map(String::as_str);
            SlotTable::of_names(running, names)
        });
        Ok(Some(table.unwrap_or(SlotTable::unknown(running))))
    }
}
