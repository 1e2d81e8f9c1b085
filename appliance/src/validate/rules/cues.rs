//! R16: a segment of WebVTT has all cues of its own time, and no others.
//!
//! Which time that is follows from its date, and from a segment of another rendition of which both
//! the date and the time stamp are known; without dates nothing can be told. What a cue says is not
//! compared: where one is shown across a boundary, the segment behind it must show something then.

use std::collections::VecDeque;

use super::{seconds, signed_seconds};
use crate::{
    demux::Pts,
    validate::{
        finding::{Check, Evidence, Findings, Words},
        web_vtt::{TimestampMap, WebVtt},
    },
};

/// Segments of one playlist of which the cues are remembered.
const SEGMENTS_MAX: usize = 20;

/// A cue may lie outside its segment so far, or be missing so long: what dates are uncertain by.
const OFF_US_MAX: i64 = 500_000;

/// A moment of which both the date and the time stamp are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    pub(super) date_us: i64,
    pub(super) pts: Pts,
}

/// A segment with cues.
#[derive(Debug)]
pub(super) struct CueSegment {
    sequence: u64,
    pub(super) date_us: i64,
    pub(super) discontinuity: u64,
    duration_us: i64,
    map: TimestampMap,
    text: WebVtt,
    evidence: Evidence,
    /// From when until when each cue is shown, since the segment began.
    spans: Option<Vec<(i64, i64)>>,
}

/// Where a segment is listed.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) sequence: u64,
    pub(super) date_us: i64,
    pub(super) discontinuity: u64,
    pub(super) duration_us: u64,
    pub(super) evidence: Evidence,
}

/// The newest segments of one playlist of subtitles.
#[derive(Debug, Default)]
pub(super) struct CueSegments {
    segments: VecDeque<CueSegment>,
}

impl CueSegments {
    /// Takes note of a segment, unless it does not say to which time its cues belong.
    pub(super) fn push(&mut self, place: Place, text: &WebVtt) {
        let map = text.timestamp_map.as_deref().and_then(TimestampMap::read);
        let Some(map) = map.filter(|_| text.is_sound) else {
            return;
        };
        if self.segments.len() >= SEGMENTS_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back(CueSegment {
            sequence: place.sequence,
            date_us: place.date_us,
            discontinuity: place.discontinuity,
            duration_us: place.duration_us.try_into().unwrap_or(i64::MAX),
            map,
            text: text.clone(),
            evidence: place.evidence,
            spans: None,
        });
    }

    /// Judges the segments for which there is an anchor now and was none before.
    pub(super) fn judge(
        &mut self,
        anchor: impl Fn(&CueSegment) -> Option<Anchor>,
        findings: &mut Findings,
    ) {
        for index in 0..self.segments.len() {
            let segment = &mut self.segments[index];
            let anchor = anchor(segment).filter(|_| segment.spans.is_none());
            let Some(anchor) = anchor else { continue };
            segment.spans = Some(segment.spans_by(anchor));
            let segment = &self.segments[index];
            segment.check(findings);
            for other in &self.segments {
                if other.sequence.checked_add(1) == Some(segment.sequence) {
                    check_pair(other, segment, findings);
                } else if segment.sequence.checked_add(1) == Some(other.sequence) {
                    check_pair(segment, other, findings);
                }
            }
        }
    }
}

impl CueSegment {
    fn spans_by(&self, anchor: Anchor) -> Vec<(i64, i64)> {
        let since_us = self.date_us.saturating_sub(anchor.date_us);
        let begin = shifted(anchor.pts, since_us.saturating_mul(9) / 100);
        let offset_us = |time_ms: i64| {
            let local_90k = time_ms.saturating_sub(self.map.local_ms).saturating_mul(90);
            let at = shifted(Pts::from_ticks(self.map.media_90k), local_90k);
            at.ticks_since(begin).saturating_mul(100) / 9
        };
        let cues = self.text.cues.iter();
        let spans = cues.map(|cue| {
            let start_us = offset_us(cue.start_ms);
            (start_us, start_us + (cue.end_ms - cue.start_ms) * 1_000)
        });
        spans.collect()
    }

    fn check(&self, findings: &mut Findings) {
        let spans = self.spans.iter().flatten();
        let off = |(start_us, end_us): &(i64, i64)| {
            *end_us < -OFF_US_MAX || *start_us > self.duration_us + OFF_US_MAX
        };
        let Some((start_us, end_us)) = spans.copied().find(off) else {
            return;
        };
        findings.tell(Check::CueOutside, None, || Words {
            sequence: Some(self.sequence),
            message: format!(
                "segment {} of {} has a cue that is shown from {} to {} after its beginning, and \
                 so belongs to another",
                self.sequence,
                seconds(self.duration_us.unsigned_abs()),
                signed_seconds(start_us),
                signed_seconds(end_us),
            ),
            evidence: vec![self.evidence.clone()],
        });
    }

    /// The first span of `spans` that reaches into this segment, at a time when it shows nothing.
    fn lacks(&self, spans: impl Iterator<Item = (i64, i64)>) -> Option<(i64, i64)> {
        let own = self.spans.as_ref()?;
        let is_shown = |(start_us, end_us): (i64, i64)| {
            let mut own = own.iter();
            own.any(|cue| cue.0 < end_us && start_us < cue.1)
        };
        let mut within =
            spans.map(|(start_us, end_us)| (start_us.max(0), end_us.min(self.duration_us)));
        let is_whole = self.text.cues_left_out == 0;
        within
            .find(|span| span.1 - span.0 > OFF_US_MAX && !is_shown(*span))
            .filter(|_| is_whole)
    }
}

/// What one of two neighbours shows in the time of the other, that must show too.
fn check_pair(before: &CueSegment, after: &CueSegment, findings: &mut Findings) {
    let (Some(first), Some(second)) = (&before.spans, &after.spans) else {
        return;
    };
    if before.discontinuity != after.discontinuity {
        return;
    }
    let apart_us = after.date_us.saturating_sub(before.date_us);
    let moved = |spans: &[(i64, i64)], by_us: i64| {
        let spans = spans.iter();
        let spans = spans.map(|span| (span.0.saturating_add(by_us), span.1.saturating_add(by_us)));
        spans.collect::<Vec<_>>()
    };
    let lacking = [
        (
            after,
            before,
            after.lacks(moved(first, -apart_us).into_iter()),
        ),
        (
            before,
            after,
            before.lacks(moved(second, apart_us).into_iter()),
        ),
    ];
    for (segment, other, span) in lacking {
        let Some((start_us, end_us)) = span else {
            continue;
        };
        findings.tell(Check::CueMissing, None, || Words {
            sequence: Some(segment.sequence),
            message: format!(
                "segment {} shows nothing from {} to {} after its beginning, when a cue is shown \
                 that is in segment {} alone",
                segment.sequence,
                signed_seconds(start_us),
                signed_seconds(end_us),
                other.sequence,
            ),
            evidence: vec![before.evidence.clone(), after.evidence.clone()],
        });
    }
}

/// The time stamp that lies `ticks` behind `pts`, across a wrap.
fn shifted(pts: Pts, ticks: i64) -> Pts {
    let modulus = Pts::MODULUS.cast_signed();
    let ticks = pts.ticks().cast_signed() + ticks % modulus;
    Pts::from_ticks(ticks.rem_euclid(modulus).cast_unsigned())
}
