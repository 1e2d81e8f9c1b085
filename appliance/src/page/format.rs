//! Numbers as people read them: three digits and a unit; pure.
//!
//! Refuses: zero for what is not known, which is a dash.

use std::time::Duration;

use weir_hal::Wall;

use crate::page::Language;

/// RFC 3339, to the second.
pub(super) fn moment(wall: Wall) -> String {
    let seconds = i64::try_from(wall.as_nanos() / 1_000_000_000).ok();
    let moment = seconds.and_then(|it| jiff::Timestamp::from_second(it).ok());
    moment.unwrap_or_default().to_string()
}

/// Bits a second.
pub(super) fn bitrate(bps: u64) -> String {
    scaled(bps, 1_000, &["b/s", "kb/s", "Mb/s", "Gb/s"])
}

/// Bytes, by powers of 1,024.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes, 1_024, &["B", "KiB", "MiB", "GiB", "TiB"])
}

fn scaled(value: u64, base: u64, units: &[&str]) -> String {
    let mut unit = 0;
    let mut scale = 1;
    while unit + 1 < units.len() && value / scale >= base {
        scale *= base;
        unit += 1;
    }
    let tenths = (u128::from(value) * 10 + u128::from(scale / 2)) / u128::from(scale);
    let name = units[unit];
    if unit == 0 || tenths >= 1_000 {
        format!("{} {name}", (tenths + 5) / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A count in groups of three digits, by narrow spaces that do not break.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share of a whole; `None` of nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<String> {
    let permille = (u128::from(part) * 1_000).checked_div(whole.into())?;
    Some(format!("{}.{} %", permille / 10, permille % 10))
}

/// A percentage.
pub(super) fn percent(value: Option<f64>, language: &Language) -> String {
    let percent = |value| format!("{value:.0} %");
    value.map_or_else(|| language.unknown_short.to_owned(), percent)
}

/// Seconds and tenths below ten seconds, then as [`span`] tells.
pub(super) fn age(age: Duration) -> String {
    if age < Duration::from_secs(10) {
        format!("{:.1} s", age.as_secs_f64())
    } else {
        span(age)
    }
}

/// The age that `moment` has at `now`.
pub(super) fn age_at(now: Wall, moment: Option<Wall>, language: &Language) -> String {
    let told = moment.map(|moment| age(now.since(moment)));
    told.unwrap_or_else(|| language.never.to_owned())
}

/// Days, hours, minutes and seconds, the first two that are not zero.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days > 0 {
        format!("{days} d {} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_or_three_digits_and_a_unit() {
        for (value, text) in [
            (0, "0 b/s"),
            (999, "999 b/s"),
            (1_000, "1.0 kb/s"),
            (2_040_000, "2.0 Mb/s"),
            (99_949_000, "99.9 Mb/s"),
            (250_400_000, "250 Mb/s"),
            (u64::MAX, "18446744074 Gb/s"),
        ] {
            assert_eq!(bitrate(value), text);
        }
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(123), "123");
        assert_eq!(share(1, 3).as_deref(), Some("33.3 %"));
        assert_eq!(share(0, 0), None);
    }

    #[test]
    fn spans_are_told_in_two_units() {
        for (seconds, text) in [
            (59, "59 s"),
            (61, "1 min 1 s"),
            (7_300, "2 h 1 min"),
            (180_000, "2 d 2 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(age(Duration::from_millis(4_250)), "4.2 s");
    }
}
