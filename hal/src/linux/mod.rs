//! The traits, met by the Linux kernel: 6.1 or newer, x86-64 and aarch64.
//!
//! The only code that names `nix`, `socket2`, `std::fs` or a system clock, and the only code with
//! `unsafe`, each use under its reason. Each file answers one trait and has its mirror in
//! [`crate::sim`].
//!
//! Refuses: policy and retries. A call that the kernel refuses returns the kernel's reason.

mod clock;
pub mod device_mapper;
mod discipline;
mod disk;
mod kernel_log;
mod mapping;
mod multicast;
mod network;
mod nic;
mod sensors;
mod slots;
mod sysfs;
mod terminal;
mod thermometer;

use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

pub use clock::Clock;
pub use disk::Disk;
pub use multicast::{Multicast, Receiver, Sender};
pub use network::Network;
pub use sensors::Sensors;
pub use slots::Slots;
pub use terminal::Unshown;

use crate::Board;

/// What the kernel knows an open file by.
pub type Descriptor<'a> = std::os::fd::BorrowedFd<'a>;

/// This machine: what an appliance stands on in the field.
///
/// Takes as many descriptors for this process as it is allowed: what a shell or a unit allows
/// unless told otherwise is 1,024, less than a box has clients.
pub fn board() -> Board<Multicast> {
    // Who is refused goes on with what there is, and counts the connections it cannot take.
    take_all_descriptors().unwrap_or_default();
    Board {
        clock: Arc::new(Clock::new()),
        multicast: Arc::new(Multicast::new()),
        disk: Arc::new(Disk::new()),
        network: Arc::new(Network::new()),
        sensors: Arc::new(Sensors::new()),
        slots: Arc::new(Slots::new()),
    }
}

fn take_all_descriptors() -> nix::Result<()> {
    let (_soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
}
