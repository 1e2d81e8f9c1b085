//! Bytes of the open segment that are not handed on yet, and marks into them.
//!
//! Packets are copied once, into a chunk; a chunk leaves as [`Bytes`] without another copy. What
//! follows a mark is held back until it is known on which side of a cut it falls.

use bytes::{Buf, Bytes, BytesMut};
use weir_hal::Wall;

use crate::demux::{PACKET_BYTES, Packet};

/// Bytes handed on at once: as many packets as fit 256 KiB.
pub(super) const CHUNK_BYTES: usize = 256 * 1024 / PACKET_BYTES * PACKET_BYTES;

/// A place in the stream of pending bytes where a segment could begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Bytes that have gone in before it since the beginning.
    pub(super) position: u64,
    /// When its first packet was received.
    pub(super) now: Wall,
}

/// The bytes between those handed on and those still to come.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: BytesMut,
    /// Position of the first byte.
    start: u64,
}

impl Pending {
    /// Appends one packet.
    pub(super) fn push(&mut self, packet: Packet<'_>) {
        self.writer().extend_from_slice(packet.bytes());
    }

    /// The end of the bytes, with room for a few packets, for writing whole packets behind it.
    pub(super) fn writer(&mut self) -> &mut BytesMut {
        if self.bytes.capacity() - self.bytes.len() < PACKET_BYTES {
            self.bytes.reserve(CHUNK_BYTES);
        }
        &mut self.bytes
    }

    /// Position of the first byte.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Position behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Forgets all bytes and tells how many packets they were.
    pub(super) fn discard(&mut self) -> u64 {
        let packets = self.bytes.len() / PACKET_BYTES;
        self.start = self.end();
        self.bytes.clear();
        packets as u64
    }

    /// Forgets the bytes before `position` and tells how many packets they were.
    pub(super) fn discard_before(&mut self, position: u64) -> u64 {
        let bytes = self.bytes_before(position);
        self.bytes.advance(bytes);
        self.start += bytes as u64;
        (bytes / PACKET_BYTES) as u64
    }

    /// Takes the next chunk out of the bytes before `position`; `None` when none are left.
    pub(super) fn take_before(&mut self, position: u64) -> Option<Bytes> {
        let bytes = self.bytes_before(position).min(CHUNK_BYTES);
        if bytes == 0 {
            return None;
        }
        self.start += bytes as u64;
        Some(self.bytes.split_to(bytes).freeze())
    }

    fn bytes_before(&self, position: u64) -> usize {
        let before = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        before.min(self.bytes.len())
    }
}
