//! (to be written)

pub mod analyze;
