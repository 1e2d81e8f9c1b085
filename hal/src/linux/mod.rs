//! The traits, met by the Linux kernel.
