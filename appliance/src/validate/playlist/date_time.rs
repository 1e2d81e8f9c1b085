//! Dates of ISO 8601, in the spellings that are met.

use jiff::{Timestamp, civil, tz::TimeZone};

/// A date and time, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
    /// Whether it names its time zone; UTC is assumed otherwise.
    pub has_zone: bool,
}

impl DateTime {
    /// Reads `text`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(Self {
                micros: timestamp.as_microsecond(),
                has_zone: true,
            });
        }
        let civil = text.parse::<civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
        Some(Self {
            micros: zoned.timestamp().as_microsecond(),
            has_zone: false,
        })
    }
}
