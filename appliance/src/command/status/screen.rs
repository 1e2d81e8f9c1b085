//! How an appliance is, on 80 columns: what is wrong, then channels, then what they stand on.
//!
//! Refuses: control characters of names and sentences, which come over the network.

use comfy_table::Cell;

use super::{
    WELL,
    document::{Alarm, Channel, Disk, Document, Endpoint, Nic, Node, Origin, Rendition, Slot},
};
use crate::command::{
    Terminal,
    cache::{age, size},
    report::{align_right, bad, clipped, fault, grouped, rate},
};

/// Columns of the narrowest screen that is written for.
const COLUMNS: usize = 80;

/// Alarms that are shown; the rest is a count.
const ALARMS_MAX: usize = 8;

/// Renditions that are shown, the worst first; the rest is a count.
const RENDITIONS_MAX: usize = 40;

/// Sentences about renditions that are shown.
const REASONS_MAX: usize = 8;

/// Characters of the name of a rendition, its channel's among them.
const NAME_CHARACTERS_MAX: usize = 21;

/// Characters of a path or URL.
const PATH_CHARACTERS_MAX: usize = 36;

/// The state of a rendition that players can have.
const ON_AIR: &str = "on_air";

/// Writes all of it.
pub(super) fn render(document: &Document, terminal: Terminal) -> String {
    let mut parts = vec![head(&document.node, &document.slots, terminal)];
    parts.extend(alarms(&document.alarms, terminal));
    parts.extend(channels(&document.channels, terminal));
    parts.push(cache(&document.node));
    parts.extend(origins(&document.origins, terminal));
    parts.extend(disks(&document.disks, terminal));
    parts.extend(nics(&document.nics, terminal));
    parts.join("\n\n")
}

fn head(node: &Node, slots: &[Slot], terminal: Terminal) -> String {
    let status = node.status.to_uppercase();
    let status = painted(&status, color_of(&node.status), terminal);
    let (name, version, time) = (plain(&node.name), plain(&node.version), plain(&node.time));
    let processor = node.cpu_usage_percent.map(|it| format!(", CPU {it:.0} %"));
    format!(
        "{name}  {status}\n{}\nweir {version}, up {}, {time}\n{}in {}, out {}{}",
        wrapped(&node.reason, ""),
        age(node.uptime_ms / 1_000),
        booted(slots),
        rate(Some(node.input_bitrate_bps)),
        rate(Some(node.output_bitrate_bps)),
        processor.unwrap_or_default(),
    )
}

/// What it is booted from, the slot that runs first; nothing where there are no slots.
fn booted(slots: &[Slot]) -> String {
    let mut slots: Vec<&Slot> = slots.iter().collect();
    slots.sort_by_key(|slot| slot.is_running == 0);
    let told = slots.iter().map(|slot| {
        let version = slot.version.as_deref().unwrap_or("-");
        let runs = if slot.is_running == 0 { "" } else { " runs," };
        let tries = slot.tries_left.map(|left| format!(", tries left: {left}"));
        let tries = tries.unwrap_or_default();
        format!("slot {} {version}{runs} {}{tries}", slot.name, slot.state)
    });
    let told = told.map(|slot| wrapped(&slot, "") + "\n");
    told.collect()
}

