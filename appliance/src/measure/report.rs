//! What was measured, as the contract of `--json` has it.
//!
//! Names stay as they are once released; new ones may be added. `null` stands for what cannot be
//! known of this stream: a bitrate without a PCR, a check that does not apply.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    demux::{PACKET_BYTES, Pid},
    measure::{
        analyzer::Analyzer,
        catalog::{Catalog, ProgramEntry, StreamEntry},
        indicator::{Indicator, Indicators},
        pcr::PcrMonitor,
        pid_table::PidRow,
    },
};

/// All that was measured of one transport stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Transport packets.
    pub packets: u64,
    /// Bytes of transport packets.
    pub bytes: u64,
    /// Time from the first packet to the end.
    pub duration_s: Option<f64>,
    /// Bitrate of the whole stream, null packets included.
    pub bitrate_bps: Option<u64>,
    /// `transport_stream_id` of the PAT.
    pub transport_stream_id: Option<u16>,
    /// The programs of the PAT, in its order.
    pub services: Vec<ServiceReport>,
    /// Every PID that occurred, in order.
    pub pids: Vec<PidReport>,
    /// Every PID that a table refers to and that did not occur, in order.
    pub absent_pids: Vec<AbsentPid>,
    /// How often each check failed.
    pub tr_101_290: Indicators,
    /// What was not followed because a table of fixed size was full.
    pub limits: LimitsReport,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceReport {
    /// `program_number`, also `service_id`.
    pub program_number: u16,
    /// Name from the SDT; empty without one.
    pub name: String,
    /// Provider from the SDT; empty without one.
    pub provider: String,
    /// `program_map_PID`.
    pub pmt_pid: u16,
    /// True once a PMT of the program has come; without one nothing below is known.
    pub pmt_present: bool,
    /// `PCR_PID`.
    pub pcr_pid: Option<u16>,
    /// Elementary PIDs in the order of the PMT.
    pub streams: Vec<u16>,
    /// True when a packet of one of its streams is scrambled.
    pub scrambled: bool,
    /// Bitrate of its streams together.
    pub bitrate_bps: Option<u64>,
}

/// One PID without a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AbsentPid {
    /// The PID.
    pub pid: u16,
    /// What it is for.
    pub description: String,
    /// The programs that refer to it.
    pub program_numbers: Vec<u16>,
}

/// One PID.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PidReport {
    /// The PID.
    pub pid: u16,
    /// Packets.
    pub packets: u64,
    /// Bitrate of its packets.
    pub bitrate_bps: Option<u64>,
    /// `stream_type` of the PMT.
    pub stream_type: Option<u8>,
    /// What the elementary stream holds.
    pub codec: Option<&'static str>,
    /// What the PID is for: a codec, or the table it carries.
    pub description: String,
    /// ISO 639 language code.
    pub language: Option<String>,
    /// The programs that refer to it.
    pub program_numbers: Vec<u16>,
    /// Packets lost, repeated or out of order.
    pub continuity_count_error: u64,
    /// Packets with `transport_error_indicator`.
    pub transport_error: u64,
    /// Packets with `transport_scrambling_control` other than 00.
    pub scrambled: u64,
    /// Packets repeated once, as the standard permits.
    pub duplicates: u64,
    /// Packets with `discontinuity_indicator`.
    pub discontinuity_indicators: u64,
    /// The longest time between two PTS.
    pub pts_interval_ms_max: Option<f64>,
    /// Its PCRs.
    pub pcr: Option<PcrReport>,
}

/// The PCRs of one PID.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PcrReport {
    /// PCRs.
    pub count: u64,
    /// The longest time between two of them.
    pub interval_ms_max: f64,
    /// True when the bitrate is constant; unknown when PCRs are too few.
    pub constant_bitrate: Option<bool>,
    /// The largest difference to the value implied by the packet's place; at constant bitrate.
    pub jitter_ns_max: Option<u64>,
    /// PCRs off by more than 500 ns; at constant bitrate.
    pub accuracy_error: Option<u64>,
}

