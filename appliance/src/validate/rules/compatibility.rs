//! R13: EXT-X-VERSION is as high as what is used needs, and no higher.

use crate::validate::{
    finding::{Check, Findings, Words},
    version::Version,
};

/// Durations were whole numbers before; nobody says so any more.
const USUAL: u64 = 3;

pub(super) fn check(version: &Version, findings: &mut Findings) {
    let list = &version.list;
    let (declared, line) = list.version.map_or((1, 1), |tag| (tag.value, tag.line));
    let needed = list.version_needed;
    let words = |message: String| Words {
        message,
        evidence: vec![version.evidence(line), version.evidence(needed.line)],
        ..Words::default()
    };
    if declared < needed.value {
        findings.tell(Check::VersionTooLow, Some(needed.value), || {
            words(format!(
                "the playlist uses what needs EXT-X-VERSION:{}, and says {declared}",
                needed.value
            ))
        });
    }
    // Early drafts, and parsers after them, wanted 8 for EXT-X-GAP. A live list may come to have
    // one, and the version of a list never changes.
    let has_gap = list.segments.iter().any(|segment| segment.gap.is_some());
    let usual = if has_gap || list.is_live() { 8 } else { USUAL };
    if declared > needed.value.max(usual) {
        findings.tell(Check::VersionTooHigh, Some(declared), || {
            words(format!(
                "EXT-X-VERSION says {declared}, but {} would do",
                needed.value
            ))
        });
    }
}
