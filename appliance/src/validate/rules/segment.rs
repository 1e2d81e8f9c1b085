//! R14: a segment is whole in itself, and goes on where the one before ended.

use crate::validate::{
    finding::{Check, Evidence, Findings, Words},
    inspect::{Format, SegmentFacts},
    version::Listed,
};

/// The sentence behind "segment 7", and the line that shows it.
type Wrong<'a> = (Check, String, &'a Evidence);

pub(super) fn check(listed: &Listed, facts: &SegmentFacts, findings: &mut Findings) {
    let wrong = match unreadable(listed, facts) {
        Some(wrong) => vec![wrong],
        None if facts.format == Format::TransportStream => stream(listed, facts),
        None => return,
    };
    let sequence = listed.sequence;
    for (check, what, line) in wrong {
        findings.tell(check, Some(sequence), || Words {
            sequence: Some(sequence),
            message: format!("segment {sequence} {what}"),
            evidence: vec![line.clone()],
        });
    }
}

/// Why nothing more can be said of a segment.
fn unreadable<'a>(listed: &'a Listed, facts: &SegmentFacts) -> Option<Wrong<'a>> {
    let has_map = listed.segment.map.is_some();
    let (check, what) = match facts.format {
        Format::Unknown => (
            Check::FormatUnknown,
            "is neither a transport stream nor in any other format of HLS",
        ),
        Format::TransportStream if !facts.has_tables && !has_map => (
            Check::NoTables,
            "has no PAT with a PMT, or no picture behind them",
        ),
        Format::TransportStream
        | Format::FragmentedMp4
        | Format::WebVtt
        | Format::PackedAudio
        | Format::Encrypted => return None,
    };
    Some((check, what.to_owned(), &listed.uri_line))
}

/// What is wrong with a transport stream.
fn stream<'a>(listed: &'a Listed, facts: &SegmentFacts) -> Vec<Wrong<'a>> {
    let (programs, breaks) = (facts.programs, facts.counter_breaks);
    let has_map = listed.segment.map.is_some();
    let uri = &listed.uri_line;
    let mut wrong = Vec::new();
    if programs > 1 {
        let what = format!("holds {programs} programs; one is allowed");
        wrong.push((Check::SeveralPrograms, what, uri));
    }
    if !facts.begins_with_tables && !has_map {
        let what = "does not begin with a PAT and a PMT".to_owned();
        wrong.push((Check::TablesNotFirst, what, uri));
    }
    if !facts.has_pcr {
        wrong.push((Check::NoPcr, "has no PCR".to_owned(), uri));
    }
    if facts.begins_with_key_frame == Some(false) {
        let what = "does not begin with a key frame";
        wrong.push(match &listed.independent_segments {
            Some(tag) => {
                let what = format!("{what}, though EXT-X-INDEPENDENT-SEGMENTS says so");
                (Check::NotIndependent, what, tag)
            }
            None => (Check::NoKeyFrameFirst, what.to_owned(), uri),
        });
    }
    if breaks > 0 {
        let what = format!("has {breaks} breaks of continuity counters");
        wrong.push((Check::CountersBreakWithin, what, uri));
    }
    wrong
}

/// Holds a segment against the one before it.
pub(super) fn check_next(
    (last, before): (&Listed, &SegmentFacts),
    (listed, facts): (&Listed, &SegmentFacts),
    findings: &mut Findings,
) {
    if listed.segment.discontinuity.is_some() {
        return;
    }
    let sequence = listed.sequence;
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
            evidence: vec![last.uri_line.clone(), listed.uri_line.clone()],
        }
    });
}
