//! The wall time of a picture: anchored where the stream was received, carried on by its own clock.
//!
//! Source: RFC 8216 §4.3.2.6 (EXT-X-PROGRAM-DATE-TIME). Media time does not jitter as reception
//! does, so that segments lie as exactly on the wall clock as in the stream. An encoder whose
//! crystal is off by 50 ppm would drift by 4 s a day; therefore each segment is drawn towards its
//! reception by at most a millisecond.

use weir_hal::Wall;

/// Correction per segment, 166 ppm at 6 s: more than an encoder's clock may be off (30 ppm).
const CORRECTION_NANOS_MAX: u64 = 1_000_000;

/// Share of the distance that is corrected per segment, against the jitter of reception.
const CORRECTION_DIVISOR: u64 = 16;

/// A distance beyond this means that the wall clock was set: it is followed at once.
const STEP_NANOS_MIN: u64 = 10_000_000_000;

/// A point at which media time and wall time were seen together.
#[derive(Debug, Clone, Copy)]
pub(super) struct DateTime {
    wall: Wall,
    pts: i64,
}

impl DateTime {
    /// Ties the unwrapped `pts` to `now`.
    pub(super) fn anchor(pts: i64, now: Wall) -> Self {
        Self { wall: now, pts }
    }

    /// The wall time of `pts`.
    pub(super) fn of(self, pts: i64) -> Wall {
        let ticks = pts - self.pts;
        let nanos = i128::from(ticks) * 100_000 / 9;
        let wall = i128::from(self.wall.as_nanos()) + nanos;
        Wall::from_nanos(u64::try_from(wall.max(0)).unwrap_or(u64::MAX))
    }

    /// Moves the anchor to `pts`, received at `now`, and returns its wall time.
    pub(super) fn follow(&mut self, pts: i64, now: Wall) -> Wall {
        let expected = self.of(pts);
        *self = Self {
            wall: corrected(expected, now),
            pts,
        };
        self.wall
    }
}

fn corrected(expected: Wall, now: Wall) -> Wall {
    let (expected_nanos, now_nanos) = (expected.as_nanos(), now.as_nanos());
    if expected_nanos.abs_diff(now_nanos) > STEP_NANOS_MIN {
        return now;
    }
    let distance_nanos = expected_nanos.abs_diff(now_nanos);
    let correction_nanos = (distance_nanos / CORRECTION_DIVISOR).min(CORRECTION_NANOS_MAX);
    if now > expected {
        Wall::from_nanos(expected_nanos + correction_nanos)
    } else {
        Wall::from_nanos(expected_nanos - correction_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Wall = Wall::from_nanos(1_700_000_000_000_000_000);
    const SECOND: u64 = 1_000_000_000;

    fn later(nanos: u64) -> Wall {
        Wall::from_nanos(START.as_nanos() + nanos)
    }

    #[test]
    fn media_time_is_carried_on() {
        let date_time = DateTime::anchor(900_000, START);
        assert_eq!(date_time.of(1_440_000), later(6 * SECOND));
        assert_eq!(date_time.of(810_000).as_nanos(), START.as_nanos() - SECOND);
    }

    #[test]
    fn a_crystal_that_is_off_is_followed_and_jitter_is_not() {
        let mut date_time = DateTime::anchor(0, START);
        for segment in 1..=1_000 {
            // 50 ppm slow, received up to 20 ms late.
            let nanos = segment * (6 * SECOND + 300_000) + segment * 7 % 20 * 1_000_000;
            date_time.follow(
                i64::try_from(segment * 540_000).expect("small"),
                later(nanos),
            );
        }
        let drift = date_time.wall.as_nanos() - later(1_000 * (6 * SECOND + 300_000)).as_nanos();
        assert!(drift < 20_000_000, "{drift} ns");
    }

    #[test]
    fn a_wall_clock_that_was_set_is_followed_at_once() {
        let mut date_time = DateTime::anchor(0, Wall::from_nanos(0));
        assert_eq!(date_time.follow(540_000, START), START);
        let back = Wall::from_nanos(5);
        assert_eq!(date_time.follow(1_080_000, back), back);
    }
}
