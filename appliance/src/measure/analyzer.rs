//! Takes packets and the time of each, and checks them against TR 101 290.

use std::time::Duration;

use crate::{
    demux::{AdaptationField, Counters, Packet, Pid, Section, has_optional_header},
    measure::{
        catalog::Catalog,
        continuity::Continuity,
        indicator::{Indicator, Indicators},
        media_rate::MediaRate,
        pcr::PcrMonitor,
        pid_table::{PidRow, PidTable, Role, SectionReader},
        recurrence::Recurrence,
        report::Report,
        second::{Seconds, Tally},
        si::{ServiceInformation, Span},
    },
};

/// The longest time without a PAT, and without the PMT of each program (1.3.a, 1.5.a).
const PSI_INTERVAL_MAX: Duration = Duration::from_millis(500);

/// The longest time without a packet of a video, audio or PCR PID (1.6).
const PID_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// The longest time between two PTS of a stream (2.5).
const PTS_INTERVAL_MAX: Duration = Duration::from_millis(700);

/// How long scrambled packets may flow before a CAT must have come (2.6 sets no time).
const CAT_WAIT_MAX: Duration = Duration::from_secs(1);

/// How often absences are looked for, besides at each occurrence.
const SWEEP_INTERVAL: Duration = Duration::from_millis(20);

/// PIDs whose PCRs are followed, 4 KiB each; those of further PIDs are counted and dropped.
const PCR_PIDS_MAX: usize = 256;

/// The first PID that is not reserved for tables.
const PID_FREE_MIN: u16 = 0x20;

const PAT_TABLE: u8 = 0x00;
const CAT_TABLE: u8 = 0x01;
const PMT_TABLE: u8 = 0x02;
const SDT_ACTUAL_TABLE: u8 = 0x42;

/// Measures one transport stream.
///
/// # Limits
/// Memory is bounded whatever the packets: 8,192 rows below 1 KiB, 256 programs of 48 streams,
/// 263 unfinished sections of 4 KiB, 256 PCR windows of 4 KiB, 1,024 times of sections. Allocates
/// when a PID or a table is new, never per packet.
#[derive(Debug)]
pub struct Analyzer {
    has_time: bool,
    pub(crate) pids: PidTable,
    pub(crate) catalog: Catalog,
    pub(crate) indicators: Indicators,
    pub(crate) packets: u64,
    pub(crate) packets_lost: u64,
    pub(crate) started: Option<Duration>,
    pub(crate) now: Duration,
    pub(crate) pcrs_dropped: u64,
    pub(crate) si: ServiceInformation,
    pub(crate) sections: Counters,
    pub(crate) seconds: Seconds,
    pub(crate) media_rate: MediaRate,
    pat: Recurrence,
    cat: CatWatch,
    /// The PIDs whose PCRs are followed, at most [`PCR_PIDS_MAX`].
    pcr_pids: Vec<Pid>,
    next_sweep: Duration,
    /// True from a loss of synchronisation to the next packet: all else is not valid meanwhile.
    is_sync_lost: bool,
    /// `TS_sync_loss` and `Sync_byte_error` as they were told last.
    sync_noted: (u64, u64),
    /// Packets by then.
    packets_noted: u64,
}

/// Scrambled packets and whether a CAT came with them.
#[derive(Debug, Clone, Copy, Default)]
struct CatWatch {
    is_present: bool,
    scrambled_since: Option<Duration>,
    is_counted: bool,
}

impl Analyzer {
    /// Knows nothing of the stream yet.
    pub fn new() -> Self {
        let mut indicators = Indicators::new();
        indicators.arm(Indicator::UnreferencedPid);
        Self {
            has_time: true,
            pids: PidTable::new(),
            catalog: Catalog::default(),
            indicators,
            packets: 0,
            packets_lost: 0,
            started: None,
            now: Duration::ZERO,
            pcrs_dropped: 0,
            si: ServiceInformation::new(),
            sections: Counters::default(),
            seconds: Seconds::new(),
            media_rate: MediaRate::default(),
            pat: Recurrence::new(),
            cat: CatWatch::default(),
            pcr_pids: Vec::new(),
            next_sweep: Duration::ZERO,
            is_sync_lost: false,
            sync_noted: (0, 0),
            packets_noted: 0,
        }
    }

    /// Measures a stream whose packets have no known time: of its intervals nothing is said.
    pub fn without_time() -> Self {
        Self {
            has_time: false,
            indicators: Indicators::new(),
            ..Self::new()
        }
    }

