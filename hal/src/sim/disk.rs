//! A disk in memory that tells the truth about durability.
//!
//! Every file keeps two bodies: what a read sees, and what is on the platter. [`power_cut`] puts
//! an end to the running machine and returns the disk that the next one finds: each write that
//! was not synced is kept, dropped or torn (some of its 4 KiB pages are kept), in random order,
//! and each creation, rename or removal that was not followed by a sync of its directory may be
//! undone, whatever happened to the others. Syncing a file does not make its name durable.
//!
//! After a sync that failed, the writes it was to cover stay in danger even if a later sync
//! succeeds, as on Linux, which reports a lost page once and forgets it.
//!
//! Reads come from memory, and never fail or hang, as long as the page was written or read since
//! the machine was switched on and was not forgotten since. A view shows what was there when it
//! was taken.
//!
//! Refuses: links, permissions and partial reads. Block devices are played by regular files.
//!
//! [`power_cut`]: Disk::power_cut

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::{
    Generator, lock,
    platter::{Inode, below},
    tree::{NameChange, Node, State},
};
use crate::{Access, DirectoryEntry, DiskUsage, Error, FileKind};

/// The kinds of call that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`crate::File::read_at`], of what is not in memory.
    Read,
    /// [`crate::File::write_at`], which then leaves a random prefix behind.
    Write,
    /// [`crate::File::sync`] and [`crate::Disk::sync_directory`].
    Sync,
}

/// Which calls fail, counted from 1 for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The Nth call alone.
    Once(u64),
    /// The Nth call and all that follow.
    ForEver(u64),
}

/// A file system in memory. Clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    seed: u64,
    state: Arc<Mutex<State>>,
    gate: Arc<Gate>,
}

