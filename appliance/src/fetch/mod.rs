//! Pulling from origins: what is not on this box comes from a mid-cache or an origin.
//!
//! [`exchange`] speaks HTTP/1.1 with one [`Endpoint`], which is one URL of one origin, and trusts
//! nothing that it says; [`Identity`] keeps requests from going round in circles. [`tiers`] chooses
//! whom to ask, and asks somebody else when that fails.
//!
//! Source: RFC 9110 §7, §9 (routing, methods), RFC 9112 (HTTP/1.1), RFC 8586 (CDN-Loop).
//! Refuses: to connect to anything but a configured origin, and to follow a redirect, which is an
//! answer like any other.

mod endpoint;
pub mod exchange;
mod identity;
mod latency;
#[cfg(test)]
mod origin_script;
pub mod tiers;
pub mod tls;

pub use endpoint::{Endpoint, EndpointSettings, InvalidUrl, Timeouts};
pub use identity::{Identity, LoopDetected};
pub use latency::{Average, Histogram};
