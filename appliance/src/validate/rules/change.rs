//! R2: what is listed stays as it is; segments come at the end and leave at the front.

use super::Pair;
use crate::validate::{
    finding::{Check, Evidence, Findings, Words},
    playlist::{Flaw, Located, MediaPlaylist, Segment},
    version::Version,
};

/// What is wrong with lines of a playlist of either kind by themselves, under whichever rule it
/// falls.
pub(super) fn check_flaws(
    flaws: &[Located<Flaw>],
    evidence: impl Fn(u32) -> Evidence,
    findings: &mut Findings,
) {
    for flaw in flaws {
        let check = asked(flaw.value);
        findings.tell(check, Some(u64::from(flaw.line)), || Words {
            message: sentence(flaw.value).to_owned(),
            evidence: vec![evidence(flaw.line)],
            ..Words::default()
        });
    }
}

/// What is asked of a line that has this flaw.
const fn asked(flaw: Flaw) -> Check {
    match flaw {
        Flaw::Encoding => Check::Encoding,
        Flaw::BreaksOff => Check::BreaksOff,
        Flaw::NoDuration | Flaw::Duration => Check::DurationMissing,
        Flaw::DurationBeyond | Flaw::DateTimeBeyond => Check::Beyond,
        Flaw::TargetDuration => Check::TargetDurationMissing,
        Flaw::MediaSequence => Check::SequenceMalformed,
        Flaw::DiscontinuitySequence => Check::DiscontinuitySequenceMalformed,
        Flaw::ListType => Check::ListTypeMalformed,
        Flaw::DateTime => Check::DateTimeMalformed,
        Flaw::TimeZone => Check::DateTimeWithoutZone,
        Flaw::Version => Check::VersionMalformed,
        Flaw::Mixed => Check::KindsMixed,
        Flaw::Key => Check::KeyMalformed,
        Flaw::Map => Check::MapMalformed,
        Flaw::TooLong => Check::TooLong,
    }
}

/// The flaw in a sentence.
const fn sentence(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Encoding => "the playlist is not UTF-8 without a byte order mark",
        Flaw::BreaksOff => "the playlist ends behind an EXTINF: it was changed while it was read",
        Flaw::NoDuration => "a segment has no EXTINF, which each must have",
        Flaw::Duration => "the duration of EXTINF is no decimal number from 0 on",
        Flaw::DurationBeyond => {
            "the duration of EXTINF is longer than what is counted: 584,542 years"
        }
        Flaw::TargetDuration => "EXT-X-TARGETDURATION is no whole number of seconds below 2^64",
        Flaw::MediaSequence => {
            "EXT-X-MEDIA-SEQUENCE is no number below 2^64, or stands behind a segment"
        }
        Flaw::DiscontinuitySequence => {
            "EXT-X-DISCONTINUITY-SEQUENCE is no number below 2^64, or stands behind a segment"
        }
        Flaw::ListType => "EXT-X-PLAYLIST-TYPE is neither EVENT nor VOD",
        Flaw::DateTime => "EXT-X-PROGRAM-DATE-TIME is no date and time of ISO 8601",
        Flaw::DateTimeBeyond => {
            "EXT-X-PROGRAM-DATE-TIME is later than what is counted: the last day of 9999"
        }
        Flaw::TimeZone => "EXT-X-PROGRAM-DATE-TIME names no time zone",
        Flaw::Version => "EXT-X-VERSION is no number, or stands there twice",
        Flaw::Mixed => "tags of Media Playlists and of Master Playlists stand in one",
        Flaw::Key => {
            "EXT-X-KEY lacks METHOD or URI, has an IV that is none, or says more than NONE"
        }
        Flaw::Map => "EXT-X-MAP lacks URI, or has a BYTERANGE that is none",
        Flaw::TooLong => "not all of the playlist is looked at",
    }
}

/// What holds for the playlist as a whole.
pub(super) fn check_whole(pair: Pair<'_>, findings: &mut Findings) {
    check_header(pair.before, pair.after, findings);
    check_end(pair.before, pair.after, findings);
}

/// What holds for each segment, where it is known how the versions lie to each other.
pub(super) fn check_segments(pair: Pair<'_>, findings: &mut Findings) {
    let Pair { before, after, .. } = pair;
    let kept = before.list.segments.iter().skip(pair.alignment.removed);
    let common = kept.zip(&after.list.segments).take(pair.alignment.common);
    for (index, (old, new)) in common.enumerate() {
        let Some((check, what, was, is)) = difference(old, new, index == 0) else {
            continue;
        };
        let sequence = after.list.first_sequence().saturating_add(index as u64);
        let is_presence = check == Check::DateTimeComesOrGoes;
        let done = if is_presence {
            "came or went"
        } else {
            "changed"
        };
        findings.tell(check, Some(sequence), || Words {
            sequence: Some(sequence),
            message: format!(
                "{what} of segment {sequence} {done}; what is listed must stay as it is"
            ),
            evidence: vec![before.evidence(was), after.evidence(is)],
        });
    }
    let left = before.list.segments.len() - pair.alignment.removed;
    if left > after.list.segments.len() {
        let lost = left - after.list.segments.len();
        findings.tell(Check::SegmentsTakenBack, None, || Words {
            message: format!(
                "{lost} of the newest segments are not listed any more; segments leave at the \
                 front alone"
            ),
            evidence: ends(before, after),
            ..Words::default()
        });
    }
}

