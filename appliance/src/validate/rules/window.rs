//! R5: nothing leaves while less than three Target Durations would stay.

use super::{Pair, change::starts, measured, seconds};
use crate::validate::{
    finding::{Check, Findings, Words},
    version::Version,
};

/// Source: Apple HLS Authoring Specification 8.11.
const SEGMENTS_MIN: usize = 6;

/// Source: Apple HLS Authoring Specification 8.12.
const WINDOW_US_MIN: u64 = 15 * 60 * 1_000_000;

/// Only a list that slides has a window.
pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair {
        before,
        after,
        alignment,
    } = pair;
    if alignment.removed == 0 || !after.list.is_live() {
        return;
    }
    if alignment.common == 0 {
        if alignment.is_known {
            check_lost(before, after, findings);
        }
        return;
    }
    let listed_us = after.list.duration_us();
    let least_us = after.list.target_duration_us().saturating_mul(3);
    if listed_us < least_us {
        findings.tell(Check::WindowTooShort, None, || Words {
            message: format!(
                "segments were removed, and what is left lasts {}; at least three Target Durations \
                 ({}) must stay",
                seconds(listed_us),
                seconds(least_us)
            ),
            evidence: starts(before, after),
            ..Words::default()
        });
    }
    check_advice(after, listed_us, findings);
}

/// Nothing is left of a list, though it is longer than the time that has passed: who plays its end
/// finds nothing to go on with.
fn check_lost(before: &Version, after: &Version, findings: &mut Findings) {
    let received = after.loading.received_at.as_nanos();
    let passed_us = received.saturating_sub(before.loading.as_of_nanos()) / 1_000;
    let listed_us = before.list.duration_us();
    // What is late comes at once, up to a segment of it.
    let replaced_us = passed_us.saturating_add(after.list.target_duration_us());
    if after.list.segments.is_empty() || replaced_us >= listed_us {
        return;
    }
    findings.tell(Check::WindowLost, None, || Words {
        message: format!(
            "none of the segments is left that lasted {}, though only {} have passed",
            seconds(listed_us),
            measured(passed_us)
        ),
        evidence: starts(before, after),
        ..Words::default()
    });
}

fn check_advice(version: &Version, listed_us: u64, findings: &mut Findings) {
    let first = version.list.segments.first().map_or(1, |first| first.line);
    let count = version.list.segments.len();
    let words = |message: String| Words {
        message,
        evidence: vec![version.evidence(first)],
        ..Words::default()
    };
    if count < SEGMENTS_MIN {
        findings.tell(Check::WindowFewSegments, Some(0), || {
            words(format!(
                "{count} segments are listed; at least six are advised"
            ))
        });
    }
    if listed_us < WINDOW_US_MIN {
        findings.tell(Check::WindowShort, Some(0), || {
            words(format!(
                "{} are listed; at least 15 minutes are advised",
                seconds(listed_us)
            ))
        });
    }
}
