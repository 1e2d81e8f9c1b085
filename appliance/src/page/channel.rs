//! One channel: how each source of each rendition comes in, what came of it, and what it has
//! counted since a mark.

use maud::{Markup, html};
use weir_hal::Wall;

use crate::{
    health::{ChannelSnapshot, RenditionSnapshot, part, table::Entity},
    ladder::Alignment,
    live::{self, State},
    page::{
        Language, Mark, View, chart,
        counters::{side_by_side, stages},
        format,
        history::Track,
        language::PARAMETER,
        level::{Level, badge, condition_word, icon, state_word, status_word},
        segments::segments,
        shell::{self, card, english, figure, term},
    },
};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The channel on air, for its lists.
    pub(crate) channel: &'a live::Channel,
    pub(crate) mark: Mark,
}

/// Renders the page of a channel; `None` if the snapshot knows no such channel yet.
pub(crate) fn render(view: &View<'_>, asked: &Asked<'_>) -> Option<Markup> {
    let id = &asked.channel.id;
    let mut channels = view.snapshot.channels.iter();
    let channel = channels.find(|channel| channel.id == *id)?;
    let told = part(view.snapshot.told(view.node), "channels");
    let told = told.iter().find(|told| told.key == *id)?;
    let language = view.language;
    let query = match asked.mark.at_ms() {
        Some(at_ms) => format!("since={at_ms}&"),
        None => String::new(),
    };
    let tracks = view.history.lock();
    let each = channel.renditions.iter().zip(part(told, "renditions"));
    let main = html! {
        (banner(view, channel))
        (tools(view, channel, &asked.mark))
        (findings(channel, language))
        @for (snapshot, told) in each {
            (rendition(view, (snapshot, told), tracks.one(id, &snapshot.name), &asked.mark))
        }
        (lists(asked.channel, language))
        (card("channel-counters", language.stages, &stages(told, asked.mark.then(), language)))
    };
    Some(shell::page(view, &channel.name, &query, &main))
}

fn banner(view: &View<'_>, channel: &ChannelSnapshot) -> Markup {
    let language = view.language;
    let status = channel.status();
    let level = Level::from(status);
    let mut troubled = channel
        .renditions
        .iter()
        .filter(|it| it.report.state != State::OnAir);
    let is_english = language.tag == "en";
    html! {
        section #banner class=(level.as_str()) aria-labelledby="state" {
            p #state role="status" {
                (icon(level))
                span { b { (channel.name) } " " span { (status_word(status, language)) } }
            }
            @if let Some(rendition) = troubled.next() {
                p #cause {
                    (rendition.name) ": " (english(&rendition.report.state.to_string(), is_english))
                }
            }
        }
    }
}

/// Where to go from here, and the mark.
fn tools(view: &View<'_>, channel: &ChannelSnapshot, mark: &Mark) -> Markup {
    let language = view.language;
    let since = mark.at_ms().map(|at_ms| at_ms.saturating_mul(1_000_000));
    let since = since.map(|nanos| format::moment(Wall::from_nanos(nanos)));
    html! {
        nav class="tools" aria-label=(channel.name) {
            a class="button" href={ "/?" (PARAMETER) "=" (language.tag) } { "← " (language.back) }
            a class="button" href={ "/player/" (channel.id) } { (language.play) }
            form method="get" {
                input type="hidden" name=(PARAMETER) value=(language.tag);
                button name="since" value="now" { (language.mark) }
            }
            @if let Some(since) = since {
                span { (Language::with(language.marked, &since)) }
                a class="button" href={ "?" (PARAMETER) "=" (language.tag) } { (language.unmark) }
            } @else if matches!(mark, Mark::Gone) {
                span class="poor" { (language.mark_gone) }
            } @else {
                span class="dim" { (language.mark_help) }
            }
        }
    }
}

