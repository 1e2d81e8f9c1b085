//! A transport stream of teletext subtitles made from nothing (EN 300 472, EN 300 706).
//!
//! Independent of the product's own readers, so that both cannot be wrong alike.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{process::peer, stream::PACKET_BYTES};

/// Teletext packets of one PES packet: what fills three transport packets with its header.
const UNITS: usize = 11;

const PMT_PID: u16 = 0x100;
const CLOCK_PID: u16 = 0x101;
const TELETEXT_PID: u16 = 0x102;

/// Ticks of 90 kHz between two clock references.
const CLOCK_90K: u64 = 3_600;

/// Rows of subtitles on the screen, from a moment on.
#[derive(Debug, Clone, Default)]
pub struct Screen {
    /// When, in ticks of 90 kHz since the stream began.
    pub at_90k: u64,
    /// C12 to C14, C12 the highest.
    pub national: u8,
    /// Region of packet X/28, if one is sent.
    pub region: Option<u8>,
    /// Row and codes of each row; none clear the screen.
    pub rows: Vec<(u8, Vec<u8>)>,
    /// Letters put over them by packet X/26: row, column, mode, code.
    pub over: Vec<(u32, u32, u32, u32)>,
}

/// The number of the page: 888.
pub const PAGE: u16 = 0x888;

/// A stream of `seconds` that shows `screens`, one after the other, on page 888 in German.
pub fn stream(screens: &[Screen], seconds: u64) -> Vec<u8> {
    let mut writer = Writer::default();
    let start_90k = 900_000;
    let mut rest = screens.iter().peekable();
    for tick in 0..seconds * 90_000 / CLOCK_90K {
        let now = tick * CLOCK_90K;
        if tick % 3 == 0 {
            writer.tables();
        }
        writer.clock(start_90k + now - 9_000);
        // The first stands for the beginning of the stream.
        if tick == 0 {
            writer.pes(start_90k, &[header(0x8FF, 0)]);
        }
        while let Some(screen) = rest.next_if(|screen| screen.at_90k <= now) {
            writer.pes(start_90k + screen.at_90k, &packets(screen));
        }
    }
    writer.packets
}

/// A program in `folder` with a text each second, which tells the second, and two sounds.
pub fn make_program_of_seconds(folder: &Path, seconds: u64) -> PathBuf {
    let (text, whole) = (folder.join("teletext.ts"), folder.join("program.ts"));
    let screens = (0..seconds).map(|second| Screen {
        at_90k: second * 90_000,
        rows: vec![(22, format!("\x03second {second}").into_bytes())],
        ..Screen::default()
    });
    let screens: Vec<Screen> = screens.collect();
    fs::write(&text, stream(&screens, seconds)).expect("the folder can be written");
    make_program(&text, &whole, "aac", seconds);
    whole
}

/// Has ffmpeg put pictures, and sound in German and English, beside the teletext in the file
/// `text`. The English one is of the codec `second`.
pub fn make_program(text: &Path, whole: &Path, second: &str, seconds: u64) {
    let line = format!(
        "-hide_banner -nostdin -loglevel error -y -f lavfi \
         -i testsrc2=size=320x180:rate=25:duration={seconds} -f lavfi \
         -i sine=frequency=440:sample_rate=48000:duration={seconds} -f lavfi \
         -i sine=frequency=880:sample_rate=48000:duration={seconds}"
    );
    let codecs = format!(
        "-map 0 -map 1 -map 2 -map 3:s -c:v libx264 -preset veryfast -bf 2 -g 25 -keyint_min 25 \
         -sc_threshold 0 -b:v 300k -pix_fmt yuv420p -c:a:0 aac -b:a:0 64k -c:a:1 {second} \
         -b:a:1 96k -c:s copy -metadata:s:a:0 language=deu -metadata:s:a:1 language=eng \
         -metadata:s:s:0 language=deu -f mpegts"
    );
    peer(
        Command::new("ffmpeg")
            .args(line.split_whitespace())
            .arg("-i")
            .arg(text)
            .args(codecs.split_whitespace())
            .arg(whole),
    );
}

