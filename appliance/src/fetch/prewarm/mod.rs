//! Prewarming: what will be asked for tomorrow is fetched today.
//!
//! An order names channels, playlists and URLs (`order`). It becomes a job, one at a time, which
//! fetches them through the pull path at a bounded rate, follows playlists to what they name
//! (`job`), and tells how far it has come. Orders come as JSON on the management listener, from
//! addresses that may (`prewarmer`); each is logged with its sender.
//!
//! Source: RFC 8216 §4 (what playlists name), RFC 3986 §5 (what references refer to). Refuses: what
//! no route leads to, and what a playlist names on another authority than its own.

mod counters;
mod job;
mod order;
mod prewarmer;
mod progress;

pub use counters::{CounterCells, Counters};
pub use prewarmer::{Prewarmer, Settings};
pub use progress::{Miss, Progress, Stage};
