//! The traits, met from memory with seeded faults.

mod disk;
mod platter;

pub use disk::{Call, Disk, Fault};