/// The packets of a screen, and a header that ends its page.
fn packets(screen: &Screen) -> Vec<[u8; 42]> {
    let mut packets = vec![header(PAGE, screen.national)];
    if let Some(region) = screen.region {
        let none = 0x7F;
        let first = u32::from(region) << 10 | (none & 0x0F) << 14;
        packets.push(triplets(28, &[first, none >> 4]));
    }
    if !screen.over.is_empty() {
        let mut values = Vec::new();
        for (row, column, mode, code) in &screen.over {
            values.push((40 + row % 24) | 0x04 << 6);
            values.push(column | mode << 6 | code << 11);
        }
        packets.push(triplets(26, &values));
    }
    for (row, codes) in &screen.rows {
        let mut packet = addressed(PAGE, *row);
        let boxed = [&[0x0D, 0x0B, 0x0B][..], codes, &[0x0A, 0x0A]].concat();
        for (byte, code) in packet[2..].iter_mut().zip(boxed) {
            *byte = odd(code);
        }
        packets.push(packet);
    }
    packets.push(header(0x8FF, screen.national));
    packets
}

#[derive(Default)]
struct Writer {
    packets: Vec<u8>,
    counters: [u8; 3],
}

impl Writer {
    fn tables(&mut self) {
        let pat = [0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE1, 0x00];
        let descriptor = [0x56, 5, b'd', b'e', b'u', 2 << 3, 0x88];
        let mut pmt = vec![2, 0xB0, 25, 0, 1, 0xC1, 0, 0, 0xE1, 0x01, 0xF0, 0];
        pmt.extend([0x06, 0xE1, 0x02, 0xF0, 7]);
        pmt.extend(descriptor);
        for (place, pid, section) in [(0, 0, &pat[..]), (1, PMT_PID, &pmt[..])] {
            let mut payload = vec![0];
            payload.extend_from_slice(section);
            payload.extend(crc_32(section).to_be_bytes());
            payload.resize(184, 0xFF);
            self.packet(place, (pid, true), &payload);
        }
    }

    fn clock(&mut self, base: u64) {
        let [high, low] = CLOCK_PID.to_be_bytes();
        let mut packet = vec![0x47, high, low, 0x20, 183, 0x10];
        packet.extend_from_slice(&(base << 15 | 0x7E00).to_be_bytes()[2..]);
        packet.resize(PACKET_BYTES, 0xFF);
        self.packets.extend(packet);
    }

    fn pes(&mut self, pts: u64, packets: &[[u8; 42]]) {
        for packets in packets.chunks(UNITS) {
            let byte = |shift: u32, mask: u64| {
                u8::try_from(pts >> shift & mask).expect("masked to 8 bits")
            };
            let stamp = [
                0x21 | byte(29, 0x0E),
                byte(22, 0xFF),
                1 | byte(14, 0xFE),
                byte(7, 0xFF),
                1 | u8::try_from(pts << 1 & 0xFE).expect("masked to 8 bits"),
            ];
            let length = u16::try_from(3 * 184 - 6).expect("it is short");
            let mut pes = vec![0, 0, 1, 0xBD];
            pes.extend(length.to_be_bytes());
            pes.extend([0x84, 0x80, 0x24]);
            pes.extend(stamp);
            pes.resize(45, 0xFF);
            pes.push(0x10);
            for (packet, line) in packets.iter().zip(7_u8..) {
                pes.extend([0x03, 0x2C, 0xE0 | line, 0xE4]);
                pes.extend(packet.map(u8::reverse_bits));
            }
            for _ in packets.len()..UNITS {
                pes.extend([0xFF, 0x2C]);
                pes.extend([0xFF; 0x2C]);
            }
            for (index, payload) in pes.chunks(184).enumerate() {
                self.packet(2, (TELETEXT_PID, index == 0), payload);
            }
        }
    }

