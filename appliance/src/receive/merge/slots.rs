//! Room for datagrams that wait, reserved with the first: most sources never need it.

use weir_hal::{Monotonic, Wall};

/// When a datagram came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arrival {
    /// The turn that it was taken in.
    pub now: Monotonic,
    /// When the kernel received it.
    pub received: Wall,
}

/// Longest payload that can wait: what an Ethernet frame of 1,500 bytes has room for.
pub(super) const SLOT_BYTES: usize = 1_472;

/// The place of one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// So many datagrams. Those that were given back last are taken first, so that memory is touched
/// as far as it was ever needed.
#[derive(Debug)]
pub(super) struct Slots {
    storage: Box<[u8]>,
    waiting: Box<[Waiting]>,
    free: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    bytes: usize,
    arrival: Arrival,
}

impl Slots {
    pub(super) fn new(capacity: usize) -> Self {
        let last = u32::try_from(capacity).expect("a few thousand");
        Self {
            storage: Box::default(),
            waiting: vec![Waiting::default(); capacity].into_boxed_slice(),
            free: (0..last).rev().map(Slot).collect(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Copies `bytes` in. `None` when there is no room, or they are too long.
    pub(super) fn take(&mut self, bytes: &[u8], arrival: Arrival) -> Option<Slot> {
        if bytes.len() > SLOT_BYTES {
            return None;
        }
        if self.storage.is_empty() {
            self.storage = vec![0; self.waiting.len() * SLOT_BYTES].into_boxed_slice();
        }
        let slot = self.free.pop()?;
        let start = slot.index() * SLOT_BYTES;
        self.storage[start..start + bytes.len()].copy_from_slice(bytes);
        self.waiting[slot.index()] = Waiting {
            bytes: bytes.len(),
            arrival,
        };
        Some(slot)
    }

    pub(super) fn bytes(&self, slot: Slot) -> &[u8] {
        let start = slot.index() * SLOT_BYTES;
        &self.storage[start..start + self.waiting[slot.index()].bytes]
    }

    pub(super) fn arrival(&self, slot: Slot) -> Arrival {
        self.waiting[slot.index()].arrival
    }

    pub(super) fn give_back(&mut self, slot: Slot) {
        self.free.push(slot);
    }
}

impl Slot {
    fn index(self) -> usize {
        usize::try_from(self.0).expect("a few thousand")
    }
}
