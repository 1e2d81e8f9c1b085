//! R16: a segment of WebVTT is sound, and says to which media time its cues belong.

use crate::validate::{
    finding::{Check, Findings, Words},
    inspect::SegmentFacts,
    version::Listed,
    web_vtt::TimestampMap,
};

pub(super) fn check(listed: &Listed, facts: &SegmentFacts, findings: &mut Findings) {
    let sequence = listed.sequence;
    let Some(web_vtt) = &facts.web_vtt else {
        return;
    };
    let mut tell = |check, what: &str| {
        findings.tell(check, Some(sequence), || Words {
            sequence: Some(sequence),
            message: format!("segment {sequence} {what}"),
            evidence: vec![listed.uri_line.clone()],
        });
    };
    match &web_vtt.timestamp_map {
        _ if !web_vtt.is_sound => {
            return tell(Check::WebVttMalformed, "does not begin as a WebVTT file");
        }
        None => tell(Check::TimestampMapMissing, "has no X-TIMESTAMP-MAP"),
        Some(map) if TimestampMap::read(map).is_none() => tell(
            Check::TimestampMapMalformed,
            "has an X-TIMESTAMP-MAP that is not of the form LOCAL:00:00:00.000,MPEGTS:900000",
        ),
        Some(_) => {}
    }
    if let Some(line) = &web_vtt.malformed {
        let what = format!("has a cue that is never shown, because its times are {line:?}");
        tell(Check::CueMalformed, &what);
    }
}
