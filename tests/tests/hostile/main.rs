//! Clients that mean harm, on raw sockets: requests that are malformed or could be read in two
//! ways, and what of them reaches an origin; and a thousand clients that are slow on purpose.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod crowd;
mod downgrade;
mod limits;
mod origin_side;
mod pollers;
mod requests;
mod rig;
