//! What is pulled through the cache, as clients and origins see it, over real sockets.

mod broken;
mod crowd;
mod long;
mod rig;
mod stale;