/// What somebody should act on. The effects of it are left out.
fn alarms(alarms: &[Alarm], terminal: Terminal) -> Option<String> {
    let roots: Vec<&Alarm> = alarms.iter().filter(|it| it.is_open_root()).collect();
    let mut lines: Vec<String> = roots
        .iter()
        .take(ALARMS_MAX)
        .map(|alarm| {
            let severity = painted(&plain(&alarm.severity), color_of(&alarm.severity), terminal);
            let title = format!("{} of {}", plain(&alarm.name), plain(&alarm.resource));
            let text = wrapped(&format!("{}: {}", alarm.text, alarm.remedy), "  ");
            format!("{severity} {title} since {}\n{text}", plain(&alarm.since))
        })
        .collect();
    let omitted = roots.len().saturating_sub(ALARMS_MAX);
    if omitted > 0 {
        lines.push(format!("{omitted} more alarms"));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn channels(channels: &[Channel], terminal: Terminal) -> Option<String> {
    let renditions = channels.iter().flat_map(|channel| {
        let of_channel = move |rendition| (channel, rendition);
        channel.renditions.iter().map(of_channel)
    });
    let mut renditions: Vec<(&Channel, &Rendition)> = renditions.collect();
    let lost = |it: &Rendition| it.continuity_count_error_last_minute.unwrap_or(0);
    renditions.sort_by_key(|(_, it)| (it.state == ON_AIR, std::cmp::Reverse(lost(it))));
    if renditions.is_empty() {
        return None;
    }
    let header = ["RENDITION", "STATE", "IN", "CC/MIN", "SEGMENT"];
    let mut table = terminal.table(&header);
    for (channel, rendition) in renditions.iter().take(RENDITIONS_MAX) {
        let state = plain(&rendition.state);
        let lost = rendition.continuity_count_error_last_minute;
        table.add_row([
            Cell::new(name_of(channel, rendition)),
            if state == ON_AIR {
                Cell::new(state)
            } else {
                bad(state)
            },
            Cell::new(rate(Some(rendition.bitrate_bps))),
            lost.map_or_else(|| Cell::new("unknown"), zero_or_fault),
            Cell::new(
                rendition
                    .segment_age_ms
                    .map_or_else(|| "none".to_owned(), seconds),
            ),
        ]);
    }
    align_right(&mut table, &[2, 3, 4]);
    let mut text = table.trim_fmt();
    let omitted = renditions.len().saturating_sub(RENDITIONS_MAX);
    if omitted > 0 {
        text.extend(["\n ", &grouped(omitted as u64), " more, none of them worse"]);
    }
    let off_air = renditions.iter().filter(|(_, it)| it.state != ON_AIR);
    for (channel, rendition) in off_air.take(REASONS_MAX) {
        let sentence = format!("{}: {}", name_of(channel, rendition), rendition.reason);
        text.push('\n');
        text.push_str(&wrapped(&sentence, "  "));
    }
    Some(text)
}

fn name_of(channel: &Channel, rendition: &Rendition) -> String {
    let name = format!("{}/{}", channel.name, rendition.name);
    clipped(&plain(&name), NAME_CHARACTERS_MAX)
}

fn cache(node: &Node) -> String {
    let cache = &node.cache;
    let asked = node.http.hits + node.http.misses;
    let ratio = (asked > 0).then(|| {
        // Tenths of a percent, in whole numbers.
        let tenths = u128::from(node.http.hits) * 1_000 / u128::from(asked);
        format!("hit ratio {}.{} %, ", tenths / 10, tenths % 10)
    });
    let mut text = format!(
        "cache: {} objects, {} of {}\nsince the start: {}{} requests",
        grouped(cache.objects),
        size(cache.bytes),
        size(cache.bytes_max),
        ratio.unwrap_or_default(),
        grouped(node.http.requests),
    );
    let errors = cache.read_errors + cache.write_errors;
    if errors > 0 {
        text.extend([", ", &grouped(errors), " errors of the device"]);
    }
    if cache.is_offline > 0 {
        text.push_str("\nin memory alone: its device keeps failing");
    }
    text
}

fn origins(origins: &[Origin], terminal: Terminal) -> Option<String> {
    let endpoints = origins.iter().flat_map(|origin| {
        let of_origin = move |endpoint| (origin, endpoint);
        origin.endpoints.iter().map(of_origin)
    });
    let endpoints: Vec<(&Origin, &Endpoint)> = endpoints.collect();
    if endpoints.is_empty() {
        return None;
    }
    let mut table = terminal.table(&["ORIGIN", "URL", "STATE", "OPEN", "P95"]);
    for (origin, endpoint) in endpoints {
        // The word of a breaker that lets requests through.
        let state = match endpoint.state.as_str() {
            "closed" => Cell::new("in use"),
            other => bad(plain(other)),
        };
        let first_byte = endpoint.first_byte_ms_p95;
        table.add_row([
            Cell::new(clipped(&plain(&origin.name), 13)),
            Cell::new(clipped(&plain(&endpoint.name), PATH_CHARACTERS_MAX)),
            state,
            Cell::new(endpoint.connections),
            Cell::new(first_byte.map_or_else(String::new, |it| format!("{it:.0} ms"))),
        ]);
    }
    align_right(&mut table, &[3, 4]);
    Some(table.trim_fmt())
}

fn disks(disks: &[Disk], terminal: Terminal) -> Option<String> {
    let mut table = terminal.table(&["DISK", "FOR", "FREE", "SIZE"]);
    for disk in disks {
        let told = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), size);
        table.add_row([
            clipped(&plain(&disk.name), PATH_CHARACTERS_MAX),
            clipped(&plain(&disk.purpose), 16),
            told(disk.bytes_free),
            told(disk.bytes_total),
        ]);
    }
    align_right(&mut table, &[2, 3]);
    (!disks.is_empty()).then(|| table.trim_fmt())
}

