//! What a segment is encrypted by, as its playlist says, and the way back.
//!
//! Source: RFC 8216 §4.3.2.4 (EXT-X-KEY), §5 (keys and vectors); RFC 5652 §6.3 (padding). Pure.
//! Shares no code with what encrypts here.
//!
//! Refuses: to open anything but AES-128, and to name keys of another format than `identity`.

use std::fmt::{self, Debug};

use aes::Aes128;
use cbc::{
    Decryptor,
    cipher::{Block, BlockModeDecrypt, KeyIvInit},
};

use super::playlist::Attributes;

/// Bytes of a block of AES, of a key of AES-128 and of its vector.
const BLOCK_BYTES: usize = 16;

/// What a segment is encrypted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// All of it by AES-128.
    Aes128 {
        /// URI of the key, as it is written.
        key: String,
        /// Initialization vector.
        vector: [u8; BLOCK_BYTES],
    },
    /// In another way.
    Other {
        /// URI of the key, as it is written, if it is of 16 bytes and anybody may ask for it.
        key: Option<String>,
    },
}

impl Seal {
    /// What `value`, of an EXT-X-KEY, says of the segment `sequence`.
    pub fn of(value: &str, sequence: u64) -> Self {
        let attributes = Attributes::read(value);
        let is_identity = matches!(attributes.value("KEYFORMAT"), None | Some("identity"));
        let is_aes = attributes.value("METHOD") == Some("AES-128");
        let vector = match attributes.value("IV") {
            None => Some(u128::from(sequence)),
            Some(text) => vector(text),
        };
        let is_of_16_bytes = is_aes || attributes.value("METHOD") == Some("SAMPLE-AES");
        let key = attributes.value("URI");
        let key = key.filter(|_| is_identity && is_of_16_bytes);
        let key = key.map(ToOwned::to_owned);
        match (key, vector) {
            (Some(key), Some(vector)) if is_aes => Self::Aes128 {
                key,
                vector: vector.to_be_bytes(),
            },
            (key, _) => Self::Other { key },
        }
    }

    /// URI of the key, as it is written, if anybody may ask for it.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Aes128 { key, .. } => Some(key),
            Self::Other { key } => key.as_deref(),
        }
    }
}

fn vector(text: &str) -> Option<u128> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    u128::from_str_radix(digits, 16).ok()
}

/// Decrypts a segment as it comes.
pub struct Opener {
    decryptor: Decryptor<Aes128>,
    /// What came last: a block at most whose padding is not taken off yet.
    rest: Vec<u8>,
}

impl Opener {
    /// By these 16 bytes each.
    pub fn new(key: [u8; BLOCK_BYTES], vector: [u8; BLOCK_BYTES]) -> Self {
        Self {
            decryptor: Decryptor::new(&key.into(), &vector.into()),
            rest: Vec::new(),
        }
    }

    /// What the next bytes are in the clear, but for the last block.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len().saturating_sub(1) / BLOCK_BYTES * BLOCK_BYTES;
        let rest = self.rest.split_off(whole);
        let mut plain = std::mem::replace(&mut self.rest, rest);
        let (blocks, _) = Block::<Aes128>::slice_as_chunks_mut(&mut plain);
        self.decryptor.decrypt_blocks(blocks);
        plain
    }

    /// What is left; `None` if it does not end as what was encrypted with this key does.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        let mut block = self.rest.as_slice().try_into().ok()?;
        self.decryptor.decrypt_block(&mut block);
        let padding = usize::from(*block.last()?);
        let plain = block.len().checked_sub(padding).filter(|_| padding > 0)?;
        let (plain, padded) = block.split_at_checked(plain)?;
        let is_padded = padded.iter().all(|byte| usize::from(*byte) == padding);
        is_padded.then(|| plain.to_vec())
    }
}

impl Debug for Opener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Opener(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `printf 'Media Segment 298'` by `openssl enc -aes-128-cbc`, with the Media Sequence Number
    /// 298365411 as vector.
    const ENCRYPTED: u128 = 0xc70e_2b9c_d072_6f37_1a72_7c73_2570_5ed5;
    const LAST: u128 = 0xdde4_b4c9_7b70_0067_63c8_8d1f_3d98_12bb;
    const KEY: u128 = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c;

    fn opened(key: u128, encrypted: &[u8], piece: usize) -> Option<Vec<u8>> {
        let Seal::Aes128 { vector, .. } = Seal::of("METHOD=AES-128,URI=\"k\"", 298_365_411) else {
            return None;
        };
        let mut opener = Opener::new(key.to_be_bytes(), vector);
        let pieces = encrypted.chunks(piece);
        let mut plain: Vec<u8> = pieces.flat_map(|piece| opener.push(piece)).collect();
        plain.extend(opener.finish()?);
        Some(plain)
    }

    #[test]
    fn what_openssl_encrypts_is_opened_however_it_comes() {
        let encrypted = [ENCRYPTED.to_be_bytes(), LAST.to_be_bytes()].concat();
        for piece in 1..=encrypted.len() {
            let plain = opened(KEY, &encrypted, piece);
            assert_eq!(plain.as_deref(), Some(&b"Media Segment 298"[..]), "{piece}");
        }
        assert_eq!(opened(KEY + 1, &encrypted, 32), None, "another key");
        assert_eq!(opened(KEY, &encrypted[..31], 31), None, "it is cut");
        assert_eq!(opened(KEY, b"", 1), None);
    }

    #[test]
    fn a_vector_is_the_one_that_is_named_or_the_number() {
        let vector = |value: &str| match Seal::of(value, 7) {
            Seal::Aes128 { vector, .. } => Some(u128::from_be_bytes(vector)),
            Seal::Other { .. } => None,
        };
        assert_eq!(vector("METHOD=AES-128,URI=\"k\""), Some(7));
        assert_eq!(vector("METHOD=AES-128,URI=\"k\",IV=0x10"), Some(16));
        for value in [
            "METHOD=AES-128,URI=\"k\",IV=10",
            "METHOD=AES-128",
            "METHOD=SAMPLE-AES,URI=\"k\"",
            "METHOD=AES-128,URI=\"k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"",
        ] {
            assert_eq!(vector(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(value in "\\PC{0,60}", bytes: Vec<u8>, piece in 1_usize..40) {
            drop(Seal::of(&value, 1));
            drop(opened(KEY, &bytes, piece));
        }
    }
}
