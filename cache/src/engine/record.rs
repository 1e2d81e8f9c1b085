//! The bytes of one object in a region. Integers are little-endian, sums are CRC-32C
//! (RFC 3720 §12.1).
//!
//! ```text
//! offset  bytes  header
//!      0      8  magic "WEIRobj3"; "WEIRdead" once the object has been killed
//!      8      4  H: bytes of the header, from the magic to its sum
//!     12      4  K: bytes of the key
//!     16      4  M: bytes of the metadata
//!     20      1  class: 0 low, 1 medium, 2 high; live segments: 3 low, 4 medium, 5 high priority
//!     21      3  zero
//!     24      8  B: bytes of the body
//!     32      8  sequence: of two records of one key, the higher is the newer
//!     40      8  generation of the region when the record was written
//!     48      8  when the object was written: seconds since 1970 by the wall clock
//!     56      4  P: parts of the object that precede this one, up to 1,024
//!     60      4  zero
//!     64      K  key, UTF-8
//!   64+K      M  metadata
//! 64+K+M      8  birth of the object, which its parts tell in their keys; absent if P is 0
//!      .     4P  bytes of each part
//!      .     4n  sum of each of the n pieces of 256 KiB of the body (the last may be shorter)
//!    H-4      4  sum of the H-4 bytes before, with the first magic
//!      H      B  the object
//!    H+B      .  zeros, to the end of the page
//! ```
//!
//! An object is whole in memory before its record is written, so its sums can come first: one
//! read of one page tells all that is needed to serve and check it. They are per piece so that a
//! reader can check what it is about to send without reading all of it. Killing overwrites the
//! magic alone: it is one small write, and whoever is reading the body may finish.
//!
//! A long object is a head, which is a record under the key of the object, and parts. A part is a
//! record like any other, with a key that no object can have (U+0001, its birth and number in
//! hexadecimal) and the key of the object for its metadata. A birth is never used twice, so the
//! parts of two objects cannot be mixed up, whatever becomes of one of them.

use bytes::Bytes;

use super::format::{PAGE, PAGE_BYTES, Role};
use crate::{Class, Key};

/// Bytes that are summed, read and sent as one.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;
/// Bytes of metadata an object may have.
pub(crate) const METADATA_BYTES_MAX: usize = 64 * 1024;
/// Parts an object may have before its head: 8 GiB of it where a region has 32 MiB.
pub(super) const PARTS_MAX: usize = 1024;
/// What is written over the magic of a record that must never be found again.
pub(super) const DEAD_MAGIC: [u8; 8] = *b"WEIRdead";

const MAGIC: [u8; 8] = *b"WEIRobj3";
/// Bytes of the header before the key.
const FIXED_BYTES: usize = 64;
/// Bytes of a sum.
const SUM_BYTES: usize = 4;
/// Bytes of the birth of an object.
const BIRTH_BYTES: usize = 8;
/// Bytes of the length of a part.
const LENGTH_BYTES: usize = 4;
/// Pieces of an object that fills the largest region.
const PIECES_MAX: usize = (128 << 20) / PIECE_BYTES;
/// Bytes a header can have.
const HEADER_BYTES_MAX: usize = FIXED_BYTES
    + Key::BYTES_MAX
    + METADATA_BYTES_MAX
    + BIRTH_BYTES
    + LENGTH_BYTES * PARTS_MAX
    + SUM_BYTES * (PIECES_MAX + 1);

/// What a record tells of its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) key: Key,
    pub(super) class: Class,
    pub(super) metadata: Bytes,
    pub(super) body_bytes: u64,
    pub(super) sequence: u64,
    pub(super) generation: u64,
    /// When the object was written, in seconds since 1970 by the wall clock; a copy keeps it.
    pub(super) written_at: u64,
    /// Parts of the object that precede this one.
    pub(super) chain: Chain,
    /// One a piece.
    pub(super) sums: Box<[u32]>,
    /// It has been replaced or removed.
    pub(super) is_dead: bool,
}

