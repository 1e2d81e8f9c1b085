//! Playlists and manifests compressed, as the client takes them.
//!
//! A list is compressed once in each coding that somebody asks for, and kept by what it says: the
//! same text never has to be compressed twice, whoever serves it (`coder`). Which coding a client
//! gets, and how it is made, are `accepted` and `encode`; both are pure.
//!
//! Each coding is a representation of its own, with its own entity tag (RFC 9110 §8.8.3.3), and
//! every answer says that it depends on `Accept-Encoding`. An origin is asked for the plain list.
//!
//! Source: RFC 9110 §8.4, §12.5.3; RFC 1952 (gzip), RFC 7932 (br), RFC 8878 (zstd).
//! Refuses: media, which are compressed already; ranges, which are given of the plain list; what
//! its origin says must not be transformed.

mod accepted;
mod coder;
mod counters;
mod encode;

pub use accepted::{Coding, accepted};
pub use coder::{Coder, Wish};
pub use counters::{CounterCells, Counters};
pub use encode::encode;
