//! One mapped block device, made by the kernel's device mapper.
//!
//! Source: Documentation/admin-guide/device-mapper and `linux/dm-ioctl.h`, version 4 of it. The
//! first process of a box makes the device that its root lies on, before there is anything else;
//! so this is no trait and has no simulation.
//!
//! Refuses: what a table says. The kernel judges that, and its reason is returned.

#![expect(unsafe_code, reason = "nix has no safe form of an ioctl")]

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::PathBuf,
};

const CONTROL: &str = "/dev/mapper/control";
const VERSION: [u32; 3] = [4, 0, 0];
const READ_ONLY: u32 = 1;
const NAME_BYTES: usize = 128;
const KIND_BYTES: usize = 16;

/// Bytes that the parameters of a target may have, with the zero behind them.
const PARAMETERS_BYTES: usize = 1024;

/// What every call begins with: `struct dm_ioctl`.
#[repr(C)]
#[derive(Debug)]
struct Head {
    version: [u32; 3],
    bytes: u32,
    start: u32,
    targets: u32,
    open: i32,
    flags: u32,
    event: u32,
    padding: u32,
    device: u64,
    name: [u8; NAME_BYTES],
    uuid: [u8; 129],
    unused: [u8; 7],
}

/// `struct dm_target_spec`.
#[repr(C)]
#[derive(Debug)]
struct Specification {
    start_sector: u64,
    sectors: u64,
    status: i32,
    next: u32,
    kind: [u8; KIND_BYTES],
}

/// A call with one target.
#[repr(C)]
#[derive(Debug)]
struct Table {
    head: Head,
    specification: Specification,
    parameters: [u8; PARAMETERS_BYTES],
}

/// The calls, which nix makes public.
mod calls {
    use super::Head;

    nix::ioctl_readwrite! {
        /// Makes a device without a table.
        create_device, 0xfd, 3, Head
    }
    nix::ioctl_readwrite! {
        /// Takes one away.
        remove_device, 0xfd, 4, Head
    }
    nix::ioctl_readwrite! {
        /// Puts the table that was loaded into force.
        resume_device, 0xfd, 6, Head
    }
    nix::ioctl_readwrite! {
        /// Gives it a table.
        load_table, 0xfd, 9, Head
    }
}

/// One read-only target that is the whole device.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Which of the kernel's: "verity".
    pub kind: &'a str,
    /// Length in sectors of 512 bytes.
    pub sectors: u64,
    /// What the kind takes.
    pub parameters: &'a str,
}

/// Makes the device `name` out of `target`, and tells where it is.
///
/// # Errors
/// That of the kernel, or that a text is too long for it. Nothing is left behind.
pub fn create(name: &str, target: Target<'_>) -> io::Result<PathBuf> {
    let control = control()?;
    let mut created = head(name)?;
    // SAFETY: the kernel reads and writes `bytes` bytes, which is the size of the structure.
    unsafe { calls::create_device(control.as_raw_fd(), &raw mut created) }?;
    let outcome = load(&control, name, target);
    if outcome.is_err() {
        // What failed is told; a device without a table is in nobody's way.
        remove(name).unwrap_or_default();
    }
    outcome?;
    // Minor numbers are split: 8 bits, then those of the major, then the rest.
    let minor = created.device & 0xff | (created.device >> 12) & !0xff;
    Ok(PathBuf::from(format!("/dev/dm-{minor}")))
}

/// Takes the device `name` away.
///
/// # Errors
/// That of the kernel: it is not there, or in use.
pub fn remove(name: &str) -> io::Result<()> {
    let mut head = head(name)?;
    // SAFETY: as in `create`.
    unsafe { calls::remove_device(control()?.as_raw_fd(), &raw mut head) }?;
    Ok(())
}

fn load(control: &File, name: &str, target: Target<'_>) -> io::Result<()> {
    let mut table = Table {
        head: head(name)?,
        specification: Specification {
            start_sector: 0,
            sectors: target.sectors,
            status: 0,
            next: 0,
            kind: text(target.kind)?,
        },
        parameters: text(target.parameters)?,
    };
    table.head.bytes = bytes_of::<Table>();
    table.head.targets = 1;
    table.head.flags = READ_ONLY;
    // SAFETY: the head is the first field of a table, and `bytes` tells the size of all of it.
    unsafe { calls::load_table(control.as_raw_fd(), (&raw mut table).cast()) }?;
    let mut head = head(name)?;
    head.flags = READ_ONLY;
    // SAFETY: as in `create`.
    unsafe { calls::resume_device(control.as_raw_fd(), &raw mut head) }?;
    Ok(())
}

fn control() -> io::Result<File> {
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    OpenOptions::new().read(true).write(true).open(CONTROL)
}

fn head(name: &str) -> io::Result<Head> {
    Ok(Head {
        version: VERSION,
        bytes: bytes_of::<Head>(),
        start: bytes_of::<Head>(),
        targets: 0,
        open: 0,
        flags: 0,
        event: 0,
        padding: 0,
        device: 0,
        name: text(name)?,
        uuid: [0; 129],
        unused: [0; 7],
    })
}

/// Sizes here are a few hundred bytes.
fn bytes_of<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(u32::MAX)
}

/// `text` with zeros behind it, one at least.
fn text<const BYTES: usize>(text: &str) -> io::Result<[u8; BYTES]> {
    let mut field = [0; BYTES];
    if text.len() >= BYTES || text.contains('\0') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_as_large_as_the_kernel_has_them() {
        assert_eq!(size_of::<Head>(), 312);
        assert_eq!(size_of::<Specification>(), 40);
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        assert!(text::<16>(&"v".repeat(15)).is_ok());
        assert!(text::<16>(&"v".repeat(16)).is_err());
        assert!(text::<16>("a\0b").is_err());
    }
}
