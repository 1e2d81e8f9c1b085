//! R9: where media are missing, segments with EXT-X-GAP say so, and time goes on.

use super::seconds;
use crate::validate::{
    finding::{Check, Findings, Words},
    version::Version,
};

/// Finds holes by the dates on both sides of a discontinuity.
pub(super) fn check(version: &Version, findings: &mut Findings) {
    let list = &version.list;
    let dates = list.dates();
    let target_us = list.target_duration_us();
    let beginnings = list.numbered().zip(&dates).skip(1);
    for (((sequence, segment), date), (before, date_before)) in
        beginnings.zip(list.segments.iter().zip(&dates))
    {
        let (Some(date), Some(date_before)) = (date, date_before) else {
            continue;
        };
        let passed_us = u64::try_from(date.saturating_sub(*date_before)).unwrap_or(0);
        let hole_us = passed_us.saturating_sub(before.duration_us);
        let is_marked = segment.gap.is_some() || before.gap.is_some();
        if segment.discontinuity.is_some() && !is_marked && hole_us > target_us {
            findings.tell(Check::HoleWithoutGap, Some(sequence), || Words {
                sequence: Some(sequence),
                message: format!(
                    "{} of media are missing before segment {sequence}, and no segment with \
                     EXT-X-GAP stands for them",
                    seconds(hole_us)
                ),
                evidence: vec![
                    version.evidence(before.line),
                    version.evidence(segment.line),
                ],
            });
        }
    }
}
