//! R3: the Media Sequence Number goes up by one for each segment that leaves, and never back.

use super::{Pair, change::starts};
use crate::validate::{
    finding::{Check, Evidence, Findings, Words},
    version::Version,
};

/// Segments beyond those that the time allows for, before numbers are said to have jumped.
const SLACK: u64 = 3;

pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    if let Some((check, message)) = wrong(pair) {
        findings.tell(check, None, || Words {
            message,
            evidence: evidence(pair.before, pair.after),
            ..Words::default()
        });
    }
}

fn wrong(pair: Pair<'_>) -> Option<(Check, String)> {
    let Pair {
        before,
        after,
        alignment,
    } = pair;
    let (old, new) = (before.list.first_sequence(), after.list.first_sequence());
    let (removed, due) = (alignment.removed, alignment.sequence_due);
    if new < old {
        let message = format!("the Media Sequence Number went back from {old} to {new}");
        return Some((Check::SequenceDecreased, message));
    }
    if removed > 0 && after.list.media_sequence.is_none() && alignment.is_known {
        let message =
            format!("{removed} segments were removed and there is no EXT-X-MEDIA-SEQUENCE");
        return Some((Check::SequenceMissing, message));
    }
    if alignment.common > 0 && new != due {
        let message = format!(
            "{removed} segments were removed, so the Media Sequence Number had to go from {old} \
             to {due}, but it went to {new}"
        );
        return Some((Check::SequenceUntrue, message));
    }
    let skipped = new.saturating_sub(before.list.next_sequence());
    let message =
        format!("{skipped} Media Sequence Numbers were skipped that no version has listed");
    (skipped > segments_within(before, after)).then_some((Check::SequenceJumped, message))
}

/// Segments that may have come and gone between two versions.
fn segments_within(before: &Version, after: &Version) -> u64 {
    let passed_ns = after
        .loading
        .received_at
        .as_nanos()
        .saturating_sub(before.loading.as_of_nanos());
    let count = (before.list.segments.len() as u64).max(1);
    let mean_us = (before.list.duration_us() / count).max(100_000);
    (passed_ns / 1_000 / mean_us).saturating_add(SLACK)
}

fn evidence(before: &Version, after: &Version) -> Vec<Evidence> {
    let line = |version: &Version| version.list.media_sequence.map(|tag| tag.line);
    let numbers = [before, after].map(|version| version.evidence(line(version).unwrap_or(1)));
    let [old_first, new_first] = starts(before, after).try_into().unwrap_or_else(|_two| {
        [before.evidence(1), after.evidence(1)] // there are always two
    });
    let [old_number, new_number] = numbers;
    vec![old_number, old_first, new_number, new_first]
}