    /// Takes the next packet, which came at `at`. A time before that of the last packet is taken
    /// for the same.
    pub fn push(&mut self, packet: Packet<'_>, at: Duration) {
        if self.started.is_none() {
            self.begin(at);
        }
        self.is_sync_lost = false;
        self.advance(at);
        let index = self.packets;
        self.packets += 1;
        let pid = packet.pid();
        let row = self.pids.row(pid);
        row.counts.packets += 1;
        if packet.transport_error() {
            row.counts.transport_error += 1;
            self.indicators.raise(Indicator::TransportError);
            return;
        }
        let has_content = packet.has_payload() || packet.adaptation_field().is_some();
        if pid != Pid::NULL && has_content {
            self.check_continuity(packet, index);
            if packet.scrambled() {
                self.take_scrambled(packet);
            }
            self.check_reference(pid);
            self.take_pcr(packet, index);
            self.take_pts(packet);
            self.take_sections(packet);
        }
    }

    fn begin(&mut self, at: Duration) {
        self.started = Some(at);
        self.now = at;
        self.seconds.begin(at);
        self.pat.arm();
    }

    /// Moves time on to `at`, whether or not a packet came.
    pub fn advance(&mut self, at: Duration) {
        self.now = self.now.max(at);
        if self.now >= self.next_sweep {
            if !self.is_sync_lost {
                self.sweep();
            }
            if self.seconds.is_over(self.now) {
                self.end_second();
            }
            self.next_sweep = self.now.saturating_add(SWEEP_INTERVAL);
        }
    }

    fn end_second(&mut self) {
        let tally = Tally {
            indicators: self.settled(),
            packets: self.packets,
            packets_lost: self.packets_lost,
            is_sync_lost: self.is_sync_lost,
        };
        self.seconds.pass(&tally, self.now);
        self.media_rate.end_second();
        self.pids.iter_mut().for_each(PidRow::end_second);
    }

    /// Notes what synchronisation has met, by its counters, behind the packets that it found.
    ///
    /// While synchronisation is lost nothing else is valid (table 5.0a): all begins anew with the
    /// next packet, and what is missing before that packet is no error of its own.
    pub fn note_sync(&mut self, counters: &Counters) {
        let noted = (counters.ts_sync_loss, counters.sync_byte_error);
        let since = std::mem::replace(&mut self.packets_noted, self.packets);
        if noted == self.sync_noted {
            return;
        }
        self.note_missing_since(since.saturating_sub(1));
        let before = std::mem::replace(&mut self.sync_noted, noted);
        let losses = noted.0 - before.0;
        self.indicators.add(Indicator::TsSyncLoss, losses);
        self.indicators
            .add(Indicator::SyncByteError, noted.1 - before.1);
        if losses > 0 {
            self.is_sync_lost = true;
            self.pat.restart();
            self.si.restart();
            self.cat.scrambled_since = None;
            self.pids.iter_mut().for_each(PidRow::restart);
        }
    }

    /// The indicators as they stand; `PCR_accuracy_error` is told by [`Analyzer::report`] alone.
    pub const fn indicators(&self) -> &Indicators {
        &self.indicators
    }

    /// Packets taken.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// All that was measured so far.
    pub fn report(&self) -> Report {
        let mut indicators = self.indicators;
        let scrambled = self.cat.scrambled_since.is_some() && !self.cat.is_counted;
        if scrambled && !self.cat.is_present {
            indicators.raise(Indicator::CatError);
        }
        Report::of(self, indicators)
    }

    /// The indicators, with what is settled of the accuracy of PCRs.
    pub(crate) fn settled(&self) -> Indicators {
        let mut indicators = self.indicators;
        let monitors = self.pids.iter().filter_map(|(_, row)| row.pcr.as_deref());
        for accuracy in monitors.map(PcrMonitor::settled_accuracy) {
            if accuracy.is_applicable() {
                indicators.add(Indicator::PcrAccuracyError, accuracy.errors);
            }
        }
        indicators
    }

    fn sweep(&mut self) {
        let (now, indicators) = (self.now, &mut self.indicators);
        if self.pat.is_overdue(now, PSI_INTERVAL_MAX) {
            indicators.raise(Indicator::PatError2);
        }
        if self.cat.is_overdue(now) {
            indicators.raise(Indicator::CatError);
        }
        self.si.sweep(now, indicators);
        for row in self.pids.iter_mut() {
            sweep_row(row, now, indicators);
        }
    }