/// The parts of a head; none in any other record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// Of the object; 0 without parts.
    pub(super) birth: u64,
    /// Bytes of each part.
    pub(super) part_bytes: Box<[u32]>,
}

impl Chain {
    /// The keys of the parts, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let numbers = (0..).take(self.part_bytes.len());
        numbers.map(|number| Key::of_part(self.birth, number))
    }

    /// Bytes of the birth and all lengths in a header.
    const fn encoded_bytes(&self) -> usize {
        match self.part_bytes.len() {
            0 => 0,
            parts => BIRTH_BYTES + parts * LENGTH_BYTES,
        }
    }

    fn encode(&self, record: &mut Vec<u8>) {
        if !self.part_bytes.is_empty() {
            record.extend_from_slice(&self.birth.to_le_bytes());
        }
        record.extend(self.part_bytes.iter().flat_map(|bytes| bytes.to_le_bytes()));
    }

    /// Reads the birth and lengths of so many parts. Returns also what follows.
    fn decode(parts: u32, bytes: &[u8]) -> Option<(Self, &[u8])> {
        let parts = usize::try_from(parts).ok()?;
        if parts == 0 {
            return Some((Self::default(), bytes));
        }
        if parts > PARTS_MAX {
            return None;
        }
        let (birth, rest) = bytes.split_first_chunk::<BIRTH_BYTES>()?;
        let (lengths, rest) = rest.split_at_checked(parts * LENGTH_BYTES)?;
        let (lengths, []) = lengths.as_chunks::<LENGTH_BYTES>() else {
            return None;
        };
        let chain = Self {
            birth: u64::from_le_bytes(*birth),
            part_bytes: lengths.iter().map(|&it| u32::from_le_bytes(it)).collect(),
        };
        Some((chain, rest))
    }
}

impl Header {
    /// Appends the header to `record`.
    ///
    /// # Panics
    /// If the metadata is longer than [`METADATA_BYTES_MAX`].
    pub(super) fn encode(&self, record: &mut Vec<u8>) {
        assert!(self.metadata.len() <= METADATA_BYTES_MAX);
        let start = record.len();
        record.extend_from_slice(&MAGIC);
        record.extend_from_slice(&length(self.bytes()));
        record.extend_from_slice(&length(self.key.as_str().len()));
        record.extend_from_slice(&length(self.metadata.len()));
        record.extend_from_slice(&[self.class.code(), 0, 0, 0]);
        record.extend_from_slice(&self.body_bytes.to_le_bytes());
        record.extend_from_slice(&self.sequence.to_le_bytes());
        record.extend_from_slice(&self.generation.to_le_bytes());
        record.extend_from_slice(&self.written_at.to_le_bytes());
        record.extend_from_slice(&length(self.chain.part_bytes.len()));
        record.extend_from_slice(&[0; 4]);
        record.extend_from_slice(self.key.as_str().as_bytes());
        record.extend_from_slice(&self.metadata);
        self.chain.encode(record);
        record.extend(self.sums.iter().flat_map(|sum| sum.to_le_bytes()));
        let sum = crc32c::crc32c(&record[start..]);
        record.extend_from_slice(&sum.to_le_bytes());
    }

