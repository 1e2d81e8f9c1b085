//! Teletext packets built by hand for tests, bit by bit as the standard says.

use crate::teletext::TELETEXT_PACKET_BYTES;

/// A teletext packet, bit 0 transmitted first.
pub(crate) type TeletextPacket = [u8; TELETEXT_PACKET_BYTES];

/// Control bits of a page header.
#[expect(
    clippy::struct_excessive_bools,
    reason = "control bits of the standard, any of which may be set"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Controls {
    pub(crate) erases: bool,
    pub(crate) is_newsflash: bool,
    pub(crate) is_subtitle: bool,
    pub(crate) is_inhibited: bool,
    pub(crate) is_serial: bool,
    pub(crate) national: u8,
}

/// Subtitles in English, all that was there erased.
pub(crate) const SUBTITLES: Controls = Controls {
    erases: true,
    is_newsflash: false,
    is_subtitle: true,
    is_inhibited: false,
    is_serial: false,
    national: 0,
};

/// Hamming 8/4, by its equations.
pub(crate) fn nibble(value: u8) -> u8 {
    let d = |number: u8| value >> (number - 1) & 1;
    let p1 = 1 ^ d(1) ^ d(3) ^ d(4);
    let p2 = 1 ^ d(1) ^ d(2) ^ d(4);
    let p3 = 1 ^ d(1) ^ d(2) ^ d(3);
    let p4 = 1 ^ p1 ^ d(1) ^ p2 ^ d(2) ^ p3 ^ d(3) ^ d(4);
    let bits = [p1, d(1), p2, d(2), p3, d(3), p4, d(4)];
    bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit)
}

/// Hamming 24/18, by its equations.
pub(crate) fn triplet(value: u32) -> [u8; 3] {
    let places = (1..=24_u32).filter(|place| !place.is_power_of_two() && *place != 24);
    let mut word = 0_u32;
    for (bit, place) in places.enumerate() {
        word |= (value >> bit & 1) << (place - 1);
    }
    for protecting in [1_u32, 2, 4, 8, 16] {
        let tested = (1..24_u32).filter(|place| place & protecting != 0);
        let ones: u32 = tested.map(|place| word >> (place - 1) & 1).sum();
        word |= (1 ^ ones & 1) << (protecting - 1);
    }
    word |= (1 ^ word.count_ones() & 1) << 23;
    let [a, b, c, _] = word.to_le_bytes();
    [a, b, c]
}

/// A letter with its parity bit.
pub(crate) fn letter(code: u8) -> u8 {
    code | if code.count_ones().is_multiple_of(2) {
        0x80
    } else {
        0
    }
}

fn addressed(magazine: u8, row: u8) -> TeletextPacket {
    let mut packet = [letter(b' '); TELETEXT_PACKET_BYTES];
    packet[0] = nibble(magazine & 0x07 | row << 3 & 0x08);
    packet[1] = nibble(row >> 1);
    packet
}

/// The header of page `number`, such as `0x888`.
pub(crate) fn header(number: u16, controls: Controls) -> TeletextPacket {
    let [magazine, number] = number.to_be_bytes();
    let mut packet = addressed(magazine, 0);
    let flag = |is_set: bool, mask: u8| if is_set { mask } else { 0 };
    let national = controls.national;
    let c14_to_c12 = national >> 2 & 1 | national & 2 | national << 2 & 4;
    let nibbles = [
        number & 0x0F,
        number >> 4,
        0,
        flag(controls.erases, 0x08),
        0,
        flag(controls.is_newsflash, 0x04) | flag(controls.is_subtitle, 0x08),
        flag(controls.is_inhibited, 0x08),
        flag(controls.is_serial, 0x01) | c14_to_c12 << 1,
    ];
    for (byte, value) in packet[2..].iter_mut().zip(nibbles) {
        *byte = nibble(value);
    }
    packet
}

/// Row `row` of `magazine`, in codes from the first column on.
pub(crate) fn row(magazine: u8, row: u8, codes: &[u8]) -> TeletextPacket {
    let mut packet = addressed(magazine, row);
    for (byte, code) in packet[2..].iter_mut().zip(codes) {
        *byte = letter(*code);
    }
    packet
}

/// The same with `text` in a box from column 5 on.
pub(crate) fn boxed(magazine: u8, number: u8, text: &[u8]) -> TeletextPacket {
    let codes = [b"   \x0B\x0B", text, b"\x0A\x0A"].concat();
    row(magazine, number, &codes)
}

/// Packet X/`row` of `magazine` with a designation code and triplets; further ones end the page.
pub(crate) fn triplets(magazine: u8, row: u8, designation: u8, values: &[u32]) -> TeletextPacket {
    const TERMINATION: u32 = 0x3F | 0x1F << 6;
    let mut packet = addressed(magazine, row);
    packet[2] = nibble(designation);
    for (place, chunk) in packet[3..].chunks_exact_mut(3).enumerate() {
        let value = values.get(place).copied().unwrap_or(TERMINATION);
        chunk.copy_from_slice(&triplet(value));
    }
    packet
}

/// The payload of a PES packet with these packets, each in a data unit of its own.
pub(crate) fn data_field(packets: &[TeletextPacket]) -> Vec<u8> {
    let mut field = vec![0x10];
    for (packet, line) in packets.iter().zip((7..23).cycle()) {
        field.extend([0x03, 0x2C, 0xC0 | 0x20 | line, 0xE4]);
        field.extend(packet.map(u8::reverse_bits));
    }
    field
}
