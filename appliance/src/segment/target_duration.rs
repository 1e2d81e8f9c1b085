//! Chooses the Target Duration once and keeps every segment within it.
//!
//! Source: RFC 8216 §4.3.3.1: each EXTINF, rounded to the nearest second, is at most the Target
//! Duration, and the Target Duration of a playlist never changes.
//!
//! A segment is cut at the first random access point at or after a line of the grid, so how long it
//! gets depends on how far apart these points are, and whether they stay where they are. It is the
//! target and the slack, and what is learned while the first segment fills, if that is more: the
//! target and the longest interval seen, or, of none, the longest duration allowed.
//!
//! Where the encoder marks boundaries, or there is no slack, it is taken at its word: of evenly
//! spaced ones it is the smallest multiple of the interval that reaches the target.
//!
//! From then on the segmenter cuts early, or off a random access point, rather than overrun.

use heapless::{HistoryBuf, Vec};

use crate::{
    demux::Pts,
    segment::{Rules, ticks},
};

/// Intervals remembered: those of the last segment at a usual 1 s to 2 s between key frames.
const INTERVALS: usize = 8;

/// Intervals that differ by no more than this are even: 10 ms, a rounding of time stamps.
const EVEN_90K: i64 = 900;

/// Time stamps are rounded by so much: 1 ms.
const ROUNDING_90K: i64 = 90;

const SECOND_90K: i64 = Pts::HZ.cast_signed();

/// The Target Duration of one stream, and what is known before it is fixed.
#[derive(Debug, Clone)]
pub(super) struct TargetDuration {
    target_90k: i64,
    slack_90k: i64,
    duration_max_90k: i64,
    intervals: HistoryBuf<i64, INTERVALS>,
    /// Those of the boundaries that the encoder marks.
    boundary_intervals: HistoryBuf<i64, INTERVALS>,
    fixed_s: Option<u32>,
}

impl TargetDuration {
    /// Nothing is fixed yet; segments are within `rules.duration_max`.
    pub(super) fn new(rules: &Rules) -> Self {
        let target_90k = ticks::of(rules.target);
        Self {
            target_90k,
            slack_90k: ticks::of(rules.slack),
            duration_max_90k: ticks::of(rules.duration_max).max(target_90k),
            intervals: HistoryBuf::new(),
            boundary_intervals: HistoryBuf::new(),
            fixed_s: None,
        }
    }

    /// Takes note of the distance between two successive random access points.
    pub(super) fn observe(&mut self, interval_90k: i64) {
        if interval_90k > 0 {
            self.intervals.write(interval_90k);
        }
    }

    /// Takes note of the distance between two successive boundaries that the encoder marked.
    pub(super) fn observe_boundary(&mut self, interval_90k: i64) {
        if interval_90k > 0 {
            self.boundary_intervals.write(interval_90k);
        }
    }

    /// Forgets the boundaries, because no more of them come.
    pub(super) fn forget_boundaries(&mut self) {
        self.boundary_intervals.clear();
    }

    /// The longest distance between boundaries to reckon with.
    pub(super) fn boundary_interval_90k(&self) -> i64 {
        let longest = self.boundary_intervals.iter().copied().max();
        longest.unwrap_or(0).max(self.target_90k)
    }

    /// True when boundaries lie so close that a segment can reach from one to another.
    pub(super) fn reaches_boundaries(&self) -> bool {
        self.boundary_interval_90k() <= self.limit_90k()
    }

    /// True when a random access point comes too soon to be cut at, but the one after it, by the
    /// last intervals, would come too late. `by_boundaries`: only boundaries count.
    pub(super) fn next_would_overrun(&self, elapsed_90k: i64, by_boundaries: bool) -> bool {
        let interval = if by_boundaries {
            self.boundary_intervals.iter().copied().max().unwrap_or(0)
        } else {
            second_longest_90k(&self.intervals)
        };
        elapsed_90k > self.target_90k() / 2 && elapsed_90k + interval > self.limit_90k()
    }