    fn check_continuity(&mut self, packet: Packet<'_>, index: u64) {
        let row = self.pids.row(packet.pid());
        let verdict = row.continuity.check(packet);
        let last_packet = std::mem::replace(&mut row.last_packet, index);
        let is_announced = packet
            .adaptation_field()
            .is_some_and(AdaptationField::discontinuity);
        row.counts.discontinuity_indicators += u64::from(is_announced);
        if row.role.is_continuous || row.role.is_pcr {
            let is_late = row.presence.occurred(self.now, PID_INTERVAL_MAX);
            self.indicators.add(Indicator::PidError, u64::from(is_late));
        }
        match verdict {
            Continuity::InOrder => {}
            Continuity::Duplicate => row.counts.duplicates += 1,
            Continuity::Error { missing } => {
                row.counts.continuity_count_error += 1;
                self.indicators.raise(Indicator::ContinuityCountError);
                self.packets_lost += missing;
                self.note_missing_since(last_packet);
            }
        }
    }

    /// Notes that packets are missing somewhere behind the one of index `packet`: from there on
    /// the index is another measure of time.
    fn note_missing_since(&mut self, packet: u64) {
        self.media_rate.note_loss();
        for &pid in &self.pcr_pids {
            if let Some(pcr) = &mut self.pids.row(pid).pcr {
                pcr.note_loss_since(packet);
            }
        }
    }

    fn take_scrambled(&mut self, packet: Packet<'_>) {
        let row = self.pids.row(packet.pid());
        row.counts.scrambled += 1;
        row.pts.disarm();
        if packet.pid() == Pid::PAT {
            self.indicators.raise(Indicator::PatError2);
        } else if row.role.is_pmt {
            self.indicators.raise(Indicator::PmtError2);
        }
        self.cat.scrambled_since.get_or_insert(self.now);
    }

    fn check_reference(&mut self, pid: Pid) {
        let row = self.pids.row(pid);
        let must_be_referenced = pid.value() >= PID_FREE_MIN && !row.role.is_referenced;
        if must_be_referenced && row.is_unreferenced(self.now) {
            self.indicators.raise(Indicator::UnreferencedPid);
        }
    }

    fn take_pcr(&mut self, packet: Packet<'_>, index: u64) {
        let Some(field) = packet.adaptation_field() else {
            return;
        };
        let pid = packet.pid();
        let row = self.pids.row(pid);
        if let Some(monitor) = row.pcr.as_mut().filter(|_| field.discontinuity()) {
            monitor.announce_step();
            self.media_rate.note_loss();
        }
        let Some(pcr) = field.pcr() else {
            return;
        };
        if row.pcr.is_none() && self.pcr_pids.len() == PCR_PIDS_MAX {
            self.pcrs_dropped += 1;
            return;
        }
        let monitor = row.pcr.get_or_insert_with(|| {
            self.pcr_pids.push(pid);
            Box::new(PcrMonitor::new())
        });
        let findings = monitor.push(pcr, index, self.now);
        self.media_rate.push(pid, index, pcr);
        if findings.is_late {
            self.indicators.raise(Indicator::PcrRepetitionError);
        }
        if findings.is_unannounced_step {
            self.indicators
                .raise(Indicator::PcrDiscontinuityIndicatorError);
        }
    }

    fn take_pts(&mut self, packet: Packet<'_>) {
        if !packet.payload_unit_start() || packet.scrambled() {
            return;
        }
        let row = self.pids.row(packet.pid());
        let has_pts = row.role.is_continuous && packet.payload().is_some_and(has_pts);
        if has_pts && row.pts.occurred(self.now, PTS_INTERVAL_MAX) {
            self.indicators.raise(Indicator::PtsError);
        }
    }

    fn take_sections(&mut self, packet: Packet<'_>) {
        let (pid, now) = (packet.pid(), self.now);
        let row = self.pids.row(pid);
        let is_si = ServiceInformation::is_for(pid) && !row.role.is_pmt && !row.role.is_stream;
        if !(row.role.is_pmt || is_si || pid == Pid::PAT || pid == Pid::CAT) {
            return;
        }
        let mut reader = row
            .sections
            .take()
            .unwrap_or_else(|| Box::new(SectionReader::new()));
        if is_si {
            self.si.arm(pid, self.has_time, &mut self.indicators);
        }
        let mut counters = std::mem::take(&mut self.sections);
        reader.push(packet, now, &mut counters, |section, span| {
            self.take_section(pid, section, span);
        });
        self.sections = counters;
        self.pids.row(pid).sections = Some(reader);
    }

