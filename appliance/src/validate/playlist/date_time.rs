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
    /// Whether `text` is a date, and its year too large to be read.
    pub(in crate::validate) fn is_beyond(text: &str) -> bool {
        let text = text.trim();
        let (year, rest) = text
            .split_at_checked(text.find('-').unwrap_or(0))
            .unwrap_or_default();
        let year = year.strip_prefix('+').unwrap_or(year);
        let is_year = year.len() >= 4 && year.bytes().all(|byte| byte.is_ascii_digit());
        is_year && Self::read(text).is_none() && Self::read(&format!("2001{rest}")).is_some()
    }

    /// Reads `text`, of a year up to 9999.
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
