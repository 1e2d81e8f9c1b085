//! The status page: which channel is bad, and why, at one look.
//!
//! No script, no request to another host; the browser loads it again every two seconds.

use std::time::Duration;

use maud::{DOCTYPE, Markup, html};
use weir_hal::Wall;

use crate::{
    alarm::{Alarm, Severity},
    health::{
        ChannelSnapshot, RenditionSnapshot, Snapshot, Status,
        asset::STYLE_CSS,
        json::{VERSION, mbps, seconds, timestamp},
    },
    ladder::Alignment,
};

/// Alarms that are shown.
const ALARMS_MAX: usize = 20;

/// Renders the page of the node called `node`.
pub(super) fn render(node: &str, snapshot: &Snapshot) -> Markup {
    let status = snapshot.status();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="2";
                title { (status.as_str()) " · " (node) " · Weir" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE_CSS);
            }
            body {
                header {
                    h1 { (node) " " b class=(status.as_str()) { (word(status)) } }
                    a href="/api/health" { "as JSON" }
                }
                @if let Some(trouble) = snapshot.age_trouble() {
                    p class="failed" { b { "old" } ": " (trouble) }
                }
                @if let Some(trouble) = snapshot.cache_trouble() {
                    p class="degraded" { b { "cache" } ": " (trouble) }
                }
                (alarm_list(snapshot))
                (summary(snapshot))
                main {
                    @for channel in worst_first(&snapshot.channels) {
                        (channel_section(channel, snapshot.taken))
                    }
                    @if snapshot.channels.is_empty() {
                        p { "No channel is configured." }
                    }
                }
                footer { small { "Weir " (VERSION) ", " (timestamp(snapshot.taken)) } }
            }
        }
    }
}

/// What somebody should act on, the worst first.
fn alarm_list(snapshot: &Snapshot) -> Markup {
    let mut roots = snapshot.alarms.roots();
    let shown: Vec<&Alarm> = roots.by_ref().take(ALARMS_MAX).collect();
    let omitted = roots.count();
    html! {
        @if !shown.is_empty() {
            section aria-label="alarms" {
                ul {
                    @for alarm in shown { (alarm_line(alarm, snapshot.taken)) }
                    @if omitted > 0 {
                        li { a href="/api/v1/alarms" { (omitted) " more" } }
                    }
                }
            }
        }
    }
}

fn alarm_line(alarm: &Alarm, taken: Wall) -> Markup {
    let status = match alarm.severity {
        Severity::Critical => Status::Failed,
        Severity::Major | Severity::Minor | Severity::Warning | Severity::Cleared => {
            Status::Degraded
        }
    };
    html! {
        li class=(status.as_str()) {
            b { (alarm.severity.as_str()) } " " (alarm.resource) ": " (alarm.text)
            @if alarm.affected > 0 { " (affected: " (alarm.affected) ")" }
            @if alarm.is_flapping { ", comes and goes" }
            @if alarm.is_over { ", over, to be acknowledged" }
            @if let Some(operation) = &alarm.operation {
                ", " (operation.state.as_str()) " by " (operation.author)
            }
            small { " for " (span(taken.since(alarm.since))) ": " (alarm.remedy()) }
        }
    }
}

fn summary(snapshot: &Snapshot) -> Markup {
    let channels = format!(
        "{} of {} on air",
        snapshot.channels_active(),
        snapshot.channels.len()
    );
    html! {
        dl {
            (figure("channels", &channels))
            (figure("in", &bitrate(snapshot.input_bitrate_bps())))
            (figure("out", &bitrate(snapshot.output_bitrate_bps)))
            (figure("CPU", &percent(snapshot.cpu_usage_percent)))
            (figure("disk", &percent(snapshot.disk_usage_percent)))
            (figure("up", &span(snapshot.uptime)))
        }
    }
}

