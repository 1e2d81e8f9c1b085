//! Finds transport packets in whatever arrives.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.3 and Annex G.1 (`sync_byte`); TR 101 290 §5.2.1, 1.1 and 1.2:
//! five consecutive correct sync bytes acquire, two consecutive wrong ones lose. Packets are 188
//! bytes, or 204 with Reed-Solomon parity, which is passed over.
//!
//! What is found depends on the bytes alone, never on how they are split over pushes. Nothing of
//! an aligned stream is lost to acquisition: its first packets are held, not skipped.
//!
//! Refuses: to repair. A packet with a wrong sync byte is counted and passed over.

use crate::demux::{Counters, PACKET_BYTES, Packet, SYNC_BYTE};

/// Correct sync bytes, one stride apart, that acquire.
const SYNC_BYTES_TO_ACQUIRE: usize = 5;

/// So many bytes of a transport stream hold packets that acquire, wherever the first one begins.
pub(crate) const ACQUIRING_BYTES: u64 = (SYNC_BYTES_TO_ACQUIRE as u64 + 1) * 204;

/// Distances from packet to packet that are tried, in this order.
const STRIDES: [usize; 2] = [PACKET_BYTES, 204];

/// The most a decision looks ahead: from one sync byte over all that acquire, with the last
/// packet.
const LOOK_AHEAD_BYTES: usize = SYNC_BYTES_TO_ACQUIRE * 204;

/// Room for a look-ahead in which every byte but the last is held over from earlier pushes, and
/// as much again, so that one refill moves on by more than one packet.
const HELD_BYTES: usize = 2 * LOOK_AHEAD_BYTES;

/// Splits a byte stream into transport packets.
///
/// # Limits
/// Holds at most the bytes of five packets between pushes.
#[derive(Debug, Clone)]
pub struct PacketSync {
    state: State,
    held: [u8; HELD_BYTES],
    held_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hunting,
    Locked { stride: usize },
}

/// What the bytes at one offset can be, while hunting.
enum Candidate {
    Packets { stride: usize },
    Garbage,
    Undecided,
}

impl Default for PacketSync {
    fn default() -> Self {
        Self::new()
    }
}

impl PacketSync {
    /// Knows nothing of the stream yet.
    pub const fn new() -> Self {
        Self {
            state: State::Hunting,
            held: [0; HELD_BYTES],
            held_bytes: 0,
        }
    }

    /// True while packets come where they are due.
    pub fn is_locked(&self) -> bool {
        matches!(self.state, State::Locked { .. })
    }

    /// Takes the next bytes of the stream and calls `each` for every packet found.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        counters: &mut Counters,
        mut each: impl FnMut(Packet<'_>),
    ) {
        while self.held_bytes > 0 && !bytes.is_empty() {
            bytes = self.push_behind_held(bytes, counters, &mut each);
        }
        if self.held_bytes == 0 {
            let used = self.scan(bytes, false, counters, &mut each);
            self.hold(bytes.get(used..).unwrap_or_default());
        }
    }