fn nics(nics: &[Nic], terminal: Terminal) -> Option<String> {
    let header = [
        "NIC", "STATE", "SPEED", "DUPLEX", "ERRORS", "DROPPED", "CHANGES",
    ];
    let mut table = terminal.table(&header);
    for nic in nics {
        let state = plain(&nic.operational_status);
        let is_down = matches!(state.as_str(), "down" | "lowerlayerdown" | "notpresent");
        let speed = nic
            .speed_bps
            .map(|speed| format!("{} Mb/s", speed / 1_000_000));
        table.add_row([
            Cell::new(clipped(&plain(&nic.name), 10)),
            if is_down {
                bad(state)
            } else {
                Cell::new(state)
            },
            Cell::new(speed.unwrap_or_default()),
            Cell::new(nic.duplex.as_deref().map(plain).unwrap_or_default()),
            zero_or_fault(nic.statistics.rx_errors),
            Cell::new(grouped(nic.statistics.rx_dropped)),
            Cell::new(grouped(nic.statistics.carrier_changes)),
        ]);
    }
    align_right(&mut table, &[2, 4, 5, 6]);
    (!nics.is_empty()).then(|| table.trim_fmt())
}

fn zero_or_fault(count: u64) -> Cell {
    if count == 0 {
        Cell::new("0")
    } else {
        fault(count)
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}

/// The colour of a status or of a severity, in the numbers of ECMA-48 (SGR).
fn color_of(word: &str) -> u8 {
    match word {
        WELL => 32,
        "failed" | "critical" | "major" => 31,
        "degraded" | "minor" | "warning" => 33,
        _ => 39,
    }
}

/// `text`, bold and in a colour, where there is colour.
fn painted(text: &str, color: u8, terminal: Terminal) -> String {
    if terminal.has_output_color() {
        format!("\u{1B}[1;{color}m{text}\u{1B}[0m")
    } else {
        text.to_owned()
    }
}

/// `text` in lines of at most [`COLUMNS`], each behind `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in plain(text).split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        let is_first = line == indent.len();
        if !is_first && line + 1 + word.chars().count() > COLUMNS {
            lines.push(indent.to_owned());
        }
        let line = lines.last_mut().expect("there is a line");
        if line.len() > indent.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.join("\n")
}

