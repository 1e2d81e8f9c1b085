//! R11: a date range is well formed, never changes, and stays while it lies in the window.

use std::collections::BTreeMap;

use super::Pair;
use crate::{
    hash::fnv1a,
    validate::{
        finding::{Check, Evidence, Findings, Words},
        playlist::{DateRange, DateTime, THINGS_MAX},
        version::Version,
    },
};

/// `table_id` of a splice information section (SCTE 35).
const SPLICE: &str = "FC";

/// Attributes of the date ranges of one playlist that are remembered.
const ATTRIBUTES_MAX: usize = 8 * THINGS_MAX;

/// Characters of an ID or a value that are remembered and shown.
const SHOWN_MAX: usize = 80;

/// What was said of each ID, by its hash.
///
/// # Limits
/// 1,000 IDs and 8,000 attributes. What the list does not hold any more is forgotten first; what
/// finds no room then is not compared.
#[derive(Debug, Default)]
pub(super) struct DateRanges {
    known: BTreeMap<u64, Known>,
    attributes: usize,
}

/// What was said of one ID.
#[derive(Debug, Default)]
struct Known {
    /// The last version that lists it.
    version: u64,
    attributes: BTreeMap<String, Said>,
}

/// One value, and where it stands.
#[derive(Debug)]
struct Said {
    hash: u64,
    shown: String,
    evidence: Evidence,
}

impl DateRanges {
    pub(super) fn check(&mut self, version: &Version, findings: &mut Findings) {
        let list = &version.list;
        let has_date = list.segments.iter().any(|it| it.date_time.is_some());
        if let Some(range) = list.date_ranges.first().filter(|_| !has_date) {
            findings.tell(Check::DateRangeWithoutDateTime, Some(0), || Words {
                message: "there is an EXT-X-DATERANGE and no EXT-X-PROGRAM-DATE-TIME".to_owned(),
                evidence: vec![version.evidence(range.line)],
                ..Words::default()
            });
        }
        for range in &list.date_ranges {
            if let Some(known) = self.known.get_mut(&hash(range.id())) {
                known.version = version.number();
            }
        }
        for range in &list.date_ranges {
            if let Some((check, what)) = malformed(range) {
                findings.tell(check, Some(hash(range.id())), || Words {
                    message: format!("the date range {:?} {what}", shown(range.id())),
                    evidence: vec![version.evidence(range.line)],
                    ..Words::default()
                });
            }
            self.compare(range, version, findings);
        }
    }

    /// Holds a range against all that was ever said under its ID.
    fn compare(&mut self, range: &DateRange, version: &Version, findings: &mut Findings) {
        let id = hash(range.id());
        let evidence = version.evidence(range.line);
        for (name, value) in range.attributes.iter() {
            let said = Said {
                hash: hash(value),
                shown: shown(value),
                evidence: evidence.clone(),
            };
            let known = self.known.get(&id);
            let old = known.and_then(|known| known.attributes.get(name));
            if old.is_some_and(|old| old.hash == said.hash) {
                continue;
            }
            if let Some(old) = old {
                findings.tell(Check::DateRangeChanged, None, || Words {
                    message: format!(
                        "{name} of the date range {:?} went from {:?} to {:?}",
                        shown(range.id()),
                        old.shown,
                        said.shown
                    ),
                    evidence: vec![old.evidence.clone(), evidence.clone()],
                    ..Words::default()
                });
            } else if self.make_room(id, version.number()) {
                self.attributes += 1;
            } else {
                return;
            }
            let known = self.known.entry(id).or_default();
            known.version = version.number();
            known.attributes.insert(name.to_owned(), said);
        }
    }

    /// Forgets what version `now` does not list until there is room for one more attribute of `id`;
    /// tells whether there is.
    fn make_room(&mut self, id: u64, now: u64) -> bool {
        let is_new = !self.known.contains_key(&id);
        while is_new && self.known.len() >= THINGS_MAX || self.attributes >= ATTRIBUTES_MAX {
            let gone = self.known.iter().filter(|(_, known)| known.version < now);
            let oldest = gone.min_by_key(|(_, known)| known.version);
            let Some(oldest) = oldest.map(|(id, _)| *id) else {
                return false;
            };
            let forgotten = self.known.remove(&oldest);
            self.attributes -= forgotten.map_or(0, |known| known.attributes.len());
        }
        true
    }
}

