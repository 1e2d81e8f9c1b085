//! R8: while a playlist lives, a version with a new segment comes within one and a half Target
//! Durations.
//!
//! That it came too early cannot be seen by a player that reloads as it should.

use super::{measured, seconds};
use crate::validate::{
    finding::{Check, Evidence, Findings, Words},
    version::{Loading, Version},
};

/// One and a half Target Durations have one digit behind the point, and what rounds to them is no
/// more: a segment may last as long, and then it has to be listed and asked for.
const ROUNDING_US: u64 = 50_000;

/// The list is still what it was when `version` came.
pub(super) fn check(version: &Version, unchanged: Loading, findings: &mut Findings) {
    let target_us = version.list.target_duration_us();
    let since = version.loading.received_at.as_nanos();
    let stood_us = unchanged.as_of_nanos().saturating_sub(since) / 1_000;
    let allowed_us = (target_us / 2).saturating_mul(3);
    if !version.list.is_live()
        || target_us == 0
        || stood_us < allowed_us.saturating_add(ROUNDING_US)
    {
        return;
    }
    findings.tell(Check::PublishedLate, Some(version.number()), || {
        let last = version.list.last().map_or(1, |last| last.line);
        let then = version.evidence(last);
        let now = Evidence {
            loaded_at: unchanged.loaded_at,
            ..then.clone()
        };
        Words {
            message: format!(
                "no new segment, nor EXT-X-GAP, came for {}; one must come within one and a half \
                 Target Durations ({})",
                measured(stood_us),
                seconds(allowed_us)
            ),
            evidence: vec![then, now],
            ..Words::default()
        }
    });
}
