//! `CRC_32` of PSI sections, eight bytes a step.
//!
//! Source: ISO/IEC 13818-1 Annex A: polynomial 0x04C11DB7, initial value all ones, most
//! significant bit first, no final inversion.

const POLYNOMIAL: u32 = 0x04C1_1DB7;

/// `TABLES[k][b]` is what byte `b` contributes once `k` more bytes have passed.
static TABLES: [[u32; 256]; 8] = tables();

/// Returns the CRC of `bytes`; zero for a whole section whose `CRC_32` field is right.
pub fn crc_32(bytes: &[u8]) -> u32 {
    let (blocks, tail) = bytes.as_chunks::<8>();
    let mut crc = u32::MAX;
    for &[a, b, c, d, e, f, g, h] in blocks {
        let [i, j, k, l] = (crc ^ u32::from_be_bytes([a, b, c, d])).to_be_bytes();
        let [by_0, by_1, by_2, by_3, by_4, by_5, by_6, by_7] = &TABLES;
        crc = at(by_7, i) ^ at(by_6, j) ^ at(by_5, k) ^ at(by_4, l);
        crc ^= at(by_3, e) ^ at(by_2, f) ^ at(by_1, g) ^ at(by_0, h);
    }
    let [by_0, ..] = &TABLES;
    for &byte in tail {
        let [top, ..] = crc.to_be_bytes();
        crc = crc << 8 ^ at(by_0, top ^ byte);
    }
    crc
}

#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
fn at(table: &[u32; 256], byte: u8) -> u32 {
    table[usize::from(byte)]
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            let carry = crc & 0x8000_0000 != 0;
            crc <<= 1;
            if carry {
                crc ^= POLYNOMIAL;
            }
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut distance = 1;
    while distance < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[distance - 1][byte];
            tables[distance][byte] = before << 8 ^ tables[0][(before >> 24) as usize];
            byte += 1;
        }
        distance += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{POLYNOMIAL, crc_32};

    #[test]
    fn gives_the_check_value_of_the_catalogue() {
        assert_eq!(crc_32(b"123456789"), 0x0376_E6E7);
    }

    proptest! {
        #[test]
        fn agrees_with_the_shift_register_of_the_standard(bytes: Vec<u8>) {
            let mut register = u32::MAX;
            for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)) {
                let carry = register >> 31 ^ u32::from(bit);
                register <<= 1;
                if carry == 1 {
                    register ^= POLYNOMIAL;
                }
            }
            prop_assert_eq!(crc_32(&bytes), register);
        }
    }
}