fn hash(text: &str) -> u64 {
    fnv1a(text.bytes())
}

/// As much of `text` as is shown.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair { before, after, .. } = pair;
    let dates = after.list.dates();
    let (Some(Some(window)), Some(Some(last))) = (dates.first(), dates.last()) else {
        return;
    };
    for range in &before.list.date_ranges {
        let is_there = after
            .list
            .date_ranges
            .iter()
            .any(|it| it.id() == range.id());
        // What has not come yet may be taken back: a break that is cancelled, or put off.
        let has_come = range
            .date("START-DATE")
            .is_some_and(|start| start.micros <= *last);
        let is_lost = |end: &i64| has_come && !is_there && end > window;
        let Some(end) = end(range).filter(is_lost) else {
            continue;
        };
        findings.tell(Check::DateRangeLost, None, || Words {
            message: format!(
                "the date range {:?} is gone, though it reaches {} into the window",
                shown(range.id()),
                super::signed_seconds(end.saturating_sub(*window))
            ),
            evidence: [
                vec![before.evidence(range.line)],
                super::change::starts(before, after),
            ]
            .concat(),
            ..Words::default()
        });
    }
}

/// When it ends, or begins if it does not say, in microseconds since 1970.
fn end(range: &DateRange) -> Option<i64> {
    let start = range.date("START-DATE")?.micros;
    if let Some(end) = range.date("END-DATE") {
        return Some(end.micros);
    }
    let duration = range.attributes.value("DURATION");
    let duration_us = duration.and_then(micros).unwrap_or(0);
    Some(start.saturating_add(duration_us))
}

fn malformed(range: &DateRange) -> Option<(Check, &'static str)> {
    let value = |name: &'static str| range.attributes.value(name);
    let wrong = |what| Some((Check::DateRangeMalformed, what));
    if range.id().is_empty() {
        return wrong("has no ID");
    }
    let is_beyond = |name: &'static str| value(name).is_some_and(DateTime::is_beyond);
    if ["START-DATE", "END-DATE"].into_iter().any(is_beyond) {
        return Some((Check::Beyond, "has a date later than the last day of 9999"));
    }
    let Some(start) = range.date("START-DATE") else {
        return wrong("has no START-DATE of ISO 8601");
    };
    if value("END-DATE").is_some() && range.date("END-DATE").is_none_or(|end| end < start) {
        return wrong("has an END-DATE that is none, or before its START-DATE");
    }
    for name in ["DURATION", "PLANNED-DURATION"] {
        if value(name).is_some_and(|text| micros(text).is_none()) {
            return wrong("has a duration that is no number of seconds");
        }
    }
    let ends_itself = value("DURATION").is_some() || value("END-DATE").is_some();
    if value("END-ON-NEXT").is_some() && (value("CLASS").is_none() || ends_itself) {
        return wrong("has END-ON-NEXT, and no CLASS, or an end of its own");
    }
    let splices = ["SCTE35-CMD", "SCTE35-OUT", "SCTE35-IN"];
    let is_broken = |name: &&'static str| value(name).is_some_and(|hex| !is_splice(hex));
    splices.iter().any(is_broken).then_some((
        Check::SpliceMalformed,
        "holds no splice information section",
    ))
}

/// Whether `text` is hexadecimal, and of a `splice_info_section`.
fn is_splice(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| {
        digits.len().is_multiple_of(2)
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && digits.to_ascii_uppercase().starts_with(SPLICE)
    })
}

/// Seconds, not negative, in microseconds.
fn micros(text: &str) -> Option<i64> {
    let seconds: f64 = text.trim().parse().ok()?;
    if !(0.0..1e9).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 10^15")]
    let micros = (seconds * 1e6).round() as i64;
    Some(micros)
}
