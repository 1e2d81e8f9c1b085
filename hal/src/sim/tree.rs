//! The names on a simulated disk, its room and the faults that wait in it.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    Generator,
    disk::{Call, Fault},
    platter::{Inode, coin},
};
use crate::FileKind;

/// Room on a new disk, so that a runaway test meets "full" before the machine's memory ends.
const BYTES_TOTAL: u64 = 4 << 30;
/// Linux's number for an input/output error.
const EIO: i32 = 5;

/// All of one disk but the bodies of its files.
#[derive(Debug)]
pub(super) struct State {
    pub(super) is_powered: bool,
    pub(super) random: Generator,
    pub(super) names: BTreeMap<PathBuf, Node>,
    pub(super) names_durable: BTreeMap<PathBuf, Node>,
    /// What led from `names_durable` to `names`, in order.
    pub(super) name_changes: Vec<NameChange>,
    pub(super) faults: BTreeMap<Call, Fault>,
    pub(super) bytes_total: u64,
    /// Bytes of all files that have a name.
    pub(super) bytes_used: u64,
    /// Bytes of all reads that had to wait for the device.
    pub(super) bytes_read: u64,
    /// Pages that these reads brought into memory.
    pub(super) pages_read: u64,
}

impl State {
    /// A machine that has just been switched on.
    pub(super) fn new(random: Generator, names: BTreeMap<PathBuf, Node>) -> Self {
        Self {
            is_powered: true,
            random,
            bytes_used: names.values().map(Node::bytes).sum(),
            names_durable: names.clone(),
            names,
            name_changes: Vec::new(),
            faults: BTreeMap::new(),
            bytes_total: BYTES_TOTAL,
            bytes_read: 0,
            pages_read: 0,
        }
    }

    pub(super) fn node(&self, path: &Path) -> io::Result<&Node> {
        let node = self.names.get(path);
        node.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<Inode> {
        match self.node(path)? {
            Node::File(inode) => Ok(inode.clone()),
            Node::Directory => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<Inode> {
        if self.names.contains_key(path) {
            let inode = self.file(path)?;
            let mut content = inode.lock();
            self.bytes_used -= content.bytes() as u64;
            content.resize(0);
            drop(content);
            return Ok(inode);
        }
        self.check_parent(path)?;
        let inode = Inode::default();
        inode.lock().is_linked = true;
        self.change_name(NameChange::Set(path.into(), Node::File(inode.clone())));
        Ok(inode)
    }

    pub(super) fn check_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent().map(|parent| self.node(parent)).transpose()? {
            Some(Node::Directory) => Ok(()),
            Some(Node::File(_)) | None => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Gives back the room of the file behind `path`, which is about to lose that name.
    pub(super) fn unlink_if_there(&mut self, path: &Path) -> io::Result<()> {
        if self.names.contains_key(path) {
            let inode = self.file(path)?;
            let mut content = inode.lock();
            content.is_linked = false;
            self.bytes_used -= content.bytes() as u64;
        }
        Ok(())
    }

    pub(super) fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    pub(super) fn bytes_free(&self) -> u64 {
        self.bytes_total.saturating_sub(self.bytes_used)
    }

    pub(super) fn meet_fault(&mut self, call: Call) -> io::Result<()> {
        let Some(fault) = self.faults.get_mut(&call) else {
            return Ok(());
        };
        let (Fault::Once(calls) | Fault::ForEver(calls)) = fault;
        *calls = calls.saturating_sub(1);
        if *calls > 0 {
            return Ok(());
        }
        if matches!(fault, Fault::Once(_)) {
            self.faults.remove(&call);
        }
        Err(io::Error::from_raw_os_error(EIO))
    }

    pub(super) fn names_after_power_cut(&mut self) -> BTreeMap<PathBuf, Node> {
        let mut names = self.names_durable.clone();
        for change in &self.name_changes {
            if coin(&mut self.random) {
                change.apply(&mut names);
            }
        }
        // Parents come before children, so an orphan of an orphan is found as well.
        for path in names.keys().cloned().collect::<Vec<_>>() {
            if path
                .parent()
                .is_some_and(|parent| !names.contains_key(parent))
            {
                names.remove(&path);
            }
        }
        names
    }
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Directory,
    File(Inode),
}

impl Node {
    pub(super) fn kind(&self) -> FileKind {
        match self {
            Self::Directory => FileKind::Directory,
            Self::File(_) => FileKind::Regular,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Directory => 0,
            Self::File(inode) => inode.lock().bytes() as u64,
        }
    }
}

/// One act on directories.
#[derive(Debug)]
pub(super) enum NameChange {
    Set(PathBuf, Node),
    Move(PathBuf, PathBuf, Inode),
    Remove(PathBuf),
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Set(path, node) => {
                names.insert(path.clone(), node.clone());
            }
            Self::Move(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), Node::File(inode.clone()));
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }

    pub(super) fn is_in(&self, directory: &Path) -> bool {
        match self {
            Self::Set(path, _) | Self::Remove(path) => path.parent() == Some(directory),
            Self::Move(from, to, _) => {
                from.parent() == Some(directory) || to.parent() == Some(directory)
            }
        }
    }
}
