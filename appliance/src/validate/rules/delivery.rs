//! R15: what is listed is there, whole, in time, and says what it is.

use std::time::Duration;

use super::{measured, seconds};
use crate::{
    hash::fnv1a,
    validate::{
        finding::{Check, Evidence, Findings, Words},
        inspect::{Format, Lock, SegmentFacts},
        version::Listed,
    },
};

/// Source: RFC 8216 §4, §10.
const PLAYLIST_TYPES: [&str; 2] = ["application/vnd.apple.mpegurl", "audio/mpegurl"];

/// A player begins three Target Durations from the end (RFC 8216 §6.3.3): what comes later than
/// after those finds it without anything left to play.
const HELD_SEGMENTS: u64 = 3;

/// How a segment came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Its Content-Type.
    pub content_type: Option<String>,
    /// From the request to its last byte.
    pub took: Duration,
}

/// Why something did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The answer has another status than 200 or 206.
    Status(u16),
    /// No answer, or none to its end; one clause says why.
    Broken(String),
}

/// How a playlist came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlaylistDelivery {
    /// Its Content-Type.
    pub content_type: Option<String>,
    /// The path of its URL.
    pub path: String,
    /// Whether it came compressed, which it was asked for.
    pub is_compressed: bool,
    /// Its bytes, uncompressed.
    pub bytes: usize,
}

/// Playlists that would not become shorter.
const COMPRESSED_BYTES_MIN: usize = 1_024;

pub(super) fn check_playlist(
    delivery: &PlaylistDelivery,
    evidence: impl Fn() -> Evidence,
    findings: &mut Findings,
) {
    let PlaylistDelivery {
        content_type, path, ..
    } = delivery;
    let given = media_type(content_type.as_deref());
    let is_right = PLAYLIST_TYPES.contains(&given.as_str());
    let shown = if given.is_empty() { "none" } else { &given };
    let words = |message: String| Words {
        message,
        evidence: vec![evidence()],
        ..Words::default()
    };
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_named = ["m3u8", "m3u"]
        .iter()
        .any(|due| extension.eq_ignore_ascii_case(due));
    if !is_right && !is_named {
        findings.tell(Check::PlaylistType, Some(0), || {
            words(format!(
                "neither the path nor the media type ({shown}) says that this is a playlist"
            ))
        });
    } else if !is_right {
        findings.tell(Check::PlaylistMediaType, Some(0), || {
            words(format!(
                "the media type of the playlist is {shown}, not application/vnd.apple.mpegurl"
            ))
        });
    }
    if !delivery.is_compressed && delivery.bytes >= COMPRESSED_BYTES_MIN {
        findings.tell(Check::PlaylistUncompressed, Some(0), || {
            words("the playlist does not come compressed by gzip, which it was asked for".into())
        });
    }
}

pub(super) fn check_segment(
    listed: &Listed,
    (facts, delivery): (&SegmentFacts, &Delivery),
    findings: &mut Findings,
) {
    let sequence = listed.sequence;
    let words = |message: String| Words {
        sequence: Some(sequence),
        message,
        evidence: vec![listed.uri_line.clone()],
    };
    if let Some(lock) = &facts.lock {
        check_lock(listed, lock, findings);
    }
    let given = media_type(delivery.content_type.as_deref());
    let due = match facts.format {
        Format::TransportStream => Some("video/mp2t"),
        Format::WebVtt => Some("text/vtt"),
        Format::FragmentedMp4 | Format::PackedAudio | Format::Encrypted | Format::Unknown => None,
    };
    if let Some(due) = due.filter(|due| *due != given) {
        // One service has one way to say it.
        findings.tell(Check::SegmentMediaType, Some(0), || {
            let shown = if given.is_empty() { "none" } else { &given };
            words(format!("the media type of segments is {shown}, not {due}"))
        });
    }
    check_speed(listed, (delivery.took, true), findings);
}

