//! The codes that protect teletext.
//!
//! Source: EN 300 706 §8.1 (odd parity), §8.2 (Hamming 8/4), §8.3 (Hamming 24/18). Bit 0 of a byte
//! is the one transmitted first.

/// The code words of Hamming 8/4 for 0 to 15.
const CODE_8_4: [u8; 16] = [
    0x15, 0x02, 0x49, 0x5E, 0x64, 0x73, 0x38, 0x2F, 0xD0, 0xC7, 0x8C, 0x9B, 0xA1, 0xB6, 0xFD, 0xEA,
];

/// The four data bits of `byte`, one bit error mended; `None` when there are more.
pub(super) fn hamming_8_4(byte: u8) -> Option<u8> {
    let is_near = |code: &u8| (code ^ byte).count_ones() <= 1;
    let place = CODE_8_4.iter().position(is_near)?;
    u8::try_from(place).ok()
}

/// The eight data bits of two bytes, the lower four first.
pub(super) fn hamming_8_4_pair([low, high]: [u8; 2]) -> Option<u8> {
    Some(hamming_8_4(high)? << 4 | hamming_8_4(low)?)
}

/// The 18 data bits of `bytes`, one bit error mended; `None` when there are two.
pub(super) fn hamming_24_18(bytes: [u8; 3]) -> Option<u32> {
    let [a, b, c] = bytes;
    let mut word = u32::from_le_bytes([a, b, c, 0]);
    let is_set = |word: u32, position: u32| word >> (position - 1) & 1 == 1;
    // Each of five tests finds odd parity among the positions whose number has its bit.
    let found = (1..24).filter(|position| is_set(word, *position));
    let wrong = found.fold(0, |tests, position| tests ^ position) ^ 0x1F;
    let is_odd = word.count_ones() % 2 == 1;
    match (wrong, is_odd) {
        (0, _) => {}
        (1..24, false) => word ^= 1 << (wrong - 1),
        _ => return None,
    }
    // Positions 1, 2, 4, 8, 16 and 24 protect.
    let data = [(2, 1), (4, 3), (8, 7), (16, 7)];
    let mut place = 0;
    Some(data.iter().fold(0, |bits, (shift, count)| {
        let part = word >> shift & ((1 << count) - 1);
        place += count;
        bits | part << (place - count)
    }))
}

/// The seven data bits of `byte`; `None` when its parity is even.
pub(super) fn odd_parity(byte: u8) -> Option<u8> {
    (byte.count_ones() % 2 == 1).then_some(byte & 0x7F)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::teletext::fixtures::triplet;

    #[test]
    fn eight_four_is_read_and_mended_bit_by_bit() {
        for (value, code) in (0..).zip(CODE_8_4) {
            assert_eq!(hamming_8_4(code), Some(value));
            for bit in 0..8 {
                assert_eq!(hamming_8_4(code ^ 1 << bit), Some(value));
            }
        }
        assert_eq!(hamming_8_4(0x15 ^ 0x03), None, "two errors");
        assert_eq!(hamming_8_4_pair([0x02, 0xEA]), Some(0xF1));
    }

    /// The parity equations of §8.2, which made [`CODE_8_4`].
    #[test]
    fn eight_four_keeps_the_equations_of_the_standard() {
        for (value, code) in (0_u8..).zip(CODE_8_4) {
            let d = |number: u8| value >> (number - 1) & 1;
            let p1 = 1 ^ d(1) ^ d(3) ^ d(4);
            let p2 = 1 ^ d(1) ^ d(2) ^ d(4);
            let p3 = 1 ^ d(1) ^ d(2) ^ d(3);
            let p4 = 1 ^ p1 ^ d(1) ^ p2 ^ d(2) ^ p3 ^ d(3) ^ d(4);
            let bits = [p1, d(1), p2, d(2), p3, d(3), p4, d(4)];
            let due = bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
            assert_eq!(code, due, "{value}");
        }
    }

    #[test]
    fn twenty_four_eighteen_is_read_and_mended_bit_by_bit() {
        for value in [0, 1, 0x3_FFFF, 0x2_AAAA, 0x1_5555, 0x0_F0F0, 0x3_0001] {
            let code = triplet(value);
            assert_eq!(hamming_24_18(code), Some(value));
            for bit in 0..24 {
                let mut spoilt = code;
                spoilt[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(hamming_24_18(spoilt), Some(value), "bit {bit}");
                for other in 0..bit {
                    let mut worse = spoilt;
                    worse[other / 8] ^= 1 << (other % 8);
                    assert_eq!(hamming_24_18(worse), None, "bits {bit} and {other}");
                }
            }
        }
    }

    #[test]
    fn a_letter_has_an_odd_number_of_bits() {
        assert_eq!(odd_parity(b'A' | 0x80), Some(b'A'));
        assert_eq!(odd_parity(b'A'), None);
        assert_eq!(odd_parity(b'C'), Some(b'C'));
    }
}
