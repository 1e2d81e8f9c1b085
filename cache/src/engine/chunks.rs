//! Bytes of an object that are not on disk yet, as their writer gave them.

use bytes::Bytes;

use super::ledger::Charge;

/// Charged for each chunk beyond its bytes, so that a trickle of single bytes is bounded.
const CHUNK_OVERHEAD_BYTES: usize = 64;
/// What a part on disk still takes in memory while its object is in use; paid for by its chunks.
const PART_OVERHEAD_BYTES: usize = 512;

/// Bytes of an object in memory, paid for as long as they are held.
#[derive(Debug)]
pub(super) struct Chunks {
    /// Non-empty chunks, each with the offset of its end.
    chunks: Vec<(u64, Bytes)>,
    charge: Charge,
}

impl Chunks {
    /// No bytes yet, paid for by `charge`.
    pub(super) const fn new(charge: Charge) -> Self {
        Self {
            chunks: Vec::new(),
            charge,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.chunks.last().map_or(0, |(end, _)| *end)
    }

    /// The chunks in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.chunks.iter().map(|(_, bytes)| bytes)
    }

    /// The rest of the chunk that holds `offset`.
    pub(super) fn at(&self, offset: u64) -> Option<Bytes> {
        let index = self.chunks.partition_point(|(end, _)| *end <= offset);
        let (end, bytes) = self.chunks.get(index)?;
        // What is left of the chunk fits a usize because the chunk does.
        let left = usize::try_from(end - offset).ok()?;
        Some(bytes.slice(bytes.len() - left..))
    }

    /// Adds bytes at the end. Returns false, and adds nothing, if memory is full.
    pub(super) fn push(&mut self, bytes: Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let is_taken = self
            .charge
            .grow((bytes.len() + CHUNK_OVERHEAD_BYTES) as u64);
        if is_taken {
            self.chunks.push((self.bytes() + bytes.len() as u64, bytes));
        }
        is_taken
    }

    /// Takes the first chunks off, at most `bytes_max` bytes, with what was paid for them.
    pub(super) fn cut(&mut self, bytes_max: u64) -> Self {
        let count = self.chunks.partition_point(|(end, _)| *end <= bytes_max);
        let later = self.chunks.split_off(count);
        let mut front = std::mem::replace(&mut self.chunks, later);
        if let (true, Some((_, long))) = (front.is_empty(), self.chunks.first_mut()) {
            let bytes = long.split_to(usize::try_from(bytes_max).unwrap_or(long.len()));
            front.push((bytes_max, bytes));
        }
        let bytes = front.last().map_or(0, |(end, _)| *end);
        for (end, _) in &mut self.chunks {
            *end -= bytes;
        }
        let overhead = (count * CHUNK_OVERHEAD_BYTES).saturating_sub(PART_OVERHEAD_BYTES);
        Self {
            chunks: front,
            charge: self.charge.split(bytes + overhead as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ledger::Ledger;

    #[test]
    fn what_is_cut_off_takes_what_was_paid_for_it_along() {
        let ledger = Ledger::new(1_000_000);
        let charge = ledger.memory.reserve(1_000).unwrap();
        let mut chunks = Chunks::new(charge);
        for _ in 0..100 {
            assert!(chunks.push(Bytes::from_static(&[7; 100])));
        }
        assert_eq!(ledger.memory.used(), 1_000 + 100 * 164);
        // Whole chunks, as long as there are any.
        let front = chunks.cut(4_050);
        assert_eq!((front.bytes(), chunks.bytes()), (4_000, 6_000));
        assert_eq!(front.iter().count(), 40);
        assert_eq!(chunks.at(5_950).unwrap().len(), 50);
        assert!(chunks.at(6_000).is_none());
        drop(front);
        assert_eq!(ledger.memory.used(), 1_000 + 60 * 164 + 512);
        // A chunk that is longer than a part is cut itself.
        let front = chunks.cut(30);
        assert_eq!((front.bytes(), chunks.bytes()), (30, 5_970));
        drop((front, chunks));
        assert_eq!(ledger.memory.used(), 0);
    }
}