/// How the renditions stand to one another.
fn findings(channel: &ChannelSnapshot, language: &Language) -> Markup {
    let (level, word) = match channel.ladder.alignment {
        Alignment::Unknown => (Level::Unknown, language.alignment_unknown),
        Alignment::Aligned => (Level::Good, language.aligned),
        Alignment::Drifting { .. } => (Level::Poor, language.drifting),
    };
    if channel.renditions.len() < 2 && channel.ladder.findings.is_empty() {
        return shell::nothing();
    }
    let content = html! {
        dl { (term(language.alignment, &badge(level, word))) }
        @if level == Level::Poor { p lang="en" { (channel.ladder.alignment) } }
        @for finding in &channel.ladder.findings {
            p { (badge(Level::Poor, finding.check.as_str())) " " span lang="en" {
                (finding.reason)
            } }
        }
    };
    card("ladder", language.renditions, &content)
}

fn rendition(
    view: &View<'_>,
    (rendition, told): (&RenditionSnapshot, &Entity),
    track: Option<&Track>,
    mark: &Mark,
) -> Markup {
    let language = view.language;
    let then = mark.then().map(|then| part(then, "renditions"));
    let then = then.and_then(|all| all.iter().find(|it| it.key == told.key));
    let sources = part(told, "sources");
    let sources_then = then.map_or(&[][..], |then| part(then, "sources"));
    let id = format!("rendition-{}", rendition.name);
    let content = html! {
        (readings(view, rendition))
        @if let Some(track) = track {
            (chart::hour(track, view.now_ms(), mark.at_ms(), language))
            figure {
                figcaption { (language.chart_day) }
                (chart::strip(std::iter::once(track), view.now_ms(), language))
            }
        }
        @if !sources.is_empty() {
            h3 { (language.per_source) }
            p { @for leg in &rendition.report.legs { (source(leg, language)) } }
            (side_by_side(sources, sources_then, language))
        }
        h3 { (language.stages) }
        (stages(told, then, language))
    };
    card(&id, &rendition.name, &content)
}

fn readings(view: &View<'_>, rendition: &RenditionSnapshot) -> Markup {
    let (language, taken) = (view.language, view.snapshot.taken);
    let report = &rendition.report;
    let seen = report.seen(taken);
    let word = state_word(&report.state, language);
    let unknown = || language.unknown_short.to_owned();
    let target = report
        .target_duration_s
        .map(|seconds| format!("{seconds} s"));
    let sender = report.sender.map(|sender| sender.to_string());
    html! {
        dl {
            (term(language.state, &badge(Level::of_state(&report.state), word)))
            (figure(language.bitrate, &format::bitrate(report.bitrate_bps)))
            (figure(language.last_packet, &format::age_at(seen, report.last_datagram, language)))
            (figure(language.segment_age, &format::age_at(seen, report.last_segment, language)))
            (figure(language.target_duration, &target.unwrap_or_else(unknown)))
            (figure(language.source, &report.source))
            (figure(language.sender, &sender.unwrap_or_else(unknown)))
            @if let Some(interface) = &report.interface {
                (figure(language.interface, interface))
            }
        }
    }
}

fn source(leg: &live::Leg, language: &Language) -> Markup {
    let role = if leg.is_active {
        language.active
    } else {
        language.standby
    };
    let word = condition_word(leg.condition, language);
    html! {
        span class="source" {
            (badge(Level::of_condition(leg.condition), word)) " " (leg.url) " " small { (role) }
            @if let Some(failure) = &leg.failure { " " small lang="en" { (failure) } }
        }
    }
}

/// The latest segments of each list, and which tracks there are beside.
fn lists(channel: &live::Channel, language: &Language) -> Markup {
    let tracks: Vec<&str> = channel.tracks.iter().map(|it| it.name.as_str()).collect();
    let content = html! {
        div class="lists" {
            @for rendition in &channel.renditions { div { (segments(rendition, language)) } }
        }
        @if !tracks.is_empty() {
            dl { (figure(language.tracks, &tracks.join(", "))) }
        }
    };
    card("segments", language.segments, &content)
}