    /// Reads a header from the first bytes of a record, which may go on behind it.
    ///
    /// Returns `None` if it is not whole and right.
    pub(super) fn decode(record: &[u8]) -> Option<Self> {
        let header = record.get(..Self::bytes_told(record)?)?;
        let (told, sum) = header.split_last_chunk::<SUM_BYTES>()?;
        let (magic, told_after) = told.split_first_chunk::<8>()?;
        let told_sum = crc32c::crc32c_append(crc32c::crc32c(&MAGIC), told_after);
        if told_sum != u32::from_le_bytes(*sum) {
            return None;
        }
        let key_bytes = u32_at(told, 12)? as usize;
        let metadata_bytes = u32_at(told, 16)? as usize;
        let body_bytes = u64_at(told, 24)?;
        let (key, rest) = told.get(FIXED_BYTES..)?.split_at_checked(key_bytes)?;
        let (metadata, rest) = rest.split_at_checked(metadata_bytes)?;
        let (chain, sums) = Chain::decode(u32_at(told, 56)?, rest)?;
        let (sums, []) = sums.as_chunks::<SUM_BYTES>() else {
            return None;
        };
        if sums.len() as u64 != pieces(body_bytes) {
            return None;
        }
        Some(Self {
            key: Key::recorded(str::from_utf8(key).ok()?)?,
            class: Class::of_code(*told.get(20)?)?,
            metadata: Bytes::copy_from_slice(metadata),
            body_bytes,
            sequence: u64_at(told, 32)?,
            generation: u64_at(told, 40)?,
            written_at: u64_at(told, 48)?,
            chain,
            sums: sums.iter().map(|&sum| u32::from_le_bytes(sum)).collect(),
            is_dead: *magic == DEAD_MAGIC,
        })
    }

    /// Bytes of the header that begins with `record`, by its own account, within the limits.
    pub(super) fn bytes_told(record: &[u8]) -> Option<usize> {
        let rest = record
            .strip_prefix(&MAGIC)
            .or_else(|| record.strip_prefix(&DEAD_MAGIC))?;
        let bytes = u32_at(rest, 0)? as usize;
        (FIXED_BYTES + SUM_BYTES..=HEADER_BYTES_MAX)
            .contains(&bytes)
            .then_some(bytes)
    }

    /// The generation of the header that begins with `record`, by its own account, if it is that
    /// of a record that was not killed.
    pub(super) fn generation_told(record: &[u8]) -> Option<u64> {
        record.starts_with(&MAGIC).then(|| u64_at(record, 40))?
    }

    /// Bytes of the encoded header.
    pub(super) fn bytes(&self) -> usize {
        let fixed = FIXED_BYTES + self.key.as_str().len() + self.metadata.len() + SUM_BYTES;
        fixed + self.chain.encoded_bytes() + self.sums.len() * SUM_BYTES
    }

    /// Whether it is an object, the head of one, or a part.
    pub(super) fn role(&self) -> Role {
        if self.key.part().is_some() {
            Role::Part
        } else if self.chain.part_bytes.is_empty() {
            Role::Whole
        } else {
            Role::Head
        }
    }

    /// Pages of the whole record, or `None` if no region is so long.
    pub(super) fn pages(&self) -> Option<u32> {
        let bytes = self.body_bytes.checked_add(self.bytes() as u64)?;
        u32::try_from(bytes.div_ceil(PAGE_BYTES)).ok()
    }
}

/// Pieces of a body.
fn pieces(body_bytes: u64) -> u64 {
    body_bytes.div_ceil(PIECE_BYTES as u64)
}

/// Zeros from the end of a record to the end of its page.
pub(super) fn pad(record: &mut Vec<u8>) {
    record.resize(record.len().next_multiple_of(PAGE), 0);
}

/// The sums of the pieces of a body, taken chunk by chunk.
#[derive(Debug, Default)]
pub(super) struct PieceSums {
    whole: Vec<u32>,
    last: u32,
    last_bytes: usize,
}

impl PieceSums {
    /// Goes on with the next bytes of the body.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.last_bytes));
            self.last = crc32c::crc32c_append(self.last, now);
            self.last_bytes += now.len();
            if self.last_bytes == PIECE_BYTES {
                self.whole.push(self.last);
                (self.last, self.last_bytes) = (0, 0);
            }
            bytes = later;
        }
    }

    /// The sums, one a piece.
    pub(super) fn finish(mut self) -> Box<[u32]> {
        if self.last_bytes > 0 {
            self.whole.push(self.last);
        }
        self.whole.into()
    }
}

