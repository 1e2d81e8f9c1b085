//! The `Range` field of a request.
//!
//! Source: RFC 9110 §14.1.2 (byte ranges), §14.2 (Range), §15.5.17 (416). Pure.
//! Refuses several ranges in one request: they are answered as if none had been asked for, as
//! §14.2 allows, so that a small request cannot ask for a large answer many times over.

use std::ops::Range;

/// What a `Range` field asks of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it: no range, several, another unit, or one that does not parse.
    Whole,
    /// These bytes; never empty, never beyond the end.
    Part(Range<u64>),
    /// Nothing that is there.
    Unsatisfiable,
}

/// Selects from a representation of `bytes` bytes by the value of a `Range` field.
pub(crate) fn select(range: &str, bytes: u64) -> Selection {
    let Some((unit, set)) = range.split_once('=') else {
        return Selection::Whole;
    };
    if !unit.trim_ascii().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    match set.trim_ascii().split_once('-') {
        Some(("", suffix)) => select_suffix(suffix, bytes),
        Some((first, last)) => select_from(first, last, bytes),
        None => Selection::Whole,
    }
}

/// `first-` or `first-last`, the last byte included.
fn select_from(first: &str, last: &str, bytes: u64) -> Selection {
    let (Some(first), Some(end)) = (
        position(first),
        match last {
            "" => Some(bytes),
            last => position(last).map(|last| last.saturating_add(1)),
        },
    ) else {
        return Selection::Whole;
    };
    if first >= bytes {
        return Selection::Unsatisfiable;
    }
    if end <= first {
        return Selection::Whole;
    }
    Selection::Part(first..end.min(bytes))
}

/// `-suffix`: that many bytes from the end.
fn select_suffix(suffix: &str, bytes: u64) -> Selection {
    match position(suffix) {
        None => Selection::Whole,
        Some(0) => Selection::Unsatisfiable,
        // Satisfiable by the letter of §14.1.2, but no Content-Range could tell of it.
        Some(_) if bytes == 0 => Selection::Whole,
        Some(suffix) => Selection::Part(bytes.saturating_sub(suffix)..bytes),
    }
}

/// Reads `1*DIGIT`; what does not fit in 64 bits is beyond every end all the same.
fn position(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selects_one_range() {
        assert_eq!(select("bytes=0-0", 10), Selection::Part(0..1));
        assert_eq!(select("bytes=2-5", 10), Selection::Part(2..6));
        assert_eq!(select("bytes=2-", 10), Selection::Part(2..10));
        assert_eq!(select("bytes=-3", 10), Selection::Part(7..10));
        assert_eq!(select("BYTES= 2-5 ", 10), Selection::Part(2..6));
    }

    #[test]
    fn clips_to_the_end() {
        assert_eq!(select("bytes=2-99", 10), Selection::Part(2..10));
        assert_eq!(select("bytes=-99", 10), Selection::Part(0..10));
        assert_eq!(
            select("bytes=9-99999999999999999999999", 10),
            Selection::Part(9..10)
        );
    }

    #[test]
    fn tells_what_is_not_there() {
        assert_eq!(select("bytes=10-", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=10-12", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-0", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(
            select("bytes=99999999999999999999999-", 10),
            Selection::Unsatisfiable
        );
    }

    #[test]
    fn ignores_what_it_need_not_honour() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,4-5",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=1 - 2",
            "items=0-1",
        ] {
            assert_eq!(select(range, 10), Selection::Whole, "{range}");
        }
        assert_eq!(select("bytes=-5", 0), Selection::Whole);
    }

    proptest! {
        #[test]
        fn never_leaves_the_representation(range in "bytes=[0-9,-]{0,40}|.*", bytes: u64) {
            if let Selection::Part(part) = select(&range, bytes) {
                prop_assert!(part.start < part.end && part.end <= bytes);
            }
        }
    }
}
