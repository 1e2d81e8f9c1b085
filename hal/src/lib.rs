//! The operating system as Weir sees it: small traits named for the thing, not the driver.
//!
//! [`linux`] meets the kernel and is the only code that names `nix`, `socket2`, `std::fs` or a
//! system clock. [`sim`] answers the same traits from memory with seeded faults. The two mirror
//! each other file by file, and one contract suite (in `tests/`) runs on both.
//!
//! Refuses: policy. What to do about an [`Error`] is decided by the caller, one level up.

mod board;
mod clock;
mod disk;
mod error;
mod links;
pub mod linux;
mod multicast;
mod network;
mod nic;
mod sensors;
pub mod sim;
mod slots;

pub use board::Board;
pub use clock::{Clock, Monotonic, Wall};
pub use disk::{Access, DirectoryEntry, Disk, DiskUsage, File, FileKind};
pub use error::Error;
pub use links::{LinkChange, LinkWatch};
pub use multicast::{
    DATAGRAM_BYTES_MAX, Datagram, DatagramBatch, DatagramMeta, Destination, InterfaceName,
    Membership, Multicast, MulticastReceiver, MulticastSender, NetworkHeader,
};
pub use network::{Accepted, Connecting, Connection, Listener, Network, Resolving};
pub use nic::{Duplex, NICS_MAX, Nic, NicStatistics, OperationalStatus, Querier};
pub use sensors::{ClockDiscipline, CpuTime, Memory, Sensors, THERMOMETERS_MAX, Thermometer};
pub use slots::{
    KERNEL_NAME_BYTES_MAX, KERNEL_NAMES_MAX, KernelName, SLOT_VERSION_BYTES_MAX, Slot, SlotName,
    SlotState, SlotTable, SlotVersion, Slots, Tries,
};
