//! One key, how it is made, and the name under which this box serves it.

use std::{
    fmt::{self, Debug, Display},
    str::FromStr,
};

use ring::{digest, hmac};

/// Bytes of a key of AES-128.
pub(super) const KEY_BYTES: usize = 16;

/// A key of AES-128. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SegmentKey([u8; KEY_BYTES]);

impl SegmentKey {
    /// Takes `bytes` for a key; `None` if there are not 16.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The key `number` of `channel` that is made of `secret`: the first half of an HMAC-SHA256
    /// of the lines `weir-aes-128-1`, the channel and the number, each ended by a line feed.
    pub(super) fn made_of(secret: &hmac::Key, channel: &str, number: u64) -> Self {
        let text = format!("weir-aes-128-1\n{channel}\n{number}\n");
        let tag = hmac::sign(secret, text.as_bytes());
        let half = tag.as_ref().first_chunk();
        Self(*half.expect("SHA-256 has 32 bytes"))
    }

    /// The 16 bytes, for a cipher, or a player that may have them.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The name under which `channel` has it. Nothing of the key can be told from it.
    pub fn fingerprint(&self, channel: &str) -> Fingerprint {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [b"weir-key-1\n", channel.as_bytes(), b"\n", &self.0] {
            context.update(part);
        }
        let hash = context.finish();
        let head = hash.as_ref().iter().take(8);
        Fingerprint(head.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl Debug for SegmentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SegmentKey(…)")
    }
}

/// The name of a key in URLs of this box, of which it has only one: a hash of the key. So a URL
/// never comes to mean another key, whatever is configured later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 16 hexadecimal digits in lower case")]
pub struct NoFingerprint;

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_fit = text.len() == 16 && text.bytes().all(is_digit);
        let number = u64::from_str_radix(text, 16).ok();
        number.filter(|_| is_fit).map(Self).ok_or(NoFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both were made by `openssl dgst -sha256`, with `-mac HMAC` for the first.
    #[test]
    fn keys_and_names_are_those_of_the_worked_example() {
        let secret: Vec<u8> = (0..32).collect();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let key = SegmentKey::made_of(&secret, "CH_001", 494_000);
        assert_eq!(hex(key.bytes()), "e75f71cc62fbbce99fbd369036424031");
        assert_eq!(key.fingerprint("CH_001").to_string(), "10ad8a4ba304e7a4");
    }

    #[test]
    fn each_channel_and_number_has_a_key_of_its_own() {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let keys = [("a", 1), ("a", 2), ("b", 1)]
            .map(|(channel, number)| SegmentKey::made_of(&secret, channel, number));
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
        let [one, other] = ["a", "b"].map(|channel| keys[0].fingerprint(channel));
        assert_ne!(one, other);
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = SegmentKey::new(&[0xAB; 16]).expect("16 bytes");
        assert_eq!(format!("{key:?}"), "SegmentKey(…)");
        assert_eq!(SegmentKey::new(&[0; 15]), None);
        assert_eq!(SegmentKey::new(&[0; 17]), None);
    }

    #[test]
    fn a_fingerprint_has_one_spelling() {
        let text = "00ab34cd56ef7890";
        let read: Result<Fingerprint, _> = text.parse();
        assert_eq!(read.map(|name| name.to_string()).as_deref(), Ok(text));
        for text in [
            "",
            "0ab34cd56ef7890",
            "00AB34CD56EF7890",
            "+0ab34cd56ef7890",
            "000ab34cd56ef7890",
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
    }

    fn hex(bytes: &[u8; 16]) -> String {
        format!("{:032x}", u128::from_be_bytes(*bytes))
    }
}
