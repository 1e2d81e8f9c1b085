//! The disks, the cache on them, and the machine.

use maud::{Markup, html};

use crate::{
    health::DiskSnapshot,
    page::{
        Language, View, format,
        level::{Level, badge},
        nics::faults,
        shell::{card, figure, term},
    },
};

/// Fill from which a file system is shown as poor, and as bad, in percent, as the alarms have it.
const FULL_PERCENT: [u64; 2] = [90, 95];

pub(super) fn storage(view: &View<'_>) -> Markup {
    let (language, snapshot) = (view.language, view.snapshot);
    let (http, store) = (&snapshot.http, &snapshot.store);
    let asked = http.hits.saturating_add(http.misses);
    let ratio = format::share(http.hits, asked);
    let errors = store.read_errors.saturating_add(store.write_errors);
    let content = html! {
        @for disk in &snapshot.disks { (file_system(disk, language)) }
        dl {
            @if snapshot.store_offline.is_some() {
                (term(language.storage, &badge(Level::Poor, language.in_memory_alone)))
            }
            (term(language.hit_ratio, &html! {
                @if let Some(ratio) = &ratio {
                    (ratio) " "
                    small { (Language::with(language.requests, &format::count(asked))) }
                } @else {
                    span class="dim" { (language.no_requests) }
                }
            }))
            (figure(language.objects, &format!(
                "{}, {}", format::count(store.objects), format::bytes(store.bytes)
            )))
            (figure(language.written, &format::bytes(store.bytes_written)))
            (faults(language.device_errors, errors))
            (figure(language.in_bitrate, &format::bitrate(snapshot.input_bitrate_bps())))
            (figure(language.out_bitrate, &format::bitrate(snapshot.output_bitrate_bps)))
            (figure(language.cpu, &format::percent(snapshot.cpu_usage_percent, language)))
            @if let Some(memory) = snapshot.memory {
                (figure(language.memory, &format!(
                    "{} {}",
                    format::bytes(memory.bytes_available),
                    Language::with(language.of_total, &format::bytes(memory.bytes_total))
                )))
            }
        }
    };
    card("storage", language.storage, &content)
}

fn file_system(disk: &DiskSnapshot, language: &Language) -> Markup {
    let path = disk.path.display().to_string();
    let Some(usage) = disk.usage.filter(|usage| usage.bytes_total > 0) else {
        return html! { div class="thing" {
            h3 { (path) " " (badge(Level::Unknown, language.no_storage)) }
        } };
    };
    let used = usage.bytes_total.saturating_sub(usage.bytes_free);
    let percent = used.saturating_mul(100) / usage.bytes_total;
    let [poor, bad] = FULL_PERCENT;
    let level = match percent {
        full if full > bad => Level::Bad,
        full if full > poor => Level::Poor,
        _ => Level::Good,
    };
    let label = format!("{path}: {percent} % {}", language.fill);
    html! {
        div class="thing" {
            h3 { (path) " " (badge(level, &format!("{percent} %"))) }
            meter min="0" max="100" high=(poor) value=(percent) aria-label=(label) {}
            p class="dim" {
                (language.free) " " (format::bytes(usage.bytes_free)) " "
                (Language::with(language.of_total, &format::bytes(usage.bytes_total)))
            }
        }
    }
}
