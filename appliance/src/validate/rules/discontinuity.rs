//! R4: what does not continue is marked, and marks that leave are counted.

use super::{Pair, seconds, signed_seconds};
use crate::validate::{
    finding::{Check, Findings, Words},
    inspect::SegmentFacts,
    version::{Listed, Version},
};

/// A time stamp may be off by this much from where the segment before ended: lost pictures do that.
const LOSS_US_MAX: u64 = 1_000_000;

/// By no more than this, though EXTINF says that it lasted so long: a stream can lose seconds.
const HOLE_US_MAX: u64 = 10_000_000;

pub(super) fn check(version: &Version, findings: &mut Findings) {
    let list = &version.list;
    let marked = list.segments.iter().find_map(|it| it.discontinuity);
    if let Some(line) = marked
        && list.is_live()
        && list.list_type.is_none()
        && list.discontinuity_sequence.is_none()
    {
        findings.tell(Check::DiscontinuitySequenceAdvisable, Some(0), || Words {
            message: "there are discontinuities and no EXT-X-DISCONTINUITY-SEQUENCE".to_owned(),
            evidence: vec![version.evidence(line)],
            ..Words::default()
        });
    }
}

/// Where it is known how the versions lie to each other.
pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair { before, after, .. } = pair;
    let tag = |version: &Version| version.list.discontinuity_sequence;
    let (old, new) = (tag(before), tag(after));
    let was = old.map_or(0, |old| old.value);
    let (gone, mark) = removed_marks(pair);
    let due = was.saturating_add(gone);
    // What came and went between two loads may have been marked as well.
    let is_seen = after.list.first_sequence() <= before.list.next_sequence();
    let is_true = |is: u64| is == due || !is_seen && is > due;
    let (check, message) = match new {
        Some(new) if !is_true(new.value) => (
            Check::DiscontinuitySequenceUntrue,
            format!(
                "{gone} discontinuities left the playlist, so EXT-X-DISCONTINUITY-SEQUENCE had to \
                 go from {was} to {due}, but it went to {}",
                new.value
            ),
        ),
        None if gone > 0 || !is_true(0) => (
            Check::DiscontinuitySequenceMissing,
            format!(
                "{gone} discontinuities left the playlist, and there is no \
                 EXT-X-DISCONTINUITY-SEQUENCE that says so"
            ),
        ),
        Some(_) | None => return,
    };
    findings.tell(check, None, || {
        let shown = [old.map(|old| old.line), mark].into_iter().flatten();
        let mut evidence: Vec<_> = shown.map(|line| before.evidence(line)).collect();
        let first = after.list.segments.first().map_or(1, |first| first.line);
        evidence.push(after.evidence(new.map_or(first, |new| new.line)));
        Words {
            message,
            evidence,
            ..Words::default()
        }
    });
}

/// Marks of the version before that are not in this one, and the line of the first.
fn removed_marks(pair: Pair<'_>) -> (u64, Option<u32>) {
    let removed = pair
        .before
        .list
        .segments
        .iter()
        .take(pair.alignment.removed);
    let mut marks: Vec<u32> = removed.filter_map(|it| it.discontinuity).collect();
    let kept = pair.before.list.segments.get(pair.alignment.removed);
    let first = pair.after.list.segments.first();
    if let (Some(kept), Some(first)) = (kept, first)
        && first.discontinuity.is_none()
        && pair.alignment.common > 0
    {
        marks.extend(kept.discontinuity);
    }
    (marks.len() as u64, marks.first().copied())
}

/// Holds a segment against the one before it.
pub(super) fn check_media(
    (last, before): (&Listed, &SegmentFacts),
    (listed, facts): (&Listed, &SegmentFacts),
    findings: &mut Findings,
) {
    if listed.segment.discontinuity.is_some() {
        return;
    }
    let sequence = listed.sequence;
    let wrong = [
        other_tracks(sequence, before, facts),
        jump(sequence, (before, facts), last.segment.duration_us),
    ];
    for (check, message) in wrong.into_iter().flatten() {
        findings.tell(check, Some(sequence), || Words {
            sequence: Some(sequence),
            message,
            evidence: vec![last.uri_line.clone(), listed.uri_line.clone()],
        });
    }
}

/// What differs in the tracks, or in how they are coded.
fn other_tracks(
    sequence: u64,
    before: &SegmentFacts,
    facts: &SegmentFacts,
) -> Option<(Check, String)> {
    if before.tracks != facts.tracks {
        let message = format!(
            "segment {sequence} has other tracks ({}) than the one before ({}), and no \
             EXT-X-DISCONTINUITY",
            facts.tracks_text(),
            before.tracks_text()
        );
        return Some((Check::TracksChange, message));
    }
    let (old, new) = (before.coding.as_ref()?, facts.coding.as_ref()?);
    let message = format!(
        "segment {sequence} is coded otherwise ({new}) than the one before ({old}), and there is \
         no EXT-X-DISCONTINUITY"
    );
    (old != new).then_some((Check::CodingChange, message))
}

/// Time stamps that do not go on where those before ended.
fn jump(
    sequence: u64,
    (before, facts): (&SegmentFacts, &SegmentFacts),
    before_duration_us: u64,
) -> Option<(Check, String)> {
    let advance_us = facts.begins_after_us(before)?;
    let off_us = |duration_us: u64| {
        let duration_us = i64::try_from(duration_us).unwrap_or(i64::MAX);
        advance_us.saturating_sub(duration_us)
    };
    let media_us = before.duration_us().unwrap_or(before_duration_us);
    let (off_media_us, off_listed_us) = (off_us(media_us), off_us(before_duration_us));
    let nearest_us = off_media_us
        .unsigned_abs()
        .min(off_listed_us.unsigned_abs());
    let is_jump = nearest_us > LOSS_US_MAX || off_media_us.unsigned_abs() > HOLE_US_MAX;
    let message = format!(
        "the time stamps of segment {sequence} are {} from where the one before, of {}, ended, \
         and there is no EXT-X-DISCONTINUITY",
        signed_seconds(off_media_us),
        seconds(media_us)
    );
    is_jump.then_some((Check::TimestampsJump, message))
}