    fn take_section(&mut self, pid: Pid, section: Section<'_>, span: Span) {
        let table_id = section.table_id();
        let is_pmt = self.pids.row(pid).role.is_pmt;
        if !section.crc_ok() {
            let is_checked = !is_pmt || table_id == PMT_TABLE;
            self.indicators
                .add(Indicator::CrcError, u64::from(is_checked));
        } else if pid == Pid::PAT {
            self.take_pat(section);
        } else if pid == Pid::CAT {
            self.take_cat(section);
        } else if is_pmt {
            self.take_pmt(pid, section);
        } else {
            if table_id == SDT_ACTUAL_TABLE && is_current(section) {
                self.catalog.take_sdt(section);
            }
            let span = self.has_time.then_some(span);
            self.si.take(pid, section, span, &mut self.indicators);
        }
    }

    fn take_pat(&mut self, section: Section<'_>) {
        if section.table_id() != PAT_TABLE {
            self.indicators.raise(Indicator::PatError2);
            return;
        }
        if self.pat.occurred(self.now, PSI_INTERVAL_MAX) {
            self.indicators.raise(Indicator::PatError2);
        }
        if is_current(section) && self.catalog.take_pat(section) {
            self.assign_roles();
        }
    }

    fn take_cat(&mut self, section: Section<'_>) {
        if section.table_id() != CAT_TABLE {
            self.indicators.raise(Indicator::CatError);
            return;
        }
        self.cat.is_present = true;
        if is_current(section) && self.catalog.take_cat(section) {
            self.assign_roles();
        }
    }

    fn take_pmt(&mut self, pid: Pid, section: Section<'_>) {
        if section.table_id() != PMT_TABLE {
            return;
        }
        let recurrence = &mut self.pids.row(pid).pmt;
        if recurrence.occurred(self.now, PSI_INTERVAL_MAX) {
            self.indicators.raise(Indicator::PmtError2);
        }
        if is_current(section) && self.catalog.take_pmt(pid, section) {
            self.assign_roles();
        }
    }

    /// Tells every PID what the tables, which have changed, say of it.
    fn assign_roles(&mut self) {
        let (catalog, pids) = (&self.catalog, &mut self.pids);
        for row in pids.iter_mut() {
            row.role = Role::default();
        }
        catalog.each_reference(|pid| pids.row(pid).role.is_referenced = true);
        for program in catalog.programs() {
            let has_own_pid = program.pmt_pid.value() >= 0x10 && program.pmt_pid != Pid::NULL;
            pids.row(program.pmt_pid).role.is_pmt = has_own_pid;
            if let Some(pid) = program.pcr_pid {
                pids.row(pid).role.is_pcr = true;
            }
            for stream in &program.streams {
                let role = &mut pids.row(stream.pid).role;
                role.is_stream = true;
                role.is_continuous |= !stream.content.may_pause;
            }
        }
        pids.iter_mut().for_each(PidRow::apply_role);
    }
}

impl Default for Analyzer {
    fn default() -> Self {
        Self::new()
    }
}

impl CatWatch {
    /// Returns true once when scrambled packets have flowed for too long without a CAT.
    fn is_overdue(&mut self, now: Duration) -> bool {
        let is_late = self
            .scrambled_since
            .is_some_and(|since| now.saturating_sub(since) > CAT_WAIT_MAX);
        let is_new = is_late && !self.is_present && !self.is_counted;
        self.is_counted |= is_new;
        is_new
    }
}

fn sweep_row(row: &mut PidRow, now: Duration, indicators: &mut Indicators) {
    let mut raise_if = |indicator, is_raised| indicators.add(indicator, u64::from(is_raised));
    let is_late = row.pmt.is_overdue(now, PSI_INTERVAL_MAX);
    raise_if(Indicator::PmtError2, is_late);
    let is_late = row.presence.is_overdue(now, PID_INTERVAL_MAX);
    raise_if(Indicator::PidError, is_late);
    let is_late = row.pts.is_overdue(now, PTS_INTERVAL_MAX);
    raise_if(Indicator::PtsError, is_late);
    let is_late = row.pcr.as_mut().is_some_and(|pcr| pcr.is_overdue(now));
    raise_if(Indicator::PcrRepetitionError, is_late);
}

/// True for a table that holds now.
fn is_current(section: Section<'_>) -> bool {
    section.has_long_header() && section.current_next()
}

/// True when `payload` begins with a PES header that carries a PTS (ISO/IEC 13818-1 §2.4.3.6).
fn has_pts(payload: &[u8]) -> bool {
    matches!(payload, [0, 0, 1, stream_id, _, _, marker, flags, ..]
        if has_optional_header(*stream_id) && marker & 0xC0 == 0x80 && flags & 0x80 != 0)
}
