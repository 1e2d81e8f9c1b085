//! The origins, and each of their URLs.

use std::time::Duration;

use maud::{Markup, html};

use crate::{
    fetch::tiers::{EndpointReport, OriginReport},
    page::{
        Language, View,
        level::{Level, badge},
        nics::faults,
        shell::{card, figure, nothing},
    },
};

/// Nothing, where there are no origins: a box may have channels alone.
pub(super) fn origins(view: &View<'_>) -> Markup {
    if view.snapshot.origins.is_empty() {
        return nothing();
    }
    let language = view.language;
    let content = html! { @for origin in &view.snapshot.origins { (tier(origin, language)) } };
    card("origins", language.origins, &content)
}

fn tier(origin: &OriginReport, language: &Language) -> Markup {
    let usable = origin.endpoints.iter().filter(|it| is_usable(it)).count();
    let all = origin.endpoints.len();
    let level = match usable {
        0 => Level::Bad,
        some if some < all => Level::Poor,
        _ => Level::Good,
    };
    let word = Language::with(language.usable, &format!("{usable} / {all}"));
    html! {
        div class="thing" {
            h3 { (origin.name) " " (badge(level, &word)) }
            @for endpoint in &origin.endpoints {
                p class="url" { (endpoint.url) " " small { (endpoint.state) } }
                dl {
                    (figure(language.first_byte, &time(endpoint.first_byte[1], language)))
                    (faults(language.failures, failures(endpoint)))
                }
            }
        }
    }
}

fn is_usable(endpoint: &EndpointReport) -> bool {
    endpoint.state == "closed"
}

fn failures(endpoint: &EndpointReport) -> u64 {
    let counted = endpoint.counters.values();
    let failures = counted.filter(|(row, _)| row.name.starts_with("failures_"));
    failures.map(|(_, count)| count).sum()
}

fn time(time: Option<Duration>, language: &Language) -> String {
    let told = time.map(|time| format!("{} ms", time.as_millis()));
    told.unwrap_or_else(|| language.unknown_short.to_owned())
}
