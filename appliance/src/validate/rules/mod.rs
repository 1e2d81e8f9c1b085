//! Holds versions of a Media Playlist, and its segments, against the rules: one module a rule.
//!
//! Source: RFC 8216 and those named in [`super::finding`]. Pure.

mod alignment;
mod availability;
mod change;
mod checker;
mod compatibility;
mod cues;
mod date_range;
mod date_time;
mod delivery;
mod discontinuity;
mod gap;
mod list_type;
mod pace;
mod rendition;
mod segment;
mod sequence;
mod target_duration;
#[cfg(test)]
mod tests;
mod web_vtt;
mod window;

pub use availability::Removed;
pub use checker::{Checker, Inspected};
pub use delivery::{Delivery, Failure, PlaylistDelivery};
pub use rendition::{RenditionSet, check_declared};

use crate::validate::version::Version;
use alignment::Alignment;

/// A version, the one before it, and how they lie to each other.
#[derive(Debug, Clone, Copy)]
struct Pair<'a> {
    before: &'a Version,
    after: &'a Version,
    alignment: Alignment,
}

/// Microseconds as seconds, for people.
fn seconds(micros: u64) -> String {
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{fraction:06}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} s")
}

/// What was measured over a network, in seconds: to the millisecond, because it is no truer.
fn measured(micros: u64) -> String {
    seconds(micros / 1_000 * 1_000)
}

/// The same as [`seconds`] with a sign.
fn signed_seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}", seconds(micros.unsigned_abs()))
}
