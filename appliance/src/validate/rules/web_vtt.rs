//! R16: a segment of WebVTT says to which media time its cues belong.

use crate::validate::{
    finding::{Check, Findings, Words},
    inspect::SegmentFacts,
    version::Listed,
};

pub(super) fn check(listed: &Listed, facts: &SegmentFacts, findings: &mut Findings) {
    let sequence = listed.sequence;
    let Some(web_vtt) = &facts.web_vtt else {
        return;
    };
    let (check, what) = match &web_vtt.timestamp_map {
        _ if !web_vtt.is_sound => (Check::WebVttMalformed, "does not begin as a WebVTT file"),
        None => (Check::TimestampMapMissing, "has no X-TIMESTAMP-MAP"),
        Some(map) if !is_sound(map) => (
            Check::TimestampMapMalformed,
            "has an X-TIMESTAMP-MAP that is not of the form LOCAL:00:00:00.000,MPEGTS:900000",
        ),
        Some(_) => return,
    };
    findings.tell(check, Some(sequence), || Words {
        sequence: Some(sequence),
        message: format!("segment {sequence} {what}"),
        evidence: vec![listed.uri_line.clone()],
    });
}

/// `MPEGTS:` with a number of 33 bits and `LOCAL:` with a time, in either order.
fn is_sound(map: &str) -> bool {
    let (mut has_media, mut has_local) = (false, false);
    for part in map.split(',') {
        let part = part.trim();
        if let Some(ticks) = part.strip_prefix("MPEGTS:") {
            has_media = ticks.parse::<u64>().is_ok_and(|ticks| ticks < 1 << 33);
        } else if let Some(time) = part.strip_prefix("LOCAL:") {
            has_local = is_time(time);
        }
    }
    has_media && has_local
}

/// `[hh:]mm:ss.ttt`
fn is_time(text: &str) -> bool {
    let Some((clock, millis)) = text.split_once('.') else {
        return false;
    };
    let is_number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, rest) = match parts.as_slice() {
        [hours, rest @ ..] if rest.len() == 2 => (Some(*hours), rest),
        rest => (None, rest),
    };
    let is_clock = rest.len() == 2 && rest.iter().all(|part| is_number(part, 2..=2));
    is_clock && hours.is_none_or(|hours| is_number(hours, 2..=9)) && is_number(millis, 3..=3)
}
