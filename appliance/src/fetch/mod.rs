//! What is not received is pulled: knowledge of what players ask for, and of what must go.
//!
//! [`Class`] tells what a resource is to a player, [`Outline`] what its playlist promises, and
//! [`Knowledge`] how long it may be kept where the origin is silent. All three are pure.
//!
//! Refuses: to decide on storing or reuse; that is `weir_cache::rules`, which [`Knowledge`] feeds.

mod class;
mod knowledge;
mod manifest;
mod outline;
pub mod playlist;
pub mod purge;

pub use class::{Class, is_blocking_reload};
pub use knowledge::Knowledge;
pub use outline::{Form, Outline, Outlines};
