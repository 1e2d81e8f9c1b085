//! The network interfaces: is it the cable?

use maud::{Markup, html};
use weir_hal::{Duplex, Nic, OperationalStatus};

use crate::page::{
    Language, View, format,
    level::{Level, badge},
    shell::{card, figure, term},
};

pub(super) fn nics(view: &View<'_>) -> Markup {
    let language = view.language;
    // What is in use stands first.
    let (used, idle): (Vec<&Nic>, Vec<&Nic>) =
        view.snapshot.nics.iter().partition(|nic| !is_idle(nic));
    let content = html! {
        @if used.is_empty() && idle.is_empty() {
            p class="dim" { (language.no_nics) }
        }
        @for nic in &used { (interface(nic, language)) }
        @for nic in &idle {
            div class="thing" {
                h3 { (nic.name) " " (badge(Level::Unknown, nic.operational_status.as_str())) }
            }
        }
        @if !used.is_empty() {
            p class="note" { (language.since_link_up) }
        }
    };
    card("nics", language.nics, &content)
}

/// Whether it is a port that nothing was ever plugged into.
fn is_idle(nic: &Nic) -> bool {
    level(nic) == Level::Bad && nic.statistics.rx_packets == 0
}

fn interface(nic: &Nic, language: &Language) -> Markup {
    let statistics = &nic.statistics;
    let dropped = statistics
        .rx_dropped
        .saturating_add(statistics.rx_missed_errors);
    html! {
        div class="thing" {
            h3 { (nic.name) " " (badge(level(nic), nic.operational_status.as_str())) }
            dl {
                (figure(language.speed, &speed(nic, language)))
                (term(language.received, &html! {
                    (format::count(statistics.rx_packets)) " " (language.packets)
                }))
                (faults(language.damaged, statistics.rx_errors))
                (faults(language.dropped, dropped))
                (figure(language.link_changes, &format::count(statistics.carrier_changes)))
            }
        }
    }
}

const fn level(nic: &Nic) -> Level {
    match nic.operational_status {
        OperationalStatus::Up => Level::Good,
        OperationalStatus::Unknown => Level::Unknown,
        OperationalStatus::Down
        | OperationalStatus::Testing
        | OperationalStatus::Dormant
        | OperationalStatus::NotPresent
        | OperationalStatus::LowerLayerDown => Level::Bad,
    }
}

fn speed(nic: &Nic, language: &Language) -> String {
    let speed = nic.speed_bps.map(format::bitrate);
    let speed = speed.unwrap_or_else(|| language.unknown.to_owned());
    match nic.duplex {
        Some(Duplex::Full) => format!("{speed}, {}", language.full_duplex),
        Some(Duplex::Half) => format!("{speed}, {}", language.half_duplex),
        None => speed,
    }
}

/// A count of what should be zero.
pub(super) fn faults(name: &str, count: u64) -> Markup {
    let text = format::count(count);
    term(
        name,
        &html! {
            @if count > 0 { b class="poor" { (text) } } @else { (text) }
        },
    )
}
