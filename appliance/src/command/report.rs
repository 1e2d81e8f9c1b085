//! A measurement for people: what is in the stream, how it is shared out, and what is wrong.
//!
//! Fits 100 columns. What is fine is quiet; what is wrong stands out and says what it means.

use std::collections::BTreeMap;

use comfy_table::{Attribute, Cell, CellAlignment, Color, Table};

use super::{
    CommandError, Terminal,
    probe::{ProbeReport, ReceiveReport},
};
use crate::measure::{PcrReport, PidReport, Priority, Report, ServiceReport};

/// Characters shown of a name that comes from the stream.
const NAME_CHARACTERS_MAX: usize = 20;

/// Program numbers named in one cell; more are given as a count.
const PROGRAMS_NAMED_MAX: usize = 3;

/// PIDs named in one cell; the rest is given as a count.
const PIDS_NAMED_MAX: usize = 4;

/// Absent PIDs of one kind named on a line; the rest is given as a count.
const ABSENT_NAMED_MAX: usize = 8;

/// A PCR may be off by this much.
const PCR_JITTER_NS_MAX: u64 = 500;

/// PCRs may be this far apart.
const PCR_INTERVAL_MS_MAX: f64 = 100.0;

/// PTS may be this far apart.
const PTS_INTERVAL_MS_MAX: f64 = 700.0;

/// Prints the measurement of a file, as JSON or as tables.
///
/// # Errors
/// [`CommandError::Output`] when nobody takes it.
pub(super) fn print(report: &Report, json: bool, terminal: Terminal) -> Result<(), CommandError> {
    if json {
        return terminal.print_json(report);
    }
    terminal.print(&render(report, terminal))
}

/// Prints the measurement of a live source, as JSON or as tables.
///
/// # Errors
/// [`CommandError::Output`] when nobody takes it.
pub(super) fn print_probe(
    report: &ProbeReport,
    json: bool,
    terminal: Terminal,
) -> Result<(), CommandError> {
    if json {
        return terminal.print_json(report);
    }
    let stream = render(&report.stream, terminal);
    terminal.print(&format!(
        "{}\n\n{stream}",
        reception(&report.receive, terminal)
    ))
}

/// Writes the whole report as tables.
pub(super) fn render(report: &Report, terminal: Terminal) -> String {
    let mut parts = vec![summary(report)];
    if !report.services.is_empty() {
        parts.push(services(report, terminal));
    }
    parts.push(pids(report, terminal));
    parts.extend(absent(report));
    if report.pids.iter().any(|row| row.pcr.is_some()) {
        parts.push(pcrs(report, terminal));
    }
    parts.push(tr_101_290(report, terminal));
    parts.push(verdict(report));
    parts.join("\n\n")
}

fn summary(report: &Report) -> String {
    let packets = grouped(report.packets);
    let stream = report.transport_stream_id.map_or_else(
        || "no PAT".to_owned(),
        |id| format!("transport stream {id}"),
    );
    match (report.duration_s, report.bitrate_bps) {
        (Some(seconds), Some(_)) => {
            let rate = rate(report.bitrate_bps);
            format!("{packets} packets in {seconds:.2} s, {rate}, {stream}")
        }
        _ => format!(
            "{packets} packets, {stream}; without PCRs neither bitrates nor intervals can be told"
        ),
    }
}

fn services(report: &Report, terminal: Terminal) -> String {
    let header = [
        "PROGRAM", "NAME", "PROVIDER", "PMT", "PCR", "STREAMS", "RATE", "SCR",
    ];
    let mut table = terminal.table(&header);
    for service in &report.services {
        table.add_row([
            Cell::new(service.program_number),
            Cell::new(shortened(&service.name)),
            Cell::new(shortened(&service.provider)),
            Cell::new(hex(service.pmt_pid)),
            Cell::new(service.pcr_pid.map(hex).unwrap_or_default()),
            Cell::new(stream_pids(service)),
            Cell::new(rate(service.bitrate_bps)),
            Cell::new(if service.scrambled { "yes" } else { "" }),
        ]);
    }
    align_right(&mut table, &[0, 6]);
    table.trim_fmt()
}

fn stream_pids(service: &ServiceReport) -> String {
    if !service.pmt_present {
        return "no PMT came".to_owned();
    }
    named(&service.streams, PIDS_NAMED_MAX)
}

/// The first PIDs by name, the rest as a count.
fn named(pids: &[u16], named_max: usize) -> String {
    let named = pids.iter().take(named_max).copied().map(hex);
    let rest = pids.len().saturating_sub(named_max);
    let more = (rest > 0).then(|| format!("+{rest}"));
    named.chain(more).collect::<Vec<_>>().join(" ")
}

