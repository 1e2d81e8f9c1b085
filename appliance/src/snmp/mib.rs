//! All that this box answers, of the newest snapshot.
//!
//! The objects are made when somebody asks, and once for each snapshot: who does not poll costs
//! nothing. Refuses: to look at anything but the snapshot that every surface shows.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::{
    alarm::Change,
    health::{
        Snapshot, VERSION,
        table::{Listed, Node},
    },
    snmp::{
        Notification, Oid, Value,
        change::{self, CHANGES_MAX},
        enterprise, standard,
        standard::{SYSTEM_NAME, Site},
        tree::Tables,
    },
};

/// What is answered, and where it is taken from.
#[derive(Debug)]
pub struct Mib {
    node: String,
    site: Site,
    latest: Arc<ArcSwap<Snapshot>>,
    made: Mutex<Option<Made>>,
}

/// The objects of one snapshot.
#[derive(Debug)]
struct Made {
    of: Arc<Snapshot>,
    tables: Arc<Tables>,
}

impl Mib {
    /// The objects of a node of this name, out of whatever is in `latest`.
    pub fn new((node, site): (String, Site), latest: Arc<ArcSwap<Snapshot>>) -> Self {
        Self {
            node,
            site,
            latest,
            made: Mutex::new(None),
        }
    }

    /// The objects of the newest snapshot. Takes some milliseconds for the first who asks.
    pub fn tables(&self) -> Arc<Tables> {
        let snapshot = self.latest.load_full();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Made { of, tables }) = &*made
            && Arc::ptr_eq(of, &snapshot)
        {
            return Arc::clone(tables);
        }
        let tables = Arc::new(self.make(&snapshot));
        *made = Some(Made {
            of: snapshot,
            tables: Arc::clone(&tables),
        });
        tables
    }

    /// `sysUpTime` at this moment, or a second before.
    pub(super) fn up_time(&self) -> u32 {
        standard::up_time(&self.latest.load())
    }

    /// The number of the latest change of an alarm in the newest snapshot.
    pub(super) fn latest_change(&self) -> u64 {
        self.latest.load().alarms.sequence
    }

    /// The changes of alarms behind that number, the oldest first, as far as they are remembered.
    pub fn changes_behind(&self, sequence: u64) -> Vec<Change> {
        let is_new = |change: &&Change| change.sequence > sequence;
        let history = Arc::clone(&self.latest.load().alarms.history);
        let newest = history.iter().rev().take_while(is_new);
        let mut changes: Vec<Change> = newest.cloned().collect();
        changes.reverse();
        changes
    }

    /// The name of the notification that tells a manager of `change`, and what it carries: the
    /// columns of the change, and who tells.
    pub fn notification(&self, change: &Change) -> (Oid, Vec<(Oid, Value)>) {
        let mut carried = enterprise::columns(&change::entity(change));
        let node = Value::text(self.node.clone());
        carried.push((Oid::new(&SYSTEM_NAME), node));
        (Notification::of(change.event).oid(), carried)
    }

    fn make(&self, snapshot: &Snapshot) -> Tables {
        let newest = snapshot.alarms.history.iter().rev().take(CHANGES_MAX);
        let changes: Vec<_> = newest.map(change::entity).collect();
        let node = Node::of(&self.node, snapshot).entity();
        let mut tables = standard::tables(snapshot, (&self.node, VERSION), &self.site);
        tables.extend(enterprise::tables(&node, &changes));
        Tables::new(tables)
    }
}