/// A segment came, or did not come yet, in the time `took`.
pub(super) fn check_speed(
    listed: &Listed,
    (took, has_come): (Duration, bool),
    findings: &mut Findings,
) {
    let (sequence, duration_us) = (listed.sequence, listed.segment.duration_us);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if duration_us == 0 || took_us <= duration_us {
        return;
    }
    let held_us = duration_us.max(listed.target_duration_us);
    let is_stall = took_us > held_us.saturating_mul(HELD_SEGMENTS);
    let check = if is_stall {
        Check::SegmentStalls
    } else {
        Check::SegmentSlow
    };
    findings.tell(check, Some(sequence), || {
        let (long, took) = (seconds(duration_us), measured(took_us));
        let what = if has_come {
            format!("took {took} to come")
        } else {
            format!("has not come after {took}")
        };
        Words {
            sequence: Some(sequence),
            message: format!("segment {sequence} of {long} {what}"),
            evidence: vec![listed.uri_line.clone()],
        }
    });
}

fn check_lock(listed: &Listed, lock: &Lock, findings: &mut Findings) {
    let sequence = listed.sequence;
    let key = listed.segment.key.as_ref();
    let id = key.map(|key| fnv1a(key.value.bytes()));
    let (check, once, message) = match lock {
        Lock::NoKey(why) => (
            Check::KeyAbsent,
            id,
            format!("the key of segment {sequence} is not to be had: {why}"),
        ),
        Lock::KeyRefused(status) => (
            Check::KeyRefused,
            id,
            format!("the answer to who asks for the key of segment {sequence} is {status}"),
        ),
        Lock::WrongKey => (
            Check::NotDecipherable,
            Some(sequence),
            format!("segment {sequence} was not encrypted as its EXT-X-KEY says"),
        ),
    };
    findings.tell(check, once, || {
        let key_line = listed.key_line.clone();
        let evidence = key_line.into_iter().chain([listed.uri_line.clone()]);
        Words {
            sequence: Some(sequence),
            message,
            evidence: evidence.collect(),
        }
    });
}

pub(super) fn check_map(listed: &Listed, failure: &Failure, findings: &mut Findings) {
    let sequence = listed.sequence;
    let what = match failure {
        Failure::Status(status) => format!("the answer to who asks for it is {status}"),
        Failure::Broken(why) => format!("it does not come whole: {why}"),
    };
    let map = listed.segment.map.as_ref();
    let id = map.map(|map| fnv1a(map.value.uri.bytes()));
    findings.tell(Check::MapAbsent, id, || {
        let map_line = listed.map_line.clone();
        let evidence = map_line.into_iter().chain([listed.uri_line.clone()]);
        Words {
            sequence: Some(sequence),
            message: format!(
                "segment {sequence} cannot be played without its EXT-X-MAP, and {what}"
            ),
            evidence: evidence.collect(),
        }
    });
}

pub(super) fn check_failure(listed: &Listed, failure: &Failure, findings: &mut Findings) {
    let sequence = listed.sequence;
    let (check, message) = match failure {
        Failure::Status(status) => (
            Check::SegmentAbsent,
            format!("segment {sequence} is listed, and the answer to who asks for it is {status}"),
        ),
        Failure::Broken(why) => (
            Check::SegmentBreaksOff,
            format!("segment {sequence} is listed, and does not come whole: {why}"),
        ),
    };
    findings.tell(check, Some(sequence), || Words {
        sequence: Some(sequence),
        message,
        evidence: vec![listed.uri_line.clone()],
    });
}

/// A media type without parameters, in lower case; empty without one.
fn media_type(content_type: Option<&str>) -> String {
    let value = content_type.unwrap_or("").split(';').next().unwrap_or("");
    let printable = value.chars().filter(|letter| !letter.is_control());
    printable
        .take(80)
        .collect::<String>()
        .trim()
        .to_ascii_lowercase()
}
