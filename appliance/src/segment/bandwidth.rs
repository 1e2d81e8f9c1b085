//! Measures BANDWIDTH and AVERAGE-BANDWIDTH of a stream of segments.
//!
//! Source: RFC 8216 §4.3.4.2 (the attributes), §4.1 (peak and average segment bit rate).

use heapless::Deque;

use crate::segment::Segment;

/// Segments looked at together: short ones in a row whose durations reach half a target.
const RECENT: usize = 16;

/// Peak and average bit rate of all segments so far, transport packets included.
#[derive(Debug, Clone, Default)]
pub struct BandwidthMeter {
    /// Bytes and ticks of the last segments, oldest first.
    recent: Deque<(u64, u64), RECENT>,
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
        if self.recent.is_full() {
            self.recent.pop_front();
        }
        let row = (segment.bytes, segment.duration_90k);
        self.recent.push_back(row).expect("room was made above");
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
