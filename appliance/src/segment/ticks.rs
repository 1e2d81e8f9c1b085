//! Ticks of 90 kHz, beside spans and wall time.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.7 (PTS). One tick is 100,000/9 ns; what has no exact value is
//! rounded down.

use std::time::Duration;

use weir_hal::Wall;

/// Most ticks that a span is believed to have, so that sums of some hold: 800,000 years.
const SPAN_MAX: i64 = i64::MAX / 4;

/// `span` in ticks.
pub(super) fn of(span: Duration) -> i64 {
    i64::try_from(span.as_nanos() * 9 / 100_000).map_or(SPAN_MAX, |ticks| ticks.min(SPAN_MAX))
}

/// How long `ticks` last, to the microsecond.
pub(super) fn span(ticks: u64) -> Duration {
    Duration::from_micros(ticks.saturating_mul(100) / 9)
}

/// Ticks from 1970 to `wall`.
pub(super) fn since_epoch(wall: Wall) -> i64 {
    of(Duration::from_nanos(wall.as_nanos()))
}

/// Ticks from `earlier` to `later`; below zero if that is the other way round.
pub(super) fn between(earlier: Wall, later: Wall) -> i64 {
    let nanos = i128::from(later.as_nanos()) - i128::from(earlier.as_nanos());
    i64::try_from(nanos * 9 / 100_000).expect("2^64 ns are fewer ticks")
}

/// `ticks` after `wall`; before it if they are below zero.
pub(super) fn later(wall: Wall, ticks: i64) -> Wall {
    let nanos = i128::from(wall.as_nanos()) + (i128::from(ticks) * 100_000).div_euclid(9);
    Wall::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}
