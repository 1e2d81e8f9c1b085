//! Measures BANDWIDTH and AVERAGE-BANDWIDTH of a stream of segments.
//!
//! Source: RFC 8216 §4.3.4.2 (the attributes), §4.1 (peak and average segment bit rate).

use std::collections::VecDeque;

use crate::segment::Segment;

/// Segments looked at together at most: so many in a row may be too short to count alone.
const RECENT: usize = 16;

/// Peak and average bit rate of all segments so far, transport packets included.
#[derive(Debug, Clone, Default)]
pub struct BandwidthMeter {
    /// Bytes and ticks of the last segments, oldest first.
    recent: VecDeque<(u64, u64)>,
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
        self.bytes += segment.bytes;
        self.duration_90k += segment.duration_90k;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((segment.bytes, segment.duration_90k));
        let target_90k = u64::from(segment.target_duration_s) * 90_000;
        let (mut bytes, mut duration_90k) = (0, 0);
        for row in self.recent.iter().rev() {
            bytes += row.0;
            duration_90k += row.1;
            if (target_90k / 2..=target_90k * 3 / 2).contains(&duration_90k) {
                self.peak_bps = self.peak_bps.max(bps(bytes, duration_90k));
            }
        }
    }

    /// The highest bit rate of about one Target Duration; until there was one, the average.
    pub fn peak_bps(&self) -> u64 {
        self.peak_bps.max(self.average_bps())
    }

    /// The bit rate of all segments together.
    pub fn average_bps(&self) -> u64 {
        bps(self.bytes, self.duration_90k)
    }
}

fn bps(bytes: u64, duration_90k: u64) -> u64 {
    let bits_90k = u128::from(bytes) * 8 * 90_000;
    u64::try_from(bits_90k.div_ceil(u128::from(duration_90k.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
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
    fn nothing_yet_is_zero() {
        assert_eq!(BandwidthMeter::default().peak_bps(), 0);
    }
}
