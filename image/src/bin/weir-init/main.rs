//! The first process of the box: finds the root that the signed command line names, proves every
//! block of it, and hands over to systemd.
//!
//! It runs in an initramfs with nothing beside it but kernel modules. A root that cannot be
//! proved costs its slot: the boot entries of the slot lose their tries, if the other slot can be
//! booted, and the box starts over.
//!
//! Refuses: a shell, and any root that is not the one named.

#![expect(
    clippy::disallowed_methods,
    reason = "boots the box; there is no appliance and no hal::Disk yet"
)]

mod fallback;
mod identity;
mod modules;
mod mounts;
mod root;

use std::{convert::Infallible, ffi::CStr, fs, io, time::Duration};

use nix::{
    sys::reboot::{RebootMode, reboot},
    unistd::execv,
};
use weir_hal::{Clock as _, linux::Clock};
use weir_image::command_line::Root;

/// What follows this process.
const NEXT: &CStr = c"/usr/lib/systemd/systemd";

/// Where what it does is told: the log of the kernel, which the console shows.
const LOG: &str = "/dev/kmsg";

/// How long what went wrong stays on the console.
const PAUSE: Duration = Duration::from_secs(5);

fn main() {
    let Err(error) = boot();
    tell(&format!("the box cannot start and tries again: {error}"));
    pause(PAUSE);
    // Without this the kernel would panic at the end of its first process, and restart as well.
    let Err(_) = reboot(RebootMode::RB_AUTOBOOT);
}

fn boot() -> io::Result<Infallible> {
    mounts::kernel()?;
    modules::load()?;
    let line = fs::read_to_string("/proc/cmdline")?;
    let named = Root::read(&line)
        .ok_or_else(|| io::Error::other("the command line names no root that can be proved"))?;
    let selected = fallback::selected();
    let proved = match root::prove(&named, selected.as_ref().map(|entry| entry.slot)) {
        Ok(proved) => proved,
        Err(error) => return Err(fallback::give_up(selected.as_ref(), error)),
    };
    tell(&format!(
        "version {} from slot {}",
        named.version, proved.slot
    ));
    mounts::root(&proved.device)?;
    mounts::runtime(proved.slot)?;
    identity::machine()?;
    mounts::switch()?;
    execv(NEXT, &[NEXT])?;
    Err(io::Error::other("systemd returned"))
}

/// Tells it on the console, `quiet` or not. Where that is not to be had there is nobody to tell.
fn tell(what: &str) {
    fs::write(LOG, format!("<3>weir-init: {what}\n")).unwrap_or_default();
}

fn pause(duration: Duration) {
    let clock = Clock::new();
    clock.sleep_until(clock.monotonic() + duration);
}
