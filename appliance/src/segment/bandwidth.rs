//! Measures a stream of segments, and declares BANDWIDTH and AVERAGE-BANDWIDTH for it.
//!
//! Source: RFC 8216 §4.3.4.2 (the attributes), §4.1 (peak and average segment bit rate); Apple's
//! authoring specification (the peak of a live stream stays below 125 % of what is declared).
//!
//! What is declared follows from the segments of two periods of dates, the present one and the one
//! before it, so boxes that receive the same say the same, however long each has run: from the
//! second period after the younger began on. The peak grows as soon as it is exceeded, the average
//! is that of the period before, and both are told in whole steps, so that a Master Playlist does
//! not change with every segment. One damaged minute keeps no player off a rendition for ever.

use std::collections::VecDeque;

use crate::segment::Segment;

/// Segments looked at together at most: so many in a row may be too short to count alone.
const RECENT: usize = 16;

/// How long a period lasts: long enough for loud and quiet scenes of a film.
const PERIOD_S: u64 = 15 * 60;

/// What a rendition is said to need, in bits a second; 0 before its first segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bandwidth {
    /// `BANDWIDTH`.
    pub peak_bps: u64,
    /// `AVERAGE-BANDWIDTH`, at most the peak.
    pub average_bps: u64,
}

/// Peak and average bit rate of the segments of the present period and the one before, transport
/// packets included.
#[derive(Debug, Clone, Default)]
pub struct BandwidthMeter {
    /// Bytes and ticks of the last segments, oldest first.
    recent: VecDeque<(u64, u64)>,
    /// The last period that had segments and is over.
    before: Option<Period>,
    present: Period,
}

/// What came in one period of dates.
#[derive(Debug, Clone, Copy, Default)]
struct Period {
    /// Periods since 1970.
    number: u64,
    peak_bps: u64,
    bytes: u64,
    duration_90k: u64,
}

impl BandwidthMeter {
    /// Goes on from what an earlier life `declared`, as if that had been the period before.
    pub fn resume(declared: Bandwidth) -> Self {
        Self {
            before: Some(Period {
                number: 0,
                peak_bps: declared.peak_bps,
                bytes: declared.average_bps,
                duration_90k: 8 * 90_000,
            }),
            ..Self::default()
        }
    }

    /// Takes note of the next segment.
    ///
    /// The peak is taken over runs of segments that last 0.5 to 1.5 Target Durations, as the
    /// standard demands, so that a stub after a discontinuity does not count for a whole segment.
    pub fn push(&mut self, segment: &Segment) {
        self.enter(segment.date_time.as_nanos() / 1_000_000_000 / PERIOD_S);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((segment.bytes, segment.duration_90k));
        let peak_bps = self.peak_of_runs(segment);
        let present = &mut self.present;
        present.bytes += segment.bytes;
        present.duration_90k += segment.duration_90k;
        present.peak_bps = present.peak_bps.max(peak_bps);
    }

    /// The highest bit rate of about one Target Duration; until there was one, the average.
    pub fn peak_bps(&self) -> u64 {
        let before_bps = self.before.map_or(0, |before| before.peak_bps);
        let peak_bps = self.present.peak_bps.max(before_bps);
        peak_bps.max(self.average_bps())
    }

    /// The bit rate of the period before; of the present one until that is over.
    pub fn average_bps(&self) -> u64 {
        let period = self.before.as_ref().unwrap_or(&self.present);
        bps(period.bytes, period.duration_90k)
    }

    /// What a Master Playlist is to say.
    pub fn declared(&self) -> Bandwidth {
        let peak_bps = step_up(self.peak_bps());
        Bandwidth {
            peak_bps,
            average_bps: step_up(self.average_bps()).min(peak_bps),
        }
    }

    /// Begins period `number`, unless it is the present one: a correction of dates leads back by
    /// less than one.
    fn enter(&mut self, number: u64) {
        let present = self.present.number;
        if number <= present && present - number <= 1 {
            return;
        }
        if self.present.duration_90k > 0 {
            self.before = Some(self.present);
        }
        self.present = Period {
            number,
            ..Period::default()
        };
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
                average_bps: 1_100_000
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

    /// Segment `number` of 6 s of a stream.
    fn nth(number: u64, bytes: u64) -> Segment {
        let date_time = Wall::from_nanos(number * 6_000_000_000);
        Segment {
            date_time,
            ..segment(6, bytes)
        }
    }

    #[test]
    fn a_damaged_minute_is_forgotten_behind_the_next_period() {
        let mut meter = BandwidthMeter::default();
        meter.push(&nth(0, 6_000_000));
        for number in 1..300 {
            meter.push(&nth(number, 600_000));
        }
        assert_eq!(meter.declared().peak_bps, 8_000_000);
        meter.push(&nth(300, 600_000));
        let all_the_same = Bandwidth {
            peak_bps: 800_000,
            average_bps: 800_000,
        };
        assert_eq!(meter.declared(), all_the_same);
    }

    #[test]
    fn a_steady_stream_changes_little_and_only_where_a_period_begins() {
        let mut meter = BandwidthMeter::default();
        let mut changes = Vec::new();
        for number in 0..2_000_u64 {
            let before = meter.declared();
            // 4.0 to 4.4 Mb/s, in no order.
            meter.push(&nth(number, 3_000_000 + number * 7_919 % 300_000));
            if number >= 150 && meter.declared() != before {
                changes.push(number % 150);
            }
        }
        assert!(changes.iter().all(|place| *place == 0), "{changes:?}");
        assert!(changes.len() <= 6, "{changes:?}");
    }

    #[test]
    fn boxes_say_the_same_from_the_second_period_after_the_younger_began() {
        let bytes = |number: u64| 500_000 + number * 7_919 % 300_000 + 900_000 / (number + 1);
        let (mut elder, mut younger) = (BandwidthMeter::default(), BandwidthMeter::default());
        for number in 0..1_000 {
            elder.push(&nth(number, bytes(number)));
            if number >= 20 {
                younger.push(&nth(number, bytes(number)));
            }
            if number >= 300 {
                assert_eq!(elder.declared(), younger.declared(), "{number}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_begins_a_period_and_a_correction_none() {
        let mut meter = BandwidthMeter::default();
        meter.push(&nth(150, 6_000_000));
        meter.push(&nth(149, 600_000));
        meter.push(&nth(150, 600_000));
        assert_eq!(meter.declared().peak_bps, 8_000_000);
        for number in [100_000, 10, 100_000] {
            meter.push(&nth(number, 600_000));
        }
        assert_eq!(meter.declared().peak_bps, 800_000);
    }

    #[test]
    fn what_an_earlier_life_declared_holds_until_a_period_is_over() {
        let declared = Bandwidth {
            peak_bps: 8_000_000,
            average_bps: 4_000_000,
        };
        let mut meter = BandwidthMeter::resume(declared);
        assert_eq!(meter.declared(), declared);
        for number in 1_000_000..1_000_010 {
            meter.push(&nth(number, 600_000));
            assert_eq!(meter.declared(), declared);
        }
        meter.push(&nth(1_000_160, 600_000));
        assert_eq!(meter.declared().peak_bps, 800_000);
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
