//! R10: dates are there, and each segment keeps its own.

use super::{Pair, signed_seconds};
use crate::validate::{
    finding::{Check, Findings, Words},
    version::Version,
};

/// A date may differ by this much from the one before and the durations since.
const DRIFT_US_MAX: u64 = 1_000_000;

pub(super) fn check(version: &Version, findings: &mut Findings) {
    let list = &version.list;
    if !list.is_live() || list.segments.is_empty() {
        return;
    }
    if list
        .segments
        .iter()
        .all(|segment| segment.date_time.is_none())
    {
        return findings.tell(Check::DateTimeMissing, Some(0), || Words {
            message: "there is no EXT-X-PROGRAM-DATE-TIME".to_owned(),
            evidence: vec![version.evidence(1)],
            ..Words::default()
        });
    }
    let dates = list.dates();
    let mut date_due: Option<i64> = None;
    for ((sequence, segment), date) in list.numbered().zip(&dates) {
        let words = |message: String, line| Words {
            sequence: Some(sequence),
            message,
            evidence: vec![version.evidence(line)],
        };
        match (segment.discontinuity, segment.date_time) {
            (Some(line), None) => {
                findings.tell(Check::DateTimeAfterDiscontinuity, Some(sequence), || {
                    let message = format!(
                        "segment {sequence} begins with a discontinuity and has no date of its own"
                    );
                    words(message, line)
                });
            }
            (None, Some(tag)) => {
                let off_us = date_due.map_or(0, |due| tag.value.micros.saturating_sub(due));
                if off_us.unsigned_abs() > DRIFT_US_MAX {
                    findings.tell(Check::DateTimeDrifts, Some(sequence), || {
                        let off = signed_seconds(off_us);
                        let message = format!(
                            "the date of segment {sequence} is {off} from what the date and the \
                             durations before it make"
                        );
                        words(message, tag.line)
                    });
                }
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        let duration_us = i64::try_from(segment.duration_us).unwrap_or(i64::MAX);
        date_due = date.map(|date| date.saturating_add(duration_us));
    }
}

pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair {
        before,
        after,
        alignment,
    } = pair;
    if !alignment.is_known {
        return;
    }
    let (old_dates, new_dates) = (before.list.dates(), after.list.dates());
    let old = before.list.segments.iter().zip(old_dates);
    let new = after.list.numbered().zip(new_dates);
    let common = old.skip(alignment.removed).zip(new).take(alignment.common);
    for ((old, old_date), ((sequence, new), new_date)) in common {
        let (Some(old_date), Some(new_date)) = (old_date, new_date) else {
            continue;
        };
        let off_us = new_date.saturating_sub(old_date);
        let line = |segment: &crate::validate::playlist::Segment| {
            segment.date_time.map_or(segment.line, |tag| tag.line)
        };
        let is_written = old.date_time.is_some() && new.date_time.is_some();
        let (check, is_off) = if is_written {
            (Check::DateTimeMoved, off_us != 0)
        } else {
            let is_off = off_us.unsigned_abs() > DRIFT_US_MAX;
            (Check::DateTimeDrifts, is_off)
        };
        if is_off {
            findings.tell(check, Some(sequence), || Words {
                sequence: Some(sequence),
                message: format!(
                    "the date of segment {sequence} moved by {}",
                    signed_seconds(off_us)
                ),
                evidence: vec![before.evidence(line(old)), after.evidence(line(new))],
            });
        }
    }
}
