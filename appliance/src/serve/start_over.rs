//! What a query of a live playlist asks for: `?start=` and `?end=`.
//!
//! Source: RFC 3339 §5.6 (`date-time`), RFC 3986 §3.4 (query). A moment is a date and time as in
//! `2026-01-31T20:15:00Z`, or so many seconds before the newest segment's end, as in `-600`.
//! Other parameters are for others: tokens, CMCD, what a player adds against caches; and so are
//! these where nothing is kept to start over in, unless they ask for it beyond doubt.

use std::time::Duration;

use weir_hal::Wall;

use crate::{segment::Moment, serve::route::decode};

/// A part of what was on air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StartOver {
    /// Where it begins.
    pub(super) from: Moment,
    /// Where it ends; it goes on as long as the channel if there is none.
    pub(super) until: Option<Moment>,
    /// The same as a query.
    pub(super) query: String,
}

/// Why a query is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A sentence for whoever asked.
    Malformed(&'static str),
    /// It asks for what was on air, and that is not kept.
    NothingKept,
}

impl StartOver {
    /// Reads `query` where what was on air `is_kept`, or is not; `None` when it asks for nothing of
    /// the kind.
    ///
    /// # Errors
    /// [`Refusal`], if it asks for what is not there, or in a way that cannot be understood.
    pub(super) fn of(query: Option<&str>, is_kept: bool) -> Result<Option<Self>, Refusal> {
        match (Self::read(query), is_kept) {
            (Ok(Some(_)), false) => Err(Refusal::NothingKept),
            (Err(_), false) => Ok(None),
            (read, _) => read.map_err(Refusal::Malformed),
        }
    }

    fn read(query: Option<&str>) -> Result<Option<Self>, &'static str> {
        let parameters = || query.into_iter().flat_map(|query| query.split('&'));
        let start = only(parameters(), "start=")?;
        let end = only(parameters(), "end=")?;
        let from = start.map(moment).transpose()?;
        let until = end.map(moment).transpose()?;
        let (Some(from), Some(start)) = (from, start) else {
            return match until {
                Some(_) => Err("end is given without start"),
                None => Ok(None),
            };
        };
        if until.is_some_and(|until| !is_before(from, until)) {
            return Err("end is not after start");
        }
        let query = match end {
            Some(end) => format!("start={start}&end={end}"),
            None => format!("start={start}"),
        };
        Ok(Some(Self { from, until, query }))
    }
}

/// The value of the parameter that begins with `name`, as it was sent.
fn only<'a>(
    parameters: impl Iterator<Item = &'a str>,
    name: &str,
) -> Result<Option<&'a str>, &'static str> {
    let mut values = parameters.filter_map(|parameter| parameter.strip_prefix(name));
    let value = values.next();
    if values.next().is_some() {
        return Err("start or end is given twice");
    }
    Ok(value)
}

fn moment(value: &str) -> Result<Moment, &'static str> {
    const EXPECTED: &str = "start and end are a date and time as in 2026-01-31T20:15:00Z, or \
                            seconds before now as in -600";
    let text = decode(value).ok_or(EXPECTED)?;
    if let Some(seconds) = text.strip_prefix('-') {
        let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = seconds.parse().ok().filter(|_| is_number);
        return seconds
            .map(|seconds| Moment::BeforeEnd(Duration::from_secs(seconds)))
            .ok_or(EXPECTED);
    }
    // Not every form that the parser knows: years of more than four digits, names of time zones.
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"-+:.TtZz".contains(&byte));
    let at: Option<jiff::Timestamp> = text.parse().ok().filter(|_| is_plain);
    at.and_then(|at| u64::try_from(at.as_nanosecond()).ok())
        .map(|nanos| Moment::At(Wall::from_nanos(nanos)))
        .ok_or(EXPECTED)
}

/// Whether `from` is before `until`, as far as that can be told without knowing what time it is.
fn is_before(from: Moment, until: Moment) -> bool {
    match (from, until) {
        (Moment::At(from), Moment::At(until)) => from < until,
        (Moment::BeforeEnd(from), Moment::BeforeEnd(until)) => from > until,
        (Moment::At(_), Moment::BeforeEnd(_)) | (Moment::BeforeEnd(_), Moment::At(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EIGHT: Moment = Moment::At(Wall::from_nanos(1_769_890_500_000_000_000));

    fn of(query: &str) -> Result<Option<(Moment, Option<Moment>)>, &'static str> {
        let read = StartOver::read(Some(query))?;
        Ok(read.map(|read| (read.from, read.until)))
    }

    #[test]
    fn a_date_and_time_is_read_in_each_form_of_rfc_3339() {
        for text in [
            "2026-01-31T20:15:00Z",
            "2026-01-31T20:15:00.000Z",
            "2026-01-31T21:15:00+01:00",
            "2026-01-31T21%3A15%3A00%2B01%3A00",
            "2026-01-31t20:15:00z",
        ] {
            assert_eq!(
                of(&format!("start={text}")),
                Ok(Some((EIGHT, None))),
                "{text}"
            );
        }
    }

    #[test]
    fn seconds_before_the_end_are_read() {
        let before = |seconds| Moment::BeforeEnd(Duration::from_secs(seconds));
        assert_eq!(of("start=-600"), Ok(Some((before(600), None))));
        let both = Ok(Some((before(600), Some(before(60)))));
        assert_eq!(of("start=-600&end=-60"), both);
    }

    #[test]
    fn what_others_add_is_passed_over_and_what_is_passed_on_is_as_it_was() {
        assert_eq!(StartOver::read(None), Ok(None));
        assert_eq!(of("token=a&started=1&_=2"), Ok(None));
        let query = "token=a&end=2026-01-31T20%3A15%3A00Z&start=2026-01-31T20:14:00Z&_=1";
        let read = StartOver::read(Some(query)).expect("it is sound");
        let read = read.expect("it asks for a part");
        assert_eq!(read.until, Some(EIGHT));
        assert_eq!(
            read.query,
            "start=2026-01-31T20:14:00Z&end=2026-01-31T20%3A15%3A00Z"
        );
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for query in [
            "start=",
            "start=now",
            "start=-",
            "start=--5",
            "start=-5s",
            "start=600",
            "start=2026-01-31",
            "start=2026-01-31T20:15:00",
            "start=2026-01-31T25:15:00Z",
            "start=1969-01-31T20:15:00Z",
            "start=2026-01-31T20:15:00Z%",
            "start=2026-01-31T20:15:00Z%0a",
            "start=2026-01-31T20:15:00+01:00[Europe/Paris]",
            "start=-600&start=-500",
            "end=-600",
            "start=-600&end=-600",
            "start=2026-01-31T20:15:00Z&end=2026-01-31T20:15:00Z",
        ] {
            assert!(of(query).is_err(), "{query}");
        }
    }

    #[test]
    fn where_nothing_is_kept_only_what_asks_for_it_beyond_doubt_is_refused() {
        let of = |query, is_kept| StartOver::of(Some(query), is_kept);
        assert_eq!(of("start=-600", false), Err(Refusal::NothingKept));
        for query in ["end=5", "start=5", "start=-600&start=-500"] {
            assert_eq!(of(query, false), Ok(None), "{query}");
            let refused = of(query, true);
            assert!(matches!(refused, Err(Refusal::Malformed(_))), "{query}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_query(query in "(start=|end=|.){0,4}.*") {
            drop(StartOver::read(Some(&query)));
        }
    }
}
