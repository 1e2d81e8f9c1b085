//! Judges measures, and tells what is raised, changed and cleared. It is given the time.
//!
//! An alarm that is an effect of another is followed and not told of, unless it was told of before:
//! then it is told that it is an effect. While its cause is about to be raised it waits, for ten
//! seconds at most. When its cause is cleared it is told of a minute later, if it is still bad.
//!
//! Refuses: to forget what is latched before an operator has acknowledged it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use weir_hal::Monotonic;

use crate::alarm::{
    Alarm, Amount, Change, Counters, Effect, Event, History, Kind, Measure, Moment, Operation,
    OperatorState, Order, OrderError, Reading, Report, Resource, Rules, SHELVES_MAX, Severity,
    Shelved, Verb, cause,
    change::{TEXT_BYTES_MAX, bounded},
    entry::{Effects, Entry, Key, Told},
    report::EFFECTS_MAX,
};

/// Alarms that are listed beside those that are shelved, of which the last place is for the alarm
/// that there are more.
pub const LISTED_MAX: usize = 512;

/// Alarms that are followed, raised or not: 300 bytes each.
pub const FOLLOWED_MAX: usize = 8_192;

/// What the engine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// When alarms are raised and cleared.
    pub rules: Rules,
    /// Nothing is raised, changed or cleared for so long after the start.
    pub boot_inhibit: Duration,
}

/// All alarms.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) settings: Settings,
    pub(super) begun: Option<Monotonic>,
    pub(super) now: Moment,
    pub(super) sequence: u64,
    /// The number behind which this life began to count.
    pub(super) sequence_before: u64,
    pub(super) entries: BTreeMap<Key, Entry>,
    pub(super) shelves: BTreeMap<Key, Shelf>,
    /// Shared with reports, so that it is copied at most once for the changes of one look.
    pub(super) history: Arc<History>,
    pub(super) counters: Counters,
}

/// What was shelved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shelf {
    pub(super) id: u64,
    pub(super) operation: Operation,
}

