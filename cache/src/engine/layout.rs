//! The bytes of one object's file. Integers are little-endian, sums are CRC-32C (RFC 3720 §12.1).
//!
//! ```text
//! offset  bytes  header
//!      0      8  magic "WEIRobj1"
//!      8      4  H: bytes of the header, from the magic to its sum
//!     12      4  K: bytes of the key
//!     16      4  M: bytes of the metadata
//!     20      1  class: 0 low, 1 medium, 2 high, 3 live
//!     21      3  zero
//!     24      8  B: bytes of the body
//!     32      8  sequence: of two files of one key, the higher is the newer
//!     40      K  key, UTF-8
//!   40+K      M  metadata
//!    H-4      4  sum of the H-4 bytes before
//!                body
//!      H      B  the object
//!                trailer
//!    H+B     4n  sum of each of the n pieces of 256 KiB (the last may be shorter)
//! H+B+4n      4  sum of the header's sum and of the 4n bytes before
//! ```
//!
//! The header comes first so that a start reads one block a file. The sums come last because the
//! body is written in one pass; they are per piece so that a reader can check what it is about to
//! send without reading all of it. The last sum includes the header's, so that the head of one
//! file and the tail of another, as a torn write might leave them, never pass for an object.

use bytes::Bytes;

use crate::{Class, Key};

/// Bytes that are summed, read and sent as one.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;
/// Bytes of metadata an object may have.
pub(crate) const METADATA_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the header before the key.
pub(super) const FIXED_BYTES: usize = 40;
/// Bytes of a sum.
const SUM_BYTES: usize = 4;
/// Bytes a header can have.
pub(super) const HEADER_BYTES_MAX: usize =
    FIXED_BYTES + Key::BYTES_MAX + METADATA_BYTES_MAX + SUM_BYTES;

const MAGIC: [u8; 8] = *b"WEIRobj1";

/// What a file tells of its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) key: Key,
    pub(super) class: Class,
    pub(super) metadata: Bytes,
    pub(super) body_bytes: u64,
    pub(super) sequence: u64,
}

impl Header {
    /// Appends the header to `file`.
    ///
    /// # Panics
    /// If the metadata is longer than [`METADATA_BYTES_MAX`].
    pub(super) fn encode(&self, file: &mut Vec<u8>) {
        assert!(self.metadata.len() <= METADATA_BYTES_MAX);
        let start = file.len();
        file.extend_from_slice(&MAGIC);
        file.extend_from_slice(&length(self.bytes()));
        file.extend_from_slice(&length(self.key.as_str().len()));
        file.extend_from_slice(&length(self.metadata.len()));
        file.extend_from_slice(&[class_code(self.class), 0, 0, 0]);
        file.extend_from_slice(&self.body_bytes.to_le_bytes());
        file.extend_from_slice(&self.sequence.to_le_bytes());
        file.extend_from_slice(self.key.as_str().as_bytes());
        file.extend_from_slice(&self.metadata);
        let sum = crc32c::crc32c(&file[start..]);
        file.extend_from_slice(&sum.to_le_bytes());
    }

    /// Reads a header from the first bytes of a file, which may go on behind it.
    ///
    /// Returns `None` if it is not whole and right.
    pub(super) fn decode(file: &[u8]) -> Option<Self> {
        let header = file.get(..Self::bytes_told(file)?)?;
        let (told, sum) = header.split_last_chunk::<SUM_BYTES>()?;
        if crc32c::crc32c(told) != u32::from_le_bytes(*sum) {
            return None;
        }
        let key_bytes = u32_at(told, 12)? as usize;
        let metadata_bytes = u32_at(told, 16)? as usize;
        let (key, metadata) = told.get(FIXED_BYTES..)?.split_at_checked(key_bytes)?;
        if metadata.len() != metadata_bytes {
            return None;
        }
        Some(Self {
            key: Key::new(str::from_utf8(key).ok()?)?,
            class: class_of(*told.get(20)?)?,
            metadata: Bytes::copy_from_slice(metadata),
            body_bytes: u64_at(told, 24)?,
            sequence: u64_at(told, 32)?,
        })
    }

    /// Bytes of the header that begins with `file`, by its own account, within the limits.
    pub(super) fn bytes_told(file: &[u8]) -> Option<usize> {
        let bytes = u32_at(file.strip_prefix(&MAGIC)?, 0)? as usize;
        (FIXED_BYTES + SUM_BYTES..=HEADER_BYTES_MAX)
            .contains(&bytes)
            .then_some(bytes)
    }

    /// Bytes of the encoded header.
    pub(super) fn bytes(&self) -> usize {
        FIXED_BYTES + self.key.as_str().len() + self.metadata.len() + SUM_BYTES
    }

    /// Bytes of the whole file, or `None` if no file can be so long.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        let pieces = self.body_bytes.div_ceil(PIECE_BYTES as u64);
        (self.bytes() as u64)
            .checked_add(self.body_bytes)?
            .checked_add(pieces.checked_add(1)?.checked_mul(SUM_BYTES as u64)?)
    }
}