fn pids(report: &Report, terminal: Terminal) -> String {
    let header = [
        "PID", "PROGRAM", "CONTENT", "PACKETS", "RATE", "SHARE", "CC", "TEI", "SCR", "PTS GAP",
    ];
    let mut table = terminal.table(&header);
    for row in &report.pids {
        table.add_row([
            Cell::new(hex(row.pid)),
            Cell::new(programs(row)),
            Cell::new(content(row)),
            Cell::new(grouped(row.packets)),
            Cell::new(rate(row.bitrate_bps)),
            Cell::new(share(row.packets, report.packets)),
            fault(row.continuity_count_error),
            fault(row.transport_error),
            Cell::new(if row.scrambled > 0 {
                grouped(row.scrambled)
            } else {
                String::new()
            }),
            judged(row.pts_interval_ms_max, PTS_INTERVAL_MS_MAX),
        ]);
    }
    align_right(&mut table, &[3, 4, 5, 6, 7, 8, 9]);
    table.trim_fmt()
}

fn programs(row: &PidReport) -> String {
    if row.program_numbers.len() > PROGRAMS_NAMED_MAX {
        return format!("{} of them", row.program_numbers.len());
    }
    let numbers = row.program_numbers.iter().map(ToString::to_string);
    numbers.collect::<Vec<_>>().join(" ")
}

fn content(row: &PidReport) -> String {
    match &row.language {
        Some(language) => format!("{} ({language})", row.description),
        None => row.description.clone(),
    }
}

/// Names what tables promise and the stream lacks, one kind a line.
fn absent(report: &Report) -> Option<String> {
    let mut kinds = BTreeMap::<&str, Vec<u16>>::new();
    for absent in &report.absent_pids {
        kinds
            .entry(&absent.description)
            .or_default()
            .push(absent.pid);
    }
    let lines = kinds
        .into_iter()
        .map(|(kind, pids)| format!("absent: {kind} on {}", named(&pids, ABSENT_NAMED_MAX)));
    (!report.absent_pids.is_empty()).then(|| lines.collect::<Vec<_>>().join("\n"))
}

fn pcrs(report: &Report, terminal: Terminal) -> String {
    let mut table = terminal.table(&["PCR PID", "PCRS", "LONGEST GAP", "BITRATE", "JITTER"]);
    for row in &report.pids {
        let Some(pcr) = row.pcr else {
            continue;
        };
        table.add_row([
            Cell::new(hex(row.pid)),
            Cell::new(grouped(pcr.count)),
            judged(Some(pcr.interval_ms_max), PCR_INTERVAL_MS_MAX),
            Cell::new(match pcr.constant_bitrate {
                Some(true) => "constant",
                Some(false) => "variable",
                None => "cannot be told",
            }),
            jitter(pcr),
        ]);
    }
    align_right(&mut table, &[1, 2, 4]);
    table.trim_fmt()
}

fn jitter(pcr: PcrReport) -> Cell {
    match pcr.jitter_ns_max {
        None => Cell::new("not applicable"),
        Some(ns) if ns > PCR_JITTER_NS_MAX => bad(format!("±{} ns", grouped(ns))),
        Some(ns) => Cell::new(format!("±{} ns", grouped(ns))),
    }
}

fn tr_101_290(report: &Report, terminal: Terminal) -> String {
    let mut table = terminal.table(&["TR 101 290", "", "COUNT", ""]);
    for (indicator, count) in report.tr_101_290.iter() {
        if count.is_none() && indicator.priority() == Priority::Third {
            continue;
        }
        table.add_row([
            Cell::new(indicator.clause()),
            Cell::new(indicator.name()),
            count_of(count),
            Cell::new(if count > Some(0) {
                indicator.help()
            } else {
                ""
            }),
        ]);
    }
    align_right(&mut table, &[2]);
    table.trim_fmt()
}

fn count_of(count: Option<u64>) -> Cell {
    match count {
        None => Cell::new("n/a").fg(Color::DarkGrey),
        Some(0) => Cell::new("OK").fg(Color::Green),
        Some(count) => bad(grouped(count)),
    }
}

