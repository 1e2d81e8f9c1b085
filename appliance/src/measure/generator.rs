//! Makes a transport stream without a fault, for tests to put one into.

use std::time::Duration;

use crate::{
    demux::{PACKET_BYTES, Packet, Pid, crc_32},
    measure::Analyzer,
};

/// One packet and when it comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) at: Duration,
    pub(crate) bytes: [u8; PACKET_BYTES],
}

impl Timed {
    pub(crate) fn pid(&self) -> u16 {
        Pid::from_bits(u16::from_be_bytes([self.bytes[1], self.bytes[2]])).value()
    }

    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.at.as_millis()).expect("tests are short")
    }
}

pub(crate) const PMT_PID: u16 = 0x1000;
pub(crate) const VIDEO_PID: u16 = 0x100;
pub(crate) const AUDIO_PID: u16 = 0x101;
pub(crate) const PROGRAM_NUMBER: u16 = 7;

/// Packets are this far apart: 752 kb/s.
pub(crate) const PACKET_MILLIS: u64 = 2;

/// Ticks of 27 MHz in a millisecond.
const TICKS: u64 = 27_000;

/// A stream of constant bitrate with PAT and PMT every 100 ms, a PCR every 40 ms, video and audio
/// with a PTS every 40 ms, and null packets between.
pub(crate) fn clean(millis: u64) -> Vec<Timed> {
    let slots = 0..millis / PACKET_MILLIS;
    let mut stream: Vec<Timed> = slots
        .map(|slot| Timed {
            at: Duration::from_millis(slot * PACKET_MILLIS),
            bytes: in_slot(slot, slot * PACKET_MILLIS),
        })
        .collect();
    renumber(&mut stream);
    stream
}

/// Gives every packet the `continuity_counter` that is due.
pub(crate) fn renumber(stream: &mut [Timed]) {
    let mut counters = vec![0x0F_u8; Pid::COUNT];
    for timed in stream {
        let counter = &mut counters[usize::from(timed.pid())];
        let has_payload = timed.bytes[3] & 0x10 != 0;
        *counter = (*counter + u8::from(has_payload)) & 0x0F;
        timed.bytes[3] = timed.bytes[3] & 0xF0 | *counter;
    }
}

pub(crate) fn null_packet() -> [u8; PACKET_BYTES] {
    payload_packet(Pid::NULL.value())
}

fn in_slot(slot: u64, at: u64) -> [u8; PACKET_BYTES] {
    match (slot % 50, slot % 20) {
        (1, _) => section_packet(0, &pat()),
        (2, _) => section_packet(PMT_PID, &pmt()),
        (_, 0) => pcr_packet(VIDEO_PID, at * TICKS),
        (_, 3) => pes_packet(VIDEO_PID, 0xE0, at * 90),
        (_, 4) => pes_packet(AUDIO_PID, 0xC0, at * 90),
        (_, 5..8) => payload_packet(VIDEO_PID),
        _ => null_packet(),
    }
}

pub(crate) fn pat() -> Vec<u8> {
    let body = [
        PROGRAM_NUMBER.to_be_bytes(),
        (0xE000 | PMT_PID).to_be_bytes(),
    ]
    .concat();
    section(0x00, 1, &body)
}

pub(crate) fn pmt() -> Vec<u8> {
    let entry = |stream_type: u8, pid: u16| {
        let [high, low] = (0xE000 | pid).to_be_bytes();
        [stream_type, high, low, 0xF0, 0]
    };
    let pcr_pid = (0xE000 | VIDEO_PID).to_be_bytes();
    let mut body = vec![pcr_pid[0], pcr_pid[1], 0xF0, 0];
    body.extend(entry(0x1B, VIDEO_PID));
    body.extend(entry(0x0F, AUDIO_PID));
    section(0x02, PROGRAM_NUMBER, &body)
}

/// A section with a long header and the right `CRC_32`.
pub(crate) fn section(table_id: u8, extension: u16, body: &[u8]) -> Vec<u8> {
    numbered_section(table_id, extension, 0, body)
}

