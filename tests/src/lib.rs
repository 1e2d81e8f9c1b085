//! The rig: what the black-box tests stand on.
//!
//! Everything here speaks to the product only as an operator or a player would: its command line,
//! its sockets, its files. Every wait has a deadline, and every process started is ended by its
//! own handle.

#![expect(
    clippy::missing_panics_doc,
    reason = "everything in a rig panics when what it waits for does not come"
)]

pub mod bench;
pub mod browser;
pub mod cached;
pub mod certificate;
pub mod daemon;
pub mod edge;
pub mod edited;
pub mod ffmpeg;
pub mod gstreamer;
pub mod hls;
pub mod http;
pub mod in_phase;
pub mod machine;
pub mod mib;
pub mod npm;
pub mod origin;
mod own_network;
mod own_root;
pub mod package;
pub mod parsers;
mod poll;
pub mod process;
pub mod pypi;
pub mod scribe;
pub mod simulated;
pub mod splice;
pub mod stream;
pub mod teletext;
pub mod traffic;
pub mod wait;

pub use own_network::{in_own_network, main_in_own_network};
pub use own_root::enter_own_root;
pub use poll::holds_within;
