//! The first thing to be seen: how the box is, why, and since when.

use std::time::Duration;

use maud::{Markup, html};

use crate::{
    alarm::Alarm,
    health::{Snapshot, Status},
    page::{
        Language, View,
        alarms::{remedy, what},
        format,
        level::{Level, icon, status_word},
        shell::english,
    },
};

/// The state of all of it, and what is behind it.
pub(super) fn banner(view: &View<'_>) -> Markup {
    let (language, snapshot) = (view.language, view.snapshot);
    let root = snapshot.alarms.roots().next();
    let level = Level::from(snapshot.status());
    let word = match level {
        Level::Bad => status_word(Status::Failed, language),
        Level::Poor => status_word(Status::Degraded, language),
        Level::Good | Level::Unknown => language.state_ok,
    };
    let is_english = language.tag == "en";
    html! {
        section #banner class=(level.as_str()) aria-labelledby="state" {
            p #state role="status" {
                (icon(level))
                span {
                    b { (word) } " "
                    span { (Language::with(language.on_air_of, &on_air(snapshot))) }
                }
            }
            @if let Some(alarm) = root {
                p #cause {
                    (what(alarm, language))
                    " " span class="since" { (since(snapshot, alarm, language)) }
                }
                p #remedy { b { (language.to_do) ": " } (remedy(alarm, language)) }
            }
            @if snapshot.status() != Status::Ok || snapshot.age_trouble().is_some() {
                // In the words of all surfaces, for whoever reads it out to somebody far away.
                p { (english(&snapshot.reason(), is_english)) }
            }
        }
    }
}

fn on_air(snapshot: &Snapshot) -> String {
    format!(
        "{} / {}",
        snapshot.channels_active(),
        snapshot.channels.len()
    )
}

/// How long an alarm has lasted.
pub(super) fn since(snapshot: &Snapshot, alarm: &Alarm, language: &Language) -> String {
    let lasted: Duration = snapshot.taken.since(alarm.since);
    Language::with(language.since, &format::span(lasted))
}
