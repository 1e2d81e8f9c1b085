//! What lies on the medium of a simulated disk, and what a power cut makes of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a power cut keeps or loses as one: a page of the page cache.
const PAGE_BYTES: usize = 4096;

/// A file whatever its name, shared by its names and its open handles.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode(Arc<Mutex<Content>>);

impl Inode {
    pub(super) fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a file, as it is read and as it would survive.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// What a read sees.
    pub(super) current: Vec<u8>,
    /// What survives for certain.
    pub(super) durable: Vec<u8>,
    /// What led from `durable` to `current`, in order.
    unsynced: Vec<Write>,
    /// Some name stands for it, so that it counts against the size of the disk.
    pub(super) is_linked: bool,
    /// Some handle holds the exclusive lock.
    pub(super) is_locked: bool,
}

#[derive(Debug)]
struct Write {
    change: Change,
    /// A failed sync has passed over it: no later sync saves it.
    is_forgotten: bool,
}

#[derive(Debug)]
enum Change {
    Truncate,
    Put { start: usize, bytes: Vec<u8> },
}

impl Content {
    pub(super) fn truncate(&mut self) {
        self.current.clear();
        self.unsynced.push(Write {
            change: Change::Truncate,
            is_forgotten: false,
        });
    }

    pub(super) fn write(&mut self, bytes: &[u8], start: usize) {
        put(&mut self.current, bytes, start);
        self.unsynced.push(Write {
            change: Change::Put {
                start,
                bytes: bytes.to_vec(),
            },
            is_forgotten: false,
        });
    }

    /// Makes what was written durable, or, if the device fails, puts it in lasting danger.
    pub(super) fn sync(&mut self, succeeds: bool) {
        for write in std::mem::take(&mut self.unsynced) {
            if succeeds && !write.is_forgotten {
                write.change.apply(&mut self.durable);
            } else {
                self.unsynced.push(Write {
                    is_forgotten: true,
                    ..write
                });
            }
        }
    }

    /// Keeps, drops or tears each unsynced write, in random order.
    pub(super) fn cut_power(&mut self, random: &mut Random) {
        let mut writes = std::mem::take(&mut self.unsynced);
        for last in (1..writes.len()).rev() {
            writes.swap(last, random.below(last + 1));
        }
        for write in writes {
            match random.below(3) {
                0 => {}
                1 => write.change.apply(&mut self.durable),
                _ => write.change.apply_torn(&mut self.durable, random),
            }
        }
        self.current.clone_from(&self.durable);
        self.is_locked = false;
        self.is_linked = true;
    }
}

impl Change {
    fn apply(&self, body: &mut Vec<u8>) {
        match self {
            Self::Truncate => body.clear(),
            Self::Put { start, bytes } => put(body, bytes, *start),
        }
    }

    /// Applies each 4 KiB page of the file that the write touched, or does not.
    fn apply_torn(&self, body: &mut Vec<u8>, random: &mut Random) {
        let Self::Put { start, bytes } = self else {
            return self.apply(body);
        };
        let (mut start, mut rest) = (*start, bytes.as_slice());
        while !rest.is_empty() {
            let (page, after) = rest.split_at(rest.len().min(PAGE_BYTES - start % PAGE_BYTES));
            if random.coin() {
                put(body, page, start);
            }
            start += page.len();
            rest = after;
        }
    }
}

fn put(body: &mut Vec<u8>, bytes: &[u8], start: usize) {
    let end = start + bytes.len();
    if body.len() < end && !bytes.is_empty() {
        body.resize(end, 0);
    }
    if !bytes.is_empty() {
        body[start..end].copy_from_slice(bytes);
    }
}

/// `SplitMix64` (Steele, Lea, Flood, 2014): small, seeded, good enough to choose accidents.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() & 1 == 0
    }
}
