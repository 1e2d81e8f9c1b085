//! One row for each PID: what was counted on it and what is expected of it.

use std::time::Duration;

use crate::{
    demux::{Counters, PRIVATE_SECTION_BYTES_MAX, Packet, Pid, Section, SectionAssembler},
    measure::{continuity::ContinuityCheck, pcr::PcrMonitor, recurrence::Recurrence, si::Span},
};

/// A PID that no table refers to may go on for this long (TR 101 290 table 5.0c, note 1).
const UNREFERENCED_MAX: Duration = Duration::from_millis(500);

/// The rows of all PIDs, made as the PIDs appear.
///
/// # Limits
/// 16 KiB, and 8,192 rows of under 1 KiB, as many as there are PIDs.
#[derive(Debug)]
pub(crate) struct PidTable {
    /// Where the row of each PID stands; [`NOWHERE`] while it has none.
    places: Box<[u16; Pid::COUNT]>,
    /// In the order in which the PIDs appeared.
    rows: Vec<(Pid, PidRow)>,
}

/// No row stands there.
const NOWHERE: u16 = u16::MAX;

/// What is known of one PID.
#[derive(Debug)]
pub(crate) struct PidRow {
    pub(crate) counts: PidCounts,
    pub(crate) role: Role,
    pub(crate) continuity: ContinuityCheck,
    /// Index in the stream of the last packet whose continuity was checked.
    pub(crate) last_packet: u64,
    /// Packets of the last second, and all before it.
    pub(crate) packets_in_second: u64,
    pub(crate) packets_before_second: u64,
    /// Packets of a referenced stream (`PID_error`).
    pub(crate) presence: Recurrence,
    /// PMT sections (`PMT_error_2`).
    pub(crate) pmt: Recurrence,
    /// PES headers with a PTS (`PTS_error`).
    pub(crate) pts: Recurrence,
    pub(crate) pcr: Option<Box<PcrMonitor>>,
    pub(crate) sections: Option<Box<SectionReader>>,
    unreferenced_since: Option<Duration>,
    unreferenced_counted: bool,
}

/// What was counted on one PID.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PidCounts {
    pub(crate) packets: u64,
    pub(crate) transport_error: u64,
    pub(crate) scrambled: u64,
    pub(crate) continuity_count_error: u64,
    pub(crate) duplicates: u64,
    pub(crate) discontinuity_indicators: u64,
}

/// What the tables say a PID is for.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one PID may be all of these at once"
)]
pub(crate) struct Role {
    pub(crate) is_referenced: bool,
    pub(crate) is_pmt: bool,
    pub(crate) is_pcr: bool,
    /// Video or audio that never pauses.
    pub(crate) is_continuous: bool,
    /// Any elementary stream.
    pub(crate) is_stream: bool,
}

impl PidTable {
    pub(crate) fn new() -> Self {
        Self {
            places: Box::new([NOWHERE; Pid::COUNT]),
            rows: Vec::new(),
        }
    }

    /// The row of `pid`, made if need be.
    pub(crate) fn row(&mut self, pid: Pid) -> &mut PidRow {
        let mut place = usize::from(self.places[pid.index()]);
        if place >= self.rows.len() {
            place = self.rows.len();
            self.rows.push((pid, PidRow::new()));
            self.places[pid.index()] = u16::try_from(place).expect("a PID has 13 bits");
        }
        &mut self.rows[place].1
    }

    /// The rows there are, in the order their PIDs appeared.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Pid, &PidRow)> {
        self.rows.iter().map(|(pid, row)| (*pid, row))
    }

    /// The same, to change them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut PidRow> {
        self.rows.iter_mut().map(|(_, row)| row)
    }
}

impl PidRow {
    fn new() -> Self {
        Self {
            counts: PidCounts::default(),
            role: Role::default(),
            continuity: ContinuityCheck::new(),
            last_packet: 0,
            packets_in_second: 0,
            packets_before_second: 0,
            presence: Recurrence::new(),
            pmt: Recurrence::new(),
            pts: Recurrence::new(),
            pcr: None,
            sections: None,
            unreferenced_since: None,
            unreferenced_counted: false,
        }
    }

    /// Expects what the role asks for, and nothing else.
    pub(crate) fn apply_role(&mut self) {
        let expect = |recurrence: &mut Recurrence, is_expected| {
            if is_expected {
                recurrence.arm();
            } else {
                recurrence.disarm();
            }
        };
        expect(&mut self.pmt, self.role.is_pmt);
        expect(
            &mut self.presence,
            self.role.is_continuous || self.role.is_pcr,
        );
        if !self.role.is_continuous {
            self.pts.disarm();
        }
        if let Some(pcr) = self.pcr.as_mut().filter(|_| !self.role.is_pcr) {
            pcr.disarm();
        }
        if self.role.is_referenced {
            self.unreferenced_since = None;
            self.unreferenced_counted = false;
        }
    }

    /// Ends a second.
    pub(crate) fn end_second(&mut self) {
        self.packets_in_second = self.counts.packets - self.packets_before_second;
        self.packets_before_second = self.counts.packets;
    }

    /// Starts anew after a time in which nothing could be observed.
    pub(crate) fn restart(&mut self) {
        self.continuity.forget();
        self.presence.restart();
        self.pmt.restart();
        self.pts.disarm();
        self.unreferenced_since = None;
        if let Some(pcr) = &mut self.pcr {
            pcr.restart();
        }
    }

    /// Notes a packet of a PID that tables must refer to; returns true once when none has for
    /// too long.
    pub(crate) fn is_unreferenced(&mut self, at: Duration) -> bool {
        let since = *self.unreferenced_since.get_or_insert(at);
        let is_new = at.saturating_sub(since) > UNREFERENCED_MAX && !self.unreferenced_counted;
        self.unreferenced_counted |= is_new;
        is_new
    }
}

/// Puts the sections of one PID together and knows when each was on the wire.
#[derive(Debug)]
pub(crate) struct SectionReader {
    assembler: SectionAssembler<PRIVATE_SECTION_BYTES_MAX>,
    /// When the packet came in which the unfinished section begins.
    started: Option<Duration>,
}

impl SectionReader {
    pub(crate) const fn new() -> Self {
        Self {
            assembler: SectionAssembler::new(),
            started: None,
        }
    }

    /// Takes the next packet and calls `each` for the sections it completes.
    pub(crate) fn push(
        &mut self,
        packet: Packet<'_>,
        at: Duration,
        counters: &mut Counters,
        mut each: impl FnMut(Section<'_>, Span),
    ) {
        let begins_section = packet.payload_unit_start();
        let begins_at_once = begins_section
            && packet
                .payload()
                .is_some_and(|payload| payload.first() == Some(&0));
        let mut start = self.started.filter(|_| !begins_at_once).unwrap_or(at);
        self.assembler.push(packet, counters, |section| {
            each(section, Span { start, end: at });
            start = at;
        });
        if begins_section {
            self.started = Some(at);
        }
    }
}
