//! A shared cache as RFC 9111 wants it, clause by clause, over real sockets.
//!
//! Time is told by the fields of responses (Age, Date), so nothing here waits for it to pass.

mod fields;
mod invalidation;
mod lifetimes;
mod ranges;
mod storing;
mod telling;
mod trial;
mod validation;
mod variants;
mod wishes;
