//! What lies on the medium of a simulated disk, and what a power cut makes of it.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Generator, lock};

/// What a power cut keeps or loses as one: a page of the page cache.
const PAGE_BYTES: usize = 4096;

/// A file whatever its name, shared by its names and its open handles.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode(Arc<Mutex<Content>>);

impl Inode {
    pub(super) fn lock(&self) -> MutexGuard<'_, Content> {
        lock(&self.0)
    }
}

/// The body of a file, as it is read and as it would survive.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// What a read sees.
    pub(super) current: Image,
    /// What survives for certain.
    pub(super) durable: Image,
    /// What led from `durable` to `current`, in order.
    unsynced: Vec<Write>,
    /// Pages that a read must wait for.
    cold: Cold,
    /// Some name stands for it, so that it counts against the size of the disk.
    pub(super) is_linked: bool,
    /// Some handle holds the exclusive lock.
    pub(super) is_locked: bool,
}

/// The bytes of a file. What lies between those that were ever written and the end is zeros, and
/// takes no memory: a reserved file of many gigabytes costs what is written to it.
#[derive(Default)]
pub(super) struct Image {
    pub(super) written: Vec<u8>,
    bytes: usize,
}

impl Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Image({} bytes)", self.bytes)
    }
}

impl Image {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Fills as much of `buffer` as there is from `start` on. Returns how much that is.
    pub(super) fn read(&self, buffer: &mut [u8], start: usize) -> usize {
        let bytes = buffer.len().min(self.bytes.saturating_sub(start));
        let buffer = &mut buffer[..bytes];
        let written = self.written.get(start..).unwrap_or_default();
        let copied = written.len().min(bytes);
        buffer[..copied].copy_from_slice(&written[..copied]);
        buffer[copied..].fill(0);
        bytes
    }

    fn put(&mut self, bytes: &[u8], start: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = start + bytes.len();
        if self.written.len() < end {
            self.written.resize(end, 0);
        }
        self.written[start..end].copy_from_slice(bytes);
        self.bytes = self.bytes.max(end);
    }

    fn resize(&mut self, bytes: usize) {
        self.written.truncate(bytes);
        self.bytes = bytes;
    }
}

/// Pages that are not in memory: none of a file that was never forgotten.
#[derive(Debug, Default)]
enum Cold {
    #[default]
    None,
    These(BTreeSet<usize>),
    AllBut(BTreeSet<usize>),
}

impl Cold {
    fn holds(&self, page: usize) -> bool {
        match self {
            Self::None => false,
            Self::These(pages) => pages.contains(&page),
            Self::AllBut(pages) => !pages.contains(&page),
        }
    }

    fn warm(&mut self, pages: Range<usize>) {
        match self {
            Self::None => {}
            Self::These(cold) => cold.retain(|page| !pages.contains(page)),
            Self::AllBut(warm) => warm.extend(pages),
        }
    }

    fn cool(&mut self, page: usize) {
        match self {
            Self::None => *self = Self::These(BTreeSet::from([page])),
            Self::These(cold) => {
                cold.insert(page);
            }
            Self::AllBut(warm) => {
                warm.remove(&page);
            }
        }
    }
}

/// The pages that bytes lie in.
fn pages(start: usize, bytes: usize) -> Range<usize> {
    start / PAGE_BYTES..(start + bytes).div_ceil(PAGE_BYTES)
}

#[derive(Debug)]
struct Write {
    change: Change,
    /// A failed sync has passed over it: no later sync saves it.
    is_forgotten: bool,
}

#[derive(Debug)]
enum Change {
    Resize(usize),
    Put { start: usize, bytes: Vec<u8> },
}

impl Content {
    pub(super) const fn bytes(&self) -> usize {
        self.current.bytes()
    }

    pub(super) fn resize(&mut self, bytes: usize) {
        self.current.resize(bytes);
        self.unsynced.push(Write {
            change: Change::Resize(bytes),
            is_forgotten: false,
        });
    }

    /// Whether these bytes, as far as there are any, can be read without a wait.
    pub(super) fn is_resident(&self, start: usize, bytes: usize) -> bool {
        self.cold_pages(start, bytes) == 0
    }

    /// The pages that a read of these bytes, as far as there are any, must wait for.
    pub(super) fn cold_pages(&self, start: usize, bytes: usize) -> usize {
        let pages = pages(start, bytes.min(self.bytes().saturating_sub(start)));
        pages.filter(|page| self.cold.holds(*page)).count()
    }

    /// Notes that these bytes were read.
    pub(super) fn make_resident(&mut self, start: usize, bytes: usize) {
        self.cold.warm(pages(start, bytes));
    }

    /// Keeps none of these bytes in memory.
    pub(super) fn cool(&mut self, start: usize, bytes: usize) {
        for page in pages(start, bytes.min(self.bytes().saturating_sub(start))) {
            self.cold.cool(page);
        }
    }

    /// Keeps nothing in memory.
    pub(super) fn forget(&mut self) {
        self.cold = Cold::AllBut(BTreeSet::new());
    }

    /// Flips the lowest bit of a byte on the medium, which the next read finds. Returns false if
    /// there is no such byte.
    pub(super) fn rot(&mut self, offset: usize) -> bool {
        let Some(byte) = self.current.written.get_mut(offset) else {
            return false;
        };
        *byte ^= 1;
        if let Some(byte) = self.durable.written.get_mut(offset) {
            *byte ^= 1;
        }
        self.cold.cool(offset / PAGE_BYTES);
        true
    }