pub(crate) fn numbered_section(table_id: u8, extension: u16, number: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(5 + body.len() + 4).expect("a section fits");
    let [high, low] = (0xB000 | length).to_be_bytes();
    let [extension_high, extension_low] = extension.to_be_bytes();
    let mut bytes = vec![
        table_id,
        high,
        low,
        extension_high,
        extension_low,
        0xC1,
        number,
        number,
    ];
    bytes.extend(body);
    bytes.extend(crc_32(&bytes).to_be_bytes());
    bytes
}

pub(crate) fn section_packet(pid: u16, section: &[u8]) -> [u8; PACKET_BYTES] {
    let mut bytes = [0xFF; PACKET_BYTES];
    let [high, low] = pid.to_be_bytes();
    bytes[..5].copy_from_slice(&[0x47, 0x40 | high, low, 0x10, 0]);
    bytes[5..5 + section.len()].copy_from_slice(section);
    bytes
}

fn pcr_packet(pid: u16, ticks: u64) -> [u8; PACKET_BYTES] {
    let mut bytes = [0xFF; PACKET_BYTES];
    let [high, low] = pid.to_be_bytes();
    bytes[..6].copy_from_slice(&[0x47, high, low, 0x20, 183, 0x10]);
    set_pcr(&mut bytes, ticks);
    bytes
}

pub(crate) fn set_pcr(bytes: &mut [u8; PACKET_BYTES], ticks: u64) {
    let field = (ticks / 300) << 15 | 0x7E00 | (ticks % 300);
    bytes[6..12].copy_from_slice(&field.to_be_bytes()[2..]);
}

fn pes_packet(pid: u16, stream_id: u8, pts: u64) -> [u8; PACKET_BYTES] {
    let mut bytes = payload_packet(pid);
    bytes[1] |= 0x40;
    let part = |shift: u32, mask: u64| u8::try_from(pts >> shift & mask).expect("masked");
    let pts = [
        0x21 | part(29, 0x0E),
        part(22, 0xFF),
        part(14, 0xFE) | 1,
        part(7, 0xFF),
        part(0, 0x7F) << 1 | 1,
    ];
    bytes[4..13].copy_from_slice(&[0, 0, 1, stream_id, 0, 0, 0x80, 0x80, 5]);
    bytes[13..18].copy_from_slice(&pts);
    bytes
}

fn payload_packet(pid: u16) -> [u8; PACKET_BYTES] {
    let mut bytes = [0xAA; PACKET_BYTES];
    let [high, low] = pid.to_be_bytes();
    bytes[..4].copy_from_slice(&[0x47, high, low, 0x10]);
    bytes
}

/// The stream with null packets in place of what `is_lost` says.
pub(crate) fn without(mut stream: Vec<Timed>, is_lost: impl Fn(&Timed) -> bool) -> Vec<Timed> {
    for timed in stream.iter_mut().filter(|timed| is_lost(timed)) {
        timed.bytes = null_packet();
    }
    renumber(&mut stream);
    stream
}

/// Replaces null packets: the first at or after each of the times by the section.
pub(crate) fn insert_sections(stream: &mut [Timed], pid: u16, at_millis: &[u64], section: &[u8]) {
    for &millis in at_millis {
        let slot = stream
            .iter_mut()
            .find(|timed| timed.millis() >= millis && timed.pid() == 0x1FFF);
        slot.expect("the stream is long enough").bytes = section_packet(pid, section);
    }
    renumber(stream);
}

pub(crate) fn nth_of(stream: &[Timed], pid: u16, nth: usize) -> usize {
    let mut found = stream
        .iter()
        .enumerate()
        .filter(|(_, timed)| timed.pid() == pid);
    found.nth(nth).expect("the stream is long enough").0
}

pub(crate) fn nth_pcr(stream: &[Timed], nth: usize) -> usize {
    let is_pcr = |timed: &Timed| timed.bytes[3] & 0x30 == 0x20;
    let mut found = stream.iter().enumerate().filter(|(_, timed)| is_pcr(timed));
    found.nth(nth).expect("the stream is long enough").0
}

/// Feeds a stream to a new analyzer.
pub(crate) fn analyzed(stream: &[Timed]) -> Analyzer {
    let mut analyzer = Analyzer::new();
    for timed in stream {
        let packet = Packet::new(&timed.bytes).expect("the generator sets the sync byte");
        analyzer.push(packet, timed.at);
    }
    analyzer
}
