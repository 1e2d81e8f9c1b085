//! What stands beside plain requests: playlists compressed, objects fetched before they are asked
//! for, and orders on the management listener; over real sockets.

mod coding;
mod prefetch;
mod prewarm;
mod purge;
mod rig;
