//! Channels whose segments are encrypted, at a running daemon: what players, another box, an
//! operator and a key server meet.

mod boxes;
mod key_server;
mod mistakes;
mod players;
mod rig;
mod server;
