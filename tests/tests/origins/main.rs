//! Origins that lie, die, stall and mean harm, as the clients of a daemon between them see it, and
//! what the daemon counts of it.

mod death;
mod encrypted;
mod lies;
mod passing;
mod rig;