/// What found no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitsReport {
    /// Programs, streams, names and conditional access PIDs of tables.
    pub table_entries_dropped: u64,
    /// PCRs of PIDs beyond the number that is followed.
    pub pcrs_dropped: u64,
    /// Sections whose intervals were not measured.
    pub si_sections_untimed: u64,
    /// Sections that are malformed or too long.
    pub sections_malformed: u64,
}

impl Report {
    pub(crate) fn of(analyzer: &Analyzer, mut indicators: Indicators) -> Self {
        let span = analyzer
            .now
            .saturating_sub(analyzer.started.unwrap_or_default());
        let streams = streams_by_pid(&analyzer.catalog);
        let rows = analyzer.pids.iter();
        let (present, absent): (Vec<_>, Vec<_>) = rows.partition(|(_, row)| row.counts.packets > 0);
        let mut pids: Vec<_> = present
            .into_iter()
            .map(|(pid, row)| PidReport::of(pid, row, span, streams.get(&pid)))
            .collect();
        pids.sort_unstable_by_key(|row| row.pid);
        let is_referenced = |(_, row): &(Pid, &PidRow)| row.role.is_referenced;
        let mut absent_pids: Vec<_> = absent
            .into_iter()
            .filter(is_referenced)
            .map(|(pid, row)| AbsentPid {
                pid: pid.value(),
                description: description(pid, row, streams.get(&pid)),
                program_numbers: programs(streams.get(&pid)),
            })
            .collect();
        absent_pids.sort_unstable_by_key(|row| row.pid);
        for pid in &pids {
            if let Some(errors) = pid.pcr.and_then(|pcr| pcr.accuracy_error) {
                indicators.add(Indicator::PcrAccuracyError, errors);
            }
        }
        let programs = analyzer.catalog.programs().iter();
        Self {
            packets: analyzer.packets,
            bytes: analyzer.packets * PACKET_BYTES as u64,
            duration_s: (span > Duration::ZERO).then_some(span.as_secs_f64()),
            bitrate_bps: bitrate_bps(analyzer.packets, span),
            transport_stream_id: analyzer.catalog.transport_stream_id(),
            services: programs
                .map(|program| ServiceReport::of(program, &analyzer.catalog, &pids))
                .collect(),
            pids,
            absent_pids,
            tr_101_290: indicators,
            limits: LimitsReport {
                table_entries_dropped: analyzer.catalog.entries_dropped,
                pcrs_dropped: analyzer.pcrs_dropped,
                si_sections_untimed: analyzer.si.sections_untimed,
                sections_malformed: analyzer.sections.sections_malformed,
            },
        }
    }
}

impl ServiceReport {
    fn of(program: &ProgramEntry, catalog: &Catalog, pids: &[PidReport]) -> Self {
        let (name, provider) = catalog.name(program.number);
        let streams: Vec<u16> = program.streams.iter().map(|s| s.pid.value()).collect();
        let own = || pids.iter().filter(|row| streams.contains(&row.pid));
        Self {
            program_number: program.number,
            name: name.to_owned(),
            provider: provider.to_owned(),
            pmt_pid: program.pmt_pid.value(),
            pmt_present: program.has_pmt(),
            pcr_pid: program.pcr_pid.map(Pid::value),
            scrambled: own().any(|row| row.scrambled > 0),
            bitrate_bps: own()
                .map(|row| row.bitrate_bps)
                .reduce(|sum, next| Some(sum? + next?))
                .flatten(),
            streams,
        }
    }
}

impl PidReport {
    fn of(pid: Pid, row: &PidRow, span: Duration, use_of: Option<&PidUse<'_>>) -> Self {
        let stream = use_of.and_then(|it| it.stream);
        let language = stream.and_then(|stream| stream.content.language);
        let counts = row.counts;
        let pts_interval = row.pts.interval_max();
        Self {
            pid: pid.value(),
            packets: counts.packets,
            bitrate_bps: bitrate_bps(counts.packets, span),
            stream_type: stream.map(|stream| stream.stream_type),
            codec: stream.map(|stream| stream.content.codec),
            description: description(pid, row, use_of),
            language: language.map(readable),
            program_numbers: programs(use_of),
            continuity_count_error: counts.continuity_count_error,
            transport_error: counts.transport_error,
            scrambled: counts.scrambled,
            duplicates: counts.duplicates,
            discontinuity_indicators: counts.discontinuity_indicators,
            pts_interval_ms_max: (pts_interval > Duration::ZERO).then(|| millis(pts_interval)),
            pcr: row.pcr.as_deref().map(PcrReport::of),
        }
    }
}

