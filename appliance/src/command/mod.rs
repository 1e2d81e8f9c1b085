//! The command line.

pub mod segment;
