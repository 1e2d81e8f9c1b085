//! Which bytes an origin is asked for.
//!
//! Source: RFC 9110 §14.1.2 (byte ranges), §14.4 (Content-Range).

use std::ops::Range;

use hyper::{
    HeaderMap,
    header::{CONTENT_RANGE, HeaderValue},
};
use weir_cache::rules::ContentRange;

/// Which bytes an origin is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them, whatever the client asked for: the rest will be wanted too.
    Whole,
    /// What the client asks for, on its conditions: nobody else waits for it.
    AsAsked,
    /// Those far from the beginning that the client asks for, and what lies around them: whoever
    /// jumps there should not have to wait for all before it.
    Around(Range<u64>),
    /// So many from the end.
    Last(u64),
}

impl Wanted {
    /// What is to be fetched whole, or in slices of so many bytes, for who asks for `range`.
    pub(super) fn of(range: &HeaderValue, slice_bytes: u32) -> Self {
        let slice_bytes = u64::from(slice_bytes);
        match first_byte(range) {
            Some(First::At(first)) if first >= slice_bytes => {
                let start = first - first % slice_bytes;
                Self::Around(start..start.saturating_add(slice_bytes))
            }
            Some(First::FromEnd(bytes)) if bytes > 0 => Self::Last(bytes),
            Some(First::At(_) | First::FromEnd(_)) | None => Self::Whole,
        }
    }

    /// Whether the Range is one that the client did not send.
    pub(super) const fn is_more_than_asked(&self) -> bool {
        matches!(self, Self::Around(_))
    }

    /// Whether a part with the fields `headers` is what was asked for, or all there is of it.
    pub(super) fn is_met_by(&self, headers: &HeaderMap) -> bool {
        let part = headers.get(CONTENT_RANGE).and_then(ContentRange::parse);
        let Some((part, complete)) = part.and_then(|part| Some((part, part.complete?))) else {
            return false;
        };
        match self {
            Self::Whole | Self::AsAsked => false,
            Self::Around(range) => {
                part.first == range.start && part.last + 1 == range.end.min(complete)
            }
            Self::Last(bytes) => {
                part.first == complete.saturating_sub(*bytes) && part.last + 1 == complete
            }
        }
    }

    /// The Range field, if there is to be one that the client did not send.
    pub(super) fn range(&self) -> Option<HeaderValue> {
        let range = match self {
            Self::Whole | Self::AsAsked => return None,
            Self::Around(range) => format!("bytes={}-{}", range.start, range.end - 1),
            Self::Last(bytes) => format!("bytes=-{bytes}"),
        };
        HeaderValue::try_from(range).ok()
    }
}

/// Where the bytes begin that are asked for.
enum First {
    At(u64),
    FromEnd(u64),
}

/// Reads the first of the ranges that are asked for (RFC 9110 §14.1.2).
fn first_byte(range: &HeaderValue) -> Option<First> {
    let (unit, set) = range.to_str().ok()?.split_once('=')?;
    let (first, last) = set.split(',').next()?.trim().split_once('-')?;
    let is_alone = !set.contains(',');
    if !unit.eq_ignore_ascii_case("bytes") {
        None
    } else if first.is_empty() {
        last.parse().ok().filter(|_| is_alone).map(First::FromEnd)
    } else {
        first.parse().ok().map(First::At)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SLICE: u32 = 1_000;

    fn wanted(range: &str) -> Wanted {
        Wanted::of(&HeaderValue::try_from(range).expect("visible"), SLICE)
    }

    fn is_met(wanted: &Wanted, content_range: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_RANGE, HeaderValue::from_static(content_range));
        wanted.is_met_by(&headers)
    }

    #[test]
    fn who_reads_from_the_front_has_the_whole_fetched() {
        for range in [
            "bytes=0-",
            "bytes=0-1",
            "bytes=999-5000",
            "bytes=-0",
            "bytes=-5,0-1",
            "lines=2000-",
            "x",
        ] {
            assert_eq!(wanted(range), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn who_jumps_has_the_slice_fetched_in_which_he_lands() {
        assert_eq!(wanted("bytes=1000-"), Wanted::Around(1_000..2_000));
        assert_eq!(wanted("bytes=2500-2600,0-1"), Wanted::Around(2_000..3_000));
        assert_eq!(wanted("bytes=-500"), Wanted::Last(500));
        let around = wanted("bytes=2500-").range();
        assert_eq!(around, Some(HeaderValue::from_static("bytes=2000-2999")));
        assert_eq!(Wanted::Whole.range(), None);
    }

    #[test]
    fn a_part_is_what_was_asked_for_or_it_is_not_taken() {
        let around = Wanted::Around(1_000..2_000);
        assert!(is_met(&around, "bytes 1000-1999/5000"));
        assert!(is_met(&around, "bytes 1000-1499/1500"));
        assert!(!is_met(&around, "bytes 1000-1499/5000"));
        assert!(!is_met(&around, "bytes 0-999/5000"));
        assert!(!is_met(&around, "bytes 1000-1999/*"));
        let last = Wanted::Last(500);
        assert!(is_met(&last, "bytes 4500-4999/5000"));
        assert!(is_met(&last, "bytes 0-99/100"));
        assert!(!is_met(&last, "bytes 4500-4998/5000"));
        assert!(!is_met(&Wanted::Whole, "bytes 0-99/100"));
    }

    proptest! {
        #[test]
        fn never_panics_on_any_range(range in "bytes=[0-9,-]{0,40}|[ -~]{0,40}") {
            wanted(&range).range();
        }
    }
}