/// Where calls wait while the device hangs.
#[derive(Debug, Default)]
struct Gate {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let is_shut = lock(&self.is_shut);
        let opened = self.opened.wait_while(is_shut, |is_shut| *is_shut);
        drop(opened.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Disk {
    /// An empty disk of 4 GiB whose accidents are chosen by `seed`.
    pub fn new(seed: u64) -> Self {
        let names = BTreeMap::from([(PathBuf::from("/"), Node::Directory)]);
        Self::with_names(seed, Generator::new(seed), names)
    }

    /// Ends this machine and returns the disk as the next one finds it.
    ///
    /// From now on every call on this disk and its open files fails.
    #[must_use]
    pub fn power_cut(&self) -> Self {
        let mut state = self.lock();
        state.is_powered = false;
        let names = state.names_after_power_cut();
        for node in names.values() {
            if let Node::File(inode) = node {
                inode.lock().cut_power(&mut state.random);
            }
        }
        Self::with_names(self.seed, state.random.clone(), names)
    }

    /// Makes calls of one kind fail with EIO, in place of what was planned for them before.
    pub fn inject(&self, call: Call, fault: Fault) {
        self.lock().faults.insert(call, fault);
    }

    /// Forgets all that was planned by [`Disk::inject`].
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// Leaves room for `bytes` more; what does not fit fails with kind `StorageFull`.
    pub fn set_bytes_free(&self, bytes: u64) {
        let mut state = self.lock();
        state.bytes_total = state.bytes_used.saturating_add(bytes);
    }

    /// Flips the lowest bit of one byte of a file, as a failing medium does. Its page is not in
    /// memory any more, or it could not be met.
    ///
    /// Returns false if there is no such byte.
    pub fn rot(&self, path: &Path, offset: usize) -> bool {
        let state = self.lock();
        match state.names.get(path) {
            Some(Node::File(inode)) => inode.lock().rot(offset),
            Some(Node::Directory) | None => false,
        }
    }

    /// Keeps nothing of any file in memory: every read has to wait for the device again.
    pub fn forget(&self) {
        for node in self.lock().names.values() {
            if let Node::File(inode) = node {
                inode.lock().forget();
            }
        }
    }

    /// Makes every read of the device, and every look at its fill, hang until [`Disk::resume`].
    /// What is in memory is still read at once.
    pub fn hang(&self) {
        *lock(&self.gate.is_shut) = true;
    }

    /// Lets all reads that hang go on.
    pub fn resume(&self) {
        *lock(&self.gate.is_shut) = false;
        self.gate.opened.notify_all();
    }

    /// Bytes that reads have had to wait for since the machine was switched on.
    pub fn bytes_read(&self) -> u64 {
        self.lock().bytes_read
    }

    /// Pages of 4 KiB that came into memory by reads since the machine was switched on: what is
    /// read again while it stays there is not counted again.
    pub fn pages_read(&self) -> u64 {
        self.lock().pages_read
    }

    fn with_names(seed: u64, random: Generator, names: BTreeMap<PathBuf, Node>) -> Self {
        let state = State::new(random, names);
        Self {
            seed,
            state: Arc::new(Mutex::new(state)),
            gate: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Runs one act on a machine that still has power.
    fn act<T>(
        &self,
        act: &'static str,
        path: &Path,
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        let outcome = if state.is_powered {
            run(&mut state)
        } else {
            Err(io::Error::other("the power is off"))
        };
        outcome.map_err(|source| Error::Disk {
            act,
            path: path.to_owned(),
            source,
        })
    }
}

impl Debug for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Disk")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl crate::Disk for Disk {
    fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn crate::File>, Error> {
        let inode = self.act("open", path, |state| match access {
            Access::Read | Access::ReadWrite => state.file(path),
            Access::CreateOrKeep if state.names.contains_key(path) => state.file(path),
            Access::Create | Access::CreatePrivate | Access::CreateOrKeep => state.create(path),
        })?;
        Ok(Arc::new(File {
            disk: self.clone(),
            path: path.to_owned(),
            inode,
            holds_lock: Mutex::new(false),
        }))
    }

    fn create_directory(&self, path: &Path) -> Result<(), Error> {
        self.act("create directory", path, |state| {
            let mut parents: Vec<&Path> = path.ancestors().collect();
            parents.reverse();
            for path in parents {
                match state.names.get(path) {
                    Some(Node::Directory) => {}
                    Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                    None => state.change_name(NameChange::Set(path.into(), Node::Directory)),
                }
            }
            Ok(())
        })
    }

    fn kind(&self, path: &Path) -> Result<FileKind, Error> {
        self.act("look at", path, |state| state.node(path).map(Node::kind))
    }

    fn list(&self, path: &Path) -> Result<Vec<DirectoryEntry>, Error> {
        self.act("list", path, |state| {
            if state.node(path)?.kind() != FileKind::Directory {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            let entries = state.names.iter();
            Ok(entries
                .filter(|(name, _)| name.parent() == Some(path))
                .map(|(name, node)| DirectoryEntry {
                    path: name.clone(),
                    kind: node.kind(),
                    bytes: node.bytes(),
                })
                .collect())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.act("rename", from, |state| {
            let inode = state.file(from)?;
            state.check_parent(to)?;
            state.unlink_if_there(to)?;
            state.change_name(NameChange::Move(from.into(), to.into(), inode));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.act("remove", path, |state| {
            state.file(path)?;
            state.unlink_if_there(path)?;
            state.change_name(NameChange::Remove(path.into()));
            Ok(())
        })
    }

    fn remove_directory(&self, path: &Path) -> Result<(), Error> {
        self.act("remove directory", path, |state| {
            if state.node(path)?.kind() != FileKind::Directory {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            let is_parent = |name: &PathBuf| name.parent() == Some(path);
            if state.names.keys().any(is_parent) {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            state.change_name(NameChange::Remove(path.into()));
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> Result<(), Error> {
        self.act("sync", path, |state| {
            state.node(path)?;
            state.meet_fault(Call::Sync)?;
            let changes = std::mem::take(&mut state.name_changes);
            let (synced, unsynced) = changes.into_iter().partition(|change| change.is_in(path));
            state.name_changes = unsynced;
            let synced: Vec<NameChange> = synced;
            for change in synced {
                change.apply(&mut state.names_durable);
            }
            Ok(())
        })
    }

    fn usage(&self, path: &Path) -> Result<DiskUsage, Error> {
        self.gate.pass();
        self.act("take the fill of", path, |state| {
            state.node(path)?;
            Ok(DiskUsage {
                bytes_total: state.bytes_total,
                bytes_free: state.bytes_free(),
            })
        })
    }
}

/// An open file.
#[derive(Debug)]
struct File {
    disk: Disk,
    path: PathBuf,
    inode: Inode,
    holds_lock: Mutex<bool>,
}

impl File {
    /// Whether a read of what there is of a range comes from memory.
    fn is_warm(&self, offset: u64, bytes: usize) -> Result<bool, Error> {
        self.disk.act("probe", &self.path, |_| {
            Ok(self.inode.lock().is_resident(index(offset)?, bytes))
        })
    }
}

impl crate::File for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        if !self.is_warm(offset, buffer.len())? {
            self.disk.gate.pass();
        }
        self.disk.act("read", &self.path, |state| {
            let start = index(offset)?;
            let mut content = self.inode.lock();
            let cold_pages = content.cold_pages(start, buffer.len());
            if cold_pages > 0 {
                state.meet_fault(Call::Read)?;
                state.bytes_read += buffer.len() as u64;
                state.pages_read += cold_pages as u64;
            }
            let filled = content.current.read(buffer, start);
            content.make_resident(start, filled);
            Ok(filled)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        self.disk.act("write", &self.path, |state| {
            let fault = state.meet_fault(Call::Write);
            let wanted = if fault.is_ok() {
                bytes.len()
            } else {
                below(&mut state.random, bytes.len())
            };
            let start = index(offset)?;
            let mut content = self.inode.lock();
            // Room is taken by growth alone.
            let room = content.bytes().max(start) as u64 + state.bytes_free();
            let fitting = wanted.min(usize::try_from(room).unwrap_or(usize::MAX) - start);
            let bytes_before = content.bytes();
            content.write(&bytes[..fitting], start);
            if content.is_linked {
                state.bytes_used += (content.bytes() - bytes_before) as u64;
            }
            fault?;
            if fitting < wanted {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        })
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> Result<(), Error> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        self.write_at(&parts.concat(), offset)
    }

    fn begin_sync(&self, _offset: u64, _bytes: u64) {
        // What gets onto the platter before a sync is chance here.
    }

    fn sync(&self) -> Result<(), Error> {
        self.disk.act("sync", &self.path, |state| {
            let fault = state.meet_fault(Call::Sync);
            self.inode.lock().sync(fault.is_ok());
            fault
        })
    }

    fn read_resident_at(&self, buffer: &mut [u8], offset: u64) -> Result<bool, Error> {
        if !self.is_warm(offset, buffer.len())? {
            return Ok(false);
        }
        let bytes = self.read_at(buffer, offset)?;
        Ok(bytes == buffer.len())
    }

    fn is_resident(&self, offset: u64, bytes: usize) -> Result<bool, Error> {
        let end = offset.saturating_add(bytes as u64);
        Ok(end <= self.bytes()? && self.is_warm(offset, bytes)?)
    }

    fn view(&self, offset: u64, bytes: usize) -> Result<Bytes, Error> {
        self.disk.act("map", &self.path, |_| {
            let content = self.inode.lock();
            let end = offset.saturating_add(bytes as u64);
            if end > content.bytes() as u64 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut view = vec![0; bytes];
            content.current.read(&mut view, index(offset)?);
            Ok(view.into())
        })
    }

    /// What is being sent was copied when it was handed over. The range is left as zeros, which
    /// are as much in danger of a power cut as any write.
    fn detach(&self, offset: u64, bytes: u64) -> Result<(), Error> {
        self.disk.act("detach", &self.path, |_| {
            let start = index(offset)?;
            let mut content = self.inode.lock();
            let end = index(offset.saturating_add(bytes))?.min(content.bytes());
            content.write(&vec![0; end.saturating_sub(start)], start);
            Ok(())
        })
    }

    fn advise_random(&self) {}

    fn forget(&self, offset: u64, bytes: u64) {
        let end = offset.saturating_add(bytes);
        if let (Ok(start), Ok(end)) = (index(offset), index(end)) {
            self.inode.lock().cool(start, end - start);
        }
    }

    fn resize(&self, bytes: u64) -> Result<(), Error> {
        self.disk.act("resize", &self.path, |state| {
            let mut content = self.inode.lock();
            let (before, after) = (content.bytes(), index(bytes)?);
            let more = after.saturating_sub(before) as u64;
            if content.is_linked && more > state.bytes_free() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            content.resize(after);
            if content.is_linked {
                state.bytes_used = state.bytes_used - before as u64 + after as u64;
            }
            Ok(())
        })
    }

    fn bytes(&self) -> Result<u64, Error> {
        self.disk.act("measure", &self.path, |_| {
            Ok(self.inode.lock().bytes() as u64)
        })
    }

    fn lock_exclusive(&self) -> Result<(), Error> {
        self.disk.act("lock", &self.path, |_| {
            let mut holds_lock = lock(&self.holds_lock);
            let mut content = self.inode.lock();
            if content.is_locked && !*holds_lock {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            content.is_locked = true;
            *holds_lock = true;
            Ok(())
        })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // A handle of a machine that lost power has nothing to say on the next one.
        if self.disk.lock().is_powered && *lock(&self.holds_lock) {
            self.inode.lock().is_locked = false;
        }
    }
}

/// Offsets at which no file of this size can end are refused as Linux refuses them.
fn index(offset: u64) -> io::Result<usize> {
    match usize::try_from(offset) {
        Ok(offset) if offset <= usize::MAX / 2 => Ok(offset),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
