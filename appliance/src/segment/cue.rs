//! What the stream says of breaks and other events in it, on the wall clock of the playlist.
//!
//! Source: ANSI/SCTE 35 §9.7.3, §9.7.4, §10.3.3; RFC 8216 §4.3.2.7.1 (which message is which
//! attribute). Numbers of events come again, so an event is known by its number, its kind, and its
//! moment: wall time as the PTS counts it. The distance between the two is rounded to ten
//! seconds, so that boxes and renditions which received it at slightly different times agree.

use bytes::Bytes;
use weir_hal::Wall;

use crate::{
    demux::{
        BreakDuration, Pts, Segmentation, SegmentationKind, SpliceCommand, SpliceInfo,
        SpliceInsert, SpliceTime,
    },
    segment::ticks,
};

/// What distances between wall time and PTS are rounded to: far above the jitter of reception,
/// below the length of what is sent in a loop: the same number at the same PTS is another event.
const MOMENT_90K: i64 = 10 * Pts::HZ.cast_signed();

/// One event of the stream, as its playlist is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// Which event.
    pub event: EventId,
    /// What happens.
    pub kind: CueKind,
    /// When.
    pub date_time: Wall,
    /// What is to come, where that is told, in ticks of 90 kHz.
    pub planned_90k: Option<u64>,
    /// True when the break ends after that without another message.
    pub auto_return: bool,
    /// The whole `splice_info_section`.
    pub section: Bytes,
}

/// What tells one event from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// `splice_event_id` or `segmentation_event_id`.
    pub number: u32,
    /// The even `segmentation_type_id` of the pair; 0 for a `splice_insert`.
    pub break_kind: u8,
    /// When, in ticks of 90 kHz since 1970, give or take five seconds.
    pub moment_90k: u64,
}

/// What happens at a cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CueKind {
    /// A break begins.
    Out,
    /// A break ends.
    In,
    /// Anything else.
    Command,
    /// What was announced by the same number will not be.
    Cancel,
}

impl EventId {
    /// Event `number`, of which `date_time` is known to be at `pts`.
    pub(super) fn new(number: u32, break_kind: u8, (pts, date_time): (Pts, Wall)) -> Self {
        let pts_90k = pts.ticks().cast_signed();
        let distance_90k = ticks::since_epoch(date_time) - pts_90k;
        let moments = (distance_90k + MOMENT_90K / 2).div_euclid(MOMENT_90K);
        let moment_90k = (moments * MOMENT_90K + pts_90k).max(0);
        Self {
            number,
            break_kind,
            moment_90k: moment_90k.unsigned_abs(),
        }
    }

    /// True when both are about the same break, at whatever time.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        (self.number, self.break_kind) == (other.number, other.break_kind)
    }
}

/// What a splice message says, before it is known where on the timeline that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) number: u32,
    pub(super) break_kind: u8,
    pub(super) kind: CueKind,
    pub(super) time: SpliceTime,
    pub(super) planned: Option<BreakDuration>,
}

impl Notice {
    /// Hands each notice of `info` to `each`.
    pub(super) fn all(info: &SpliceInfo<'_>, mut each: impl FnMut(Self)) {
        match info.command {
            SpliceCommand::Insert(insert) => each(Self::of_insert(&insert)),
            SpliceCommand::TimeSignal(time) => {
                let mut segmentations = info.segmentations().peekable();
                if segmentations.peek().is_none() {
                    each(Self::bare(time));
                }
                segmentations.for_each(|it| each(Self::of_segmentation(&it, time)));
            }
            SpliceCommand::Null
            | SpliceCommand::Schedule
            | SpliceCommand::BandwidthReservation
            | SpliceCommand::Private
            | SpliceCommand::Reserved(_) => {}
        }
    }

    /// A time about which nothing is said.
    const fn bare(time: SpliceTime) -> Self {
        Self {
            number: 0,
            break_kind: 0,
            kind: CueKind::Command,
            time,
            planned: None,
        }
    }

    fn of_insert(insert: &SpliceInsert) -> Self {
        let number = insert.event_id;
        let Some(detail) = insert.detail else {
            return Self {
                number,
                kind: CueKind::Cancel,
                ..Self::bare(SpliceTime::Immediate)
            };
        };
        let kind = if detail.out_of_network {
            CueKind::Out
        } else {
            CueKind::In
        };
        Self {
            number,
            break_kind: 0,
            kind,
            time: detail.time,
            planned: detail.break_duration.filter(|_| kind == CueKind::Out),
        }
    }

    fn of_segmentation(segmentation: &Segmentation, time: SpliceTime) -> Self {
        let kind = segmentation.detail.map(|detail| detail.kind());
        let duration = |duration_90k| BreakDuration {
            auto_return: false,
            duration_90k,
        };
        let planned = segmentation.detail.and_then(|detail| detail.duration_90k);
        Self {
            number: segmentation.event_id,
            break_kind: segmentation.break_kind(),
            kind: match kind {
                None => CueKind::Cancel,
                Some(SegmentationKind::Out) => CueKind::Out,
                Some(SegmentationKind::In) => CueKind::In,
                Some(SegmentationKind::Other) => CueKind::Command,
            },
            time,
            planned: planned
                .filter(|_| kind != Some(SegmentationKind::In))
                .map(duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_comes_again_at_the_same_pts_is_another_event_whatever_the_time_of_day() {
        let pts = Pts::from_ticks(900_000);
        for phase_ms in (0..120_000).step_by(500) {
            let first =
                Wall::from_nanos(1_795_389_000_000_000_000) + Duration::from_millis(phase_ms);
            let event = |date_time| EventId::new(7, 0, (pts, date_time));
            let again = event(first + Duration::from_secs(24));
            assert_ne!(event(first), again, "{phase_ms}");
        }
    }
}
