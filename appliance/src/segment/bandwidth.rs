//! Measures a stream of segments, and declares BANDWIDTH and AVERAGE-BANDWIDTH for it.
//!
//! Source: RFC 8216 §4.3.4.2 (the attributes), §4.1 (peak and average segment bit rate); Apple's
//! authoring specification (the peak of a live stream stays below 125 % of what is declared).
//!
//! What is declared grows as soon as it is exceeded, and by whole steps, so that a Master Playlist
//! does not change with every segment. It gives way only when all of the last hour lay well below
//! it: one damaged minute must not keep players off a rendition for ever.

use std::collections::VecDeque;

use crate::segment::Segment;

/// Segments looked at together at most: so many in a row may be too short to count alone.
const RECENT: usize = 16;

/// Media that is remembered as one.
const AGE_90K: u64 = 5 * 60 * 90_000;

/// Ages remembered: an hour.
const AGES: usize = 12;

/// What a rendition is said to need, in bits a second; 0 before its first segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bandwidth {
    /// `BANDWIDTH`.
    pub peak_bps: u64,
    /// `AVERAGE-BANDWIDTH`, at most the peak.
    pub average_bps: u64,
}

/// Peak and average bit rate of the segments of the last hour, transport packets included.
#[derive(Debug, Clone, Default)]
pub struct BandwidthMeter {
    /// Bytes and ticks of the last segments, oldest first.
    recent: VecDeque<(u64, u64)>,
    /// The last hour, oldest first.
    ages: VecDeque<Age>,
    declared: Bandwidth,
    /// True once a peak was measured; what was declared before is a guess.
    has_peak: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Age {
    peak_bps: u64,
    bytes: u64,
    duration_90k: u64,
}

impl BandwidthMeter {
    /// Takes note of the next segment.
    ///
    /// The peak is taken over runs of segments that last 0.5 to 1.5 Target Durations, as the
    /// standard demands, so that a stub after a discontinuity does not count for a whole segment.
    pub fn push(&mut self, segment: &Segment) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((segment.bytes, segment.duration_90k));
        let peak_bps = self.peak_of_runs(segment);
        let age = self.age();
        age.bytes += segment.bytes;
        age.duration_90k += segment.duration_90k;
        age.peak_bps = age.peak_bps.max(peak_bps);
        if !self.has_peak {
            self.has_peak = peak_bps > 0;
            self.declared = Bandwidth::default();
        }
        self.declare();
    }

    /// The highest bit rate of about one Target Duration; until there was one, the average.
    pub fn peak_bps(&self) -> u64 {
        let peak_bps = self.ages.iter().map(|age| age.peak_bps).max();
        peak_bps.unwrap_or(0).max(self.average_bps())
    }

    /// The bit rate of all segments together.
    pub fn average_bps(&self) -> u64 {
        let bytes = self.ages.iter().map(|age| age.bytes).sum();
        bps(bytes, self.ages.iter().map(|age| age.duration_90k).sum())
    }

    /// What a Master Playlist is to say.
    pub fn declared(&self) -> Bandwidth {
        self.declared
    }

    /// The present age, a new one if the last is over.
    fn age(&mut self) -> &mut Age {
        if self
            .ages
            .back()
            .is_some_and(|age| age.duration_90k >= AGE_90K)
        {
            if self.ages.len() == AGES {
                self.ages.pop_front();
            }
            self.ages.push_back(Age::default());
        }
        if self.ages.is_empty() {
            self.ages.push_back(Age::default());
        }
        self.ages.back_mut().expect("there is one by now")
    }

    /// The highest rate of a run that ends with `segment`, the last of the recent ones.
    fn peak_of_runs(&self, segment: &Segment) -> u64 {
        let target_90k = u64::from(segment.target_duration_s) * 90_000;
        let (mut bytes, mut duration_90k, mut peak_bps) = (0, 0, 0);
        for row in self.recent.iter().rev() {
            bytes += row.0;
            duration_90k += row.1;
            if (target_90k / 2..=target_90k * 3 / 2).contains(&duration_90k) {
                peak_bps = peak_bps.max(bps(bytes, duration_90k));
            }
        }
        peak_bps
    }

    fn declare(&mut self) {
        let peak_bps = stepped(self.declared.peak_bps, self.peak_bps());
        let average_bps = stepped(self.declared.average_bps, self.average_bps());
        self.declared = Bandwidth {
            peak_bps,
            average_bps: average_bps.min(peak_bps),
        };
    }
}

