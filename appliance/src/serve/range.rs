//! The `Range` field of a request.
//!
//! Source: RFC 9110 §14.1.2 (byte ranges), §14.2 (Range), §15.3.7.2 (several parts), §15.5.17
//! (416). Pure.
//!
//! Ranges that overlap, or that so little separates that telling them apart would cost more, become
//! one. What is asked for is answered in the order in which it was asked for.
//!
//! Refuses: more than [`RANGES_MAX`] ranges in one request, and sets whose answer would be longer
//! than the whole. Both are answered as if no range had been asked for, as §14.2 allows, so that a
//! small request cannot ask for a large answer many times over.

use std::ops::Range;

use heapless::Vec;

/// Ranges that one request may ask for. Players ask for one; readers of documents for a few.
pub(crate) const RANGES_MAX: usize = 16;

/// Bytes that another part of an answer costs beside its own: its boundary and its fields.
pub(crate) const PART_HEAD_BYTES_MAX: u64 = 256;

/// Bytes to send of a representation: apart from each other, never empty, never beyond the end.
pub(crate) type Parts = Vec<Range<u64>, RANGES_MAX>;

/// What a `Range` field asks of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one request"
)]
pub(crate) enum Selection {
    /// All of it: no range, too many, another unit, or a set that does not parse.
    Whole,
    /// These parts; at least one.
    Parts(Parts),
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
    let mut parts = Parts::new();
    let mut count = 0;
    // A list may have empty elements (§5.6.1.2).
    for spec in set
        .split(',')
        .map(str::trim_ascii)
        .filter(|spec| !spec.is_empty())
    {
        count += 1;
        match resolve(spec, bytes) {
            _ if count > RANGES_MAX => return Selection::Whole,
            // Of an empty representation a suffix is satisfiable by the letter of §14.1.2, but no
            // Content-Range could tell of it.
            Resolved::Malformed | Resolved::Empty => return Selection::Whole,
            Resolved::Beyond => {}
            Resolved::Part(part) => add(&mut parts, part),
        }
    }
    if count == 0 {
        return Selection::Whole;
    }
    if parts.is_empty() {
        return Selection::Unsatisfiable;
    }
    let cost = |part: &Range<u64>| part.end - part.start + PART_HEAD_BYTES_MAX;
    let is_worth_it = parts.len() == 1 || parts.iter().map(cost).sum::<u64>() < bytes;
    if is_worth_it {
        Selection::Parts(parts)
    } else {
        Selection::Whole
    }
}

/// What one element of a set of ranges means.
enum Resolved {
    Part(Range<u64>),
    /// It begins beyond the end.
    Beyond,
    /// The end of what has no bytes.
    Empty,
    Malformed,
}

fn resolve(spec: &str, bytes: u64) -> Resolved {
    match spec.split_once('-') {
        Some(("", suffix)) => resolve_suffix(suffix, bytes),
        Some((first, last)) => resolve_from(first, last, bytes),
        None => Resolved::Malformed,
    }
}

/// `first-` or `first-last`, the last byte included.
fn resolve_from(first: &str, last: &str, bytes: u64) -> Resolved {
    let (Some(first), Some(end)) = (
        position(first),
        match last {
            "" => Some(u64::MAX),
            last => position(last).map(|last| last.saturating_add(1)),
        },
    ) else {
        return Resolved::Malformed;
    };
    if end <= first && first != u64::MAX {
        return Resolved::Malformed;
    }
    if first >= bytes {
        return Resolved::Beyond;
    }
    Resolved::Part(first..end.min(bytes))
}

/// `-suffix`: that many bytes from the end.
fn resolve_suffix(suffix: &str, bytes: u64) -> Resolved {
    match position(suffix) {
        None => Resolved::Malformed,
        Some(0) => Resolved::Beyond,
        Some(_) if bytes == 0 => Resolved::Empty,
        Some(suffix) => Resolved::Part(bytes.saturating_sub(suffix)..bytes),
    }
}

