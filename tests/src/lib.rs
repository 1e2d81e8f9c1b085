//! The rig: what the black-box tests stand on.

mod own_network;
mod poll;

pub use own_network::in_own_network;
pub use poll::holds_within;
