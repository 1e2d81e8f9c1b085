//! The data listener as a client meets it: bytes in, bytes out, over an in-memory connection.

mod answers;
mod connections;
mod rig;

pub(in crate::serve) use rig::Listening;
