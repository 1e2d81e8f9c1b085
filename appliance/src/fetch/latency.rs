//! How long an endpoint takes: a moving average, and percentiles of what was lately.
//!
//! Both are pure and of fixed size. Times are in microseconds.

use std::time::Duration;

/// Share of a new sample in the average: the last ten samples make two thirds of it.
const SAMPLE_WEIGHT: f64 = 0.1;

/// An exponentially weighted moving average.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Average {
    micros: Option<f64>,
}

impl Average {
    /// Takes in one sample; the first is the average itself.
    pub fn take(&mut self, sample: Duration) {
        let sample = sample.as_secs_f64() * 1e6;
        self.micros = Some(
            self.micros
                .map_or(sample, |micros| micros + SAMPLE_WEIGHT * (sample - micros)),
        );
    }

    /// The average; `None` before the first sample.
    pub fn value(&self) -> Option<Duration> {
        self.micros
            .map(|micros| Duration::from_secs_f64(micros / 1e6))
    }
}

/// Bits of a time that are told apart beneath its highest one: buckets are 12.5 % wide.
const DETAIL_BITS: u32 = 3;

/// The lowest time that has a bucket of its own is 64 µs; what is shorter shares the first.
const FLOOR_BITS: u32 = 6;

/// Doublings from 64 µs to 67 s; what is longer shares the last bucket.
const OCTAVES: u32 = 20;

const BUCKETS: usize = (OCTAVES << DETAIL_BITS) as usize;

/// Samples after which all counts are halved, so that what was long ago fades.
const SAMPLES_MAX: u32 = 2_048;

/// Counts of times, by logarithmic buckets: 1.3 KB.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u16; BUCKETS]>,
    samples: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        let counts = Box::new([0; BUCKETS]);
        Self { counts, samples: 0 }
    }
}

impl Histogram {
    /// Takes in one sample.
    pub fn take(&mut self, sample: Duration) {
        if self.samples >= SAMPLES_MAX {
            for count in self.counts.iter_mut() {
                *count /= 2;
            }
            self.samples = self.counts.iter().copied().map(u32::from).sum();
        }
        if let Some(count) = self.counts.get_mut(bucket(sample)) {
            *count += 1;
            self.samples += 1;
        }
    }

    /// Samples that are counted; older ones count half, a quarter and so on.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// The time that `percent` of a hundred samples were at or below, up to an eighth too long;
    /// `None` without samples.
    pub fn percentile(&self, percent: u32) -> Option<Duration> {
        let wanted = (u64::from(self.samples) * u64::from(percent.min(100))).div_ceil(100);
        let mut seen = 0;
        let mut buckets = self.counts.iter().enumerate();
        let (bucket, _) = buckets.find(|(_, count)| {
            seen += u64::from(**count);
            seen >= wanted.max(1)
        })?;
        Some(upper_bound(bucket))
    }
}

fn bucket(sample: Duration) -> usize {
    let micros = u64::try_from(sample.as_micros()).unwrap_or(u64::MAX);
    let micros = micros.max(1 << FLOOR_BITS);
    let octave = micros.ilog2() - FLOOR_BITS;
    let detail = (micros >> (octave + FLOOR_BITS - DETAIL_BITS)) & ((1 << DETAIL_BITS) - 1);
    let bucket = ((octave as usize) << DETAIL_BITS) | detail as usize;
    bucket.min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn upper_bound(bucket: usize) -> Duration {
    let (octave, detail) = (bucket >> DETAIL_BITS, bucket & ((1 << DETAIL_BITS) - 1));
    let steps = (1 << DETAIL_BITS) + detail as u64 + 1;
    let unit = 1_u64 << (FLOOR_BITS - DETAIL_BITS);
    Duration::from_micros(((steps * unit) << octave) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_average_begins_with_the_first_sample_and_follows() {
        let mut average = Average::default();
        assert_eq!(average.value(), None);
        average.take(Duration::from_millis(10));
        assert_eq!(average.value(), Some(Duration::from_millis(10)));
        average.take(Duration::from_millis(20));
        assert_eq!(average.value(), Some(Duration::from_millis(11)));
    }

    #[test]
    fn percentiles_of_a_hundred_samples_are_a_little_above_them() {
        let mut histogram = Histogram::default();
        for millis in 1..=100 {
            histogram.take(Duration::from_millis(millis));
        }
        for (percent, millis) in [(50, 50), (95, 95), (99, 99), (100, 100)] {
            let exact = Duration::from_millis(millis);
            let found = histogram.percentile(percent).unwrap();
            assert!(
                found >= exact && found <= exact * 9 / 8,
                "{percent}: {found:?}"
            );
        }
        assert_eq!(Histogram::default().percentile(50), None);
    }

    #[test]
    fn what_was_long_ago_fades() {
        let mut histogram = Histogram::default();
        for _ in 0..10_000 {
            histogram.take(Duration::from_secs(1));
        }
        for _ in 0..10_000 {
            histogram.take(Duration::from_millis(1));
        }
        assert!(histogram.percentile(95).unwrap() < Duration::from_millis(2));
        assert!(histogram.samples() <= SAMPLES_MAX);
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_bucket(nanos in any::<u64>()) {
            let sample = Duration::from_nanos(nanos);
            let bucket = bucket(sample);
            prop_assert!(bucket < BUCKETS);
            let whole = Duration::from_micros(u64::try_from(sample.as_micros()).unwrap());
            if bucket < BUCKETS - 1 {
                prop_assert!(whole <= upper_bound(bucket));
            }
            if bucket > 0 {
                prop_assert!(whole > upper_bound(bucket - 1));
            }
        }

        #[test]
        fn percentiles_go_up(samples in prop::collection::vec(0..100_000_000_u64, 1..300)) {
            let mut histogram = Histogram::default();
            for micros in &samples {
                histogram.take(Duration::from_micros(*micros));
            }
            let found: Vec<_> = (0..=100).map(|it| histogram.percentile(it).unwrap()).collect();
            prop_assert!(found.is_sorted());
        }
    }
}
