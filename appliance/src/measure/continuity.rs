//! Checks the `continuity_counter` of one PID.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.3 (`continuity_counter`, duplicate packets) and TR 101 290
//! clause 5.2.1, indicator 1.4. Null packets are not for this check, and packets whose
//! `adaptation_field_control` is 00 are discarded.
//!
//! A packet with `transport_error_indicator` is not for this check either: nothing is derived from
//! it, not even that it came, so it is missing from the count of the packets around it.

use crate::demux::{AdaptationField, PACKET_BYTES, Packet};

/// What the `continuity_counter` of one packet tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// As expected, or not to be checked.
    InOrder,
    /// The one repetition of a packet that the standard permits.
    Duplicate,
    /// Packets are missing, out of order, or came more than twice.
    Error {
        /// How many are missing, if that is what happened: 15 at most can be told.
        missing: u64,
    },
}

/// The last packet of one PID and what may follow it.
#[derive(Debug, Clone)]
pub(crate) struct ContinuityCheck {
    last: [u8; PACKET_BYTES],
    is_started: bool,
    was_duplicated: bool,
}

impl ContinuityCheck {
    pub(crate) const fn new() -> Self {
        Self {
            last: [0; PACKET_BYTES],
            is_started: false,
            was_duplicated: false,
        }
    }

    /// Judges the next packet.
    pub(crate) fn check(&mut self, packet: Packet<'_>) -> Continuity {
        let is_announced = packet
            .adaptation_field()
            .is_some_and(AdaptationField::discontinuity);
        if !self.is_started || is_announced {
            self.take(packet);
            return Continuity::InOrder;
        }
        if self.is_repetition(packet) {
            if self.was_duplicated {
                return Continuity::Error { missing: 0 };
            }
            self.was_duplicated = true;
            return Continuity::Duplicate;
        }
        let expected = (self.last_counter() + u8::from(packet.has_payload())) & 0x0F;
        self.take(packet);
        if packet.continuity_counter() == expected {
            Continuity::InOrder
        } else {
            let missing = packet.continuity_counter().wrapping_sub(expected) & 0x0F;
            Continuity::Error {
                missing: missing.into(),
            }
        }
    }

    /// Expects nothing of the next packet.
    pub(crate) const fn forget(&mut self) {
        self.is_started = false;
    }

    fn take(&mut self, packet: Packet<'_>) {
        self.last = *packet.bytes();
        self.is_started = true;
        self.was_duplicated = false;
    }

    const fn last_counter(&self) -> u8 {
        self.last[3] & 0x0F
    }

    /// True when the packet is the last one again: a payload, and each byte equal but the PCR.
    fn is_repetition(&self, packet: Packet<'_>) -> bool {
        let now = packet.bytes();
        if !packet.has_payload() || now[..4] != self.last[..4] {
            return false;
        }
        let has_pcr = packet
            .adaptation_field()
            .is_some_and(|field| field.pcr().is_some());
        if has_pcr {
            now[4..6] == self.last[4..6] && now[12..] == self.last[12..]
        } else {
            now[4..] == self.last[4..]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Continuity, ContinuityCheck};
    use crate::demux::{PACKET_BYTES, Packet, SYNC_BYTE};

    const PAYLOAD: u8 = 0x10;
    const FIELD_ONLY: u8 = 0x20;

    fn packet(control: u8, counter: u8, fill: u8) -> [u8; PACKET_BYTES] {
        let mut bytes = [fill; PACKET_BYTES];
        bytes[..6].copy_from_slice(&[SYNC_BYTE, 1, 0, control | counter, 183, 0]);
        bytes
    }

    fn with_pcr(counter: u8, pcr: u8) -> [u8; PACKET_BYTES] {
        let mut bytes = packet(0x30, counter, 0x55);
        bytes[4..12].copy_from_slice(&[7, 0x10, pcr, pcr, pcr, pcr, pcr, pcr]);
        bytes
    }

    fn verdicts(packets: &[[u8; PACKET_BYTES]]) -> Vec<Continuity> {
        let mut check = ContinuityCheck::new();
        let view = |bytes| Packet::new(bytes).expect("the sync byte is right");
        packets
            .iter()
            .map(|bytes| check.check(view(bytes)))
            .collect()
    }

    #[test]
    fn a_missing_packet_is_one_error_and_the_count_goes_on_from_there() {
        let stream = [14, 15, 0, 2, 3].map(|counter| packet(PAYLOAD, counter, counter));
        let errors = verdicts(&stream);
        assert_eq!(errors[3], Continuity::Error { missing: 1 });
        let in_order = errors.iter().filter(|&&it| it == Continuity::InOrder);
        assert_eq!(in_order.count(), 4);
    }

    #[test]
    fn a_packet_may_come_twice_but_not_three_times() {
        let stream = [packet(PAYLOAD, 4, 7); 3];
        assert_eq!(
            verdicts(&stream),
            [
                Continuity::InOrder,
                Continuity::Duplicate,
                Continuity::Error { missing: 0 }
            ]
        );
    }

    #[test]
    fn a_duplicate_may_differ_in_its_pcr_alone() {
        let stream = [with_pcr(4, 1), with_pcr(4, 2)];
        assert_eq!(verdicts(&stream)[1], Continuity::Duplicate);
        let stream = [packet(PAYLOAD, 4, 1), packet(PAYLOAD, 4, 2)];
        assert!(matches!(verdicts(&stream)[1], Continuity::Error { .. }));
    }

    #[test]
    fn the_counter_stands_still_without_a_payload() {
        let stream = [
            packet(PAYLOAD, 4, 1),
            packet(FIELD_ONLY, 4, 2),
            packet(PAYLOAD, 5, 3),
        ];
        assert!(verdicts(&stream).iter().all(|&v| v == Continuity::InOrder));
        let stream = [packet(PAYLOAD, 4, 1), packet(FIELD_ONLY, 5, 2)];
        assert!(matches!(verdicts(&stream)[1], Continuity::Error { .. }));
    }

    #[test]
    fn an_announced_discontinuity_is_no_error() {
        let mut jump = packet(0x30, 11, 0);
        jump[4..6].copy_from_slice(&[1, 0x80]);
        let stream = [packet(PAYLOAD, 4, 1), jump, packet(PAYLOAD, 12, 3)];
        assert!(verdicts(&stream).iter().all(|&v| v == Continuity::InOrder));
    }
}