    pub(super) fn write(&mut self, bytes: &[u8], start: usize) {
        self.cold.warm(pages(start, bytes.len()));
        self.current.put(bytes, start);
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
    pub(super) fn cut_power(&mut self, random: &mut Generator) {
        let mut writes = std::mem::take(&mut self.unsynced);
        for last in (1..writes.len()).rev() {
            writes.swap(last, below(random, last + 1));
        }
        for write in writes {
            match random.below(3) {
                0 => {}
                1 => write.change.apply(&mut self.durable),
                _ => write.change.apply_torn(&mut self.durable, random),
            }
        }
        self.current.written.clone_from(&self.durable.written);
        self.current.bytes = self.durable.bytes;
        self.forget();
        self.is_locked = false;
        self.is_linked = true;
    }
}

impl Change {
    fn apply(&self, body: &mut Image) {
        match self {
            Self::Resize(bytes) => body.resize(*bytes),
            Self::Put { start, bytes } => body.put(bytes, *start),
        }
    }

    /// Applies each 4 KiB page of the file that the write touched, or does not.
    fn apply_torn(&self, body: &mut Image, random: &mut Generator) {
        let Self::Put { start, bytes } = self else {
            return self.apply(body);
        };
        let (mut start, mut rest) = (*start, bytes.as_slice());
        while !rest.is_empty() {
            let (page, after) = rest.split_at(rest.len().min(PAGE_BYTES - start % PAGE_BYTES));
            if coin(random) {
                body.put(page, start);
            }
            start += page.len();
            rest = after;
        }
    }
}

/// Draws an index below `bound`, or 0 if `bound` is 0.
pub(super) fn below(random: &mut Generator, bound: usize) -> usize {
    // What is drawn is below a usize.
    usize::try_from(random.below(bound as u64)).unwrap_or(0)
}

/// Draws yes or no.
pub(super) fn coin(random: &mut Generator) -> bool {
    random.below(2) == 0
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Access, Disk as _, sim::Disk};

    const PAGE: usize = super::PAGE_BYTES;

    fn write(disk: &Disk, name: &str, bytes: &[u8]) {
        let file = disk.open(Path::new(name), Access::ReadWrite);
        let file = file.or_else(|_missing| disk.open(Path::new(name), Access::Create));
        file.unwrap().write_at(bytes, 0).unwrap();
    }

    fn sync(disk: &Disk, name: &str) {
        let file = disk.open(Path::new(name), Access::Read).unwrap();
        file.sync().unwrap();
    }

    fn content(disk: &Disk, name: &str) -> Option<Vec<u8>> {
        let file = disk.open(Path::new(name), Access::Read).ok()?;
        let mut content = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
        file.read_at(&mut content, 0).unwrap();
        Some(content)
    }

    #[test]
    fn what_is_synced_with_its_name_survives_every_power_cut() {
        for seed in 0..50 {
            let disk = Disk::new(seed);
            write(&disk, "/a", &[1; 3 * PAGE]);
            sync(&disk, "/a");
            disk.sync_directory(Path::new("/")).unwrap();
            let after = disk.power_cut();
            assert_eq!(content(&after, "/a"), Some(vec![1; 3 * PAGE]), "{disk:?}");
            assert!(
                disk.kind(Path::new("/a")).is_err(),
                "the old machine is off"
            );
        }
    }

    #[test]
    fn an_unsynced_write_is_kept_dropped_or_torn_by_page() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let disk = Disk::new(seed);
            write(&disk, "/a", &[1; 2 * PAGE]);
            sync(&disk, "/a");
            disk.sync_directory(Path::new("/")).unwrap();
            write(&disk, "/a", &[2; 2 * PAGE]);
            let after = content(&disk.power_cut(), "/a").unwrap();
            let (first, second) = after.split_at(PAGE);
            assert!(first.iter().all(|byte| *byte == first[0]), "{disk:?}");
            assert!(second.iter().all(|byte| *byte == second[0]), "{disk:?}");
            outcomes.insert((first[0], second[0]));
        }
        assert_eq!(Vec::from_iter(outcomes), [(1, 1), (1, 2), (2, 1), (2, 2)]);
    }

    #[test]
    fn an_unsynced_name_may_be_undone() {
        let survivors = (0..200).filter(|&seed| {
            let disk = Disk::new(seed);
            write(&disk, "/new", b"body");
            sync(&disk, "/new");
            disk.rename(Path::new("/new"), Path::new("/final")).unwrap();
            content(&disk.power_cut(), "/final").is_some_and(|body| body == b"body")
        });
        assert!((50..150).contains(&survivors.count()));
    }

    #[test]
    fn a_write_that_a_failed_sync_passed_over_stays_in_danger() {
        let losses = (0..200).filter(|&seed| {
            let disk = Disk::new(seed);
            write(&disk, "/a", b"body");
            disk.inject(super::super::Call::Sync, super::super::Fault::Once(1));
            let file = disk.open(Path::new("/a"), Access::Read).unwrap();
            file.sync().unwrap_err();
            file.sync().unwrap();
            disk.sync_directory(Path::new("/")).unwrap();
            content(&disk.power_cut(), "/a").unwrap() != b"body"
        });
        assert!(losses.count() > 20);
    }
}
