//! R4: what does not continue is marked, and marks that leave are counted.

use super::{Pair, seconds, signed_seconds};
use crate::validate::{
    finding::{Check, Findings, Words},
    inspect::SegmentFacts,
    playlist::Segment,
    version::Version,
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

pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair {
        before,
        after,
        alignment,
    } = pair;
    if !alignment.is_known {
        return;
    }
    let value = |version: &Version| version.list.discontinuity_sequence.map_or(0, |it| it.value);
    let (old, new) = (value(before), value(after));
    let (gone, mark) = removed_marks(pair);
    // What came and went between two loads may have been marked as well.
    let is_seen = after.list.first_sequence() <= before.list.next_sequence();
    let is_true = new == old.saturating_add(gone) || !is_seen && new > old.saturating_add(gone);
    if is_true && (gone == 0 || after.list.discontinuity_sequence.is_some()) {
        return;
    }
    let tag = after.list.discontinuity_sequence.map(|tag| tag.line);
    let check = match tag {
        Some(_) => Check::DiscontinuitySequenceUntrue,
        None => Check::DiscontinuitySequenceMissing,
    };
    findings.tell(check, None, || {
        let old_tag = before.list.discontinuity_sequence.map(|tag| tag.line);
        let evidence = [old_tag, mark].into_iter().flatten();
        let mut evidence: Vec<_> = evidence.map(|line| before.evidence(line)).collect();
        let first = after.list.segments.first().map_or(1, |first| first.line);
        evidence.push(after.evidence(tag.unwrap_or(first)));
        let message = match tag {
            Some(_) => format!(
                "{gone} discontinuities left the playlist, so EXT-X-DISCONTINUITY-SEQUENCE had \
                 to go from {old} to {}, but it went to {new}",
                old.saturating_add(gone)
            ),
            None => format!(
                "{gone} discontinuities left the playlist, and there is no \
                 EXT-X-DISCONTINUITY-SEQUENCE that says so"
            ),
        };
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

/// Holds a segment against the one before it, of which `before` was found.
pub(super) fn check_media(
    (sequence, segment): (u64, &Segment),
    (before, facts): (&SegmentFacts, &SegmentFacts),
    (before_duration_us, version): (u64, &Version),
    findings: &mut Findings,
) {
    if segment.discontinuity.is_some() {
        return;
    }
    let mut tell = |check, message: String| {
        findings.tell(check, Some(sequence), || Words {
            sequence: Some(sequence),
            message,
            evidence: vec![version.evidence(segment.line)],
        });
    };
    if before.tracks != facts.tracks {
        tell(
            Check::TracksChange,
            format!(
                "segment {sequence} has other tracks ({}) than the one before ({}), and no \
                 EXT-X-DISCONTINUITY",
                facts.tracks_text(),
                before.tracks_text()
            ),
        );
    } else if let (Some(old), Some(new)) = (&before.coding, &facts.coding)
        && old != new
    {
        tell(
            Check::CodingChange,
            format!(
                "segment {sequence} is coded otherwise ({new}) than the one before ({old}), and \
                 there is no EXT-X-DISCONTINUITY"
            ),
        );
    }
    let Some(advance_us) = facts.begins_after_us(before) else {
        return;
    };
    let off_us = |duration_us: u64| {
        let duration_us = i64::try_from(duration_us).unwrap_or(i64::MAX);
        advance_us.saturating_sub(duration_us)
    };
    let media_us = before.duration_us().unwrap_or(before_duration_us);
    let off = [off_us(media_us), off_us(before_duration_us)];
    let nearest_us = off.iter().map(|off| off.unsigned_abs()).min().unwrap_or(0);
    if nearest_us > LOSS_US_MAX || off[0].unsigned_abs() > HOLE_US_MAX {
        tell(
            Check::TimestampsJump,
            format!(
                "the time stamps of segment {sequence} are {} from where the one before, of {}, \
                 ended, and there is no EXT-X-DISCONTINUITY",
                signed_seconds(off[0]),
                seconds(media_us)
            ),
        );
    }
}
