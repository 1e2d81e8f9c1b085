//! Writes the tables every segment opens with: a PAT of one program, and the PMT as received.
//!
//! Source: ISO/IEC 13818-1 §2.4.4.3 (PAT), §2.4.4.8 (PMT), §2.4.4 (sections in packets).
//! Continuity counters run over the whole output, so that segments join without an error; each
//! segment ends when they have come round, so that they begin alike on every box.

use bytes::BytesMut;
use heapless::Vec;

use crate::demux::{PACKET_BYTES, PMT_SECTION_BYTES_MAX, Pid, Program, SYNC_BYTE, crc_32};

/// Bytes of a PAT section with one program.
const PAT_SECTION_BYTES: usize = 16;

/// Payload of a packet without adaptation field.
const PAYLOAD_BYTES: usize = PACKET_BYTES - 4;

/// Packets of one PAT and one PMT, each behind its `pointer_field`.
const PACKETS_MAX: usize = (1 + PAT_SECTION_BYTES).div_ceil(PAYLOAD_BYTES)
    + (1 + PMT_SECTION_BYTES_MAX).div_ceil(PAYLOAD_BYTES);

/// PAT and PMT in packets.
type Packets = Vec<[u8; PACKET_BYTES], PACKETS_MAX>;

/// PAT and PMT of the program, ready to be written any number of times.
#[derive(Debug, Default)]
pub(super) struct Tables {
    packets: Packets,
    /// What takes their place when the counters have come round, for it is more packets or fewer.
    next: Option<Box<Packets>>,
    /// They were not written since they changed.
    is_stale: bool,
    /// Times they were written since the counters were zero, up to [`Tables::ROUND`].
    written: usize,
}

impl Tables {
    /// Times they are written until their counters are what they were.
    pub(super) const ROUND: usize = 16;

    /// Takes the tables of `program` in place of the present ones: at once, or if they are another
    /// number of packets, when the counters have come round, or they would never do so again.
    pub(super) fn set(&mut self, program: &Program) {
        let mut packets = Packets::new();
        packetise(&pat_section(program), Pid::PAT, &mut packets);
        packetise(&program.pmt_section, program.pmt_pid, &mut packets);
        if self.written == 0 || packets.len() == self.packets.len() {
            (self.packets, self.next) = (packets, None);
            self.is_stale = true;
        } else {
            self.next = Some(Box::new(packets));
        }
    }

    /// True until the first program is known.
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// True when they were not written since they changed.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Bytes that PAT and PMT take at most.
    pub(super) fn bytes(&self) -> usize {
        let next = self.next.as_ref().map_or(0, |next| next.len());
        self.packets.len().max(next) * PACKET_BYTES
    }

    /// Counts from zero: what comes is a discontinuity.
    pub(super) fn begin_anew(&mut self) {
        self.written = 0;
    }

    /// Appends PAT and PMT to `output` until all counters are zero.
    pub(super) fn write_to_round(&mut self, output: &mut BytesMut) {
        while self.written > 0 {
            self.write(output);
        }
    }

    /// Appends PAT and PMT to `output`.
    pub(super) fn write(&mut self, output: &mut BytesMut) {
        if let Some(next) = self.next.take_if(|_| self.written == 0) {
            self.packets = *next;
        }
        self.is_stale = false;
        let of_pmt = self.packets.len().saturating_sub(1);
        let counters = (self.written * of_pmt..).map(|it| it % Self::ROUND);
        let counters = std::iter::once(self.written).chain(counters);
        for (packet, counter) in self.packets.iter_mut().zip(counters) {
            packet[3] = packet[3] & 0xF0 | counter.to_le_bytes()[0];
            output.extend_from_slice(packet);
        }
        self.written = (self.written + 1) % Self::ROUND;
    }
}

/// A PAT section that lists `program` alone. Its version is made of what it says, so that it is the
/// same on boxes that have seen more or less of the stream, and mostly another when that changes.
fn pat_section(program: &Program) -> [u8; PAT_SECTION_BYTES] {
    let mut section = [0; PAT_SECTION_BYTES];
    section[1] = 0xB0; // section_syntax_indicator, reserved
    section[2] = 13; // section_length
    section[3..5].copy_from_slice(&program.transport_stream_id.to_be_bytes());
    section[8..10].copy_from_slice(&program.number.to_be_bytes());
    section[10..12].copy_from_slice(&(0xE000 | program.pmt_pid.value()).to_be_bytes());
    let version = crc_32(&section[..12]).to_be_bytes()[0] >> 3;
    section[5] = 0xC1 | version << 1; // reserved, version_number, current_next_indicator
    let crc = crc_32(&section[..12]);
    section[12..].copy_from_slice(&crc.to_be_bytes());
    section
}

