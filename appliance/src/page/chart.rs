//! Pictures of the past as SVG, without a script: a minute, an hour, a day; pure.
//!
//! Coordinates are whole numbers, each relative to the one before, so that a picture takes some
//! hundred bytes and compresses well. Refuses: a line over what nobody saw.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::page::{
    Language, format,
    history::{Minute, SECONDS_MAX, Track},
    level::Level,
};

/// Parts of a strip: quarters of an hour.
const STRIP_PARTS: usize = 96;

/// Minutes of one part.
const PART_MINUTES: u64 = 15;

/// Seconds without a signal that make a minute bad, as the alarm has it: a start takes one or two.
const SECONDS_OFF_MIN: u8 = 3;

/// Height of a small line.
const SMALL_HEIGHT: u64 = 20;

/// Width and height of the large chart.
const CHART_WIDTH: u64 = 600;
const CHART_HEIGHT: u64 = 160;

/// Minutes of the large chart.
const CHART_MINUTES: u64 = 60;

/// The bitrate of the last minute, of all `tracks` together: a line that begins at zero.
pub(super) fn small_line<'a>(
    tracks: impl Iterator<Item = &'a Track>,
    now_ms: u64,
    label: &str,
) -> Markup {
    let mut sums = [None::<u64>; SECONDS_MAX];
    for second in tracks.flat_map(Track::seconds) {
        let ago = now_ms.saturating_sub(second.at_ms) / 1_000;
        let ago = usize::try_from(ago).unwrap_or(usize::MAX);
        let place = SECONDS_MAX.checked_sub(ago + 1);
        let place = place.and_then(|place| sums.get_mut(place));
        if let (Some(place), Some(kbps)) = (place, second.bitrate_kbps) {
            *place = Some(place.unwrap_or(0) + u64::from(kbps));
        }
    }
    // Every other second: what is shown is two pixels wide.
    let points: Vec<Option<u64>> = sums.chunks(2).map(|pair| pair[1].or(pair[0])).collect();
    let line = line(&points, SMALL_HEIGHT, 2, peak(&points));
    html! {
        svg class="line" viewBox="0 -1 60 22" role="img" aria-label=(label)
            preserveAspectRatio="none" {
            path d=(line) {}
        }
    }
}

/// The last 24 hours of all `tracks` together, a colour for each quarter of an hour.
pub(super) fn strip<'a>(
    tracks: impl Iterator<Item = &'a Track>,
    now_ms: u64,
    language: &Language,
) -> Markup {
    let mut parts = [Level::Unknown; STRIP_PARTS];
    let now = now_ms / 60_000;
    for minute in tracks.flat_map(Track::minutes) {
        let ago = usize::try_from(now.saturating_sub(minute.number) / PART_MINUTES);
        let place = STRIP_PARTS.checked_sub(ago.unwrap_or(STRIP_PARTS) + 1);
        let Some(part) = place.and_then(|place| parts.get_mut(place)) else {
            continue;
        };
        *part = match (*part, level_of(minute)) {
            (part, Level::Unknown) => part,
            (Level::Unknown, level) => level,
            (part, level) => part.min(level),
        };
    }
    let bars = [Level::Unknown, Level::Good, Level::Poor, Level::Bad];
    let bars = bars.map(|level| (level, runs(&parts, level)));
    html! {
        svg class="strip" viewBox="0 0 96 8" role="img" preserveAspectRatio="none"
            aria-label=(strip_text(&parts, language)) {
            @for (level, path) in &bars {
                @if !path.is_empty() { path class=(level.as_str()) d=(path) {} }
            }
        }
    }
}

fn level_of(minute: &Minute) -> Level {
    if minute.seconds == 0 {
        Level::Unknown
    } else if minute.seconds_off >= SECONDS_OFF_MIN {
        Level::Bad
    } else if minute.errors > 0 {
        Level::Poor
    } else {
        Level::Good
    }
}

/// A bar for each run of parts of `level`.
fn runs(parts: &[Level], level: Level) -> String {
    let mut path = String::new();
    let mut index = 0;
    while index < parts.len() {
        let run = parts.iter().skip(index).take_while(|it| **it == level);
        let run = run.count();
        if run > 0 {
            write(&mut path, format_args!("M{index} 0h{run}v8h-{run}z"));
        }
        index += run.max(1);
    }
    path
}

/// The strip in words.
fn strip_text(parts: &[Level], language: &Language) -> String {
    let hours = |level: Level| {
        let quarters = parts.iter().filter(|it| **it == level).count();
        format!("{}.{:02} h", quarters / 4, quarters % 4 * 25)
    };
    format!(
        "{}: {} {}, {} {}, {} {}, {} {}",
        language.last_day,
        hours(Level::Good),
        language.ok,
        hours(Level::Poor),
        language.errors,
        hours(Level::Bad),
        language.failed,
        hours(Level::Unknown),
        language.legend_unknown,
    )
}

