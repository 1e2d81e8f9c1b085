//! What is mounted before systemd, and the move to the root.
//!
//! Source: `switch_root(8)`, and what systemd expects of an initramfs: `/dev`, `/proc`, `/sys` and
//! `/run` moved along.
//!
//! Refuses: to write to the root.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MsFlags, mount},
    unistd::{chdir, chroot},
};
use weir_hal::SlotName;

/// Where the root is until it is the root.
const ROOT: &str = "/sysroot";

/// What moves along.
const MOVED: [&str; 4] = ["dev", "proc", "sys", "run"];

/// Mounts what the kernel has to say.
pub(crate) fn kernel() -> io::Result<()> {
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV;
    one(
        "devtmpfs",
        "/dev",
        "devtmpfs",
        MsFlags::MS_NOSUID,
        "mode=0755",
    )?;
    one("proc", "/proc", "proc", safe, "")?;
    one("sysfs", "/sys", "sysfs", safe, "")?;
    let run = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    one(
        "tmpfs",
        "/run",
        "tmpfs",
        run,
        "mode=0755,size=20%,nr_inodes=65536",
    )
}

/// Mounts the proved root.
pub(crate) fn root(device: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
    one(&device.to_string_lossy(), ROOT, "squashfs", flags, "")
}

/// Tells the box which slot it runs from.
pub(crate) fn runtime(slot: SlotName) -> io::Result<()> {
    fs::create_dir_all("/run/weir")?;
    fs::write("/run/weir/slot", format!("{slot}\n"))
}

/// Makes a file of the root say something else.
pub(crate) fn over(file: &str, with: &str) -> io::Result<()> {
    let place = format!("{ROOT}{file}");
    let none: Option<&str> = None;
    mount(Some(with), place.as_str(), none, MsFlags::MS_BIND, none)?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    Ok(mount(none, place.as_str(), none, flags, none)?)
}

/// Makes the root the root.
pub(crate) fn switch() -> io::Result<()> {
    let none: Option<&str> = None;
    for folder in MOVED {
        let (from, to) = (format!("/{folder}"), format!("{ROOT}/{folder}"));
        mount(
            Some(from.as_str()),
            to.as_str(),
            none,
            MsFlags::MS_MOVE,
            none,
        )?;
    }
    // What is left behind is memory that nobody reaches any more.
    fs::remove_dir_all("/modules")?;
    chdir(ROOT)?;
    mount(Some("."), "/", none, MsFlags::MS_MOVE, none)?;
    chroot(".")?;
    Ok(chdir("/")?)
}

/// Mounts one, where a folder is made for it.
pub(crate) fn one(
    what: &str,
    place: &str,
    kind: &str,
    flags: MsFlags,
    options: &str,
) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let outcome = mount(Some(what), place, Some(kind), flags, Some(options));
    outcome.map_err(|error| {
        let place = PathBuf::from(place);
        io::Error::other(format!(
            "cannot mount {what} on {}: {error}",
            place.display()
        ))
    })
}