/// The sums of the pieces of a body, taken while it is written.
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

/// Appends the trailer to `file`.
pub(super) fn encode_trailer(header_sum: u32, sums: &[u32], file: &mut Vec<u8>) {
    let start = file.len();
    file.extend(sums.iter().flat_map(|sum| sum.to_le_bytes()));
    let sum = crc32c::crc32c_append(header_sum_seed(header_sum), &file[start..]);
    file.extend_from_slice(&sum.to_le_bytes());
}

/// Reads a trailer. Returns `None` if it is damaged or belongs to another header.
pub(super) fn decode_trailer(header_sum: u32, trailer: &[u8]) -> Option<Box<[u32]>> {
    let (sums, sum) = trailer.split_last_chunk::<SUM_BYTES>()?;
    if crc32c::crc32c_append(header_sum_seed(header_sum), sums) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (sums, []) = sums.as_chunks::<SUM_BYTES>() else {
        return None;
    };
    Some(sums.iter().map(|&sum| u32::from_le_bytes(sum)).collect())
}

/// The sum at the end of an encoded header.
pub(super) fn header_sum(header: &[u8]) -> Option<u32> {
    header.last_chunk().map(|&sum| u32::from_le_bytes(sum))
}

fn header_sum_seed(header_sum: u32) -> u32 {
    crc32c::crc32c(&header_sum.to_le_bytes())
}

fn class_code(class: Class) -> u8 {
    match class {
        Class::Low => 0,
        Class::Medium => 1,
        Class::High => 2,
        Class::Live => 3,
    }
}

fn class_of(code: u8) -> Option<Class> {
    match code {
        0 => Some(Class::Low),
        1 => Some(Class::Medium),
        2 => Some(Class::High),
        3 => Some(Class::Live),
        _ => None,
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

    fn header() -> impl Strategy<Value = Header> {
        let class = (0..4_u8).prop_map(|code| class_of(code).unwrap());
        (
            "[ -~]{1,40}",
            class,
            vec(any::<u8>(), 0..100),
            any::<u64>(),
            any::<u64>(),
        )
            .prop_filter_map(
                "the key is fit",
                |(key, class, metadata, body_bytes, sequence)| {
                    Some(Header {
                        key: Key::new(&key)?,
                        class,
                        metadata: metadata.into(),
                        body_bytes,
                        sequence,
                    })
                },
            )
    }

    fn encoded(header: &Header) -> Vec<u8> {
        let mut file = Vec::new();
        header.encode(&mut file);
        file
    }

    #[test]
    fn a_header_is_laid_out_as_documented() {
        let header = Header {
            key: Key::new("/a").unwrap(),
            class: Class::Live,
            metadata: Bytes::from_static(b"xyz"),
            body_bytes: 0x0102,
            sequence: 7,
        };
        let mut expected = b"WEIRobj1\x31\0\0\0\x02\0\0\0\x03\0\0\0\x03\0\0\0".to_vec();
        expected.extend(b"\x02\x01\0\0\0\0\0\0\x07\0\0\0\0\0\0\0/axyz");
        let sum = crc32c::crc32c(&expected);
        expected.extend(sum.to_le_bytes());
        assert_eq!(encoded(&header), expected);
        assert_eq!(header.file_bytes(), Some(49 + 0x0102 + 4 + 4));
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

    #[test]
    fn the_sums_of_another_file_are_refused() {
        let mut trailer = Vec::new();
        encode_trailer(1, &[5, 6], &mut trailer);
        assert_eq!(decode_trailer(1, &trailer).as_deref(), Some(&[5, 6][..]));
        assert_eq!(decode_trailer(2, &trailer), None);
        assert_eq!(decode_trailer(1, &trailer[4..]), None);
        assert_eq!(decode_trailer(1, &[]), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(header in header(), after in vec(any::<u8>(), 0..9)) {
            let mut file = encoded(&header);
            prop_assert_eq!(file.len(), header.bytes());
            prop_assert_eq!(Header::bytes_told(&file), Some(header.bytes()));
            file.extend(after);
            prop_assert_eq!(Header::decode(&file), Some(header));
        }

        #[test]
        fn a_changed_byte_is_found(header in header(), at in any::<u16>(), mask in 1..=255_u8) {
            let mut file = encoded(&header);
            let at = usize::from(at) % file.len();
            file[at] ^= mask;
            prop_assert_eq!(Header::decode(&file), None);
        }

        #[test]
        fn no_bytes_are_too_strange(mut file in vec(any::<u8>(), 0..300), has_magic: bool) {
            if has_magic && file.len() >= MAGIC.len() {
                file[..MAGIC.len()].copy_from_slice(&MAGIC);
            }
            prop_assert_eq!(Header::decode(&file), None);
            prop_assert_eq!(decode_trailer(1, &file), None);
        }
    }
}