    fn packet(&mut self, place: usize, (pid, starts): (u16, bool), payload: &[u8]) {
        let [high, low] = pid.to_be_bytes();
        let start = if starts { 0x40 } else { 0 };
        let counter = self.counters[place];
        self.counters[place] = (counter + 1) % 16;
        self.packets
            .extend([0x47, high | start, low, 0x10 | counter]);
        self.packets.extend_from_slice(payload);
        assert_eq!(self.packets.len() % PACKET_BYTES, 0, "whole packets");
    }
}

/// A page header: subtitles, all that was there erased, magazines one after the other.
fn header(page: u16, national: u8) -> [u8; 42] {
    let mut packet = addressed(page, 0);
    let [_, number] = page.to_be_bytes();
    let c12_to_c14 = [national >> 2 & 1, national >> 1 & 1, national & 1];
    let c11_to_c14 = 1 | c12_to_c14[0] << 1 | c12_to_c14[1] << 2 | c12_to_c14[2] << 3;
    let values = [
        number & 0x0F,
        number >> 4,
        0,
        0x08,
        0,
        0x08,
        0x01,
        c11_to_c14,
    ];
    for (byte, value) in packet[2..].iter_mut().zip(values) {
        *byte = hamming(value);
    }
    packet
}

fn addressed(page: u16, row: u8) -> [u8; 42] {
    let mut packet = [odd(b' '); 42];
    let [magazine, _] = page.to_be_bytes();
    packet[0] = hamming(magazine & 0x07 | (row & 1) << 3);
    packet[1] = hamming(row >> 1);
    packet
}

fn triplets(row: u8, values: &[u32]) -> [u8; 42] {
    const END: u32 = 0x3F | 0x1F << 6;
    let mut packet = addressed(PAGE, row);
    packet[2] = hamming(0);
    for (place, chunk) in packet[3..].chunks_exact_mut(3).enumerate() {
        chunk.copy_from_slice(&hamming_triplet(values.get(place).copied().unwrap_or(END)));
    }
    packet
}

/// EN 300 706 table 3.
fn hamming(value: u8) -> u8 {
    const CODES: [u8; 16] = [
        0b0001_0101,
        0b0000_0010,
        0b0100_1001,
        0b0101_1110,
        0b0110_0100,
        0b0111_0011,
        0b0011_1000,
        0b0010_1111,
        0b1101_0000,
        0b1100_0111,
        0b1000_1100,
        0b1001_1011,
        0b1010_0001,
        0b1011_0110,
        0b1111_1101,
        0b1110_1010,
    ];
    CODES[usize::from(value)]
}

/// EN 300 706 §8.3: bits 1, 2, 4, 8, 16 and 24 protect.
fn hamming_triplet(value: u32) -> [u8; 3] {
    let mut bits = [false; 25];
    let places = [
        3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23,
    ];
    for (bit, place) in places.into_iter().enumerate() {
        bits[place] = value >> bit & 1 == 1;
    }
    for protecting in [1, 2, 4, 8, 16] {
        let ones = (1..24).filter(|place| place & protecting != 0 && bits[*place]);
        bits[protecting] = ones.count() % 2 == 0;
    }
    bits[24] = bits[1..24].iter().filter(|bit| **bit).count() % 2 == 0;
    let byte = |from: usize| {
        let bits = bits[from..from + 8].iter().rev();
        bits.fold(0, |byte, bit| byte << 1 | u8::from(*bit))
    };
    [byte(1), byte(9), byte(17)]
}

fn odd(code: u8) -> u8 {
    if code.count_ones() % 2 == 1 {
        code
    } else {
        code | 0x80
    }
}

fn crc_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            let polynomial = if crc & 0x8000_0000 == 0 {
                0
            } else {
                0x04C1_1DB7
            };
            crc << 1 ^ polynomial
        })
    })
}