impl Engine {
    /// An engine that knows of no alarm.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            begun: None,
            now: Moment::default(),
            sequence: 0,
            sequence_before: 0,
            entries: BTreeMap::new(),
            shelves: BTreeMap::new(),
            history: Arc::default(),
            counters: Counters::default(),
        }
    }

    /// The rules that it goes by.
    pub const fn rules(&self) -> &Rules {
        &self.settings.rules
    }

    /// Goes by other rules from the next look on.
    pub fn set_rules(&mut self, rules: Rules) {
        self.settings.rules = rules;
    }

    /// The number of the latest change, or behind which the next is counted: as long as it is the
    /// same, nothing has changed.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Judges all `measures` of a moment. What is not among them is no more.
    pub fn look(&mut self, now: Moment, measures: &[Measure]) -> Vec<Change> {
        self.now = now;
        self.begun.get_or_insert(now.monotonic);
        let mut changes = Vec::new();
        self.judge(measures);
        self.end_operations(&mut changes);
        self.find_roots();
        self.tell_new(&mut changes);
        self.tell_changes(&mut changes);
        self.entries
            .retain(|_, entry| !entry.is_idle(now.monotonic));
        changes
    }

    /// Obeys an operator.
    ///
    /// # Errors
    /// [`OrderError`] when there is no such alarm, or it cannot be obeyed.
    pub fn order(&mut self, id: u64, order: &Order) -> Result<Change, OrderError> {
        let key = self.find(id, order.verb)?;
        let at = self.now.wall;
        let event = match order.verb {
            Verb::Acknowledge => {
                self.operate(&key, order.operation(OperatorState::Acknowledged, at));
                Event::Acknowledged
            }
            Verb::Close => {
                self.operate(&key, order.operation(OperatorState::Closed, at));
                Event::Closed
            }
            Verb::Shelve => {
                let is_new = !self.shelves.contains_key(&key);
                if is_new && self.shelves.len() >= SHELVES_MAX {
                    return Err(OrderError::ShelvesFull);
                }
                let operation = order.operation(OperatorState::Shelved, at);
                self.shelves.insert(key.clone(), Shelf { id, operation });
                Event::Shelved
            }
            Verb::Unshelve => {
                self.shelves.remove(&key);
                Event::Unshelved
            }
        };
        let severity = self.severity_of(&key);
        Ok(self.note((id, &key), event, severity, order.text()))
    }

    /// The alarms as they are.
    pub fn report(&self) -> Report {
        let told = self.entries.iter().filter_map(|(key, entry)| {
            let operation = self.shelves.get(key).map(|shelf| &shelf.operation);
            Some(Alarm::new(key, entry, entry.told.as_ref()?, operation))
        });
        let put_aside = self.shelves.iter().map(|(key, shelf)| Shelved {
            id: shelf.id,
            kind: key.0,
            resource: key.1.clone(),
            operation: shelf.operation.clone(),
        });
        let mut report = Report {
            sequence: self.sequence,
            sequence_before: self.sequence_before,
            alarms: told.collect(),
            effects: self.effects().take(EFFECTS_MAX).collect(),
            shelves: put_aside.collect(),
            omitted: self.omitted(),
            history: Arc::clone(&self.history),
            rules: self.settings.rules.clone(),
            counters: self.counters,
        };
        report.sort();
        report
    }

    /// What is raised, and was not told of for its cause.
    fn effects(&self) -> impl Iterator<Item = Effect> {
        let untold = self.entries.iter().filter(|(_, it)| it.told.is_none());
        let raised = untold.filter(|(_, it)| it.is_raised());
        raised.filter_map(|(key, entry)| {
            let root = self.entries.get(entry.root.as_ref()?)?;
            Some(Effect::new(key, entry, &self.settings.rules, root))
        })
    }

    fn judge(&mut self, measures: &[Measure]) {
        let now = self.now;
        let is_inhibited = self.is_inhibited();
        for entry in self.entries.values_mut() {
            entry.is_measured = false;
        }
        let overflow = self.overflow();
        for measure in measures.iter().chain([&overflow]) {
            let rule = *self.settings.rules.of(measure.kind);
            let key = (measure.kind, measure.resource.clone());
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.judge(measure, &rule, now, is_inhibited);
            } else if rule.is_bad(measure.reading) && self.entries.len() >= FOLLOWED_MAX {
                self.counters.not_followed += 1;
            } else if rule.is_bad(measure.reading) {
                let mut entry = Entry::new();
                entry.judge(measure, &rule, now, is_inhibited);
                self.entries.insert(key, entry);
            }
        }
        let gone = self.entries.values_mut().filter(|it| !it.is_measured);
        // Much is not measured at the first looks.
        let gone = gone.filter(|it| !is_inhibited || it.told.is_none());
        gone.for_each(|entry| entry.abandon(now));
    }

    /// Whether it has just begun, and knows nothing.
    fn is_inhibited(&self) -> bool {
        let begun = self.begun.unwrap_or(self.now.monotonic);
        self.now.monotonic.since(begun) < self.settings.boot_inhibit
    }

    /// How many alarms were not listed at the last look.
    fn omitted(&self) -> usize {
        self.entries.values().filter(|it| it.is_left_out).count()
    }

    fn overflow(&self) -> Measure {
        let reading = Reading::of(Amount::whole(self.omitted() as u64));
        Measure::new(Kind::AlarmsOverflow, Resource::Node, reading)
    }

    fn find_roots(&mut self) {
        let mut roots = cause::roots(&self.entries, self.now.monotonic);
        let mut effects: BTreeMap<&Key, Effects> = BTreeMap::new();
        for (effect, root) in &roots {
            let severity = self.settings.rules.of(effect.0).severity;
            let is_bad = self.entries.get(effect).is_some_and(Entry::is_bad);
            effects.entry(root).or_default().add(severity, is_bad);
        }
        for (key, entry) in &mut self.entries {
            entry.effects = effects.remove(key).unwrap_or_default();
        }
        let waiting = cause::waiting(&self.entries, &roots);
        for (key, entry) in &mut self.entries {
            entry.trace(roots.remove(key), waiting.contains(key), self.now.monotonic);
        }
    }

    /// How bad the alarm is, with its effects.
    fn severity(&self, key: &Key, entry: &Entry) -> Severity {
        let own = self.settings.rules.of(key.0).severity;
        own.max(entry.effects.severity)
    }

    /// Tells of what is raised, as far as there is room.
    fn tell_new(&mut self, changes: &mut Vec<Change>) {
        let listed = self.entries.iter().filter(|(key, entry)| {
            // What is shelved has a place of its own.
            entry.told.is_some() && !self.shelves.contains_key(*key)
        });
        let listed = listed.count();
        let mut room = (LISTED_MAX - 1).saturating_sub(listed);
        let mut due = Vec::new();
        for (key, entry) in &mut self.entries {
            let is_due =
                entry.told.is_none() && entry.may_be_told() && !self.shelves.contains_key(key);
            // The last place is for the alarm that there are more.
            let has_room = room > 0 || key.0 == Kind::AlarmsOverflow;
            let was_left_out = entry.is_left_out;
            entry.is_left_out = is_due && !has_room;
            self.counters.not_listed += u64::from(entry.is_left_out && !was_left_out);
            if is_due && has_room {
                room = room.saturating_sub(1);
                due.push(key.clone());
            }
        }
        for key in due {
            changes.extend(self.raise(&key));
        }
    }

    fn raise(&mut self, key: &Key) -> Option<Change> {
        let severity = self.severity(key, self.entries.get(key)?);
        let id = self.sequence + 1;
        let entry = self.entries.get_mut(key)?;
        let is_flapping = entry.is_flapping();
        entry.is_notice_due = false;
        entry.since = self.now.wall;
        entry.told = Some(Told {
            id,
            severity,
            cause: None,
            is_flapping,
            operation: None,
        });
        let text = entry.text(key.0);
        self.counters.raised += 1;
        self.counters.flapped += u64::from(is_flapping);
        Some(self.note((id, key), Event::Raised, severity, text))
    }

    /// Tells what has become of what was told of.
    fn tell_changes(&mut self, changes: &mut Vec<Change>) {
        let told = self.entries.iter().filter(|(_, it)| it.told.is_some());
        let told: Vec<Key> = told.map(|(key, _)| key.clone()).collect();
        for key in &told {
            let Some(entry) = self.entries.get(key) else {
                continue;
            };
            let is_latched = key.0.definition().is_latched && !entry.is_acknowledged();
            if entry.is_raised() {
                // Until all is measured, causes seem to have no effects.
                if !self.is_inhibited() {
                    changes.extend(self.tell_change(key));
                }
            } else if !is_latched {
                changes.extend(self.clear(key));
            }
        }
    }

    fn clear(&mut self, key: &Key) -> Option<Change> {
        let entry = self.entries.get_mut(key)?;
        let told = entry.told.take()?;
        let text = bounded(format!("no longer: {}", entry.text(key.0)), TEXT_BYTES_MAX);
        self.counters.cleared += 1;
        Some(self.note((told.id, key), Event::Cleared, Severity::Cleared, text))
    }

    fn tell_change(&mut self, key: &Key) -> Option<Change> {
        let entry = self.entries.get(key)?;
        let (severity, root) = (self.severity(key, entry), entry.root.as_ref());
        let root = root.map(|root| {
            let told = self.entries.get(root).and_then(|it| it.told.as_ref());
            told.map(|told| told.id)
        });
        let entry = self.entries.get_mut(key)?;
        let is_notice_due = std::mem::take(&mut entry.is_notice_due);
        let (is_flapping, text) = (entry.is_flapping(), entry.text(key.0));
        let is_falling = entry.is_falling();
        let told = entry.told.as_mut()?;
        let now = Told {
            severity,
            // One whose cause was just cleared is still an effect of it, and so is one that is good
            // again and only waits for its hold.
            cause: match root {
                Some(id) => id.or(told.cause),
                None => told.cause.filter(|_| is_falling),
            },
            is_flapping,
            ..told.clone()
        };
        if now == *told && !is_notice_due {
            return None;
        }
        self.counters.flapped += u64::from(is_flapping && !told.is_flapping);
        let (id, cause) = (now.id, now.cause);
        *told = now;
        let text = match cause {
            Some(cause) => format!("an effect of alarm {cause}: {text}"),
            None => text,
        };
        let text = bounded(text, TEXT_BYTES_MAX);
        Some(self.note((id, key), Event::Changed, severity, text))
    }

    fn end_operations(&mut self, changes: &mut Vec<Change>) {
        let now = self.now.wall;
        let over = self
            .shelves
            .iter()
            .filter(|(_, it)| it.operation.is_over(now));
        let over: Vec<(Key, u64)> = over.map(|(key, shelf)| (key.clone(), shelf.id)).collect();
        for (key, id) in over {
            self.shelves.remove(&key);
            let severity = self.severity_of(&key);
            let text = "the time is over".to_owned();
            changes.push(self.note((id, &key), Event::Unshelved, severity, text));
        }
        let mut over = Vec::new();
        for (key, entry) in &mut self.entries {
            let Some(told) = &mut entry.told else {
                continue;
            };
            if told.operation.take_if(|it| it.is_over(now)).is_some() {
                over.push((key.clone(), told.id, told.severity));
            }
        }
        for (key, id, severity) in over {
            let text = "the time of what an operator said is over".to_owned();
            changes.push(self.note((id, &key), Event::Changed, severity, text));
        }
    }

    fn find(&self, id: u64, verb: Verb) -> Result<Key, OrderError> {
        let mut all = self.shelves.iter();
        let shelved = all.find(|(_, shelf)| shelf.id == id).map(|it| it.0);
        let is_it = |entry: &Entry| entry.told.as_ref().is_some_and(|told| told.id == id);
        let told = self.entries.iter().find(|(_, entry)| is_it(entry));
        let told = told.map(|(key, _)| key);
        let key = match verb {
            Verb::Unshelve => {
                let told = told.filter(|key| self.shelves.contains_key(*key));
                shelved.or(told).ok_or(OrderError::NotShelved(id))
            }
            Verb::Shelve => told.or(shelved).ok_or(OrderError::Unknown(id)),
            Verb::Acknowledge | Verb::Close => told.ok_or(OrderError::Unknown(id)),
        };
        key.cloned()
    }

    fn operate(&mut self, key: &Key, operation: Operation) {
        let told = self.entries.get_mut(key).and_then(|it| it.told.as_mut());
        if let Some(told) = told {
            told.operation = Some(operation);
        }
    }

    fn severity_of(&self, key: &Key) -> Severity {
        let told = self.entries.get(key).and_then(|it| it.told.as_ref());
        told.map_or(Severity::Cleared, |told| told.severity)
    }

    /// Remembers one change.
    fn note(
        &mut self,
        (id, (kind, resource)): (u64, &Key),
        event: Event,
        severity: Severity,
        text: String,
    ) -> Change {
        self.sequence += 1;
        let change = Change {
            sequence: self.sequence,
            id,
            at: self.now.wall,
            event,
            kind: *kind,
            resource: resource.clone(),
            severity,
            text,
        };
        let history = Arc::make_mut(&mut self.history);
        self.counters.changes_forgotten += history.push(change.clone());
        change
    }
}
