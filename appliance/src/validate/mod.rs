//! Follows an HLS service as a player would, and tells which of its rules it breaks.
//!
//! [`playlist`] reads what comes, [`inspect`] looks into segments by our own `demux`, [`rules`]
//! holds successive versions and segments against the rules; all three are pure and take time as an
//! argument. [`follow`] does the HTTP; [`report`] is what people and programs read of it.
//!
//! Source: RFC 8216; draft-pantos-hls-rfc8216bis and Apple's HLS Authoring Specification where they
//! ask for more. What is asked for is in [`finding`], one row a check.
//!
//! A finding shows the lines that prove it. What cannot be proved is not told: between two
//! reloads anything may have happened. Answers are hostile: everything read of them is bounded.
//!
//! Refuses: to look into fragmented MP4, and into what is encrypted otherwise than by AES-128 or
//! without its key ([`seal`]), which are counted as not inspected; and to judge low-latency tags.

pub mod finding;
pub mod follow;
pub mod inspect;
pub mod playlist;
pub mod report;
pub mod rules;
pub mod seal;
pub mod version;
pub mod web_vtt;