impl PcrReport {
    fn of(monitor: &PcrMonitor) -> Self {
        let accuracy = monitor.accuracy();
        let is_judged = accuracy.windows_constant + accuracy.windows_variable > 0;
        let is_constant = accuracy.is_applicable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "nanoseconds of a PCR error, never negative, far below 2^63"
        )]
        let peak_ns = accuracy.peak_ns.round() as u64;
        Self {
            count: monitor.count(),
            interval_ms_max: millis(monitor.interval_max()),
            constant_bitrate: is_judged.then_some(is_constant),
            jitter_ns_max: is_constant.then_some(peak_ns),
            accuracy_error: is_constant.then_some(accuracy.errors),
        }
    }
}

/// Who refers to a PID, and as what.
#[derive(Debug, Default)]
struct PidUse<'a> {
    programs: Vec<u16>,
    stream: Option<&'a StreamEntry>,
}

fn streams_by_pid(catalog: &Catalog) -> BTreeMap<Pid, PidUse<'_>> {
    let mut uses = BTreeMap::<Pid, PidUse<'_>>::new();
    for program in catalog.programs() {
        let tables = [Some(program.pmt_pid), program.pcr_pid]
            .into_iter()
            .flatten();
        let streams = program
            .streams
            .iter()
            .map(|stream| (stream.pid, Some(stream)));
        for (pid, stream) in tables.map(|pid| (pid, None)).chain(streams) {
            let it = uses.entry(pid).or_default();
            if it.programs.last() != Some(&program.number) {
                it.programs.push(program.number);
            }
            it.stream = it.stream.or(stream);
        }
    }
    uses
}

fn programs(use_of: Option<&PidUse<'_>>) -> Vec<u16> {
    use_of.map_or_else(Vec::new, |it| it.programs.clone())
}

fn description(pid: Pid, row: &PidRow, use_of: Option<&PidUse<'_>>) -> String {
    let table = match pid.value() {
        0x0000 => "PAT",
        0x0001 => "CAT",
        0x0002 => "TSDT",
        0x1FFF => "null packets",
        _ if row.role.is_pmt => "PMT",
        _ => {
            let codec = use_of.and_then(|it| it.stream).map(|s| s.content.codec);
            return codec.unwrap_or_else(|| by_role(pid, row)).to_owned();
        }
    };
    table.to_owned()
}

const fn by_role(pid: Pid, row: &PidRow) -> &'static str {
    match pid.value() {
        _ if row.role.is_pcr => "PCR",
        0x10 => "NIT",
        0x11 => "SDT, BAT",
        0x12 => "EIT",
        0x13 => "RST",
        0x14 => "TDT, TOT",
        _ if row.role.is_referenced => "conditional access",
        0x15..=0x1F => "DVB reserved",
        _ => "unreferenced",
    }
}

/// A code of three characters from the wire, fit for a terminal.
fn readable(code: [u8; 3]) -> String {
    let shown = |byte: u8| {
        let is_shown = byte.is_ascii_graphic();
        char::from(if is_shown { byte } else { b'?' })
    };
    code.into_iter().map(shown).collect()
}

fn bitrate_bps(packets: u64, span: Duration) -> Option<u64> {
    let bits = u128::from(packets) * PACKET_BYTES as u128 * 8;
    let nanos = span.as_nanos();
    (nanos > 0).then(|| u64::try_from(bits * 1_000_000_000 / nanos).unwrap_or(u64::MAX))
}

/// Milliseconds to the microsecond.
fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}