/// Reads `1*DIGIT`; what does not fit in 64 bits is beyond every end all the same.
fn position(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Adds a part at the end, or to the first of those that it is not apart from.
fn add(parts: &mut Parts, part: Range<u64>) {
    let is_near = |one: &Range<u64>, other: &Range<u64>| {
        one.start <= other.end.saturating_add(PART_HEAD_BYTES_MAX)
            && other.start <= one.end.saturating_add(PART_HEAD_BYTES_MAX)
    };
    let (mut place, mut merged) = (parts.len(), part);
    // A part that has grown may have come near to others.
    while let Some(near) = parts.iter().position(|one| is_near(one, &merged)) {
        let one = parts.remove(near);
        merged = one.start.min(merged.start)..one.end.max(merged.end);
        place = place.min(near);
    }
    // There were as many ranges as there is room for, or fewer.
    parts.insert(place.min(parts.len()), merged).unwrap_or(());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(ranges: &[Range<u64>]) -> Selection {
        Selection::Parts(ranges.iter().cloned().collect())
    }

    fn part(range: Range<u64>) -> Selection {
        parts(&[range])
    }

    #[test]
    fn selects_one_range() {
        assert_eq!(select("bytes=0-0", 10), part(0..1));
        assert_eq!(select("bytes=2-5", 10), part(2..6));
        assert_eq!(select("bytes=2-", 10), part(2..10));
        assert_eq!(select("bytes=-3", 10), part(7..10));
        assert_eq!(select("BYTES= 2-5 ", 10), part(2..6));
        assert_eq!(select("bytes=,2-5,,", 10), part(2..6));
    }

    #[test]
    fn clips_to_the_end() {
        assert_eq!(select("bytes=2-99", 10), part(2..10));
        assert_eq!(select("bytes=-99", 10), part(0..10));
        assert_eq!(select("bytes=9-99999999999999999999999", 10), part(9..10));
    }

    #[test]
    fn selects_several_ranges_in_their_order() {
        let selection = select("bytes=5000-5999, 0-99,-100", 10_000);
        assert_eq!(selection, parts(&[5_000..6_000, 0..100, 9_900..10_000]));
        let selection = select("bytes=0-99,20000-,5000-5099", 10_000);
        assert_eq!(selection, parts(&[0..100, 5_000..5_100]));
    }

    #[test]
    fn what_is_not_apart_becomes_one() {
        assert_eq!(select("bytes=0-1,4-5", 10_000), part(0..6));
        assert_eq!(select("bytes=500-999,0-499", 10_000), part(0..1_000));
        let selection = select("bytes=0-99,4000-4099,50-4050,9000-9099", 10_000);
        assert_eq!(selection, parts(&[0..4_100, 9_000..9_100]));
    }

    #[test]
    fn tells_what_is_not_there() {
        assert_eq!(select("bytes=10-", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=10-12", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=10-12,20-", 10), Selection::Unsatisfiable);
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
            "bytes=,",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,5-2",
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

    #[test]
    fn a_set_that_costs_more_than_the_whole_gets_the_whole() {
        let many = |count: u64| {
            let specs: std::vec::Vec<_> = (0..count)
                .map(|at| format!("{}-{}", at * 1_000, at * 1_000))
                .collect();
            select(&format!("bytes={}", specs.join(",")), 20_000)
        };
        assert!(matches!(many(16), Selection::Parts(parts) if parts.len() == 16));
        assert_eq!(many(17), Selection::Whole);
        assert_eq!(select("bytes=0-499,800-", 1_300), Selection::Whole);
    }

    proptest! {
        #[test]
        fn never_leaves_the_representation(
            range in "bytes=[0-9,-]{0,60}|.*",
            bytes in 0..10_000_u64,
        ) {
            if let Selection::Parts(parts) = select(&range, bytes) {
                prop_assert!(!parts.is_empty());
                let all: u64 = parts.iter().map(|part| part.end - part.start).sum();
                prop_assert!(all <= bytes);
                for part in &parts {
                    prop_assert!(part.start < part.end && part.end <= bytes);
                }
                for (index, one) in parts.iter().enumerate() {
                    for other in &parts[..index] {
                        prop_assert!(one.end < other.start || other.end < one.start);
                    }
                }
            }
        }
    }
}