/// What was done to a segment that is listed, and the lines that show it.
type Change = (Check, &'static str, u32, u32);

/// What differs between two states of one segment.
fn difference(old: &Segment, new: &Segment, is_first: bool) -> Option<Change> {
    let changed = |what, was, is| Some((Check::SegmentChanged, what, was, is));
    if old.uri != new.uri || old.byte_range != new.byte_range {
        return changed("the URI", old.line, new.line);
    }
    if old.duration_us != new.duration_us {
        return changed("EXTINF", old.duration_line, new.duration_line);
    }
    let (was, is) = (old.key.as_ref(), new.key.as_ref());
    if value(was) != value(is) {
        return changed("EXT-X-KEY", line(was, old), line(is, new));
    }
    let (was, is) = (old.map.as_ref(), new.map.as_ref());
    if value(was) != value(is) {
        return changed("EXT-X-MAP", line(was, old), line(is, new));
    }
    // The tag of the first segment may leave with the segment before it: see R4.
    let may_differ = is_first && new.discontinuity.is_none();
    if old.discontinuity.is_some() != new.discontinuity.is_some() && !may_differ {
        let lines = (old.discontinuity, new.discontinuity);
        let (was, is) = (lines.0.unwrap_or(old.line), lines.1.unwrap_or(new.line));
        return changed("EXT-X-DISCONTINUITY", was, is);
    }
    if old.gap.is_some() != new.gap.is_some() {
        let (was, is) = (old.gap.unwrap_or(old.line), new.gap.unwrap_or(new.line));
        return changed("EXT-X-GAP", was, is);
    }
    let (was, is) = (old.date_time.as_ref(), new.date_time.as_ref());
    let tag = "EXT-X-PROGRAM-DATE-TIME";
    let change = (
        Check::DateTimeComesOrGoes,
        tag,
        line(was, old),
        line(is, new),
    );
    (was.is_some() != is.is_some()).then_some(change)
}

fn value<T>(tag: Option<&Located<T>>) -> Option<&T> {
    tag.map(|tag| &tag.value)
}

/// The line of a tag, or that of the segment without it.
fn line<T>(tag: Option<&Located<T>>, segment: &Segment) -> u32 {
    tag.map_or(segment.line, |tag| tag.line)
}

fn check_header(before: &Version, after: &Version, findings: &mut Findings) {
    let tags = |list: &MediaPlaylist| {
        let start = list.start.as_ref();
        [
            list.version.map(|tag| (tag.line, tag.value.to_string())),
            list.list_type
                .map(|tag| (tag.line, format!("{:?}", tag.value))),
            list.independent_segments.map(|line| (line, String::new())),
            list.i_frames_only.map(|line| (line, String::new())),
            start.map(|tag| (tag.line, tag.value.clone())),
        ]
    };
    for (old, new) in tags(&before.list).into_iter().zip(tags(&after.list)) {
        let value = |tag: &Option<(u32, String)>| tag.as_ref().map(|(_, value)| value.clone());
        if value(&old) == value(&new) {
            continue;
        }
        let shown = |tag: Option<(u32, String)>, version: &Version| {
            version.evidence(tag.map_or(1, |(line, _)| line))
        };
        findings.tell(Check::HeaderChanged, None, || Words {
            message: "a tag that holds for the whole playlist came, went or changed".to_owned(),
            evidence: vec![shown(old, before), shown(new, after)],
            ..Words::default()
        });
    }
}

fn check_end(before: &Version, after: &Version, findings: &mut Findings) {
    let Some(end) = before.list.end else { return };
    let is_same = before.list.next_sequence() == after.list.next_sequence();
    if !is_same || after.list.end.is_none() {
        findings.tell(Check::ChangedAfterEnd, None, || Words {
            message: "the playlist goes on behind its EXT-X-ENDLIST".to_owned(),
            evidence: [vec![before.evidence(end)], ends(before, after)].concat(),
            ..Words::default()
        });
    }
}

/// The last segments of two versions.
pub(super) fn ends(before: &Version, after: &Version) -> Vec<Evidence> {
    let last =
        |version: &Version| version.evidence(version.list.last().map_or(1, |last| last.line));
    vec![last(before), last(after)]
}

/// The first segments of two versions.
pub(super) fn starts(before: &Version, after: &Version) -> Vec<Evidence> {
    let first = |version: &Version| {
        let line = version.list.segments.first().map_or(1, |first| first.line);
        version.evidence(line)
    };
    vec![first(before), first(after)]
}
