//! The object store: complete objects on disk; those still being written in memory, and in parts
//! on disk as well if they are long.
//!
//! An object is born by [`Store::begin`], grows by [`Writer::append`] and becomes permanent by
//! [`Writer::commit`]. Readers may follow it from its first byte while it grows; they end well
//! only if it is committed. What is served was complete and checked, or the read visibly fails.
//!
//! Beside it, and knowing nothing of it, are the [`rules`] of HTTP caching: what may be stored, for
//! how long it may be used, and for whom.
//!
//! An [`Inspection`] looks at a store without opening it: for tools, beside a process that uses it.
//!
//! Refuses: to know what an object in the store means. Media types, playlists and HTTP belong to
//! the caller, who leaves what it wants back in the opaque `metadata` of each object.

mod class;
mod engine;
mod error;
mod key;
mod object;
pub mod rules;
mod store;

pub use class::{Admission, Class, ClassRules, Classes};
pub use engine::{Condition, Counters, Flaw, Held, Inspection, Lost, Offline, Row, Summary, Total};
pub use error::Error;
pub use key::Key;
pub use object::{Chunk, Object, Reader, StoredRange};
pub use store::{Config, Pin, Store, Writer};