    /// Takes one datagram, as [`Self::push`] does its bytes. One that is whole packets in itself
    /// ends what an earlier one left unfinished: that was junk or cut short, and must not eat the
    /// start of a good packet.
    pub fn push_datagram(
        &mut self,
        datagram: &[u8],
        counters: &mut Counters,
        each: impl FnMut(Packet<'_>),
    ) {
        let is_packet_by_packet = self.state
            == State::Locked {
                stride: PACKET_BYTES,
            };
        let dangling = self.held_bytes % PACKET_BYTES;
        if is_packet_by_packet && dangling > 0 && is_whole_packets(datagram) {
            counters.bytes_discarded += dangling as u64;
            self.held_bytes -= dangling;
        }
        self.push(datagram, counters, each);
    }

    /// Ends the stream: calls `each` for the packets still held that agree with one another.
    pub fn finish(&mut self, counters: &mut Counters, mut each: impl FnMut(Packet<'_>)) {
        let held = self.held;
        let bytes = held.get(..self.held_bytes).unwrap_or_default();
        let used = self.scan(bytes, true, counters, &mut each);
        counters.bytes_discarded += (bytes.len() - used) as u64;
        *self = Self::new();
    }

    /// Joins what is held with the front of `bytes`; returns what of `bytes` is still to be
    /// scanned.
    fn push_behind_held<'a>(
        &mut self,
        bytes: &'a [u8],
        counters: &mut Counters,
        each: &mut impl FnMut(Packet<'_>),
    ) -> &'a [u8] {
        let mut window = self.held;
        let room = window.get_mut(self.held_bytes..).unwrap_or_default();
        let moved = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        let window = window.get(..self.held_bytes + moved).unwrap_or_default();
        let used = self.scan(window, false, counters, each);
        if used >= self.held_bytes {
            // All that was held is dealt with: the rest is read in place.
            let used_of_bytes = used - self.held_bytes;
            self.held_bytes = 0;
            return bytes.get(used_of_bytes..).unwrap_or_default();
        }
        self.hold(window.get(used..).unwrap_or_default());
        bytes.get(moved..).unwrap_or_default()
    }

    fn hold(&mut self, bytes: &[u8]) {
        assert!(
            bytes.len() <= HELD_BYTES,
            "a scan leaves less than it looks ahead"
        );
        self.held_bytes = bytes.len();
        for (to, from) in self.held.iter_mut().zip(bytes) {
            *to = *from;
        }
    }

    /// Takes packets off the front of `window`; returns the number of bytes dealt with. What is
    /// left is shorter than the look-ahead, and empty or still undecided.
    fn scan(
        &mut self,
        window: &[u8],
        at_end: bool,
        counters: &mut Counters,
        each: &mut impl FnMut(Packet<'_>),
    ) -> usize {
        let mut rest = window;
        while !rest.is_empty() {
            let step = match self.state {
                State::Locked { stride } => {
                    let (packet, step) = self.follow(stride, rest, at_end, counters);
                    packet.into_iter().for_each(&mut *each);
                    step
                }
                State::Hunting => self.hunt(rest, at_end, counters),
            };
            let Some(behind) = step.and_then(|step| rest.get(step..)) else {
                break;
            };
            rest = behind;
        }
        window.len() - rest.len()
    }

    /// Takes what is due at the front of `rest`: returns the packet, if it is one, and the bytes
    /// dealt with, `None` to wait for more.
    fn follow<'a>(
        &mut self,
        stride: usize,
        rest: &'a [u8],
        at_end: bool,
        counters: &mut Counters,
    ) -> (Option<Packet<'a>>, Option<usize>) {
        if rest.first() == Some(&SYNC_BYTE) {
            let is_whole = rest.len() >= stride || at_end;
            let packet = rest
                .first_chunk()
                .filter(|_| is_whole)
                .and_then(Packet::new);
            return (packet, packet.map(|_| stride.min(rest.len())));
        }
        let step = match rest.get(stride) {
            None => None,
            Some(&SYNC_BYTE) => {
                counters.sync_byte_error += 1;
                counters.bytes_discarded += stride as u64;
                Some(stride)
            }
            Some(_) => {
                counters.sync_byte_error += 2;
                counters.ts_sync_loss += 1;
                self.state = State::Hunting;
                Some(0)
            }
        };
        (None, step)
    }

    /// Looks for packets from the front of `rest` on; returns the bytes dealt with, `None` to
    /// wait for more.
    fn hunt(&mut self, rest: &[u8], at_end: bool, counters: &mut Counters) -> Option<usize> {
        let offset = rest
            .iter()
            .position(|&byte| byte == SYNC_BYTE)
            .unwrap_or(rest.len());
        counters.bytes_discarded += offset as u64;
        let candidate = rest.get(offset..).filter(|candidate| !candidate.is_empty());
        match candidate.map(|candidate| judge(candidate, at_end)) {
            None => Some(offset),
            Some(Candidate::Undecided) => (offset > 0).then_some(offset),
            Some(Candidate::Garbage) => {
                counters.bytes_discarded += 1;
                Some(offset + 1)
            }
            Some(Candidate::Packets { stride }) => {
                self.state = State::Locked { stride };
                Some(offset)
            }
        }
    }
}

/// Tells whether packets begin at the front of `rest`, which begins with a sync byte.
fn judge(rest: &[u8], at_end: bool) -> Candidate {
    let mut decided = true;
    for stride in STRIDES {
        let mut due = rest.iter().step_by(stride).take(SYNC_BYTES_TO_ACQUIRE);
        if !due.all(|&byte| byte == SYNC_BYTE) {
            continue;
        }
        let present = rest.len().div_ceil(stride);
        // At the end fewer must do: two, or one that ends just where the stream does.
        let agrees_at_end = present >= 2 || rest.len() == stride;
        if present >= SYNC_BYTES_TO_ACQUIRE || at_end && agrees_at_end {
            return Candidate::Packets { stride };
        }
        decided = false;
    }
    if decided || at_end {
        Candidate::Garbage
    } else {
        Candidate::Undecided
    }
}

/// True for one or more packets with nothing before, between or behind them.
fn is_whole_packets(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.len().is_multiple_of(PACKET_BYTES)
        && bytes
            .iter()
            .step_by(PACKET_BYTES)
            .all(|byte| *byte == SYNC_BYTE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PacketSync;
    use crate::demux::{Counters, PACKET_BYTES, SYNC_BYTE};

    /// Packet `number`, with no other sync byte in it.
    fn packet(number: u8) -> Vec<u8> {
        let mut packet = vec![number & 0x3F; PACKET_BYTES];
        packet[0] = SYNC_BYTE;
        packet
    }

    #[test]
    fn a_datagram_of_whole_packets_ends_what_junk_before_it_left_unfinished() {
        let (mut sync, mut counters) = (PacketSync::new(), Counters::default());
        let mut found = Vec::new();
        let good = [stream(0..7), stream(7..14), stream(14..21)];
        let junk = [vec![SYNC_BYTE], vec![SYNC_BYTE; 21], Vec::new()];
        for (good, junk) in good.iter().zip(&junk) {
            for datagram in [good, junk] {
                sync.push_datagram(datagram, &mut counters, |it| found.push(it.bytes()[1]));
            }
        }
        assert_eq!(found, (0..21).collect::<Vec<u8>>());
        assert_eq!(
            (counters.bytes_discarded, counters.sync_byte_error),
            (22, 0)
        );
    }

    fn stream(numbers: std::ops::Range<u8>) -> Vec<u8> {
        numbers.flat_map(packet).collect()
    }

    /// Pushes `pieces`; returns the second byte of each packet found, and what was counted.
    fn found<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Counters) {
        let (mut sync, mut counters, mut found) =
            (PacketSync::new(), Counters::default(), Vec::new());
        for piece in pieces {
            sync.push(piece, &mut counters, |packet| found.push(packet.bytes()[1]));
        }
        sync.finish(&mut counters, |packet| found.push(packet.bytes()[1]));
        (found, counters)
    }

    fn numbers(range: std::ops::Range<u8>) -> Vec<u8> {
        range.collect()
    }

    #[test]
    fn takes_a_datagram_of_seven_packets_at_once() {
        let mut found = Vec::new();
        let bytes = stream(0..7);
        PacketSync::new().push(&bytes, &mut Counters::default(), |it| {
            found.push(it.bytes()[1]);
        });
        assert_eq!(found, numbers(0..7));
    }

    #[test]
    fn loses_nothing_of_datagrams_of_one_packet() {
        let datagrams: Vec<_> = (0..9).map(packet).collect();
        let (found, counters) = found(datagrams.iter().map(Vec::as_slice));
        assert_eq!((found, counters), (numbers(0..9), Counters::default()));
    }

    #[test]
    fn reads_a_file_of_one_packet() {
        assert_eq!(found([packet(3).as_slice()]).0, [3]);
    }

    #[test]
    fn finds_packets_behind_garbage() {
        let bytes = [&[1, 2, SYNC_BYTE, 3][..], &stream(0..6)].concat();
        let (found, counters) = found([bytes.as_slice()]);
        assert_eq!((found, counters.bytes_discarded), (numbers(0..6), 4));
    }

    #[test]
    fn passes_over_parity_of_204_byte_packets() {
        let bytes: Vec<_> = (0..6)
            .flat_map(|number| [packet(number), vec![9; 16]].concat())
            .collect();
        let (found, counters) = found(bytes.chunks(100));
        assert_eq!((found, counters), (numbers(0..6), Counters::default()));
    }

    #[test]
    fn skips_one_packet_whose_sync_byte_is_wrong() {
        let mut bytes = stream(0..8);
        bytes[6 * PACKET_BYTES] = 0;
        let (found, counters) = found([bytes.as_slice()]);
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 7]);
        assert_eq!((counters.sync_byte_error, counters.ts_sync_loss), (1, 0));
    }

    #[test]
    fn loses_nothing_but_garbage_when_the_phase_shifts() {
        let bytes = [stream(0..6), vec![1; 300], stream(6..14)].concat();
        let (found, counters) = found([bytes.as_slice()]);
        assert_eq!(found, numbers(0..14));
        assert_eq!((counters.ts_sync_loss, counters.bytes_discarded), (1, 300));
    }

    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => (0..40_u8).prop_map(packet),
            1 => prop::collection::vec(any::<u8>(), 0..400),
            1 => (1..40_u8, 1..188_usize).prop_map(|(number, end)| packet(number)[..end].to_vec()),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_packets(
            bytes in damaged(),
            lengths in prop::collection::vec(1..1_500_usize, 1..8),
        ) {
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            for length in lengths.into_iter().cycle() {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                pieces.push(piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found(pieces), found([bytes.as_slice()]));
        }

        #[test]
        fn every_byte_is_in_a_packet_or_counted(bytes in damaged()) {
            let (found, counters) = found([bytes.as_slice()]);
            // Parity, where it comes along, is part of its packet.
            let (least, most) = (found.len() * PACKET_BYTES, found.len() * 204);
            let in_packets = bytes.len() - usize::try_from(counters.bytes_discarded).unwrap();
            prop_assert!((least..=most).contains(&in_packets));
        }
    }
}
