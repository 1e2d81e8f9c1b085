//! What an operator may know of a stream that is measured all the time, taken once a second.
//!
//! Refuses: what the tables say of the stream, and windows that have not ended ([`Report`] tells
//! these, at a price).
//!
//! [`Report`]: crate::measure::Report

use crate::{
    demux::{PACKET_BYTES, Pid},
    measure::{analyzer::Analyzer, indicator::Indicators, pid_table::PidRow, second::Counters},
};

/// PIDs that are told of one by one: those that appeared first. A stream for one channel has
/// about ten.
const PIDS_MAX: usize = 64;

/// A stream, up to its last whole second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// `transport_stream_id` of the last PAT.
    pub transport_stream_id: Option<u16>,
    /// How often each check failed.
    pub indicators: Indicators,
    /// Seconds in which each check failed.
    pub seconds: Indicators,
    /// Its seconds, and errors by priority.
    pub counters: Counters,
    /// Packets missing in the last second, by the `continuity_counter`.
    pub packets_lost_in_second: u64,
    /// Bitrate by the stream's own clock, its PCRs.
    pub media_rate_bps: Option<u64>,
    /// Bitrate of null packets in the last second.
    pub null_bitrate_bps: u64,
    /// Its PIDs in order, at most 64.
    pub pids: Vec<PidFigures>,
    /// PIDs beyond these.
    pub pids_omitted: u64,
}

/// One PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PidFigures {
    /// The PID.
    pub pid: u16,
    /// Bitrate in the last second.
    pub bitrate_bps: u64,
    /// Packets.
    pub packets: u64,
    /// Packets lost, repeated or out of order.
    pub continuity_count_error: u64,
    /// Packets with `transport_scrambling_control` other than 00.
    pub scrambled: u64,
}

impl Analyzer {
    /// What was measured up to the last whole second.
    pub fn figures(&self) -> Figures {
        let rows = || self.pids.iter().filter(|(_, row)| row.counts.packets > 0);
        let mut pids: Vec<_> = rows().take(PIDS_MAX).map(PidFigures::of).collect();
        pids.sort_unstable_by_key(|row| row.pid);
        let null = rows().find(|(pid, _)| *pid == Pid::NULL);
        Figures {
            transport_stream_id: self.catalog.transport_stream_id(),
            indicators: self.settled(),
            seconds: *self.seconds.raised(),
            counters: *self.seconds.counters(),
            packets_lost_in_second: self.seconds.packets_lost_in_last(),
            media_rate_bps: self.media_rate.bps(),
            null_bitrate_bps: null.map_or(0, |row| PidFigures::of(row).bitrate_bps),
            pids,
            pids_omitted: rows().skip(PIDS_MAX).count() as u64,
        }
    }

    /// Errors and seconds up to the last whole one.
    pub const fn counters(&self) -> &Counters {
        self.seconds.counters()
    }

    /// Bitrate by the stream's own clock, its PCRs; `None` before it was measured.
    pub const fn media_rate_bps(&self) -> Option<u64> {
        self.media_rate.bps()
    }
}

impl PidFigures {
    fn of((pid, row): (Pid, &PidRow)) -> Self {
        let counts = &row.counts;
        Self {
            pid: pid.value(),
            bitrate_bps: row.packets_in_second * PACKET_BYTES as u64 * 8,
            packets: counts.packets,
            continuity_count_error: counts.continuity_count_error,
            scrambled: counts.scrambled,
        }
    }
}
