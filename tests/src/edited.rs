//! A transport stream of ffmpeg's, changed as ffmpeg cannot: with breaks announced, and scrambled.
//!
//! Source: ISO/IEC 13818-1 §2.4.3 (packets, PES), §2.4.4.8 (PMT). Reads what ffmpeg's multiplexer
//! writes by default, and nothing else: a PMT of one packet on PID 0x1000, pictures on 0x100, sound
//! on 0x101.

use std::{fs, path::Path};

use crate::{
    splice::{insert, section},
    stream::{PACKET_BYTES, crc_32},
};

/// PID of the pictures.
pub const VIDEO_PID: u16 = 0x100;
/// PID of the sound.
pub const AUDIO_PID: u16 = 0x101;

const PMT_PID: u16 = 0x1000;
const SPLICE_PID: u16 = 0x1F0;

/// How long ahead of a break it is announced, and again, and again: in ticks of 90 kHz.
const AHEAD_90K: [u64; 3] = [360_000, 270_000, 180_000];

/// A stream that is being changed.
#[derive(Debug)]
pub struct Edited {
    packets: Vec<[u8; PACKET_BYTES]>,
}

impl Edited {
    /// The stream in `file`.
    ///
    /// # Panics
    /// When there is none.
    pub fn read(file: &Path) -> Self {
        let bytes = fs::read(file).expect("the stream was made");
        let packets = bytes.chunks_exact(PACKET_BYTES);
        let packets = packets.map(|packet| packet.try_into().expect("188 bytes"));
        Self {
            packets: packets.collect(),
        }
    }

    /// Writes it over `file`.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn write(&self, file: &Path) {
        fs::write(file, self.packets.concat()).expect("the folder can be written");
    }

    /// Announces a break from one second of it to another, which are those of key frames.
    #[must_use]
    pub fn with_break(self, from_s: u64, to_s: u64) -> Self {
        let first = self.times().find_map(|time| time).unwrap_or_default();
        let (out, back) = (first + from_s * 90_000, first + to_s * 90_000);
        let out_section = section(0, 5, &insert(7, true, Some(out), Some(back - out)), &[]);
        let back_section = section(0, 5, &insert(7, false, Some(back), None), &[]);
        let mut due: Vec<(u64, &[u8])> = Vec::new();
        for ahead in AHEAD_90K {
            due.push((out - ahead, &out_section));
            due.push((back - ahead, &back_section));
        }
        due.sort_unstable();
        let mut due = due.into_iter().peekable();
        let (mut packets, mut counter) = (Vec::new(), 0);
        for (packet, time) in self.packets.iter().zip(self.times()) {
            while let Some((_, section)) = due.next_if(|(due, _)| time >= Some(*due)) {
                packets.push(splice_packet(section, counter));
                counter = (counter + 1) % 16;
            }
            packets.push(with_splices(*packet));
        }
        Self { packets }
    }

    /// Scrambles these PIDs from one second of it to another.
    #[must_use]
    pub fn scrambled(mut self, pids: &[u16], from_s: u64, to_s: u64) -> Self {
        let times: Vec<_> = self.times().collect();
        let first = times.iter().find_map(|time| *time).unwrap_or_default();
        let span = first + from_s * 90_000..first + to_s * 90_000;
        for (packet, time) in self.packets.iter_mut().zip(times) {
            let is_within = time.is_some_and(|time| span.contains(&time));
            if is_within && pids.contains(&pid(packet)) {
                scramble(packet);
            }
        }
        self
    }

    /// Of each packet, the PTS of the picture at hand.
    fn times(&self) -> impl Iterator<Item = Option<u64>> {
        self.packets.iter().scan(None, |time, packet| {
            if pid(packet) == VIDEO_PID && packet[1] & 0x40 != 0 {
                // Pictures are not sent in the order of their times.
                *time = (*time).max(pts_90k(packet));
            }
            Some(*time)
        })
    }
}

/// True for a packet that is marked as scrambled.
pub fn is_scrambled(packet: &[u8]) -> bool {
    packet[3] & 0xC0 != 0
}

/// The PID of a packet.
pub fn pid(packet: &[u8]) -> u16 {
    u16::from(packet[1] & 0x1F) << 8 | u16::from(packet[2])
}

/// Where the payload begins.
fn payload_start(packet: &[u8; PACKET_BYTES]) -> usize {
    let field = if packet[3] & 0x20 == 0 {
        0
    } else {
        1 + usize::from(packet[4])
    };
    4 + field
}

/// With the even key, by a cipher that any reader would notice.
fn scramble(packet: &mut [u8; PACKET_BYTES]) {
    let start = payload_start(packet);
    if packet[3] & 0x10 != 0 {
        packet[3] |= 0x80;
        for (place, byte) in packet.iter_mut().enumerate().skip(start) {
            *byte ^= 0x5A ^ place.to_le_bytes()[0];
        }
    }
}

/// A PMT with a stream of splice information; any other packet as it is.
fn with_splices(mut packet: [u8; PACKET_BYTES]) -> [u8; PACKET_BYTES] {
    if pid(&packet) != PMT_PID {
        return packet;
    }
    // Behind the header and a pointer_field of zero; sections of ffmpeg's are short.
    let length = 3 + usize::from(packet[7]);
    let mut section = packet[5..5 + length - 4].to_vec();
    let [high, low] = SPLICE_PID.to_be_bytes();
    section.extend([0x86, 0xE0 | high, low, 0xF0, 0]);
    section[2] += 5;
    section.extend(crc_32(&section).to_be_bytes());
    packet[5..].fill(0xFF);
    packet[5..5 + section.len()].copy_from_slice(&section);
    packet
}

fn splice_packet(section: &[u8], counter: u8) -> [u8; PACKET_BYTES] {
    let [high, low] = SPLICE_PID.to_be_bytes();
    let mut bytes = vec![0x47, 0x40 | high, low, 0x10 | counter, 0];
    bytes.extend_from_slice(section);
    bytes.extend(crc_32(section).to_be_bytes());
    bytes.resize(PACKET_BYTES, 0xFF);
    bytes.try_into().expect("a section of one packet")
}

fn pts_90k(packet: &[u8; PACKET_BYTES]) -> Option<u64> {
    let pes = packet.get(payload_start(packet)..)?;
    let field: &[u8; 5] = pes.get(9..14)?.try_into().ok()?;
    let part = |index: usize, mask: u8, shift: u32| u64::from(field[index] & mask) << shift;
    let pts = part(0, 0x0E, 29) | part(1, 0xFF, 22) | part(2, 0xFE, 14);
    (pes[7] & 0x80 != 0).then_some(pts | part(3, 0xFF, 7) | part(4, 0xFE, 0) >> 1)
}
