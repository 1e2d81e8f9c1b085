//! R12: the renditions of one presentation agree with one another.
//!
//! Segments of two renditions are taken for the same content where their dates agree; without
//! dates nothing can be compared.

use std::{collections::VecDeque, sync::Arc};

use super::{
    change,
    cues::{Anchor, CueSegment, CueSegments, Place},
    seconds, signed_seconds,
};
use crate::{
    demux::Pts,
    validate::{
        finding::{Check, Evidence, Findings, Words},
        inspect::SegmentFacts,
        playlist::{MediaPlaylist, MultivariantPlaylist, Variant},
        version::{Text, Version},
    },
};

/// Newest segments of a playlist that are compared.
const COMPARED_MAX: usize = 100;

/// Segments of which the time stamps are remembered.
const POINTS_MAX: usize = 20;

/// Time stamps may differ by this much from what the dates say.
const TIMESTAMPS_US_MAX: u64 = 500_000;

/// Dates of the same content agree so far, or to a quarter of the Target Duration.
const DATES_US_MAX: u64 = 500_000;

/// The renditions of one presentation.
#[derive(Debug, Default)]
pub struct RenditionSet {
    renditions: Vec<Known>,
    findings: Findings,
}

#[derive(Debug, Default)]
struct Known {
    version: Option<Arc<Version>>,
    points: VecDeque<Point>,
    cues: CueSegments,
    is_exempt: bool,
}

/// A moment of which both the date and the time stamp are known.
#[derive(Debug, Clone)]
struct Point {
    date_us: i64,
    discontinuity: u64,
    pts: Pts,
    evidence: Evidence,
}

/// A segment as others are compared with it.
#[derive(Debug, Clone, Copy)]
struct Dated {
    date_us: i64,
    discontinuity: u64,
    line: u32,
}

impl RenditionSet {
    /// Adds a rendition and returns its number. Subtitles are held to less.
    pub fn add(&mut self, is_subtitles: bool) -> usize {
        self.renditions.push(Known {
            is_exempt: is_subtitles,
            ..Known::default()
        });
        self.renditions.len() - 1
    }

    /// The findings themselves.
    pub fn findings(&mut self) -> &mut Findings {
        &mut self.findings
    }

    /// Takes note of a version of rendition `index`.
    pub fn version(&mut self, index: usize, version: &Arc<Version>) {
        for (other_index, other) in self.renditions.iter().enumerate() {
            let Some(other) = other.version.as_ref().filter(|_| other_index != index) else {
                continue;
            };
            let key = (index.min(other_index) * 1_000 + index.max(other_index)) as u64;
            compare(key, other, version, &mut self.findings);
            compare_boundaries(key, other, version, &mut self.findings);
        }
        if let Some(known) = self.renditions.get_mut(index) {
            known.version = Some(Arc::clone(version));
        }
        self.compare_targets();
        self.compare_presence();
    }

    /// Takes note of what was found in a segment of rendition `index`.
    pub fn segment(&mut self, index: usize, sequence: u64, facts: &SegmentFacts) {
        let Some(known) = self.renditions.get_mut(index) else {
            return;
        };
        let Some(version) = known.version.clone() else {
            return;
        };
        let found = version.list.segment(sequence);
        let dated = dated(&version.list);
        let dated = found.and_then(|segment| dated.iter().find(|it| it.line == segment.line));
        let (Some(segment), Some(dated)) = (found, dated) else {
            return;
        };
        let evidence = version.evidence(dated.line);
        if let Some(text) = &facts.web_vtt {
            let place = Place {
                sequence,
                date_us: dated.date_us,
                discontinuity: dated.discontinuity,
                duration_us: segment.duration_us,
                evidence,
            };
            known.cues.push(place, text);
        } else if let Some(pts) = facts.first_pts() {
            let point = Point {
                date_us: dated.date_us,
                discontinuity: dated.discontinuity,
                pts,
                evidence,
            };
            if known.points.len() >= POINTS_MAX {
                known.points.pop_front();
            }
            known.points.push_back(point.clone());
            self.compare_point(index, sequence, &point);
        }
        self.judge_cues();
    }

