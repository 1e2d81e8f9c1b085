//! HTTP out: playlists and segments to players, over HTTP/1.1 and HTTP/2, plain or by TLS.
//!
//! A [`Server`] runs the connections of a listener and asks a [`Handler`] for each answer:
//! [`Content`] on the data listener, `health` on the management listener. What a path names
//! ([`route`]), which bytes a request may have (preconditions, ranges) and how long they may be
//! kept are decided by pure functions. A connection is, from the kernel up: `guard` (counts, and
//! cuts who takes too little), [`tls`] where that is spoken, and what `protocol` finds spoken:
//! HTTP/1 by `talk` (`link` reads, `head` judges, `response` and `transfer` write, `repeat` says it
//! again), or HTTP/2 by hyper over a `wire` that sends files.
//!
//! Source: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2), RFC 8216 (HLS).
//! Refuses: any answer that would look complete when it is not.

pub mod access_log;
mod account;
mod admission;
mod body;
mod client;
mod client_block;
mod cmcd;
pub mod coding;
mod content;
mod content_again;
mod counters;
mod entrance;
mod framing;
mod front;
mod giver;
mod guard;
mod head;
mod heartbeat;
mod interim;
mod limits;
mod link;
mod multipart;
mod outbox;
pub(crate) mod percent;
pub(crate) mod precondition;
mod protocol;
pub(crate) mod range;
mod readiness;
mod repeat;
pub(crate) mod reply;
mod request_rate;
mod response;
mod route;
mod server;
pub mod signed_url;
mod stall;
mod stamp;
mod start_over;
mod talk;
mod thread;
pub mod tls;
mod transfer;
mod upload;
mod wire;

pub(crate) use account::{Account, of_class};
pub use admission::Room;
pub use body::{Body, BodyError};
pub(crate) use body::{Chain, Form};
pub use client::Client;
pub(crate) use client_block::ClientBlock;
pub use cmcd::Cmcd;
pub use content::{Content, Settings};
pub use counters::{CounterCells, Counters};
pub use entrance::Entrance;
pub use front::Front;
pub use giver::Giver;
pub use heartbeat::Heartbeat;
pub use interim::Interim;
pub use limits::Limits;
pub use readiness::{NotReady, Readiness};
pub(crate) use repeat::{Again, Repeat, Whole, at_hand};
pub use route::{Item, Route, playlist_path, route, segment_path, segment_path_of};
pub use server::{Handler, Server};
pub use stall::Pace;
pub(crate) use stamp::Stamps;
pub use thread::serve_on_thread;
pub(crate) use upload::{NoJson, json};
pub use upload::{Upload, UploadError};

#[cfg(test)]
mod tests;
