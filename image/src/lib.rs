//! What the programs of the image share: names of boot entries, and the root on its slot.
//!
//! Refuses: the appliance. That is `weir`; nothing here is in its way once it runs.

pub mod command_line;
pub mod entry;
pub mod partition;
