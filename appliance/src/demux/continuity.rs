//! Follows the `continuity_counter` of every PID.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.3; TR 101 290 §5.2.1, 1.4. The counter moves with payload only;
//! a packet may be sent twice, no more; nothing is asked behind a `discontinuity_indicator`.
//!
//! Refuses: to compare payloads. Sixteen packets lost in a row look like a duplicate here.

use crate::demux::pid_table::PidTable;
use crate::demux::{Counters, Packet};

/// How a packet follows the one before on its PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As it should, or nothing is known of the one before.
    Next,
    /// The packet before was sent again.
    Duplicate,
    /// Packets are missing or out of order.
    Broken,
}

/// The last packet of one PID in one byte, so that all PIDs fit the first cache level.
#[derive(Debug, Clone, Copy)]
struct Last(u8);

impl Last {
    const UNSEEN: Self = Self(0);
    const SEEN: u8 = 0x10;
    const REPEATED: u8 = 0x20;

    const fn is_seen(self) -> bool {
        self.0 & Self::SEEN != 0
    }

    const fn is_repeated(self) -> bool {
        self.0 & Self::REPEATED != 0
    }

    const fn counter(self) -> u8 {
        self.0 & 0x0F
    }
}

/// The continuity of all PIDs.
#[derive(Debug)]
pub(super) struct Continuity(PidTable<Last>);

impl Continuity {
    pub(super) fn new() -> Self {
        Self(PidTable::filled(Last::UNSEEN))
    }

    /// Places `packet` behind the last of its PID and counts what is wrong. Null packets and
    /// packets with `transport_error_indicator` are the caller's to keep away.
    pub(super) fn check(&mut self, packet: Packet<'_>, counters: &mut Counters) -> Order {
        let last = self.0.at(packet.pid());
        let counter = packet.continuity_counter();
        let announced = packet
            .adaptation_field()
            .is_some_and(super::packet::AdaptationField::discontinuity);
        if !last.is_seen() || announced {
            *last = Last(Last::SEEN | counter);
            return Order::Next;
        }
        let has_payload = packet.has_payload();
        let due = (last.counter() + u8::from(has_payload)) & 0x0F;
        if has_payload && counter == last.counter() && !last.is_repeated() {
            *last = Last(last.0 | Last::REPEATED);
            counters.duplicate_packets += 1;
            return Order::Duplicate;
        }
        if !has_payload && counter == due {
            return Order::Next;
        }
        let is_stuck = has_payload && counter == last.counter();
        // A counter that never moves is wrong at every packet, not at every second one.
        *last = Last(Last::SEEN | counter | if is_stuck { Last::REPEATED } else { 0 });
        if counter == due {
            return Order::Next;
        }
        counters.continuity_count_error += 1;
        Order::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::{Continuity, Order};
    use crate::demux::{Counters, PACKET_BYTES, Packet};

    const PAYLOAD: u8 = 0x10;
    const ADAPTATION_ONLY: u8 = 0x20;
    const BOTH: u8 = 0x30;

    /// Feeds packets of one PID, each given as its fourth byte and its adaptation flags.
    fn orders(packets: &[(u8, u8)]) -> (Vec<Order>, Counters) {
        let mut counters = Counters::default();
        let mut continuity = Continuity::new();
        let orders = packets.iter().map(|&(control, flags)| {
            let mut bytes = [0; PACKET_BYTES];
            bytes[..6].copy_from_slice(&[0x47, 1, 0, control, 1, flags]);
            let packet = Packet::new(&bytes).expect("the sync byte is right");
            continuity.check(packet, &mut counters)
        });
        (orders.collect(), counters)
    }

    #[test]
    fn counts_up_to_fifteen_and_on_from_zero() {
        let packets: Vec<_> = (7..40).map(|count| (PAYLOAD | (count & 0x0F), 0)).collect();
        let (found, counters) = orders(&packets);
        assert!(found.iter().all(|&order| order == Order::Next));
        assert_eq!(counters, Counters::default());
    }

    #[test]
    fn a_counter_that_never_moves_is_counted_at_every_packet() {
        let (_, counters) = orders(&[(PAYLOAD | 3, 0); 10]);
        assert_eq!(
            (counters.duplicate_packets, counters.continuity_count_error),
            (1, 8)
        );
    }

    #[test]
    fn allows_one_duplicate_and_counts_a_second() {
        let (found, counters) = orders(&[(PAYLOAD | 3, 0); 3]);
        assert_eq!(found, [Order::Next, Order::Duplicate, Order::Broken]);
        assert_eq!(
            (counters.duplicate_packets, counters.continuity_count_error),
            (1, 1)
        );
    }

    #[test]
    fn counts_a_gap_once() {
        let (found, counters) = orders(&[(PAYLOAD | 3, 0), (PAYLOAD | 6, 0), (PAYLOAD | 7, 0)]);
        assert_eq!(found, [Order::Next, Order::Broken, Order::Next]);
        assert_eq!(counters.continuity_count_error, 1);
    }

    #[test]
    fn expects_no_step_without_payload() {
        let (found, _) = orders(&[
            (PAYLOAD | 3, 0),
            (ADAPTATION_ONLY | 3, 0),
            (ADAPTATION_ONLY | 3, 0),
            (PAYLOAD | 4, 0),
        ]);
        assert!(found.iter().all(|&order| order == Order::Next));
        let (found, _) = orders(&[(PAYLOAD | 3, 0), (ADAPTATION_ONLY | 4, 0)]);
        assert_eq!(found, [Order::Next, Order::Broken]);
    }

    #[test]
    fn asks_nothing_behind_a_discontinuity_indicator() {
        let (found, counters) = orders(&[(PAYLOAD | 3, 0), (BOTH | 9, 0x80), (PAYLOAD | 0xA, 0)]);
        assert!(found.iter().all(|&order| order == Order::Next));
        assert_eq!(counters, Counters::default());
    }
}
