//! The alarms as every surface shows them.

use std::{collections::BTreeMap, sync::Arc};

use weir_hal::Wall;

use crate::alarm::{
    Counters, History, Kind, Operation, OperatorState, Resource, Rules, Severity,
    entry::{Entry, Key, Told},
};

/// Effects that nobody was told of and that are listed all the same.
pub const EFFECTS_MAX: usize = 512;

/// The alarms at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of the latest change.
    pub sequence: u64,
    /// The number behind which this life began to count; 0 for the first.
    pub sequence_before: u64,
    /// What is raised, roots first, then the worst, then the oldest.
    pub alarms: Vec<Alarm>,
    /// What is raised and was never told of, for it is an effect of another; at most
    /// [`EFFECTS_MAX`].
    pub effects: Vec<Effect>,
    /// What is shelved, raised or not.
    pub shelves: Vec<Shelved>,
    /// Alarms that are not listed, for too many are.
    pub omitted: usize,
    /// The latest changes.
    pub history: Arc<History>,
    /// The rules in force.
    pub rules: Rules,
    /// What was counted.
    pub counters: Counters,
}

/// One alarm that is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The number of the change that raised it.
    pub id: u64,
    /// Its kind.
    pub kind: Kind,
    /// What it is of.
    pub resource: Resource,
    /// How bad it is: as bad as the worst of it and its effects.
    pub severity: Severity,
    /// Since when.
    pub since: Wall,
    /// One sentence.
    pub text: String,
    /// The alarm that it is an effect of.
    pub cause: Option<u64>,
    /// Alarms that are effects of it, told or not.
    pub affected: usize,
    /// It comes and goes, and is kept raised.
    pub is_flapping: bool,
    /// It and its effects are good for now, and it is only kept raised: it flaps, or has not been
    /// good for as long as it must.
    pub is_damped: bool,
    /// It is over, and waits to be acknowledged.
    pub is_over: bool,
    /// What an operator has said of it.
    pub operation: Option<Operation>,
}

/// One alarm that nobody is told of, for its cause is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Its kind.
    pub kind: Kind,
    /// What it is of.
    pub resource: Resource,
    /// How bad it would be.
    pub severity: Severity,
    /// One sentence.
    pub text: String,
    /// The alarm that it is an effect of; `None` if that is over, or shelved before it was told.
    pub cause: Option<u64>,
}

/// An alarm that nobody has to act on, as all that is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suppressed<'a> {
    /// It was told of, and is an effect, closed or shelved.
    Told(&'a Alarm),
    /// It was not, for it is an effect.
    Effect(&'a Effect, Option<&'a Shelved>),
    /// It is shelved, and not raised.
    Shelved(&'a Shelved),
}

/// One alarm that nobody wants to hear of for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// The alarm that was shelved.
    pub id: u64,
    /// Its kind.
    pub kind: Kind,
    /// What it is of.
    pub resource: Resource,
    /// Who said so, and until when.
    pub operation: Operation,
}

impl Report {
    /// The alarms that somebody should act on: roots that are neither shelved nor closed.
    pub fn roots(&self) -> impl Iterator<Item = &Alarm> {
        self.alarms.iter().filter(|alarm| alarm.is_open_root())
    }

    /// All others, by kind and resource: effects, and what operators have closed or shelved.
    pub fn suppressed(&self) -> Vec<Suppressed<'_>> {
        let key = |kind: Kind, resource| (kind, resource);
        let mut all: BTreeMap<(Kind, &Resource), Suppressed<'_>> = BTreeMap::new();
        let mut shelves = BTreeMap::new();
        for shelved in &self.shelves {
            shelves.insert(key(shelved.kind, &shelved.resource), shelved);
        }
        for effect in &self.effects {
            let key = key(effect.kind, &effect.resource);
            all.insert(key, Suppressed::Effect(effect, shelves.remove(&key)));
        }
        for alarm in &self.alarms {
            let key = key(alarm.kind, &alarm.resource);
            shelves.remove(&key);
            if !alarm.is_open_root() {
                all.insert(key, Suppressed::Told(alarm));
            }
        }
        let quiet = shelves.into_iter();
        all.extend(quiet.map(|(key, shelved)| (key, Suppressed::Shelved(shelved))));
        all.into_values().collect()
    }

    /// How many of [`Report::roots`] are of `severity`.
    pub fn count(&self, severity: Severity) -> usize {
        self.roots()
            .filter(|alarm| alarm.severity == severity)
            .count()
    }

    pub(super) fn sort(&mut self) {
        self.alarms.sort_by(|one, other| {
            let rank = |alarm: &Alarm| (!alarm.is_open_root(), alarm.cause.is_some());
            rank(one)
                .cmp(&rank(other))
                .then(other.severity.cmp(&one.severity))
                .then(one.id.cmp(&other.id))
        });
    }
}

impl Effect {
    /// That of an entry which is raised, and an effect, and was not told of.
    pub(super) fn new((kind, resource): &Key, entry: &Entry, rules: &Rules, root: &Entry) -> Self {
        Self {
            kind: *kind,
            resource: resource.clone(),
            severity: rules.of(*kind).severity,
            text: entry.text(*kind),
            cause: root.told.as_ref().map(|told| told.id),
        }
    }
}

impl Alarm {
    pub(super) fn new(
        (kind, resource): &Key,
        entry: &Entry,
        told: &Told,
        shelved: Option<&Operation>,
    ) -> Self {
        Self {
            id: told.id,
            kind: *kind,
            resource: resource.clone(),
            severity: told.severity,
            since: entry.since,
            text: entry.text(*kind),
            cause: told.cause,
            affected: entry.effects.count,
            is_flapping: told.is_flapping,
            is_damped: entry.is_over_for_now() && !entry.effects.is_bad,
            is_over: entry.is_over(),
            operation: shelved.or(told.operation.as_ref()).cloned(),
        }
    }

    fn is_open_root(&self) -> bool {
        let state = self.operation.as_ref().map(|operation| operation.state);
        let is_put_aside = match state {
            None | Some(OperatorState::Acknowledged) => false,
            Some(OperatorState::Closed | OperatorState::Shelved) => true,
        };
        self.cause.is_none() && !is_put_aside
    }

    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        self.kind.definition().remedy
    }
}
