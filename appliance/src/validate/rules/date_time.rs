//! R10: dates are there, and each segment keeps its own.

use super::{Pair, seconds, signed_seconds};
use crate::validate::{
    finding::{Check, Findings, Words},
    playlist::Segment,
    version::Version,
};

/// A date may differ by this much from the one before and the durations since.
const DRIFT_US_MAX: u64 = 1_000_000;

/// One that is finer than seconds may be so much before the end of the segment before, by rounded
/// durations ...
const BACK_US_MAX: i64 = 250_000;

/// ... or by whole ones.
const BACK_WHOLE_US_MAX: i64 = 600_000;

const SECOND_US: u64 = 1_000_000;

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
    let back_us_max = back_us_max(&list.segments);
    let mut date_due: Option<i64> = None;
    for ((sequence, segment), date) in list.numbered().zip(list.dates()) {
        if let Some((check, message, line)) = wrong(sequence, segment, (date_due, back_us_max)) {
            findings.tell(check, Some(sequence), || Words {
                sequence: Some(sequence),
                message,
                evidence: vec![version.evidence(line)],
            });
        }
        let duration_us = i64::try_from(segment.duration_us).unwrap_or(i64::MAX);
        date_due = date.map(|date| date.saturating_add(duration_us));
    }
}

/// How far back a date may go by rounding, in a list of `segments`.
fn back_us_max(segments: &[Segment]) -> i64 {
    let dates = segments.iter().filter_map(|it| it.date_time.as_ref());
    let mut dates = dates.map(|tag| tag.value.micros.unsigned_abs());
    if dates.all(|micros| micros % SECOND_US == 0) {
        i64::MAX
    } else if segments.iter().all(|it| it.duration_us % SECOND_US == 0) {
        BACK_WHOLE_US_MAX
    } else {
        BACK_US_MAX
    }
}

/// What is wrong with the date of a segment that is due at `date_due`, which may go back so far by
/// rounding, and the line that shows it.
fn wrong(
    sequence: u64,
    segment: &Segment,
    (date_due, back_us_max): (Option<i64>, i64),
) -> Option<(Check, String, u32)> {
    match (segment.discontinuity, segment.date_time) {
        (Some(line), None) => {
            let message = format!(
                "segment {sequence} begins with a discontinuity and has no date of its own"
            );
            Some((Check::DateTimeAfterDiscontinuity, message, line))
        }
        (None, Some(tag)) => {
            let off_us = tag.value.micros.saturating_sub(date_due?);
            if off_us.unsigned_abs() <= DRIFT_US_MAX {
                let is_back = off_us.saturating_neg() > back_us_max;
                return is_back.then(|| overlap(sequence, off_us.unsigned_abs(), tag.line));
            }
            let message = format!(
                "the date of segment {sequence} is {} from what the date and the durations before \
                 it make",
                signed_seconds(off_us)
            );
            Some((Check::DateTimeDrifts, message, tag.line))
        }
        (Some(_), Some(tag)) => {
            let early_us = u64::try_from(date_due?.saturating_sub(tag.value.micros)).ok()?;
            if early_us <= DRIFT_US_MAX {
                return None;
            }
            Some(overlap(sequence, early_us, tag.line))
        }
        (None, None) => None,
    }
}

/// Segment `sequence` is dated so early.
fn overlap(sequence: u64, early_us: u64, line: u32) -> (Check, String, u32) {
    let message = format!(
        "segment {sequence} begins {} before the end of the one before it, by their dates: one \
         date names two moments",
        seconds(early_us)
    );
    (Check::DateTimesOverlap, message, line)
}

/// Where it is known how the versions lie to each other.
pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair {
        before,
        after,
        alignment,
    } = pair;
    let (old_dates, new_dates) = (before.list.dates(), after.list.dates());
    let old = before.list.segments.iter().zip(old_dates);
    let new = after.list.numbered().zip(new_dates);
    let common = old.skip(alignment.removed).zip(new).take(alignment.common);
    for ((old, old_date), ((sequence, new), new_date)) in common {
        let (Some(old_date), Some(new_date)) = (old_date, new_date) else {
            continue;
        };
        let off_us = new_date.saturating_sub(old_date);
        let line = |segment: &Segment| segment.date_time.map_or(segment.line, |tag| tag.line);
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