/// A length that is known to be below 4 GiB by the limits above.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes)
        .expect("headers, keys and metadata are bounded far below 4 GiB")
        .to_le_bytes()
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u64::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn chain() -> impl Strategy<Value = Chain> {
        (any::<u64>(), vec(any::<u32>(), 0..4)).prop_map(|(birth, part_bytes)| match part_bytes[..]
        {
            [] => Chain::default(),
            [..] => Chain {
                birth,
                part_bytes: part_bytes.into(),
            },
        })
    }

    fn header() -> impl Strategy<Value = Header> {
        let class = (0..6_u8).prop_map(|code| Class::of_code(code).unwrap());
        (
            "[ -~]{1,40}",
            class,
            vec(any::<u8>(), 0..100),
            vec(any::<u32>(), 0..5),
            any::<u64>(),
            chain(),
        )
            .prop_filter_map(
                "the key is fit",
                |(key, class, metadata, sums, sequence, chain)| {
                    Some(Header {
                        key: Key::new(&key)?,
                        class,
                        metadata: metadata.into(),
                        body_bytes: (sums.len() * PIECE_BYTES) as u64,
                        sequence,
                        generation: !sequence,
                        written_at: sequence / 3,
                        chain,
                        sums: sums.into(),
                        is_dead: false,
                    })
                },
            )
    }

    fn encoded(header: &Header) -> Vec<u8> {
        let mut record = Vec::new();
        header.encode(&mut record);
        record
    }

    #[test]
    fn a_header_is_laid_out_as_documented() {
        let header = Header {
            key: Key::new("/a").unwrap(),
            class: Class::Live,
            metadata: Bytes::from_static(b"xyz"),
            body_bytes: 0x0102,
            sequence: 7,
            generation: 8,
            written_at: 9,
            chain: Chain {
                birth: 11,
                part_bytes: [12].into(),
            },
            sums: [0x0403_0201].into(),
            is_dead: false,
        };
        let mut expected = b"WEIRobj3\x59\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0".to_vec();
        expected.extend(b"\x02\x01\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0");
        expected.extend(b"\x09\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0/axyz");
        expected.extend(b"\x0b\0\0\0\0\0\0\0\x0c\0\0\0");
        expected.extend([1, 2, 3, 4]);
        let sum = crc32c::crc32c(&expected);
        expected.extend(sum.to_le_bytes());
        assert_eq!(encoded(&header), expected);
        assert_eq!(header.pages(), Some(1));
    }

    #[test]
    fn each_piece_has_its_own_sum() {
        let body = vec![7; PIECE_BYTES + 3];
        let mut sums = PieceSums::default();
        for chunk in body.chunks(1_000) {
            sums.update(chunk);
        }
        let expected = [crc32c::crc32c(&body[3..]), crc32c::crc32c(&body[..3])];
        assert_eq!(*sums.finish(), expected);
        assert!(PieceSums::default().finish().is_empty());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(header in header(), after in vec(any::<u8>(), 0..9)) {
            let mut record = encoded(&header);
            prop_assert_eq!(record.len(), header.bytes());
            prop_assert_eq!(Header::bytes_told(&record), Some(header.bytes()));
            record.extend(after);
            prop_assert_eq!(Header::decode(&record), Some(header));
        }

        #[test]
        fn a_killed_record_is_dead_and_otherwise_itself(mut header in header()) {
            let mut record = encoded(&header);
            record[..8].copy_from_slice(&DEAD_MAGIC);
            header.is_dead = true;
            prop_assert_eq!(Header::decode(&record), Some(header));
        }

        #[test]
        fn a_changed_byte_is_found(header in header(), at in any::<u16>(), mask in 1..=255_u8) {
            let mut record = encoded(&header);
            let at = usize::from(at) % record.len();
            record[at] ^= mask;
            prop_assert_eq!(Header::decode(&record), None);
        }

        #[test]
        fn no_bytes_are_too_strange(mut record in vec(any::<u8>(), 0..300), has_magic: bool) {
            if has_magic && record.len() >= MAGIC.len() {
                record[..MAGIC.len()].copy_from_slice(&MAGIC);
            }
            prop_assert_eq!(Header::decode(&record), None);
        }
    }
}