/// What to declare for `measured`, where `declared` was.
fn stepped(declared: u64, measured: u64) -> u64 {
    let step = step_up(measured);
    if measured > declared || step <= declared / 4 * 3 {
        step
    } else {
        declared
    }
}

/// The next number of two significant digits: at most a tenth more.
fn step_up(bps: u64) -> u64 {
    let step = 10_u64.pow(bps.checked_ilog10().unwrap_or(0).saturating_sub(1));
    bps.div_ceil(step).saturating_mul(step)
}

fn bps(bytes: u64, duration_90k: u64) -> u64 {
    let bits_90k = u128::from(bytes) * 8 * 90_000;
    u64::try_from(bits_90k.div_ceil(u128::from(duration_90k.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_hal::Wall;

    use super::*;

    fn segment(seconds: u64, bytes: u64) -> Segment {
        Segment {
            sequence: 0,
            duration_90k: seconds * 90_000,
            target_duration_s: 6,
            bytes,
            discontinuity: false,
            independent: true,
            gap: false,
            date_time: Wall::default(),
            begin: None,
        }
    }

    #[test]
    fn peak_is_the_highest_rate_of_a_target_and_average_that_of_all() {
        let mut meter = BandwidthMeter::default();
        for bytes in [600_000, 1_200_000, 600_000] {
            meter.push(&segment(6, bytes));
        }
        assert_eq!(
            (meter.peak_bps(), meter.average_bps()),
            (1_600_000, 1_066_667)
        );
        assert_eq!(
            meter.declared(),
            Bandwidth {
                peak_bps: 1_600_000,
                average_bps: 1_200_000
            }
        );
    }

    #[test]
    fn a_stub_counts_only_with_its_neighbours() {
        let mut meter = BandwidthMeter::default();
        meter.push(&segment(6, 600_000));
        meter.push(&segment(1, 900_000));
        // 7 s with 1.5 MB are a run of 0.5 to 1.5 targets; 1 s with 0.9 MB is not.
        assert_eq!(meter.peak_bps(), 1_500_000_u64 * 8 / 7 + 1);
    }

    #[test]
    fn what_a_stub_made_us_declare_is_taken_back_at_the_first_whole_segment() {
        let mut meter = BandwidthMeter::default();
        meter.push(&segment(1, 900_000));
        assert_eq!(meter.declared().peak_bps, 7_200_000);
        meter.push(&segment(6, 600_000));
        assert_eq!(meter.declared().peak_bps, 1_800_000);
    }

    #[test]
    fn nothing_yet_is_zero() {
        assert_eq!(BandwidthMeter::default().peak_bps(), 0);
        assert_eq!(BandwidthMeter::default().declared(), Bandwidth::default());
    }

    #[test]
    fn a_damaged_minute_is_forgotten_after_an_hour() {
        let mut meter = BandwidthMeter::default();
        meter.push(&segment(6, 6_000_000));
        for _ in 0..500 {
            meter.push(&segment(6, 600_000));
        }
        assert_eq!(meter.declared().peak_bps, 8_000_000);
        for _ in 0..150 {
            meter.push(&segment(6, 600_000));
        }
        let all_the_same = Bandwidth {
            peak_bps: 800_000,
            average_bps: 800_000,
        };
        assert_eq!(meter.declared(), all_the_same);
    }

    #[test]
    fn a_steady_stream_changes_nothing() {
        let mut meter = BandwidthMeter::default();
        let mut declared = Vec::new();
        for number in 0..2_000_u64 {
            // 4.0 to 4.4 Mb/s, in no order.
            meter.push(&segment(6, 3_000_000 + number * 7_919 % 300_000));
            declared.push(meter.declared());
        }
        declared.dedup();
        assert!(declared.len() <= 6, "{declared:?}");
    }

    proptest! {
        #[test]
        fn no_segment_exceeds_what_is_declared_and_the_average_never_the_peak(
            segments in prop::collection::vec((3_u64..9, 1_000_u64..10_000_000), 1..200),
        ) {
            let mut meter = BandwidthMeter::default();
            for (seconds, bytes) in segments {
                meter.push(&segment(seconds, bytes));
                let declared = meter.declared();
                prop_assert!(bps(bytes, seconds * 90_000) <= declared.peak_bps);
                prop_assert!(declared.average_bps <= declared.peak_bps);
                prop_assert!(meter.average_bps() <= declared.average_bps);
            }
        }
    }
}
