//! Pulling from origins: what is not on this box comes from a mid-cache or an origin.
//!
//! [`pull`] answers requests through the cache. [`tiers`] chooses whom to ask, and asks somebody
//! else when that fails; [`exchange`] speaks HTTP/1.1 with one [`Endpoint`], which is one URL of
//! one origin, and trusts nothing that it says; [`Identity`] keeps requests from going round in
//! circles.
//! [`Class`] tells what a resource is to a player, [`Outline`] what its playlist promises, and
//! [`Knowledge`] how long it may be kept where the origin is silent; all three are pure.
//!
//! Source: RFC 9110 §7, §9 (routing, methods), RFC 9112 (HTTP/1.1), RFC 8586 (CDN-Loop).
//! Refuses: to connect to anything but what is configured (origins, and key servers for
//! `encryption`), to follow a redirect, which is an answer like any other, and to decide on storing
//! or reuse: that is `weir_cache::rules`.

mod class;
mod endpoint;
pub mod exchange;
mod identity;
mod knowledge;
mod latency;
mod manifest;
#[cfg(test)]
pub(crate) mod origin_script;
mod outline;
pub mod playlist;
pub mod prewarm;
pub mod pull;
pub mod purge;
mod reference;
pub mod tiers;
pub mod tls;

pub use class::{Class, is_blocking_reload};
pub use endpoint::{Endpoint, EndpointSettings, InvalidUrl, Timeouts};
pub use identity::{Identity, LoopDetected};
pub use knowledge::Knowledge;
pub use latency::{Average, Histogram};
pub use outline::{Form, Outline, Outlines};
pub use pull::Pull;
pub use reference::resolve;
