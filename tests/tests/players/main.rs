//! Players as viewers have them, at a daemon that pulls presentations and receives a channel: over
//! HTTP/1.1, and over HTTP/2 by TLS.
//!
//! hls.js over HTTP/1.1 is in `demo`, curl and h2load by all protocols are in `tls`.

mod breaks;
mod browsers;
mod encrypted;
mod gaps;
mod ladder;
mod programs;
mod rig;