    /// Media after which a segment is cut at the next random access point.
    pub(super) fn target_90k(&self) -> i64 {
        match self.fixed_s {
            Some(seconds) if self.target_90k > self.limit_90k() => i64::from(seconds) * SECOND_90K,
            _ => self.target_90k,
        }
    }

    /// Fixes the Target Duration, if that has not been done, when the first segment ends after
    /// `duration_90k`; returns it in seconds.
    pub(super) fn fix(&mut self, duration_90k: i64) -> u32 {
        if let Some(seconds) = self.fixed_s {
            return seconds;
        }
        let longest = self
            .expected_90k()
            .max(duration_90k)
            .min(self.duration_max_90k);
        *self.fixed_s.insert(rounded_s(longest))
    }

    /// Sets the Target Duration to `seconds`, as a playlist that lives on demands it.
    pub(super) fn set(&mut self, seconds: u32) {
        self.fixed_s = Some(seconds.max(1));
    }

    /// Takes `seconds`, unless the Target Duration is fixed or the target does not fit into that.
    pub(super) fn agree(&mut self, seconds: u32) {
        let is_fit = rounded_s(self.target_90k) <= seconds;
        if self.fixed_s.is_none() && is_fit {
            self.set(seconds);
        }
    }

    /// Sets the Target Duration to the longest duration allowed: nothing but that ends a segment.
    pub(super) fn set_to_longest(&mut self) {
        self.fixed_s = Some(rounded_s(self.duration_max_90k));
    }

    /// The most a segment may last: it still rounds to the Target Duration.
    pub(super) fn limit_90k(&self) -> i64 {
        self.fixed_s.map_or(self.duration_max_90k, |seconds| {
            let rounds_down = i64::from(seconds) * SECOND_90K + SECOND_90K / 2 - 1;
            rounds_down.min(self.duration_max_90k)
        })
    }

    /// How far apart random access points are, or the boundaries that count, if that is more than
    /// the target. One that was lost once is none of it.
    pub(super) fn overlong_group_90k(&self) -> Option<i64> {
        let group_90k = if self.boundary_intervals.is_empty() {
            second_longest_90k(&self.intervals)
        } else {
            second_longest_90k(&self.boundary_intervals)
        };
        (group_90k > self.target_90k + ROUNDING_90K).then_some(group_90k)
    }

    /// True when a segment may last for its target and whatever lies between random access points.
    pub(super) fn has_room(&self) -> bool {
        let intervals = self.intervals.iter().chain(self.boundary_intervals.iter());
        let longest = intervals.max();
        longest.is_some_and(|longest| self.target_90k() + longest <= self.limit_90k())
    }

    /// How far behind its line a random access point may be the first there, and a gap last until
    /// then; `None` while it is not known how far apart they are.
    pub(super) fn behind_line_90k_max(&self) -> Option<i64> {
        let longest = self.intervals.iter().max()?;
        Some((longest - 1).min(self.limit_90k() - self.target_90k()))
    }

    /// The longest a segment is expected to get.
    fn expected_90k(&self) -> i64 {
        let by_boundaries = !self.boundary_intervals.is_empty() && self.reaches_boundaries();
        let intervals = if by_boundaries {
            &self.boundary_intervals
        } else {
            &self.intervals
        };
        let (Some(shortest), Some(longest)) = (intervals.iter().min(), intervals.iter().max())
        else {
            return self.duration_max_90k;
        };
        let is_held_to = by_boundaries || self.slack_90k == 0;
        if is_held_to && longest - shortest <= EVEN_90K {
            let intervals = (self.target_90k - EVEN_90K).max(1).div_euclid(*longest) + 1;
            intervals * longest
        } else {
            self.target_90k + self.slack_90k.max(*longest)
        }
    }
}

/// The longest of the last `intervals` but one, if there are two: behind one lost key frame lies
/// one that says nothing of the next.
fn second_longest_90k(intervals: &HistoryBuf<i64, INTERVALS>) -> i64 {
    let mut intervals: Vec<i64, INTERVALS> = intervals.iter().copied().collect();
    intervals.sort_unstable_by(|one, other| other.cmp(one));
    let interval = intervals.get(1).or(intervals.first());
    interval.copied().unwrap_or(0)
}

