//! Joins groups and drains their sockets.

mod counters;

pub use counters::Counters;