/// `text` without what would steer a terminal.
fn plain(text: &str) -> String {
    let shown = |it: char| if it.is_control() { '\u{FFFD}' } else { it };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).expect("a view")
    }

    fn rendition(name: &str, state: &str, lost: u64) -> Value {
        json!({
            "rendition": name, "state": state, "reason": format!("{state}: check the cable"),
            "bitrate_bps": if state == "silent" { 0 } else { 5_012_345 },
            "segment_age_ms": if state == "silent" { Value::Null } else { json!(3_240) },
            "continuity_count_error_last_minute": lost, "source": "udp://239.1.1.1:1234",
        })
    }

    fn document() -> Document {
        let statistics = json!({ "rx_errors": 0, "rx_dropped": 1_234, "carrier_changes": 2 });
        let long = "x".repeat(64);
        Document {
            node: read(json!({
                "node": "edge-hn-01", "version": "0.1.0", "status": "degraded",
                "reason": "2 of 3 channels on air", "time": "2026-01-31T20:15:00Z",
                "uptime_ms": 400_000_000_u64, "input_bitrate_bps": 10_024_690,
                "output_bitrate_bps": 812_345_678, "cpu_usage_percent": 12.4,
                "http": { "requests": 123_456, "hits": 987, "misses": 13 },
                "cache": {
                    "objects": 12_345, "bytes": 4_u64 << 30, "bytes_max": 10_u64 << 30,
                    "is_offline": 0, "read_errors": 0, "write_errors": 3,
                },
            })),
            channels: read(json!([
                { "channel": "CH_001", "renditions": [rendition("HD", "on_air", 0)] },
                { "channel": "CH_002", "renditions": [
                    rendition("HD", "on_air", 17), rendition(&long, "silent", 0),
                ] },
            ])),
            origins: read(json!([{ "origin": "midcache", "endpoints": [
                { "endpoint": "http://midcache-hn:80", "state": "closed", "connections": 3,
                  "first_byte_ms_p95": 12.4 },
                { "endpoint": "http://midcache-dn:80", "state": "open", "connections": 0,
                  "first_byte_ms_p95": null },
            ] }])),
            disks: read(json!([{ "disk": "/var/lib/weir/cache", "purpose": "cache",
                "bytes_total": 500_u64 << 30, "bytes_free": null }])),
            nics: read(json!([
                { "nic": "eth0", "operational_status": "up", "speed_bps": 1_000_000_000,
                  "duplex": "full", "statistics": statistics },
                { "nic": "eth1", "operational_status": "down", "speed_bps": null,
                  "duplex": null, "statistics": statistics },
            ])),
            slots: read(json!([
                { "slot": "a", "version": "1.2.0", "state": "bad", "is_running": 0,
                  "tries_left": 0, "tries_done": 3 },
                { "slot": "b", "version": "1.1.0", "state": "good", "is_running": 1,
                  "tries_left": null, "tries_done": null },
            ])),
            alarms: read(json!([
                { "alarm": "nic-down", "resource": "nic/eth1", "severity": "critical",
                  "since": "2026-01-31T20:12:00Z", "text": "the link is \u{1B}[2Jdown",
                  "remedy": "plug the cable in at both ends, and look whether the switch shows a \
                             light", "cause": null },
                { "alarm": "ingest-down", "resource": "channel/CH_002/HD", "severity": "critical",
                  "since": "2026-01-31T20:12:00Z", "text": "an effect", "remedy": "", "cause": 1 },
            ])),
        }
    }

    #[test]
    fn what_is_wrong_stands_first_and_all_fits_80_columns() {
        let text = render(&document(), Terminal::PIPE);
        assert!(
            text.lines().all(|line| line.chars().count() <= COLUMNS),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_is_longest_fits_too() {
        let mut document = document();
        let mut rendition: Rendition = read(rendition("HD", "not_transport_stream", 1_234_567));
        rendition.bitrate_bps = 812_345_678;
        rendition.segment_age_ms = Some(86_400_000);
        document.channels[1].renditions.push(rendition);
        document.channels[1].name = "x".repeat(64);
        let endpoint = &mut document.origins[0].endpoints[1];
        endpoint.name = "y".repeat(100);
        endpoint.state = "half-open".to_owned();
        endpoint.first_byte_ms_p95 = Some(12_000.0);
        document.origins[0].name = "o".repeat(64);
        let nic = &mut document.nics[0];
        nic.name = "n".repeat(15);
        nic.operational_status = "lowerlayerdown".to_owned();
        nic.speed_bps = Some(100_000_000_000);
        nic.statistics.rx_errors = 1_234_567;
        nic.statistics.rx_dropped = 1_234_567;
        document.disks[0].name = "/d".repeat(60);
        document.slots[0].version = Some("9".repeat(64));
        let text = render(&document, Terminal::PIPE);
        let wide = text.lines().filter(|line| line.chars().count() > COLUMNS);
        assert_eq!(wide.collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn colour_is_for_who_takes_it() {
        let colored = render(
            &document(),
            Terminal::new(crate::command::Color::Always, false),
        );
        assert!(colored.contains("\u{1B}["));
        assert!(
            !colored.contains("\u{1B}[2J"),
            "nobody else steers the terminal"
        );
        assert!(!render(&document(), Terminal::PIPE).contains('\u{1B}'));
    }

    #[test]
    fn a_machine_without_slots_tells_of_none() {
        let with = document();
        let without = Document {
            slots: Vec::new(),
            ..document()
        };
        let [with, without] = [with, without].map(|it| render(&it, Terminal::PIPE));
        assert!(with.contains("slot b 1.1.0 runs, good\nslot a 1.2.0 bad, tries left: 0\n"));
        assert!(!without.contains("slot"), "{without}");
    }

    #[test]
    fn a_word_longer_than_a_line_has_one_of_its_own() {
        let long = "y".repeat(90);
        assert_eq!(
            wrapped(&format!("a {long} b"), " "),
            format!(" a\n {long}\n b")
        );
        assert_eq!(wrapped("", " "), " ");
    }
}
