//! All that this box answers, of the newest snapshot.
//!
//! The objects are made when somebody asks, and once for each snapshot: who does not poll costs
//! nothing. Refuses: to look at anything but the snapshot that every surface shows.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::{
    alarm::Change,
    health::{Snapshot, VERSION},
    snmp::{
        Oid, Tally, Value, enterprise, machine,
        notification::Notice,
        own, standard,
        standard::{SYSTEM_NAME, Site},
        tree::{TableMaker, Tables},
    },
};

/// What is answered, and where it is taken from.
#[derive(Debug)]
pub struct Mib {
    node: Arc<str>,
    site: Site,
    latest: Arc<ArcSwap<Snapshot>>,
    agent: Arc<Tally>,
    made: ArcSwapOption<Made>,
    making: Mutex<()>,
}

/// The objects of one snapshot.
#[derive(Debug)]
struct Made {
    of: Arc<Snapshot>,
    tables: Arc<Tables>,
}

impl Mib {
    /// The objects of a node of this name and of its `agent`, out of whatever is in `latest`.
    pub fn new(
        (node, site): (String, Site),
        latest: Arc<ArcSwap<Snapshot>>,
        agent: Arc<Tally>,
    ) -> Self {
        Self {
            node: node.into(),
            site,
            latest,
            agent,
            made: ArcSwapOption::empty(),
            making: Mutex::new(()),
        }
    }

    /// The objects of the newest snapshot. The first who asks for those of a table has them made.
    pub fn tables(&self) -> Arc<Tables> {
        let snapshot = self.latest.load();
        if let Some(tables) = self.made_of(&snapshot) {
            return tables;
        }
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.made_of(&snapshot).unwrap_or_else(|| {
            let tables = Arc::new(self.make(&snapshot));
            self.made.store(Some(Arc::new(Made {
                of: Arc::clone(&snapshot),
                tables: Arc::clone(&tables),
            })));
            tables
        })
    }

    /// The objects of `snapshot`, if they are those that were made last.
    fn made_of(&self, snapshot: &Arc<Snapshot>) -> Option<Arc<Tables>> {
        let made = self.made.load();
        let made = made.as_ref()?;
        Arc::ptr_eq(&made.of, snapshot).then(|| Arc::clone(&made.tables))
    }

    /// The newest snapshot.
    pub(super) fn latest(&self) -> Arc<Snapshot> {
        self.latest.load_full()
    }

    /// `sysUpTime` at this moment, or a second before.
    pub(super) fn up_time(&self) -> u32 {
        standard::up_time(&self.latest.load())
    }

    /// The number of the latest change of an alarm before the start.
    pub(super) fn change_before(&self) -> u64 {
        self.latest.load().alarms.sequence_before
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
        self.told(&Notice::Alarm(change.clone()))
    }

    /// The same of all that managers are told.
    pub(super) fn told(&self, notice: &Notice) -> (Oid, Vec<(Oid, Value)>) {
        let (kind, mut carried) = notice.told();
        let node = Value::text(self.node.to_string());
        carried.push((Oid::new(&SYSTEM_NAME), node));
        (kind, carried)
    }

    fn make(&self, snapshot: &Arc<Snapshot>) -> Tables {
        let named = (&*self.node, VERSION);
        let mut tables = standard::tables(snapshot, named, &self.site);
        tables.extend(machine::tables(snapshot, named));
        if let Some(counters) = &snapshot.snmp {
            tables.extend(own::tables(counters, self.agent.engine()));
        }
        let mut tables: Vec<TableMaker> = tables.into_iter().map(TableMaker::from).collect();
        tables.extend(enterprise::tables(&self.node, snapshot));
        Tables::new(tables)
    }
}
