//! Dates in fields.
//!
//! Source: RFC 9110 §5.6.7. Day and month names and the zone are taken in any case, and the name of
//! the day is not compared with the date: many senders get it wrong, and nothing hangs on it.
//!
//! Refuses: zones other than GMT, and everything else that is not one of the three forms.

use http::HeaderValue;
use weir_hal::Wall;

const NANOS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads a date in any of the three forms. Dates before 1970 are 1970, dates beyond the clock are
/// its end.
///
/// A year of two digits is the one within 50 years of `now`, or the last one that ends so.
pub fn parse_http_date(value: &HeaderValue, now: Wall) -> Option<Wall> {
    parse_s(value.as_bytes(), seconds(now)).map(wall)
}

/// Writes a date in the preferred form, to the second.
pub fn http_date(at: Wall) -> HeaderValue {
    let at_s = seconds(at);
    let (days, in_day) = (at_s / DAY_S, at_s % DAY_S);
    let (year, month, day) = civil(days);
    // 1970-01-01 was a Thursday.
    let weekday: &str = WEEKDAYS
        .get(usize::try_from((days + 3) % 7).unwrap_or(0))
        .map_or("", |name| name.get(..3).unwrap_or_default());
    let month = MONTHS.get(month).copied().unwrap_or_default();
    let text = format!(
        "{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT",
        in_day / 3600,
        in_day / 60 % 60,
        in_day % 60
    );
    // A date is visible ASCII.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whole seconds since 1970.
pub(super) const fn seconds(at: Wall) -> u64 {
    at.as_nanos() / NANOS
}

/// The instant so many seconds after 1970, or the end of the clock.
pub(super) const fn wall(at_s: u64) -> Wall {
    Wall::from_nanos(at_s.saturating_mul(NANOS))
}

/// Reads a date as seconds since 1970.
pub(super) fn parse_s(text: &[u8], now_s: u64) -> Option<u64> {
    let date = fixdate(text)
        .or_else(|| asctime(text))
        .or_else(|| rfc850(text, now_s))?;
    date.seconds()
}

/// A day and a second in it.
struct Date {
    year: i64,
    /// From 0.
    month: usize,
    day: u64,
    in_day_s: u64,
}

impl Date {
    /// Seconds since 1970, 0 for what was before. `None` if there is no such day.
    fn seconds(&self) -> Option<u64> {
        let is_leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let days = match self.month {
            1 if is_leap => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        if !(1..=days).contains(&self.day) {
            return None;
        }
        let days = days_before(self.year, self.month) + i64::try_from(self.day).ok()? - 1;
        let in_day_s = i64::try_from(self.in_day_s).ok()?;
        Some(u64::try_from(days * 86_400 + in_day_s).unwrap_or(0))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn fixdate(text: &[u8]) -> Option<Date> {
    #[rustfmt::skip]
    let [w @ .., b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ',
        c1, c2, c3, c4, c5, c6, c7, c8, b' ', z1, z2, z3] = text else {
        return None;
    };
    is_weekday(w, 3).then_some(())?;
    is_gmt([*z1, *z2, *z3]).then_some(())?;
    Some(Date {
        year: i64::try_from(number(&[*y1, *y2, *y3, *y4])?).ok()?,
        month: month([*m1, *m2, *m3])?,
        day: number(&[*d1, *d2])?,
        in_day_s: clock([*c1, *c2, *c3, *c4, *c5, *c6, *c7, *c8])?,
    })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`.
fn rfc850(text: &[u8], now_s: u64) -> Option<Date> {
    #[rustfmt::skip]
    let [w @ .., b',', b' ', d1, d2, b'-', m1, m2, m3, b'-', y1, y2, b' ',
        c1, c2, c3, c4, c5, c6, c7, c8, b' ', z1, z2, z3] = text else {
        return None;
    };
    is_weekday(w, usize::MAX).then_some(())?;
    is_gmt([*z1, *z2, *z3]).then_some(())?;
    let (this_year, _, _) = civil(now_s / DAY_S);
    let this_year = i64::try_from(this_year).ok()?;
    let in_century = i64::try_from(number(&[*y1, *y2])?).ok()?;
    let mut year = this_year - this_year % 100 + 100 + in_century;
    while year > this_year + 50 {
        year -= 100;
    }
    Some(Date {
        year,
        month: month([*m1, *m2, *m3])?,
        day: number(&[*d1, *d2])?,
        in_day_s: clock([*c1, *c2, *c3, *c4, *c5, *c6, *c7, *c8])?,
    })
}

/// `Sun Nov  6 08:49:37 1994`.
fn asctime(text: &[u8]) -> Option<Date> {
    #[rustfmt::skip]
    let [w1, w2, w3, b' ', m1, m2, m3, b' ', d1, d2, b' ',
        c1, c2, c3, c4, c5, c6, c7, c8, b' ', y1, y2, y3, y4] = text else {
        return None;
    };
    is_weekday(&[*w1, *w2, *w3], 3).then_some(())?;
    let d1 = if *d1 == b' ' { b'0' } else { *d1 };
    Some(Date {
        year: i64::try_from(number(&[*y1, *y2, *y3, *y4])?).ok()?,
        month: month([*m1, *m2, *m3])?,
        day: number(&[d1, *d2])?,
        in_day_s: clock([*c1, *c2, *c3, *c4, *c5, *c6, *c7, *c8])?,
    })
}

/// `08:49:37`, or 60 seconds where one is inserted.
fn clock(text: [u8; 8]) -> Option<u64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else {
        return None;
    };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// A number of as many digits as there are bytes.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u64::from(digit - b'0'))
    })
}

fn month(name: [u8; 3]) -> Option<usize> {
    MONTHS
        .iter()
        .position(|month| name.eq_ignore_ascii_case(month.as_bytes()))
}

/// Whether it is the name of a day, cut to so many letters.
fn is_weekday(name: &[u8], letters: usize) -> bool {
    WEEKDAYS.iter().any(|day| {
        let day = day.as_bytes();
        name.eq_ignore_ascii_case(&day[..letters.min(day.len())])
    })
}

const fn is_gmt(zone: [u8; 3]) -> bool {
    zone.eq_ignore_ascii_case(b"GMT")
}

/// Days from 1970 to the first of a month, in the Gregorian calendar. A year begins in March here,
/// so that the leap day is its last.
const fn days_before(year: i64, month: usize) -> i64 {
    let year = if month < 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    #[expect(clippy::cast_possible_wrap, reason = "a month is below 12")]
    let month = (month as i64 + 10) % 12;
    let in_year = (153 * month + 2) / 5;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719_468
}

/// The year, the month from 0 and the day of so many days after 1970.
const fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, in_era) = (days / 146_097, days % 146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = ((from_march + 2) % 12) as usize;
    let year = era * 400 + year;
    (if month < 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-21T00:00:00Z.
    const NOW_S: u64 = 1_795_219_200;

    fn parse(text: &str) -> Option<u64> {
        parse_s(text.as_bytes(), NOW_S)
    }

    #[test]
    fn takes_all_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn takes_names_in_any_case_and_of_the_wrong_day() {
        for text in [
            "THU, 18 Aug 2050 02:01:18 GMT",
            "Thu, 18 AUG 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 gMT",
            "Mon, 18 Aug 2050 02:01:18 GMT",
            "Thursday, 18-Aug-50 02:01:18 GMT",
        ] {
            assert_eq!(parse(text), Some(2_544_400_878), "{text}");
        }
        assert_eq!(parse("Thu Aug  8 02:01:18 2050"), Some(2_543_536_878));
    }

    #[test]
    fn refuses_what_is_none_of_the_forms() {
        for text in [
            "",
            "0",
            "-1",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18-Aug-50 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 18 Aug 2050 24:01:18 GMT",
            "Thu, 00 Aug 2050 02:01:18 GMT",
            "Thu, 32 Aug 2050 02:01:18 GMT",
            "Sun, 29 Feb 2026 02:01:18 GMT",
            "Foo, 18 Aug 2050 02:01:18 GMT",
            "18 Aug 2050 02:01:18 GMT",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    /// RFC 9110 §5.6.7: a year of two digits more than 50 years ahead is a past one.
    #[test]
    fn a_year_of_two_digits_is_never_more_than_50_years_ahead() {
        let year = |text: &str, now_s| civil(parse_s(text.as_bytes(), now_s).unwrap() / DAY_S).0;
        assert_eq!(year("Friday, 18-Aug-76 02:01:18 GMT", NOW_S), 2076);
        assert_eq!(year("Friday, 18-Aug-77 02:01:18 GMT", NOW_S), 1977);
        assert_eq!(year("Friday, 18-Aug-26 02:01:18 GMT", NOW_S), 2026);
        assert_eq!(year("Friday, 18-Aug-05 02:01:18 GMT", NOW_S), 2005);
        let in_2080 = 3_471_292_800;
        assert_eq!(year("Friday, 18-Aug-05 02:01:18 GMT", in_2080), 2105);
    }

    #[test]
    fn dates_beyond_the_clock_stop_at_its_ends() {
        assert_eq!(parse("Thu, 01 Jan 1931 00:00:00 GMT"), Some(0));
        let far = HeaderValue::from_static("Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(
            parse_http_date(&far, Wall::default()),
            Some(Wall::from_nanos(u64::MAX))
        );
    }

    #[test]
    fn leap_days_and_leap_seconds_exist() {
        assert_eq!(parse("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(parse("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        assert_eq!(parse("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_800));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(at_s in 0..18_446_744_073_u64) {
            let text = http_date(wall(at_s));
            prop_assert_eq!(parse_s(text.as_bytes(), NOW_S), Some(at_s));
            prop_assert_eq!(text.len(), 29);
        }

        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_s(&text, NOW_S);
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0..29_usize, with: u8, at_s in 0..18_446_744_073_u64) {
            let mut text = http_date(wall(at_s)).as_bytes().to_vec();
            text[at] = with;
            let _ = parse_s(&text, NOW_S);
        }
    }
}
