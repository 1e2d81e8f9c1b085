//! The rig: what the black-box tests stand on.
//!
//! Everything here speaks to the product only as an operator or a player would: its command line,
//! its sockets, its files. Every wait has a deadline, and every process started is ended by its
//! own handle.

pub mod browser;
pub mod daemon;
pub mod ffmpeg;
pub mod http;
pub mod process;
pub mod stream;
pub mod wait;