    /// Judges cues whose media time is known by now.
    fn judge_cues(&mut self) {
        let points = self.renditions.iter().flat_map(|known| &known.points);
        let points: Vec<_> = points.cloned().collect();
        for known in &mut self.renditions {
            let anchor = |segment: &CueSegment| {
                let same = points.iter();
                let same = same.filter(|it| it.discontinuity == segment.discontinuity);
                let near = same.min_by_key(|it| it.date_us.abs_diff(segment.date_us))?;
                Some(Anchor {
                    date_us: near.date_us,
                    pts: near.pts,
                })
            };
            known.cues.judge(anchor, &mut self.findings);
        }
    }

    fn compare_point(&mut self, index: usize, sequence: u64, point: &Point) {
        for (other_index, other) in self.renditions.iter().enumerate() {
            if other_index == index {
                continue;
            }
            let same = other
                .points
                .iter()
                .filter(|other| other.discontinuity == point.discontinuity);
            let Some(near) = same.min_by_key(|other| other.date_us.abs_diff(point.date_us)) else {
                continue;
            };
            let media_us = point.pts.ticks_since(near.pts).saturating_mul(100) / 9;
            let off_us = media_us.saturating_sub(point.date_us.saturating_sub(near.date_us));
            if off_us.unsigned_abs() > TIMESTAMPS_US_MAX {
                self.findings.tell(
                    Check::TimestampsDiffer,
                    Some((index * 1_000 + other_index) as u64),
                    || Words {
                        sequence: Some(sequence),
                        message: format!(
                            "the time stamps of two renditions are {} apart at the same date",
                            signed_seconds(off_us)
                        ),
                        evidence: vec![near.evidence.clone(), point.evidence.clone()],
                    },
                );
            }
        }
    }

    fn compare_targets(&mut self) {
        let known = self.renditions.iter().filter(|known| !known.is_exempt);
        let targets: Vec<_> = known
            .filter_map(|known| {
                let version = known.version.as_ref()?;
                Some((version, version.list.target_duration_s?))
            })
            .collect();
        let Some(((first, target), rest)) = targets.split_first() else {
            return;
        };
        for (version, other) in rest {
            if other.value != target.value {
                self.findings
                    .tell(Check::TargetDurationsDiffer, Some(other.value), || Words {
                        message: format!(
                            "the Target Duration is {} s in one rendition and {} s in another",
                            target.value, other.value
                        ),
                        evidence: vec![first.evidence(target.line), version.evidence(other.line)],
                        ..Words::default()
                    });
            }
        }
    }

    /// R10: if one has dates, all have.
    fn compare_presence(&mut self) {
        let known = self.renditions.iter().map(|known| known.version.as_ref());
        let Some(versions) = known.collect::<Option<Vec<_>>>() else {
            return;
        };
        let date = |version: &Version| {
            let mut segments = version.list.segments.iter();
            segments.find_map(|segment| segment.date_time)
        };
        let with = versions
            .iter()
            .find_map(|version| Some((version, date(version)?)));
        let without = versions
            .iter()
            .find(|version| date(version).is_none() && !version.list.segments.is_empty());
        if let (Some((with, tag)), Some(without)) = (with, without) {
            self.findings
                .tell(Check::DateTimeInSome, Some(0), || Words {
                    message: "one rendition has EXT-X-PROGRAM-DATE-TIME and another has not"
                        .to_owned(),
                    evidence: vec![with.evidence(tag.line), without.evidence(1)],
                    ..Words::default()
                });
        }
    }
}

