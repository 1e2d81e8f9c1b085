//! What is held back, because it is not known yet of which segment it is, and what becomes of it.
//!
//! Held back is the unit whose head is not understood, the unit whose time stamps leap, what other
//! streams bring that lies beyond the last picture with a time stamp, pictures after many without
//! one, and all behind a seam of the stream: it is of this segment if pictures go on, and of none
//! if they do not. So the bytes of a segment end about where its duration does.
//!
//! Refuses: to hold back more than [`HOLD_BACK_BYTES_MAX`]; what is older is then passed on, unless
//! it is of no segment for certain.

use super::{Each, Segmenter};
use crate::{
    demux::{Packet, PesPayload, Pts},
    segment::{Phase, on_air::Overhang},
};

/// Bytes held back at most while a cut is undecided: a key frame of 8 Mbit. A larger one is
/// passed on without a cut before it.
pub(super) const HOLD_BACK_BYTES_MAX: u64 = 1024 * 1024;

/// So far beyond the last picture a payload unit may be shown, or before it, without a doubt.
const BESIDE_90K: std::ops::RangeInclusive<i64> =
    -10 * Pts::HZ.cast_signed()..=Pts::HZ.cast_signed() / 2;

impl Segmenter {
    /// True while a segment is open that takes what comes.
    pub(super) fn is_open(&self) -> bool {
        self.on_air.as_ref().is_some_and(|air| !air.is_closed)
    }

    /// Position of the first byte that is held back.
    pub(super) fn held_from(&self) -> Option<u64> {
        let air = self.on_air.as_ref();
        let suspect = air.and_then(|air| air.suspect?.mark);
        let unit = suspect.or(self.unit).map(|mark| mark.position);
        let overhang = air.and_then(|air| Some(air.overhang?.position));
        unit.into_iter().chain(overhang).min()
    }

    pub(super) fn held_bytes(&self) -> u64 {
        self.held_from()
            .map_or(0, |position| self.pending.end() - position)
    }

    pub(super) fn bound_hold_back(&mut self, each: Each<'_>) {
        if self.held_bytes() <= HOLD_BACK_BYTES_MAX {
            return;
        }
        self.counters.hold_back_overflows += 1;
        if let Some(suspect) = self.on_air.as_mut().and_then(|air| air.suspect.take()) {
            self.accept(&suspect, each);
        }
        if self.held_bytes() <= HOLD_BACK_BYTES_MAX {
            return;
        }
        let Some(air) = &mut self.on_air else { return };
        let overhang = air.overhang.take();
        // A picture that has just begun may go on, but not after many of which nobody knows when.
        let may_go_on = self.unit.take().is_some() && air.untimed == 0;
        if !may_go_on && overhang.is_some_and(|it| it.is_past_limit) {
            air.overhang = overhang;
            self.close(each);
        }
    }

    /// Looks whether `packet`, which comes next, lies behind a seam, or begins a payload unit that
    /// is shown beyond the last picture.
    pub(super) fn watch_overhang(&mut self, packet: Packet<'_>, is_seam: bool) {
        let Some(air) = &mut self.on_air else { return };
        if is_seam && self.rules.phase == Phase::Grid {
            let here = Overhang {
                position: self.pending.end(),
                is_past_limit: false,
                is_behind_seam: true,
            };
            air.overhang.get_or_insert(here).is_behind_seam = true;
        }
        if self.coding.is_primary(packet.pid()) {
            let is_behind_seam = air.overhang.is_some_and(|it| it.is_behind_seam);
            let is_unit = self.unit.is_some() || air.suspect.is_some();
            // The rest of a picture: they go on.
            if packet.has_payload() && !is_unit && !is_behind_seam && air.untimed == 0 {
                air.overhang = None;
            }
            return;
        }
        let payload = packet.payload().filter(|_| packet.payload_unit_start());
        let Some(pts) = payload.and_then(PesPayload::read).and_then(|pes| pes.pts) else {
            return;
        };
        let pts = air.timeline.unwrap(pts);
        let is_past_limit = pts - air.segment.pts > self.target.limit_90k();
        match &mut air.overhang {
            Some(overhang) => overhang.is_past_limit |= is_past_limit,
            None if BESIDE_90K.contains(&(pts - air.timeline.end())) => {}
            None => {
                air.overhang = Some(Overhang {
                    position: self.pending.end(),
                    is_past_limit,
                    is_behind_seam: false,
                });
            }
        }
    }

    /// Leaves out what lies between `overhang` and a unit at `position` with which time begins
    /// anew.
    pub(super) fn leave_out(&mut self, overhang: Option<Overhang>, position: u64, each: Each<'_>) {
        if let Some(overhang) = overhang.filter(|it| it.position < position) {
            self.hand_on(overhang.position, each);
            self.counters.packets_left_out += self.pending.discard_before(position);
        }
    }

    /// Hands on what is of the open segment for certain, and leaves out the rest.
    pub(super) fn leave_out_held(&mut self, each: Each<'_>) {
        let position = self.held_from().unwrap_or(self.pending.end());
        self.hand_on(position, each);
        self.counters.packets_left_out += self.pending.discard();
    }

    /// The open segment takes nothing more: the next one begins at the next random access point,
    /// and the open one ends there, or when it is given up waiting for.
    pub(super) fn close(&mut self, each: Each<'_>) {
        self.leave_out_held(each);
        self.unit = None;
        self.started.clear();
        if let Some(air) = &mut self.on_air {
            air.suspect = None;
            air.overhang = None;
            air.is_closed = true;
        }
    }
}
