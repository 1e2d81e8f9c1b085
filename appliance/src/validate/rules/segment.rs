//! R14: a segment is whole in itself, and goes on where the one before ended.

use crate::validate::{
    finding::{Check, Findings, Words},
    inspect::{Format, SegmentFacts},
    playlist::Segment,
    version::Version,
};

pub(super) fn check(
    (sequence, segment): (u64, &Segment),
    facts: &SegmentFacts,
    version: &Version,
    findings: &mut Findings,
) {
    let mut tell = |is_wrong: bool, check, what: &str, line| {
        if is_wrong {
            findings.tell(check, Some(sequence), || Words {
                sequence: Some(sequence),
                message: format!("segment {sequence} {what}"),
                evidence: vec![version.evidence(line)],
            });
        }
    };
    let line = segment.line;
    if facts.format == Format::Unknown {
        let what = "is neither a transport stream nor in any other format of HLS";
        return tell(true, Check::FormatUnknown, what, line);
    }
    if facts.format != Format::TransportStream {
        return;
    }
    if !facts.has_tables && segment.map.is_none() {
        let what = "has no PAT with a PMT, or no picture behind them";
        return tell(true, Check::NoTables, what, line);
    }
    let several = format!("holds {} programs; one is allowed", facts.programs);
    tell(facts.programs > 1, Check::SeveralPrograms, &several, line);
    let tables_late = !facts.begins_with_tables && segment.map.is_none();
    let what = "does not begin with a PAT and a PMT";
    tell(tables_late, Check::TablesNotFirst, what, line);
    tell(!facts.has_pcr, Check::NoPcr, "has no PCR", line);
    let is_late = facts.begins_with_key_frame == Some(false);
    match version.list.independent_segments {
        Some(tag) => tell(
            is_late,
            Check::NotIndependent,
            "does not begin with a key frame, though EXT-X-INDEPENDENT-SEGMENTS says so",
            tag,
        ),
        None => tell(
            is_late,
            Check::NoKeyFrameFirst,
            "does not begin with a key frame",
            line,
        ),
    }
    let breaks = facts.counter_breaks;
    let what = format!("has {breaks} breaks of continuity counters");
    tell(breaks > 0, Check::CountersBreakWithin, &what, line);
}

/// Holds a segment against the one before it.
pub(super) fn check_next(
    (sequence, segment): (u64, &Segment),
    (before, facts): (&SegmentFacts, &SegmentFacts),
    version: &Version,
    findings: &mut Findings,
) {
    if segment.discontinuity.is_some() {
        return;
    }
    let broken = facts.counters_broken(before);
    if broken.is_empty() {
        return;
    }
    findings.tell(Check::CountersBreak, Some(sequence), || {
        let pids: Vec<String> = broken.iter().map(ToString::to_string).collect();
        Words {
            sequence: Some(sequence),
            message: format!(
                "the continuity counters of PID {} do not go on from the segment before to \
                 segment {sequence}, and there is no EXT-X-DISCONTINUITY",
                pids.join(", ")
            ),
            evidence: vec![version.evidence(segment.line)],
        }
    });
}
