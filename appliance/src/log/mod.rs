//! The log of this process as it stands in memory: its latest events, for people and machines.
//!
//! [`Layer`] takes every event that the log takes, beside the lines on standard error. [`Ring`]
//! keeps the newest: at most [`EVENTS_MAX`] of at most [`BYTES_MAX`] bytes together. One place in
//! the code that says the same again and again is heard [`Limiter::EVENTS_MAX`] times in
//! [`Limiter::WINDOW`], and then counted; no more of it is written, either ([`Lines`]).
//!
//! [`syslog`] sends them on, and has the ring for its queue.
//!
//! Refuses: to wait, and to say anything itself.

mod event;
mod layer;
mod limiter;
mod lines;
mod ring;
pub mod syslog;

pub use event::{Event, FIELDS_MAX, TEXT_BYTES_MAX};
pub use layer::Layer;
pub use limiter::Limiter;
pub use lines::Lines;
pub use ring::{BYTES_MAX, Counts, EVENTS_MAX, Ring};

use std::sync::{Arc, LazyLock};

/// Places in the code whose events are limited; the program has fewer.
const PLACES_MAX: usize = 1_024;

/// The ring of this process, which is one as its log is.
pub fn of_process() -> &'static Arc<Ring> {
    static RING: LazyLock<Arc<Ring>> = LazyLock::new(Arc::default);
    &RING
}
