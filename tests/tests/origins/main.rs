//! Origins that lie, die, stall and mean harm, as the clients of a daemon between them see it, and
//! what the daemon counts of it.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod death;
mod encrypted;
mod lies;
mod passing;
mod rig;
