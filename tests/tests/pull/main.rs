//! What is pulled through the cache, as clients and origins see it, over real sockets.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod broken;
mod counted;
mod crowd;
mod long;
mod outage;
mod rig;
mod stale;
