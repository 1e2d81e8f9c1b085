//! Quantities as people write them: a number and its unit, as in `64MiB`, `6s` or `40Mb/s`.
//!
//! Refuses: a bare number. Nobody should have to guess whether 6 means seconds or milliseconds.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use super::{ByteSize, mistake::quoted};

/// Bytes per unit. `kB` and the like are powers of 1000, `KiB` and the like powers of 1024.
const BYTE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Nanoseconds per unit.
const DURATION_UNITS: &[(&str, u64)] = &[
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Bits per second per unit.
const BITRATE_UNITS: &[(&str, u64)] = &[
    ("b/s", 1),
    ("kb/s", 1_000),
    ("Mb/s", 1_000_000),
    ("Gb/s", 1_000_000_000),
];

impl ByteSize {
    /// Reads a size such as `64MiB`, `1.5GB` or `512 B`.
    ///
    /// # Errors
    /// A sentence that says what a size looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        quantity(text, BYTE_UNITS).map(Self).ok_or_else(|| {
            let units = "B, kB, MB, GB, TB, KiB, MiB, GiB or TiB";
            let text = quoted(text);
            format!("{text} is no size: write a number and {units}, as in \"64MiB\"")
        })
    }
}

impl Display for ByteSize {
    /// Writes the size in the largest binary unit that loses nothing.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = BYTE_UNITS
            .iter()
            .rev()
            .filter(|(unit, _)| unit.contains('i'));
        let whole = binary
            .copied()
            .find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = whole.unwrap_or(("B", 1));
        write!(formatter, "{}{unit}", self.0 / bytes)
    }
}

/// Reads a duration such as `6s`, `250ms`, `1.5s`, `2min` or `1h`.
///
/// # Errors
/// A sentence that says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    quantity(text, DURATION_UNITS)
        .map(Duration::from_nanos)
        .ok_or_else(|| {
            format!(
                "{} is no duration: write a number and ms, s, min or h, as in \"6s\"",
                quoted(text)
            )
        })
}

/// Reads a bitrate such as `40Mb/s`, in bits per second.
///
/// # Errors
/// A sentence that says what a bitrate looks like.
pub fn parse_bitrate(text: &str) -> Result<u64, String> {
    quantity(text, BITRATE_UNITS).ok_or_else(|| {
        format!(
            "{} is no bitrate: write a number and kb/s, Mb/s or Gb/s, as in \"40Mb/s\"",
            quoted(text)
        )
    })
}

/// A decimal number of at most nine decimals, perhaps a space, and one of `units`; exactly, or not.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at_checked(split)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let decimals = u32::try_from(fraction.len())
        .ok()
        .filter(|count| (1..=9).contains(count))?;
    let whole: u128 = whole.parse().ok()?;
    let fraction: u128 = fraction.parse().ok()?;
    let scale = u128::from(*scale);
    let total = whole.checked_mul(scale)? + fraction * scale / 10_u128.pow(decimals);
    u64::try_from(total).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{ByteSize, parse_bitrate, parse_duration};

    #[test]
    fn sizes_are_decimal_or_binary_by_their_unit() {
        for (text, bytes) in [
            ("512B", 512),
            ("512 B", 512),
            ("64kB", 64_000),
            ("64KB", 64_000),
            ("500MB", 500_000_000),
            ("1.5GB", 1_500_000_000),
            ("2TB", 2_000_000_000_000),
            ("4KiB", 4_096),
            ("64MiB", 67_108_864),
            ("10GiB", 10_737_418_240),
            ("1TiB", 1_099_511_627_776),
            ("0.5KiB", 512),
        ] {
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn durations_and_bitrates_have_units() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1.001s"), Ok(Duration::from_millis(1_001)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(parse_duration("2min"), Ok(Duration::from_mins(2)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(parse_bitrate("800kb/s"), Ok(800_000));
        assert_eq!(parse_bitrate("2.5 Gb/s"), Ok(2_500_000_000));
    }

    #[test]
    fn a_quantity_without_number_unit_or_bounds_is_refused() {
        let wrong = [
            "",
            "6",
            "s",
            "-6s",
            "6 parsecs",
            "6S",
            "1e3s",
            ".5s",
            "5.s",
            "6  s",
            "1.2.3s",
        ];
        for text in wrong {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(ByteSize::parse("99999999999TiB").is_err());
        assert!(ByteSize::parse("10gib").is_err());
        assert!(parse_bitrate("40Mbps").is_err());
    }

    proptest! {
        #[test]
        fn a_size_reads_back_as_it_was_written(bytes in any::<u64>()) {
            let size = ByteSize(bytes);
            prop_assert_eq!(ByteSize::parse(&size.to_string()), Ok(size));
        }

        #[test]
        fn no_text_makes_a_unit_reader_panic(text in "\\PC{0,24}|[0-9.]{0,40}[A-Za-z/ ]{0,4}") {
            let has_digit = text.contains(|letter: char| letter.is_ascii_digit());
            prop_assert!(has_digit || ByteSize::parse(&text).is_err());
            prop_assert!(has_digit || parse_duration(&text).is_err());
            prop_assert!(has_digit || parse_bitrate(&text).is_err());
        }
    }
}