/// The bitrate of the last hour of one rendition, and its errors below, with a line at `mark_ms`.
pub(super) fn hour(
    track: &Track,
    now_ms: u64,
    mark_ms: Option<u64>,
    language: &Language,
) -> Markup {
    let now = now_ms / 60_000;
    let first = now.saturating_sub(CHART_MINUTES - 1);
    let mut points = vec![None; usize::try_from(CHART_MINUTES).unwrap_or_default()];
    let mut errors = String::new();
    for minute in track.minutes().filter(|minute| minute.number >= first) {
        let place = minute.number - first;
        let index = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some(point) = points.get_mut(index) {
            *point = minute.bitrate_kbps().map(u64::from);
        }
        if minute.errors > 0 {
            let x = place * CHART_WIDTH / CHART_MINUTES;
            write(&mut errors, format_args!("M{x} {CHART_HEIGHT}h8v8h-8z"));
        }
    }
    let peak = peak(&points);
    let lowest = points.iter().flatten().min().copied();
    let told = |kbps: Option<u64>| {
        let told = kbps.map(|kbps| format::bitrate(kbps.saturating_mul(1_000)));
        told.unwrap_or_else(|| language.unknown_short.to_owned())
    };
    let peak_text = Language::with(language.peak, &told(peak));
    let lowest_text = Language::with(language.lowest, &told(lowest));
    let label = format!("{}: {peak_text}, {lowest_text}", language.chart_hour);
    let mark = mark_ms.and_then(|at| (at / 60_000).checked_sub(first));
    let mark = mark.map(|minute| minute * CHART_WIDTH / CHART_MINUTES);
    let step = CHART_WIDTH / CHART_MINUTES;
    html! {
        figure {
            figcaption {
                (language.chart_hour)
                small { (peak_text) ", " (lowest_text) }
            }
            svg class="chart" viewBox="0 -4 600 176" role="img" aria-label=(label)
                preserveAspectRatio="none" {
                path class="grid" d="M0 0h600M0 80h600M0 160h600M150 0v160M300 0v160M450 0v160" {}
                path class="curve" d=(line(&points, CHART_HEIGHT, step, peak)) {}
                @if !errors.is_empty() { path class="bad" d=(errors) {} }
                @if let Some(x) = mark { path class="mark" d={ "M" (x) " 0v160" } {} }
            }
            p class="axis" aria-hidden="true" {
                span { "−60 min" } span { "−45" } span { "−30" } span { "−15" } span { "0" }
            }
        }
    }
}

fn peak(points: &[Option<u64>]) -> Option<u64> {
    points.iter().flatten().max().copied()
}

/// A line through `points` in a field of `height`, of which `peak` is the top; it breaks off where
/// a point is not known.
fn line(points: &[Option<u64>], height: u64, step: u64, peak: Option<u64>) -> String {
    let mut path = String::new();
    let peak = u128::from(peak.unwrap_or(0).max(1));
    let mut last = None;
    for (index, point) in (0_u64..).zip(points) {
        let Some(point) = point else {
            last = None;
            continue;
        };
        let up = u128::from(*point) * u128::from(height) / peak;
        let y = height
            .saturating_sub(u64::try_from(up).unwrap_or(height))
            .cast_signed();
        match last {
            Some(before) => write(&mut path, format_args!("l{step} {}", y - before)),
            None => write(&mut path, format_args!("M{} {y}h1m-1 0", index * step)),
        }
        last = Some(y);
    }
    path
}

/// Writes into memory, which does not fail.
fn write(path: &mut String, text: std::fmt::Arguments<'_>) {
    path.write_fmt(text).expect("a text grows");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{
        history::{History, tests::sample},
        language::LANGUAGES,
    };

    #[test]
    fn a_line_breaks_off_where_nothing_is_known() {
        let points = [Some(0), Some(10), None, Some(5), Some(5)];
        assert_eq!(
            line(&points, 20, 2, Some(10)),
            "M0 20h1m-1 0l2 -20M6 10h1m-1 0l2 0"
        );
        assert_eq!(line(&[None, None], 20, 2, None), "");
    }

    #[test]
    fn a_strip_tells_the_worst_of_each_quarter_and_what_nobody_saw() {
        let history = History::default();
        let day = 24 * 3_600;
        // From 23 h on: a quarter without errors, one with, one without signal, one without.
        for second in (23 * 3_600..day).step_by(10) {
            let quarter = (second - 23 * 3_600) / 900;
            let errors = u64::from(quarter >= 1) + u64::from(second >= 23 * 3_600 + 1_000);
            let is_off = (2_000..2_030).contains(&(second - 23 * 3_600));
            let kbps = if is_off { 0 } else { 9 };
            history.take(&sample(second, Some(kbps), errors));
        }
        let tracks = history.lock();
        let picture = strip(tracks.of("CH_0"), day * 1_000 - 1, LANGUAGES[0]).into_string();
        for bar in [
            r#"<path class="dim" d="M0 0h92v8h-92z"></path>"#,
            r#"<path class="good" d="M92 0h1v8h-1zM95 0h1v8h-1z"></path>"#,
            r#"<path class="poor" d="M93 0h1v8h-1z"></path>"#,
            r#"<path class="bad" d="M94 0h1v8h-1z"></path>"#,
        ] {
            assert!(picture.contains(bar), "{bar} is not in {picture}");
        }
        assert!(picture.contains("0.50 h ok, 0.25 h Errors, 0.25 h off air"));
    }
}
