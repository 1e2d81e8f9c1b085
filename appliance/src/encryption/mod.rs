//! Encrypts Media Segments: by which key, how, and who may have the key.
//!
//! ```text
//! Media Sequence Number ─► number of the key ─► Keys: a secret, a directory, a key server
//!                              (`Terms`)               │
//!             segment ─► [`Cipher`] ◄── [`Seal`] ◄── [`Vault`] ──► players, for what it issued
//! ```
//!
//! The key of a segment follows from its Media Sequence Number alone, so renditions, boxes and
//! restarts agree on it without a word: its number is that of the segment divided by the segments
//! of one key. Since those numbers count target durations since 1970, keys change at the same
//! moments everywhere. A [`Vault`] has the keys of one channel: it seals segments by the present
//! [`config::Encryption`](crate::config::Encryption), and remembers what it sealed with, so that
//! what is listed stays true when that changes.
//!
//! Source: RFC 8216 §4.3.2.4, §5, §6.2.3.
//! Refuses: to pass a segment on in the clear that is to be encrypted. Where no key is to be had it
//! has none to seal with, and its publisher lists a gap: another key than the one that follows from
//! the number would make garbage of it for players that have the playlist of another box.

mod cipher;
mod key;
mod server;
mod stock;
mod terms;
mod vault;

pub use cipher::Cipher;
pub use key::{Fingerprint, NoFingerprint, SegmentKey};
pub use server::ServerError;
pub use stock::StockError;
pub use terms::{KeyError, Surroundings, check_keys};
pub use vault::{CounterCells, Counters, Issued, NoKey, Seal, Vault};