/// Splits one section into packets, stuffed with 0xFF; counters are stamped when written.
fn packetise<const N: usize>(section: &[u8], pid: Pid, packets: &mut Vec<[u8; PACKET_BYTES], N>) {
    let [high, low] = pid.value().to_be_bytes();
    let mut rest = section;
    while !rest.is_empty() {
        let is_first = rest.len() == section.len();
        let mut packet = [0xFF; PACKET_BYTES];
        packet[..4].copy_from_slice(&[SYNC_BYTE, high, low, 0x10]);
        let mut start = 4;
        if is_first {
            packet[1] |= 0x40; // payload_unit_start_indicator
            packet[4] = 0; // pointer_field
            start = 5;
        }
        let bytes = rest.len().min(PACKET_BYTES - start);
        packet[start..start + bytes].copy_from_slice(&rest[..bytes]);
        rest = &rest[bytes..];
        packets
            .push(packet)
            .expect("PACKETS_MAX holds a PAT and the longest PMT");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{demux::Packet, segment::fixture};

    fn written(tables: &mut Tables) -> std::vec::Vec<[u8; PACKET_BYTES]> {
        let mut output = BytesMut::new();
        tables.write(&mut output);
        assert_eq!(output.len(), tables.bytes());
        fixture::packets(&output).collect()
    }

    #[test]
    fn pat_lists_the_program_alone_and_its_crc_is_right() {
        let mut tables = Tables::default();
        tables.set(&fixture::program(0, 30));
        let pat = written(&mut tables)[0];
        let expected = [
            0x47, 0x40, 0, 0x10, 0, 0, 0xB0, 13, 0, 1, 0xF7, 0, 0, 0, 7, 0xF0, 0,
        ];
        assert_eq!(pat[..17], expected);
        assert_eq!(crc_32(&pat[5..21]), 0);
        assert!(pat[21..].iter().all(|byte| *byte == 0xFF));
    }

    #[test]
    fn the_longest_pmt_is_written_as_received_over_six_packets() {
        let program = fixture::program(5, PMT_SECTION_BYTES_MAX - 1);
        let mut tables = Tables::default();
        tables.set(&program);
        let packets = written(&mut tables);
        let payload: std::vec::Vec<u8> = packets[1..]
            .iter()
            .flat_map(|packet| packet[4..].to_vec())
            .collect();
        assert_eq!(packets.len(), 7);
        assert_eq!(payload[0], 0, "pointer_field");
        assert_eq!(payload[1..=PMT_SECTION_BYTES_MAX], program.pmt_section[..]);
        assert!(
            payload[1 + PMT_SECTION_BYTES_MAX..]
                .iter()
                .all(|byte| *byte == 0xFF)
        );
        let starts = packets
            .iter()
            .map(|bytes| Packet::new(bytes).expect("sync byte"));
        let starts: std::vec::Vec<bool> = starts.map(Packet::payload_unit_start).collect();
        assert_eq!(starts, [true, true, false, false, false, false, false]);
    }

    #[test]
    fn the_version_of_a_pat_is_that_of_what_it_says() {
        let version = |program: &Program| {
            let mut tables = Tables::default();
            tables.set(program);
            written(&mut tables)[0][10] >> 1 & 0x1F
        };
        let program = fixture::program(0, 30);
        let newer = Program {
            version: 1,
            ..program.clone()
        };
        assert_eq!(version(&newer), version(&program));
        let elsewhere = Program {
            transport_stream_id: 9,
            ..program.clone()
        };
        assert_ne!(version(&elsewhere), version(&program));
        let moved = Program {
            pmt_pid: Pid::from_bits(0x200),
            ..program.clone()
        };
        assert_ne!(version(&moved), version(&program));
        let other = Program {
            number: 8,
            ..program.clone()
        };
        assert_ne!(version(&other), version(&program));
    }

    #[test]
    fn a_pmt_that_grows_waits_until_the_counters_have_come_round_and_they_do_ever_after() {
        let mut tables = Tables::default();
        let mut output = BytesMut::new();
        tables.set(&fixture::program(0, 30));
        tables.write(&mut output);
        tables.set(&fixture::program(1, 300));
        assert!(!tables.is_stale(), "it is not due yet");
        tables.write(&mut output);
        assert_eq!(output.len(), 4 * PACKET_BYTES);
        tables.write_to_round(&mut output);
        assert_eq!(output.len(), 2 * Tables::ROUND * PACKET_BYTES);
        let grown = written(&mut tables);
        assert_eq!(grown.len(), 3);
        tables.write_to_round(&mut output);
        let again = written(&mut tables);
        assert_eq!(again, grown);
        assert_eq!(again[0][3] & 0xF, 0);
        let of_pmt = |packets: &[[u8; PACKET_BYTES]]| -> std::vec::Vec<u8> {
            let packets = packets.iter().filter(|packet| packet[1] & 0x1F != 0);
            packets.map(|packet| packet[3] & 0xF).collect()
        };
        assert_eq!(of_pmt(&again), [0, 1]);
    }
}
