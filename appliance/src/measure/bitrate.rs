//! How a bitrate compares with its own average over five minutes.

/// Over how many seconds it is averaged: each weighs so much less than those before.
const SECONDS: u64 = 300;

/// The average of a bitrate that is told once a second.
#[derive(Debug, Clone, Copy, Default)]
pub struct BitrateAverage {
    /// In thousandths of a bit a second.
    thousandths: u64,
    seconds: u64,
}

impl BitrateAverage {
    /// Takes the bitrate of the next second. What is not received has none, and is left out.
    pub fn push(&mut self, bitrate_bps: u64) {
        if bitrate_bps == 0 {
            return;
        }
        let bitrate = bitrate_bps.saturating_mul(1_000);
        let average = if self.seconds == 0 {
            bitrate
        } else {
            self.thousandths
        };
        self.seconds = (self.seconds + 1).min(SECONDS);
        self.thousandths = if bitrate >= average {
            average + (bitrate - average) / self.seconds
        } else {
            average - (average - bitrate) / self.seconds
        };
    }

    /// Seconds that made it, at most 300.
    pub const fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The average; `None` before there was a bitrate.
    pub fn average_bps(&self) -> Option<u64> {
        (self.seconds > 0).then_some(self.thousandths / 1_000)
    }

    /// How far `bitrate_bps` is off the average, and the average, both in thousandths of a bit a
    /// second.
    pub const fn off(&self, bitrate_bps: u64) -> (u64, u64) {
        let bitrate = bitrate_bps.saturating_mul(1_000);
        (bitrate.abs_diff(self.thousandths), self.thousandths)
    }

    /// The same in percent; `None` before there was a bitrate.
    pub fn variance_percent(&self, bitrate_bps: u64) -> Option<f64> {
        let (off, average) = self.off(bitrate_bps);
        #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
        let percent = off as f64 * 100.0 / average as f64;
        (average > 0).then_some(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::BitrateAverage;

    #[test]
    fn the_average_follows_over_minutes_and_a_pause_is_no_bitrate() {
        let mut average = BitrateAverage::default();
        assert_eq!(
            (average.average_bps(), average.variance_percent(1)),
            (None, None)
        );
        for _ in 0..400 {
            average.push(4_000_000);
            average.push(0);
        }
        assert_eq!(average.average_bps(), Some(4_000_000));
        assert_eq!(average.variance_percent(5_000_000), Some(25.0));
        average.push(7_000_000);
        assert_eq!(average.average_bps(), Some(4_010_000));
        assert_eq!(average.seconds(), 300);
    }
}