fn channel_section(channel: &ChannelSnapshot, taken: Wall) -> Markup {
    let status = channel.status();
    html! {
        section class=(status.as_str()) {
            h2 {
                b { (word(status)) } " " (channel.name) " "
                a href={ "/player/" (channel.id) } { "play" }
            }
            @if let Alignment::Drifting { .. } = channel.ladder.alignment {
                p class="degraded" { "renditions " (channel.ladder.alignment) }
            }
            @for finding in &channel.ladder.findings {
                p class="degraded" { (finding.reason) }
            }
            ul {
                @for rendition in &channel.renditions {
                    (rendition_line(rendition, taken))
                }
            }
        }
    }
}

fn rendition_line(rendition: &RenditionSnapshot, taken: Wall) -> Markup {
    let report = &rendition.report;
    let status = if rendition.is_on_air() {
        Status::Ok
    } else {
        Status::Failed
    };
    html! {
        li class=(status.as_str()) {
            b { (rendition.name) } ": " (report.state)
            dl {
                (figure("source", &report.source))
                (figure("in", &bitrate(report.bitrate_bps)))
                (figure("last datagram", &age(taken, report.last_datagram)))
                (figure("last segment", &age(taken, report.last_segment)))
            }
        }
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn worst_first(channels: &[ChannelSnapshot]) -> Vec<&ChannelSnapshot> {
    let mut channels: Vec<_> = channels.iter().collect();
    channels.sort_by_key(|channel| channel.status());
    channels
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Failed => "off air",
        Status::Degraded => "degraded",
        Status::Ok => "ok",
    }
}

fn bitrate(bitrate_bps: u64) -> String {
    format!("{:.1} Mb/s", mbps(bitrate_bps))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.0} %"))
}

fn age(taken: Wall, moment: Option<Wall>) -> String {
    moment.map_or_else(
        || "never".to_owned(),
        |moment| format!("{:.1} s ago", seconds(taken.since(moment))),
    )
}

/// Days, hours, minutes and seconds, from the first that is not zero.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days > 0 {
        format!("{days} d {} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{health::snapshot::tests::snapshot, live::State};

    #[test]
    fn shows_the_worst_channel_first_with_its_reason() {
        let snapshot = snapshot(&[
            &[State::OnAir],
            &[State::OnAir, State::Scrambled],
            &[State::Silent],
        ]);
        let page = render("edge-1", &snapshot).into_string();
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(at("Channel &lt;2&gt;") < at("Channel &lt;1&gt;"));
        assert!(at("Channel &lt;1&gt;") < at("Channel &lt;0&gt;"));
        assert!(page.contains(&State::Silent.to_string()));
        assert!(page.contains("2 of 3 on air"));
    }

    #[test]
    fn tells_why_the_cache_is_in_memory_alone() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        let has_trouble = |page: &str| page.contains("the cache is in memory alone since");
        assert!(!has_trouble(&render("edge-1", &snapshot).into_string()));
        snapshot.store_offline = Some(weir_cache::Offline {
            reason: "cannot write <the device>".to_owned(),
            since: Wall::default(),
        });
        let page = render("edge-1", &snapshot).into_string();
        assert!(
            has_trouble(&page) && page.contains("cannot write &lt;the device&gt;"),
            "{page}"
        );
    }

    #[test]
    fn says_how_old_it_is_where_nothing_newer_could_be_read() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        let is_old = |page: &str| page.contains("all that is told here is");
        assert!(!is_old(&render("edge-1", &snapshot).into_string()));
        snapshot.age = Duration::from_secs(4);
        assert!(is_old(&render("edge-1", &snapshot).into_string()));
    }

    #[test]
    fn names_no_other_host_and_no_script() {
        let page = render("edge-1", &snapshot(&[&[State::OnAir]])).into_string();
        assert!(!page.contains("http://") && !page.contains("https://"));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn tells_spans_in_two_units() {
        for (seconds, text) in [
            (59, "59 s"),
            (61, "1 min 1 s"),
            (7_300, "2 h 1 min"),
            (180_000, "2 d 2 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
