//! R1: the Target Duration is there, never changes, and no segment rounds above it.

use super::{Pair, seconds};
use crate::validate::{
    finding::{Check, Findings, Words},
    inspect::SegmentFacts,
    version::{Listed, Version},
};

/// Source: Apple HLS Authoring Specification 7.5.
const USUAL_S: u64 = 6;

/// Source: Apple HLS Authoring Specification 7.7.
const TOLERANCE_US: u64 = 500_000;

/// An EXTINF may be off by one picture and this much of rounding.
const ROUNDING_US: u64 = 10_000;

/// Sound may begin so much before the pictures of its segment, and last so much longer: it is
/// multiplexed up to a second apart from them, at either end.
const SOUND_BESIDE_US: u64 = 2_000_000;

pub(super) fn check(version: &Version, findings: &mut Findings) {
    let Some(target) = version.list.target_duration_s else {
        return findings.tell(Check::TargetDurationMissing, Some(0), || Words {
            message: "there is no EXT-X-TARGETDURATION, which every Media Playlist must have"
                .to_owned(),
            evidence: vec![version.evidence(1)],
            ..Words::default()
        });
    };
    if target.value != USUAL_S && version.list.is_live() {
        findings.tell(Check::TargetDurationUnusual, Some(0), || Words {
            message: format!("the Target Duration is {} s; 6 s is advised", target.value),
            evidence: vec![version.evidence(target.line)],
            ..Words::default()
        });
    }
    for (sequence, segment) in version.list.numbered() {
        let rounded_s = segment.duration_us.saturating_add(500_000) / 1_000_000;
        if rounded_s > target.value {
            findings.tell(Check::DurationAboveTarget, Some(sequence), || Words {
                sequence: Some(sequence),
                message: format!(
                    "segment {sequence} lasts {}, which rounds to more than the Target Duration \
                     of {} s",
                    seconds(segment.duration_us),
                    target.value
                ),
                evidence: vec![
                    version.evidence(target.line),
                    version.evidence(segment.duration_line),
                ],
            });
        }
    }
}

pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair { before, after, .. } = pair;
    let (Some(old), Some(new)) = (before.list.target_duration_s, after.list.target_duration_s)
    else {
        return;
    };
    if old.value != new.value {
        findings.tell(Check::TargetDurationChanged, None, || Words {
            message: format!(
                "the Target Duration went from {} s to {} s; it must not change while the \
                 playlist lives",
                old.value, new.value
            ),
            evidence: vec![before.evidence(old.line), after.evidence(new.line)],
            ..Words::default()
        });
    }
}

/// Holds EXTINF against the media.
pub(super) fn check_media(listed: &Listed, facts: &SegmentFacts, findings: &mut Findings) {
    let (sequence, segment) = (listed.sequence, &listed.segment);
    let Some(media_us) = facts.duration_us() else {
        return check_sound(listed, facts, findings);
    };
    let target_us = listed.target_duration_us;
    let words = |message: String| Words {
        sequence: Some(sequence),
        message,
        evidence: vec![listed.duration_line.clone()],
    };
    let media = seconds(media_us);
    if target_us > 0 && media_us > target_us.saturating_add(TOLERANCE_US) {
        findings.tell(Check::MediaAboveTarget, Some(sequence), || {
            words(format!(
                "the media of segment {sequence} last {media}, more than half a second above the \
                 Target Duration"
            ))
        });
    }
    let off_us = media_us.abs_diff(segment.duration_us);
    if off_us > facts.picture_us().saturating_add(ROUNDING_US) {
        findings.tell(Check::DurationUntrue, Some(sequence), || {
            words(format!(
                "EXTINF says {}, but the media of segment {sequence} last {media}",
                seconds(segment.duration_us)
            ))
        });
    } else {
        check_sound(listed, facts, findings);
    }
}

/// Holds EXTINF against the sound, where nothing is wrong with the pictures.
fn check_sound(listed: &Listed, facts: &SegmentFacts, findings: &mut Findings) {
    let (sequence, extinf_us) = (listed.sequence, listed.segment.duration_us);
    let Some(sound_us) = facts.sound_us() else {
        return;
    };
    if sound_us > extinf_us.saturating_add(SOUND_BESIDE_US) {
        findings.tell(Check::DurationUntrue, Some(sequence), || Words {
            sequence: Some(sequence),
            message: format!(
                "EXTINF says {}, but the sound of segment {sequence} lasts {}",
                seconds(extinf_us),
                seconds(sound_us)
            ),
            evidence: vec![listed.duration_line.clone()],
        });
    }
}
