//! Purging: what an operator says is not current any more is served to nobody from then on.
//!
//! An order becomes [`Bans`], which are in force at once and are acknowledged when they would
//! survive a power cut (`journal`, `saving`). Whoever finds an object in the store asks
//! [`Bans::is_banned`] before serving it, fresh or stale. An object whose URL is purged is evicted
//! besides; the ban covers its variants, and whatever is being fetched at that moment.
//!
//! Orders come as `PURGE` and `BAN` on the data listener and as JSON on the management listener
//! (`order`), from addresses that may, at a bounded rate; each is logged with its sender.
//!
//! Source: no standard; `PURGE` and `BAN` are as in Squid and Varnish. Refuses: to walk the disk.

mod bans;
mod bucket;
mod counters;
mod journal;
mod order;
mod pattern;
mod purger;
mod saving;
mod tags;
#[cfg(test)]
mod tests;

pub use bans::{Bans, LISTED_MAX, Subject, TEXT_BYTES_MAX, Target};
pub use bucket::TokenBucket;
pub use counters::{CounterCells, Counters};
pub use order::{Name, Names};
pub use pattern::Pattern;
pub use purger::{Parts, Purger, Settings};
pub use tags::tags;
