//! R15: what is listed is there, whole, in time, and says what it is.

use std::time::Duration;

use super::seconds;
use crate::validate::{
    finding::{Check, Evidence, Findings, Words},
    inspect::{Format, Lock, SegmentFacts},
    version::Listed,
};

/// Source: RFC 8216 §4, §10.
const PLAYLIST_TYPES: [&str; 2] = ["application/vnd.apple.mpegurl", "audio/mpegurl"];

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
    let (sequence, segment) = (listed.sequence, &listed.segment);
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
    let took_us = u64::try_from(delivery.took.as_micros()).unwrap_or(u64::MAX);
    if segment.duration_us > 0 && took_us > segment.duration_us {
        findings.tell(Check::SegmentSlow, Some(sequence), || {
            words(format!(
                "segment {sequence} of {} took {} to come",
                seconds(segment.duration_us),
                seconds(took_us)
            ))
        });
    }
}

fn check_lock(listed: &Listed, lock: &Lock, findings: &mut Findings) {
    let sequence = listed.sequence;
    let (check, message) = match lock {
        Lock::NoKey(why) => (
            Check::KeyAbsent,
            format!("the key of segment {sequence} is not to be had: {why}"),
        ),
        Lock::WrongKey => (
            Check::NotDecipherable,
            format!("segment {sequence} was not encrypted as its EXT-X-KEY says"),
        ),
    };
    findings.tell(check, Some(sequence), || {
        let key_line = listed.key_line.clone();
        let evidence = key_line.into_iter().chain([listed.uri_line.clone()]);
        Words {
            sequence: Some(sequence),
            message,
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
