//! The modules of the kernel that the root and the system partition need.
//!
//! Source: `/modules/order`, a file name a line, what a module needs before it.
//!
//! Refuses: to look for hardware. All are loaded; there are few.

use std::{
    fs::{self, File},
    io,
};

use nix::{
    errno::Errno,
    kmod::{ModuleInitFlags, finit_module},
};

const FOLDER: &str = "/modules";

/// Loads them all.
pub(crate) fn load() -> io::Result<()> {
    for name in fs::read_to_string(format!("{FOLDER}/order"))?.lines() {
        let file = File::open(format!("{FOLDER}/{name}"))?;
        match finit_module(&file, c"", ModuleInitFlags::empty()) {
            // There already, or for a machine that this one is not.
            Ok(()) | Err(Errno::EEXIST | Errno::ENODEV) => {}
            Err(error) => super::tell(&format!("cannot load the module {name}: {error}")),
        }
    }
    Ok(())
}
