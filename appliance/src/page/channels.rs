//! All channels, the worst first: a table, which a narrow screen shows as a list of cards.

use maud::{Markup, html};

use crate::{
    health::ChannelSnapshot,
    live::{Report, State},
    page::{
        Language, View, chart, format,
        history::{MINUTES_MAX, Track},
        language::PARAMETER,
        level::{Level, badge, state_word, status_word},
        shell::{card, english},
    },
};

/// Age from which the last packet of a channel is old.
const OLD_MS: u128 = 3_000;

pub(super) fn channels(view: &View<'_>) -> Markup {
    let (language, snapshot) = (view.language, view.snapshot);
    let mut channels: Vec<&ChannelSnapshot> = snapshot.channels.iter().collect();
    channels.sort_by_key(|channel| Level::from(channel.status()));
    let tracks = view.history.lock();
    let content = html! {
        @if channels.is_empty() {
            p class="dim" { (language.no_channels) }
        } @else {
            table class="channels" {
                (head(language))
                tbody {
                    @for channel in channels { (row(view, channel, tracks.of(&channel.id))) }
                }
            }
            p class="note" { (language.errors_help) }
            @if let Some(minutes) = recorded_minutes(tracks.of(&snapshot.channels[0].id)) {
                @let span = format::span(std::time::Duration::from_mins(minutes));
                p class="note" { (Language::with(language.recorded_for, &span)) }
            }
        }
    };
    card("channels", language.channels, &content)
}

fn head(language: &Language) -> Markup {
    html! {
        thead { tr {
            th scope="col" { (language.channel) }
            th scope="col" { (language.bitrate) }
            th scope="col" {
                (language.errors) " "
                small { (language.minute) " · " (language.hour) " · " (language.day) }
            }
            th scope="col" { (language.segment_age) }
            th scope="col" { (language.last_packet) }
            th scope="col" { (language.source) }
            th scope="col" { (language.last_day) }
        } }
    }
}

fn row<'a>(
    view: &View<'_>,
    channel: &ChannelSnapshot,
    tracks: impl Iterator<Item = &'a Track> + Clone,
) -> Markup {
    let (language, taken) = (view.language, view.snapshot.taken);
    let status = channel.status();
    let reports = channel.renditions.iter().map(|it| &*it.report);
    let bps: u64 = reports.clone().map(|report| report.bitrate_bps).sum();
    let taken = reports
        .clone()
        .map(|it| it.seen(taken))
        .min()
        .unwrap_or(taken);
    let packet = reports.clone().filter_map(|it| it.last_datagram).max();
    // That of the rendition that is furthest behind.
    let segment = reports.clone().filter_map(|it| it.last_segment).min();
    let now_ms = view.now_ms();
    let is_old = packet.is_none_or(|at| taken.since(at).as_millis() > OLD_MS);
    let age_class = if is_old { "old" } else { "" };
    html! {
        tr {
            th scope="row" {
                (badge(Level::from(status), status_word(status, language)))
                a href={ "/channel/" (channel.id) "?" (PARAMETER) "=" (language.tag) } {
                    (channel.name)
                }
                (trouble(channel, language))
            }
            td data-label=(language.bitrate) class=(age_class) {
                span { (format::bitrate(bps)) }
                (chart::small_line(tracks.clone(), now_ms, language.bitrate))
            }
            td data-label=(language.errors) title=(language.errors_of) {
                (errors(&tracks, now_ms, language))
            }
            td data-label=(language.segment_age) { (format::age_at(taken, segment, language)) }
            td data-label=(language.last_packet) class=(age_class) {
                (format::age_at(taken, packet, language))
            }
            td data-label=(language.source) class="source" { (source(channel, language)) }
            td data-label=(language.last_day) { (chart::strip(tracks, now_ms, language)) }
        }
    }
}

/// Why a channel is not well: the word for the state of each rendition of which it is a reason to
/// act, and the reason of the first.
fn trouble(channel: &ChannelSnapshot, language: &Language) -> Markup {
    let mut troubled = channel
        .renditions
        .iter()
        .filter(|it| it.report.state != State::OnAir);
    let is_english = language.tag == "en";
    let reason = troubled
        .clone()
        .next()
        .map(|it| it.report.state.to_string());
    html! {
        @if let Some(reason) = reason {
            small {
                @for rendition in troubled.by_ref() {
                    (rendition.name) ": " (state_word(&rendition.report.state, language)) ". "
                }
                (english(&reason, is_english))
            }
        }
    }
}

/// Errors of all renditions in the last minute, hour and day.
fn errors<'a>(
    tracks: &(impl Iterator<Item = &'a Track> + Clone),
    now_ms: u64,
    language: &Language,
) -> Markup {
    let sum = |errors: &dyn Fn(&Track) -> Option<u64>| {
        tracks
            .clone()
            .filter_map(errors)
            .reduce(|sum, one| sum + one)
    };
    let day = MINUTES_MAX as u64;
    let spans = [
        sum(&|track| track.errors_last_minute(now_ms)),
        sum(&|track| track.errors_last(60, now_ms)),
        sum(&|track| track.errors_last(day, now_ms)),
    ];
    html! {
        @for (index, errors) in spans.iter().enumerate() {
            @if index > 0 { " · " }
            @match errors {
                None => { (language.unknown_short) }
                Some(0) => { "0" }
                Some(errors) => { b class="poor" { (format::count(*errors)) } }
            }
        }
    }
}

/// What the first rendition is received from, and how many others there are.
fn source(channel: &ChannelSnapshot, language: &Language) -> Markup {
    let reports = channel.renditions.iter().map(|it| &*it.report);
    let others: usize = reports.clone().map(|report| report.legs.len().max(1)).sum();
    html! {
        @if let Some(report) = reports.clone().next() {
            span { (active(report)) }
            @if others > 1 { " " small { "+" (others - 1) " " (language.sources) } }
        } @else {
            (language.unknown_short)
        }
    }
}

/// The source that segments are made of.
fn active(report: &Report) -> &str {
    let active = report.legs.iter().find(|leg| leg.is_active);
    active.map_or(&report.source, |leg| &leg.url)
}

/// For how long it was looked, if that is less than a day.
fn recorded_minutes<'a>(mut tracks: impl Iterator<Item = &'a Track>) -> Option<u64> {
    let track = tracks.next()?;
    let mut minutes = track.minutes();
    let first = minutes.next()?;
    let last = minutes.last().unwrap_or(first);
    let span = last.number - first.number + 1;
    (span < MINUTES_MAX as u64).then_some(span)
}
