//! The hash of keys on disk: `SipHash`-2-4 under a secret that each store draws when formatted.
//!
//! Source: Aumasson and Bernstein, "`SipHash`: a fast short-input PRF" (2012). Who does not know
//! the secret cannot choose keys that collide; that it is kept with the store lets a start fill the
//! index without reading a key.
//!
//! Refuses: to serve as a checksum.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Bytes of a secret.
pub(super) const SECRET_BYTES: usize = 16;

/// What the hashes of one store depend on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret(pub(super) [u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    /// Draws one from the randomness that the process was given.
    pub(super) fn draw() -> Self {
        let mut secret = [0; SECRET_BYTES];
        for half in secret.chunks_mut(8) {
            half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self(secret)
    }

    /// The hash of `key`.
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        let (low, high) = self.0.split_at(8);
        let mut state = Sip::new(word(low), word(high));
        let mut words = key.chunks_exact(8);
        for bytes in &mut words {
            state.absorb(word(bytes));
        }
        let length = (key.len() as u64) << 56;
        state.absorb(word(words.remainder()) | length);
        state.finish()
    }
}

/// Up to eight bytes, least significant first.
fn word(bytes: &[u8]) -> u64 {
    let shifted = bytes.iter().zip((0..64).step_by(8));
    shifted.fold(0, |word, (byte, shift)| word | u64::from(*byte) << shift)
}

struct Sip {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl Sip {
    const fn new(low: u64, high: u64) -> Self {
        Self {
            v0: low ^ 0x736f_6d65_7073_6575,
            v1: high ^ 0x646f_7261_6e64_6f6d,
            v2: low ^ 0x6c79_6765_6e65_7261,
            v3: high ^ 0x7465_6462_7974_6573,
        }
    }

    const fn absorb(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.round();
        self.v0 ^= word;
    }

    const fn finish(mut self) -> u64 {
        self.v2 ^= 0xff;
        self.round();
        self.round();
        self.round();
        self.round();
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    const fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v2 = self.v2.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference_implementation() {
        let secret = Secret(std::array::from_fn(|index| index.to_le_bytes()[0]));
        let key: Vec<u8> = (0..15).collect();
        assert_eq!(secret.hash(&key[..0]), 0x726f_db47_dd0e_0e31);
        assert_eq!(secret.hash(&key[..1]), 0x74f8_39c5_93dc_67fd);
        assert_eq!(secret.hash(&key), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn every_store_draws_its_own_secret() {
        assert!(Secret::draw() != Secret::draw());
    }
}
