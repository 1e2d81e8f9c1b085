//! Encrypts the bytes of one Media Segment as they come.
//!
//! Source: RFC 8216 §4.3.2.4 (METHOD=AES-128: AES-128, cipher block chaining, PKCS#7 padding, the
//! whole segment), §5.2 (the initialization vector is the Media Sequence Number in 128 bits, big
//! end first); FIPS 197, NIST SP 800-38A §6.2, RFC 5652 §6.3. Pure.
//!
//! The vector is the one that holds where EXT-X-KEY names none, so that one line serves all
//! segments of a key, and boxes with the same keys write the same bytes.
//! Refuses: to decrypt, and to tell whether bytes were changed on their way: AES-128 of HLS
//! protects from reading alone.

use std::fmt::{self, Debug};

use aes::Aes128;
use bytes::Bytes;
use cbc::{
    Encryptor,
    cipher::{Block, BlockModeEncrypt, KeyIvInit},
};

use super::SegmentKey;

/// Bytes of a block of AES.
const BLOCK_BYTES: u8 = 16;

/// One segment on its way through the cipher.
pub struct Cipher {
    encryptor: Encryptor<Aes128>,
    /// What does not fill a block yet: its first `rest_bytes` bytes.
    rest: [u8; BLOCK_BYTES as usize],
    rest_bytes: u8,
}

impl Cipher {
    /// Begins the segment with the Media Sequence Number `sequence`.
    pub fn new(key: &SegmentKey, sequence: u64) -> Self {
        let vector = u128::from(sequence).to_be_bytes();
        Self::with_vector(key, vector)
    }

    fn with_vector(key: &SegmentKey, vector: [u8; BLOCK_BYTES as usize]) -> Self {
        Self {
            encryptor: Encryptor::new(key.bytes().into(), &vector.into()),
            rest: [0; BLOCK_BYTES as usize],
            rest_bytes: 0,
        }
    }

    /// Bytes of a segment that has so many in the clear: one block more at most.
    pub const fn encrypted_bytes(plain_bytes: u64) -> u64 {
        let block_bytes = BLOCK_BYTES as u64;
        (plain_bytes / block_bytes + 1) * block_bytes
    }

    /// The next bytes of the segment, encrypted as far as they fill blocks. Allocates once, for
    /// what it returns.
    pub fn encrypt(&mut self, plain: &[u8]) -> Bytes {
        let rest = self.rest.get(..self.rest_bytes.into()).unwrap_or_default();
        let mut bytes = Vec::with_capacity(rest.len() + plain.len());
        bytes.extend_from_slice(rest);
        bytes.extend_from_slice(plain);
        let (blocks, rest) = Block::<Aes128>::slice_as_chunks_mut(&mut bytes);
        self.encryptor.encrypt_blocks(blocks);
        self.rest_bytes = 0;
        for (kept, byte) in self.rest.iter_mut().zip(rest) {
            *kept = *byte;
            self.rest_bytes += 1;
        }
        bytes.truncate(bytes.len() - usize::from(self.rest_bytes));
        bytes.into()
    }

    /// The last block of the segment: what is left, and the padding.
    pub fn finish(mut self) -> Bytes {
        let padding = BLOCK_BYTES - self.rest_bytes;
        let padded = self.rest.iter_mut().skip(self.rest_bytes.into());
        padded.for_each(|byte| *byte = padding);
        let mut block = self.rest.into();
        self.encryptor.encrypt_block(&mut block);
        Bytes::copy_from_slice(&block)
    }
}

impl Debug for Cipher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cipher(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let (pairs, _) = hex.as_bytes().as_chunks::<2>();
        let text = |pair: &[u8; 2]| String::from_utf8_lossy(pair).into_owned();
        let byte = |pair| u8::from_str_radix(&text(pair), 16).expect("digits");
        pairs.iter().map(byte).collect()
    }

    fn key() -> SegmentKey {
        SegmentKey::new(&bytes("2b7e151628aed2a6abf7158809cf4f3c")).expect("16 bytes")
    }

    fn whole(mut cipher: Cipher, plain: &[u8]) -> Vec<u8> {
        let mut encrypted = cipher.encrypt(plain).to_vec();
        encrypted.extend_from_slice(&cipher.finish());
        encrypted
    }

    /// NIST SP 800-38A, F.2.1 CBC-AES128.Encrypt.
    #[test]
    fn encrypts_as_nist_has_it() {
        let vector: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).expect("small"));
        let plain = bytes(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
             30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        );
        let mut cipher = Cipher::with_vector(&key(), vector);
        assert_eq!(
            cipher.encrypt(&plain),
            bytes(
                "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
                 73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
            )
        );
        assert_eq!(cipher.finish().len(), 16, "a block of padding alone");
    }

    /// FIPS 197, appendix C.1.
    #[test]
    fn encrypts_as_fips_has_it() {
        let key = SegmentKey::new(&bytes("000102030405060708090a0b0c0d0e0f")).expect("16 bytes");
        let mut cipher = Cipher::with_vector(&key, [0; 16]);
        let encrypted = cipher.encrypt(&bytes("00112233445566778899aabbccddeeff"));
        assert_eq!(encrypted, bytes("69c4e0d86a7b0430d8cdb78070b4c55a"));
    }

    /// `printf 'Media Segment 298'`, by `openssl enc -aes-128-cbc` with 298365411 as vector.
    #[test]
    fn the_vector_is_the_media_sequence_number_and_the_padding_is_pkcs_7() {
        let cipher = Cipher::new(&key(), 298_365_411);
        assert_eq!(
            whole(cipher, b"Media Segment 298"),
            bytes("c70e2b9cd0726f371a727c7325705ed5dde4b4c97b70006763c88d1f3d9812bb")
        );
    }

    #[test]
    fn a_segment_grows_to_the_next_whole_block() {
        for (plain, encrypted) in [(0, 16), (15, 16), (16, 32), (188, 192), (188 * 4, 768)] {
            assert_eq!(Cipher::encrypted_bytes(plain), encrypted);
            let bytes = vec![0x47; usize::try_from(plain).expect("small")];
            let made = whole(Cipher::new(&key(), 7), &bytes);
            assert_eq!(made.len() as u64, encrypted, "{plain}");
        }
    }

    proptest! {
        #[test]
        fn how_a_segment_is_cut_into_pieces_changes_nothing(
            plain in prop::collection::vec(any::<u8>(), 0..2_000),
            lengths in prop::collection::vec(0_usize..300, 0..20),
            sequence: u64,
        ) {
            let mut cipher = Cipher::new(&key(), sequence);
            let (mut rest, mut pieces) = (plain.as_slice(), Vec::new());
            for length in lengths {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                pieces.extend_from_slice(&cipher.encrypt(piece));
                rest = behind;
            }
            pieces.extend_from_slice(&cipher.encrypt(rest));
            pieces.extend_from_slice(&cipher.finish());
            prop_assert_eq!(pieces.len() as u64, Cipher::encrypted_bytes(plain.len() as u64));
            prop_assert_eq!(pieces, whole(Cipher::new(&key(), sequence), &plain));
        }
    }
}