/// One line that says whether the stream is fit, and what was left out of sight.
fn verdict(report: &Report) -> String {
    let failed = |priority| {
        let of_priority = report
            .tr_101_290
            .iter()
            .filter(|(indicator, count)| indicator.priority() == priority && *count > Some(0));
        of_priority.count()
    };
    let (first, second) = (failed(Priority::First), failed(Priority::Second));
    let text = match (first, second) {
        (0, 0) => "No check of the first or second priority failed.".to_owned(),
        _ => format!("Failed: {first} of the first priority, {second} of the second."),
    };
    let limits = report.limits;
    let unseen = limits.table_entries_dropped + limits.pcrs_dropped + limits.si_sections_untimed;
    if unseen == 0 {
        return text;
    }
    format!(
        "{text} {} entries were too many to follow.",
        grouped(unseen)
    )
}

fn reception(receive: &ReceiveReport, terminal: Terminal) -> String {
    let header = [
        "SOURCE",
        "DATAGRAMS",
        "KERNEL DROPS",
        "RTP LOST",
        "RTP LATE",
        "LONGEST GAP",
    ];
    let mut table = terminal.table(&header);
    table.add_row([
        Cell::new(&receive.source),
        Cell::new(grouped(receive.datagrams)),
        told(receive.kernel_dropped_datagrams),
        told(receive.rtp_lost),
        told(receive.rtp_late),
        Cell::new(format!("{:.1} ms", receive.interarrival_ms_max)),
    ]);
    align_right(&mut table, &[1, 2, 3, 4, 5]);
    let senders = receive.senders.iter().map(ToString::to_string);
    let senders = senders.collect::<Vec<_>>().join(", ");
    let by = if senders.is_empty() {
        "read over HTTP".to_owned()
    } else {
        format!("sent by {senders}")
    };
    let others = [
        (receive.sender_changes, "changes of sender"),
        (receive.header_changes, "changes of TTL or DSCP"),
        (receive.rtp_malformed, "datagrams without an RTP header"),
        (receive.rtp_restarts, "restarts of the RTP sequence"),
        (receive.http_failures, "failures of HTTP"),
        (receive.receive_errors, "failed receive calls"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let others = others.map(|(count, what)| format!("; {} {what}", grouped(count)));
    let others = others.collect::<String>();
    let head = [(receive.ttl, "TTL"), (receive.dscp, "DSCP")];
    let head = head
        .into_iter()
        .filter_map(|(value, what)| Some((value?, what)));
    let head = head.map(|(value, what)| format!(", {what} {value}"));
    let head = head.collect::<String>();
    format!("{}\n\n{by}{head}{others}", table.trim_fmt())
}

/// A count of faults that is worth telling even when it is zero.
fn told(count: u64) -> Cell {
    if count > 0 {
        fault(count)
    } else {
        Cell::new("0")
    }
}

pub(super) fn fault(count: u64) -> Cell {
    if count > 0 {
        bad(grouped(count))
    } else {
        Cell::new("")
    }
}

/// A time in milliseconds that stands out above its limit.
fn judged(millis: Option<f64>, millis_max: f64) -> Cell {
    match millis {
        None => Cell::new(""),
        Some(millis) if millis > millis_max => bad(format!("{millis:.1} ms")),
        Some(millis) => Cell::new(format!("{millis:.1} ms")),
    }
}

pub(super) fn bad(text: String) -> Cell {
    Cell::new(text)
        .fg(Color::Red)
        .add_attribute(Attribute::Bold)
}

pub(super) fn align_right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn hex(pid: u16) -> String {
    format!("0x{pid:04X}")
}

fn shortened(text: &str) -> String {
    clipped(text, NAME_CHARACTERS_MAX)
}

/// So many characters of `text`, the last of which says that there are more.
pub(super) fn clipped(text: &str, characters_max: usize) -> String {
    let mut shown: String = text.chars().take(characters_max).collect();
    if text.chars().nth(characters_max).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// A bitrate in the unit that suits it.
pub(super) fn rate(bps: Option<u64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bps = bps.map(|bps| bps as f64);
    match bps {
        None => String::new(),
        Some(bps) if bps >= 1e6 => format!("{:.2} Mb/s", bps / 1e6),
        Some(bps) => format!("{:.1} kb/s", bps / 1e3),
    }
}

fn share(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    format!("{percent:.1} %")
}

/// A number with its thousands set apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grouped, rate, shortened};

    #[test]
    fn numbers_read_as_people_write_them() {
        let numbers = [0, 12, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "12", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(rate(Some(8_123_456)), "8.12 Mb/s");
        assert_eq!(rate(Some(128_000)), "128.0 kb/s");
        assert_eq!(rate(None), "");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shortened("Thời sự"), "Thời sự");
        assert_eq!(shortened(&"ờ".repeat(30)).chars().count(), 20);
    }
}