/// The newest segments of which the date is known, with their Discontinuity Sequence Numbers.
fn dated(list: &MediaPlaylist) -> Vec<Dated> {
    let mut discontinuity = list.discontinuity_sequence.map_or(0, |tag| tag.value);
    let mut all = Vec::new();
    for (segment, date) in list.segments.iter().zip(list.dates()) {
        discontinuity = discontinuity.saturating_add(segment.discontinuity.is_some().into());
        all.extend(date.map(|date_us| Dated {
            date_us,
            discontinuity,
            line: segment.line,
        }));
    }
    all.split_off(all.len().saturating_sub(COMPARED_MAX))
}

/// Compares the Discontinuity Sequence Numbers of the same content.
fn compare(key: u64, one: &Version, other: &Version, findings: &mut Findings) {
    let tolerance_us = (one.list.target_duration_us() / 4).min(DATES_US_MAX);
    let (theirs, ours) = (dated(&one.list), dated(&other.list));
    for segment in &ours {
        let mut near = theirs
            .iter()
            .filter(|it| it.date_us.abs_diff(segment.date_us) <= tolerance_us);
        let (Some(same), None) = (near.next(), near.next()) else {
            continue;
        };
        if same.discontinuity != segment.discontinuity {
            return findings.tell(Check::DiscontinuitiesDiffer, Some(key), || Words {
                message: format!(
                    "the same content has Discontinuity Sequence Number {} in one rendition and \
                     {} in another",
                    same.discontinuity, segment.discontinuity
                ),
                evidence: vec![one.evidence(same.line), other.evidence(segment.line)],
                ..Words::default()
            });
        }
    }
}

/// Looks for segments that begin within one of the other rendition.
fn compare_boundaries(key: u64, one: &Version, other: &Version, findings: &mut Findings) {
    let (theirs, ours) = (dated(&one.list), dated(&other.list));
    let (Some(first), Some(last)) = (theirs.first(), theirs.last()) else {
        return;
    };
    let within = first.date_us..=last.date_us;
    for segment in ours.iter().filter(|it| within.contains(&it.date_us)) {
        let distance_us = |it: &Dated| it.date_us.abs_diff(segment.date_us);
        let Some(near) = theirs.iter().min_by_key(|it| distance_us(it)) else {
            return;
        };
        let apart_us = distance_us(near);
        if apart_us > DATES_US_MAX {
            return findings.tell(Check::BoundariesDiffer, Some(key), || Words {
                message: format!(
                    "segments of two renditions begin {} apart, so that players cannot switch at \
                     their boundaries",
                    seconds(apart_us)
                ),
                evidence: vec![one.evidence(near.line), other.evidence(segment.line)],
                ..Words::default()
            });
        }
    }
}

/// Holds what a Multivariant Playlist says of its variants against the rules.
pub fn check_declared(list: &MultivariantPlaylist, text: &Text, findings: &mut Findings) {
    change::check_flaws(&list.flaws, |line| text.evidence(line), findings);
    for (index, variant) in list.variants.iter().enumerate() {
        let words = |message: String| Words {
            message,
            evidence: vec![text.evidence(variant.line)],
            ..Words::default()
        };
        let key = Some(index as u64);
        if variant.attributes.number::<u64>("BANDWIDTH").is_none() {
            findings.tell(Check::BandwidthMissing, key, || {
                words("a variant has no BANDWIDTH, which every one must have".to_owned())
            });
        }
        let missing = missing(variant);
        if !missing.is_empty() {
            findings.tell(Check::AttributesMissing, key, || {
                words(format!("a variant has no {}", missing.join(", ")))
            });
        }
    }
}

fn missing(variant: &Variant) -> Vec<&'static str> {
    let codecs = variant.attributes.value("CODECS").unwrap_or("");
    let is_video = codecs.is_empty()
        || ["avc", "hvc", "hev", "dvh", "mp2v", "av01"]
            .iter()
            .any(|codec| codecs.contains(codec));
    let wanted = ["CODECS", "AVERAGE-BANDWIDTH", "RESOLUTION", "FRAME-RATE"];
    let wanted = wanted.iter().take(if is_video { 4 } else { 2 });
    wanted
        .filter(|name| variant.attributes.value(name).is_none())
        .copied()
        .collect()
}
