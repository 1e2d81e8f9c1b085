//! Where the stream does not go on by what it says itself: counters, its clock, or an announcement.
//!
//! What comes from there on is held back until pictures tell whether the segment goes on. So it is
//! of the open segment on all boxes or on none, whenever each of them gave up waiting.

use crate::demux::{AdaptationField, Pcr, Pid, ProgramPacket};

/// So much later the next PCR may be: ten times what TR 101 290 (2.3.a) allows.
const PCR_STEP_MAX: i64 = Pcr::HZ.cast_signed();

/// What is known of the stream so far.
#[derive(Debug, Default)]
pub(super) struct Seams {
    /// The last PCR, and whose it is.
    clock: Option<(Pid, Pcr)>,
}

impl Seams {
    /// Takes the next packet; `pcr_pid` is that of the PCRs that count. True if a seam lies before
    /// it.
    pub(super) fn lies_before(&mut self, next: ProgramPacket<'_>, pcr_pid: Option<Pid>) -> bool {
        let packet = next.packet;
        !next.goes_on || pcr_pid == Some(packet.pid()) && self.breaks(next)
    }

    /// Whether the PCR of the next packet, if it has one, does not go on from the last.
    fn breaks(&mut self, next: ProgramPacket<'_>) -> bool {
        let field = next.packet.adaptation_field();
        let Some(pcr) = field.and_then(AdaptationField::pcr) else {
            return false;
        };
        let pid = next.packet.pid();
        let before = self.clock.replace((pid, pcr));
        let before = before.filter(|(other, _)| *other == pid);
        before.is_some_and(|(_, before)| !(0..=PCR_STEP_MAX).contains(&pcr.ticks_since(before)))
    }
}