/// `duration_90k` in seconds, rounded to the nearest as the Target Duration demands, at least 1.
fn rounded_s(duration_90k: i64) -> u32 {
    u32::try_from((duration_90k + SECOND_90K / 2) / SECOND_90K)
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::segment::Phase;

    fn learned(intervals_ms: &[i64], first_ms: i64) -> (u32, i64) {
        learned_with(Duration::ZERO, intervals_ms, first_ms)
    }

    fn learned_with(slack: Duration, intervals_ms: &[i64], first_ms: i64) -> (u32, i64) {
        let mut target = TargetDuration::new(&Rules {
            target: Duration::from_secs(6),
            slack,
            duration_max: Duration::from_secs(12),
            bytes_max: 0,
            phase: Phase::Grid,
        });
        for interval in intervals_ms {
            target.observe(interval * 90);
        }
        (target.fix(first_ms * 90), target.limit_90k() / 90)
    }

    #[test]
    fn even_intervals_give_the_multiple_that_reaches_the_target() {
        assert_eq!(learned(&[2_000, 2_000], 4_000), (6, 6_499));
        assert_eq!(learned(&[2_002; 3], 6_006), (6, 6_499));
        assert_eq!(learned(&[4_000], 4_000), (8, 8_499));
        assert_eq!(learned(&[1_920; 4], 7_680), (8, 8_499));
        assert_eq!(learned(&[10_000], 10_000), (10, 10_499));
    }

    #[test]
    fn uneven_intervals_give_the_target_and_the_longest() {
        assert_eq!(learned(&[2_000, 700, 2_000], 4_700), (8, 8_499));
        assert_eq!(learned(&[171, 192, 171], 6_000), (6, 6_499), "audio alone");
    }

    #[test]
    fn slack_is_added_whatever_the_first_intervals_were() {
        let learned = |intervals_ms| learned_with(Duration::from_secs(2), intervals_ms, 1_000);
        for intervals_ms in [&[2_000; 3][..], &[1_000], &[480, 2_000], &[40, 171]] {
            assert_eq!(learned(intervals_ms), (8, 8_499), "{intervals_ms:?}");
        }
        assert_eq!(learned(&[2_600, 2_600]), (9, 9_499));
        assert_eq!(learned(&[4_000]), (10, 10_499));
    }

    #[test]
    fn no_interval_and_long_ones_give_the_longest_allowed() {
        assert_eq!(learned(&[], 1_000), (12, 12_000));
        assert_eq!(learned(&[20_000], 12_000), (12, 12_000));
    }

    #[test]
    fn groups_are_overlong_beyond_the_target_unless_a_key_frame_was_lost_once() {
        let overlong = |intervals_ms: &[i64]| {
            let mut target = TargetDuration::new(&Rules {
                target: Duration::from_secs(6),
                slack: Duration::from_secs(2),
                duration_max: Duration::from_secs(12),
                bytes_max: 0,
                phase: Phase::Grid,
            });
            for interval in intervals_ms {
                target.observe(interval * 90);
            }
            target.overlong_group_90k()
        };
        assert_eq!(overlong(&[]), None);
        assert_eq!(overlong(&[6_000, 6_001, 6_000]), None);
        assert_eq!(overlong(&[4_000, 4_000, 8_000]), None);
        assert_eq!(overlong(&[1_600, 8_300, 1_600, 8_300]), Some(8_300 * 90));
        assert_eq!(overlong(&[6_006, 6_006]), Some(6_006 * 90));
    }

    #[test]
    fn what_is_fixed_stays() {
        let mut target = TargetDuration::new(&Rules {
            target: Duration::from_secs(10),
            slack: Duration::ZERO,
            duration_max: Duration::from_secs(20),
            bytes_max: 0,
            phase: Phase::Grid,
        });
        target.set(6);
        assert_eq!(target.fix(900_000), 6);
        assert_eq!(target.target_90k(), 540_000, "a larger target gives way");
    }
}
