//! The traits, met by the Linux kernel.

mod disk;

pub use disk::Disk;
