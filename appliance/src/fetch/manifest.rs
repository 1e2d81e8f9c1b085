//! How often a DASH manifest changes, by the attributes of its root element.
//!
//! Source: ISO/IEC 23009-1 §5.3.1.2 (`MPD@type`, `@minimumUpdatePeriod`, `@maxSegmentDuration`),
//! XML Schema part 2 §3.2.6 (`xs:duration`), XML 1.0 §2.8 (prolog). Reads the root's start tag and
//! nothing behind it. Pure.
//!
//! Refuses: a document whose root is not `MPD`, or stands farther in than [`PROLOG_BYTES_MAX`].

use std::time::Duration;

/// Bytes before the end of the root's start tag.
const PROLOG_BYTES_MAX: usize = 16 * 1024;

/// Longest duration that is believed: ten years.
const DURATION_S_MAX: u64 = 10 * 365 * 24 * 3_600;

/// What a manifest says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Header {
    /// `@type` is `dynamic`.
    pub(super) is_dynamic: bool,
    /// `@minimumUpdatePeriod`: how soon it may change; without one it does not.
    pub(super) update_period: Option<Duration>,
    /// `@maxSegmentDuration`
    pub(super) segment_duration: Option<Duration>,
}

/// Tells what the manifest in `body` says of itself; `None` if it is none.
pub(super) fn header(body: &[u8]) -> Option<Header> {
    let tag = root_tag(start(body))?;
    let mut header = Header::default();
    for (name, value) in attributes(tag) {
        match name {
            "type" => header.is_dynamic = value == "dynamic",
            "minimumUpdatePeriod" => header.update_period = duration(value),
            "maxSegmentDuration" => header.segment_duration = duration(value),
            _ => {}
        }
    }
    Some(header)
}

/// The text in which the root has to begin.
fn start(body: &[u8]) -> &str {
    let bytes = body.get(..body.len().min(PROLOG_BYTES_MAX)).unwrap_or(body);
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        // A letter cut in two at the end, or no UTF-8: what stands before it is text.
        Err(error) => {
            str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
    };
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// What stands between `<MPD` and its `>`.
fn root_tag(text: &str) -> Option<&str> {
    let mut rest = text.trim_ascii_start();
    loop {
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else {
            break;
        };
        rest = rest.split_once(end)?.1.trim_ascii_start();
    }
    let name_end = rest.find(|letter: char| letter.is_ascii_whitespace() || letter == '>')?;
    let (name, attributes) = rest.strip_prefix('<')?.split_at_checked(name_end - 1)?;
    let local = name.rsplit(':').next()?;
    (local == "MPD").then(|| attributes.split('>').next())?
}

/// The attributes of a start tag, as far as they are well formed. References are left as they are:
/// none of the values that matter has any.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        let (name, tail) = rest.split_once('=')?;
        let tail = tail.trim_ascii_start();
        let quote = tail
            .chars()
            .next()
            .filter(|letter| "\"'".contains(*letter))?;
        let (value, tail) = tail.get(1..)?.split_once(quote)?;
        rest = tail;
        Some((name.trim_ascii(), value))
    })
}

/// An `xs:duration` of days and less: months have no length.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim_ascii().strip_prefix('P')?;
    let mut total = Duration::ZERO;
    let mut is_time = false;
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T').filter(|_| !is_time) {
            (rest, is_time) = (time, true);
            continue;
        }
        let unit_at = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, tail) = rest.split_at_checked(unit_at)?;
        let unit_s = match (tail.chars().next()?, is_time) {
            ('D', false) => 24 * 3_600,
            ('H', true) => 3_600,
            ('M', true) => 60,
            ('S', true) => 1,
            _ => return None,
        };
        total = total.checked_add(seconds(number)?.checked_mul(unit_s)?)?;
        rest = tail.get(1..)?;
    }
    Some(total.min(Duration::from_secs(DURATION_S_MAX)))
}

/// A decimal number of seconds, to the millisecond.
fn seconds(number: &str) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole
        .parse()
        .ok()
        .filter(|whole| *whole <= DURATION_S_MAX)?;
    let digits = fraction.bytes().chain(*b"000").take(3);
    let millis = digits.fold(0, |millis, digit| millis * 10 + u64::from(digit & 0x0F));
    fraction
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| Duration::from_secs(whole) + Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_root_of_a_live_manifest() {
        let body = b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <MPD type='static'> -->\n\
            <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type='dynamic'\n \
            minimumUpdatePeriod=\"PT2S\" maxSegmentDuration = \"PT3.84S\"><Period/></MPD>";
        assert_eq!(
            header(body),
            Some(Header {
                is_dynamic: true,
                update_period: Some(Duration::from_secs(2)),
                segment_duration: Some(Duration::from_millis(3_840)),
            })
        );
    }

    #[test]
    fn takes_a_manifest_without_a_type_for_static() {
        let body = b"<ns:MPD profiles=\"a\"/>";
        assert_eq!(header(body), Some(Header::default()));
    }

    #[test]
    fn refuses_what_is_no_manifest() {
        let far = [vec![b' '; PROLOG_BYTES_MAX], b"<MPD>".to_vec()].concat();
        for body in [
            b"".as_slice(),
            b"<html>",
            b"<MPDX>",
            b"<MPD",
            b"<!-- ",
            b"#EXTM3U",
            &far,
        ] {
            assert_eq!(header(body), None);
        }
    }

    #[test]
    fn reads_durations_of_days_and_less() {
        for (text, seconds) in [
            ("PT0S", 0),
            ("PT1M30S", 90),
            ("P1DT1H", 90_000),
            ("P400000D", DURATION_S_MAX),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "", "2S", "PT", "P1Y", "P1M", "PT1X", "PT-1S", "PT1.x5S", "PTT1S",
        ] {
            assert_eq!(
                duration(text).filter(|span| !span.is_zero()),
                None,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(
            body: Vec<u8>, text in "<MPD \\PC{0,60}", span in "P\\PC{0,20}",
        ) {
            prop_assert_eq!(header(&body), None, "a random body is no manifest");
            header(text.as_bytes());
            duration(&span);
        }
    }
}
