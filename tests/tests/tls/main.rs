//! TLS and HTTP/2 as real clients, and hostile ones, meet them.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod check;
mod clients;
mod floods;
mod frames;
mod handshakes;
mod load;
mod renewal;
mod rig;
mod stalled;
