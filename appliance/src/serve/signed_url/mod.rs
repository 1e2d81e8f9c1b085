//! URLs that open only to those who were given them, and only for a time.
//!
//! A token says which path may be fetched, until when, and perhaps from which address; it is
//! signed with a key that the portal and this box share. It stands in the query, or as the first
//! segment of the path: there it also reaches what a playlist names, because players resolve
//! relative URIs against it.
//!
//! ```text
//! http://edge/vod/show/movie.mp4?weir_token=k1.1767225600.file.654e…
//! http://edge/weir_token=k1.1767225600.2.654e…/vod/show/master.m3u8
//!                        │  │          │ └ HMAC-SHA256 in 64 hexadecimal digits
//!                        │  │          └ scope: `file`, or how many folders of the path are signed
//!                        │  └ end, in seconds since 1970
//!                        └ which key
//! ```
//!
//! What is signed is this text, each line ended by a line feed:
//!
//! ```text
//! weir-url-1
//! k1
//! 1767225600
//! 2
//! /vod/show/
//! 203.0.113.7
//! ```
//!
//! The fifth line is the whole path for `file`, and the first so many folders with a slash at
//! both ends otherwise. The last line is empty unless the scope ends in `@`, as in `2@` or `file@`;
//! then it is the client's address. The query is not signed: players add to it.
//!
//! A token is taken out of the request before anything else looks at it, so it never reaches a
//! cache key, an origin or a log. `keys` holds the keys, `token` reads and writes tokens, `gate`
//! knows which paths need one.
//!
//! Source: RFC 2104, FIPS 180-4 (HMAC-SHA256). Refuses, where keys are in use, paths of which it
//! depends on who reads them what they name: those with `.` or `..` in them, and those that lead to
//! what is open here, and to what has keys for an origin that decodes `%2F`, merges slashes or
//! knows no case.

mod gate;
mod keys;
mod token;

pub use gate::{Gate, GateError};
pub use keys::{Denied, Grant, KeyFileError, Keys, Scope};
pub use token::{Token, separate};
