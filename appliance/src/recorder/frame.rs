//! Blocks one behind the other, each behind a head by which it is found and checked; pure.
//!
//! ```text
//! 0   "WEIRREC1"
//! 8   bytes behind the head, 32 bits, least significant byte first
//! 12  CRC-32C of all behind it, 32 bits
//! 16  time of the first sample, in milliseconds since 1970, 64 bits
//! 24  the block
//! ```
//!
//! What is damaged is passed over: the next head is looked for.

use super::{Block, block::COMPRESSED_BYTES_MAX};

/// What a head begins with.
const MAGIC: &[u8; 8] = b"WEIRREC1";

/// Bytes of a head.
const HEAD_BYTES: usize = 24;

/// Where the checksum begins to count.
const CHECKED: usize = 16;

/// Bytes of a block with its head.
pub(super) const FRAME_BYTES_MAX: usize = HEAD_BYTES + COMPRESSED_BYTES_MAX;

/// Heads whose blocks are damaged; behind so many nothing is looked for any more, for each costs a
/// checksum. A day has 1,440 blocks.
const DAMAGED_MAX: u64 = 1_440;

/// Writes `block`, which must not be empty, with its head.
pub(super) fn to_frame(block: &Block) -> Vec<u8> {
    let compressed = block.encode();
    let length = u32::try_from(compressed.len()).expect("a block has a few MiB at most");
    let start_ms = block.times_ms().first().copied().unwrap_or_default();
    let mut frame = Vec::with_capacity(HEAD_BYTES + compressed.len());
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&start_ms.to_le_bytes());
    frame.extend_from_slice(&compressed);
    let checksum = crc32c::crc32c(&frame[CHECKED..]);
    frame[CHECKED - 4..CHECKED].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// Reads a block with its head, as [`Frames`] gives it.
pub(super) fn block_of(frame: &[u8]) -> Option<Block> {
    let (head, compressed) = frame.split_first_chunk::<HEAD_BYTES>()?;
    let (_, start_ms) = head.split_last_chunk::<8>()?;
    Block::decode(u64::from_le_bytes(*start_ms), compressed)
}

/// The blocks in some bytes, with their heads, whose checksums are right.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    whole_until: usize,
    damaged_bytes: u64,
    damaged: u64,
}

impl<'a> Frames<'a> {
    /// Looks through `bytes`.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            whole_until: 0,
            damaged_bytes: 0,
            damaged: 0,
        }
    }

    /// Bytes passed over so far because they are no blocks.
    pub const fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    /// Where the last block that was found ends.
    pub(super) const fn whole_until(&self) -> usize {
        self.whole_until
    }

    /// The blocks themselves. One that does not decode is left out.
    pub fn blocks(self) -> impl Iterator<Item = Block> + use<'a> {
        self.filter_map(block_of)
    }

    /// Goes to the next head behind the present place, or to the end.
    fn skip(&mut self) {
        let from = self.at;
        let rest = self.bytes.get(from + 1..).unwrap_or_default();
        let found = memchr::memmem::find(rest, MAGIC);
        let found = found.filter(|_| self.damaged < DAMAGED_MAX);
        self.at = found.map_or(self.bytes.len(), |offset| from + 1 + offset);
        self.damaged_bytes += (self.at - from) as u64;
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.bytes.len() {
            let (_, rest) = self.bytes.split_at(self.at);
            if let Some(frame) = whole(rest) {
                self.at += frame.len();
                self.whole_until = self.at;
                return Some(frame);
            }
            self.damaged += u64::from(rest.starts_with(MAGIC));
            self.skip();
        }
        None
    }
}

/// The block that `bytes` begin with, if its checksum is right.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (checksum, _) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > COMPRESSED_BYTES_MAX {
        return None;
    }
    let frame = bytes.get(..HEAD_BYTES + length)?;
    let counted = crc32c::crc32c(frame.get(CHECKED..)?);
    (counted == u32::from_le_bytes(*checksum)).then_some(frame)
}
