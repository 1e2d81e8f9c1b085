//! Alarms as JSON. Fields are only ever added to.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    alarm::{Alarm, Change, Kind, Operation, Report, Rule, Severity, Shelved},
    health::json::{render, timestamp},
};

/// How many alarms there are of each severity, and the number of the latest change.
#[derive(Serialize)]
pub(super) struct AlarmCounts {
    critical: usize,
    major: usize,
    minor: usize,
    warning: usize,
    sequence: u64,
}

impl AlarmCounts {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            critical: report.count(Severity::Critical),
            major: report.count(Severity::Major),
            minor: report.count(Severity::Minor),
            warning: report.count(Severity::Warning),
            sequence: report.sequence,
        }
    }
}

/// Renders the body of `/api/v1/alarms`.
pub(super) fn alarms(report: &Report) -> Bytes {
    render(&AlarmsJson {
        counts: AlarmCounts::of(report),
        active: report.alarms.iter().map(AlarmJson::of).collect(),
        shelved: report.shelves.iter().map(ShelvedJson::of).collect(),
        // The newest first, as people read it.
        history: report.history.iter().rev().map(ChangeJson::of).collect(),
        kinds: Kind::ALL
            .map(|kind| KindJson::of(kind, report.rules.of(kind)))
            .into(),
        counters: report
            .counters
            .values()
            .map(|(row, count)| (row.name, count))
            .collect(),
    })
}

/// Renders one change.
pub(super) fn change(change: &Change) -> Bytes {
    render(&ChangeJson::of(change))
}

#[derive(Serialize)]
struct AlarmsJson<'a> {
    counts: AlarmCounts,
    active: Vec<AlarmJson<'a>>,
    shelved: Vec<ShelvedJson<'a>>,
    history: Vec<ChangeJson<'a>>,
    kinds: Vec<KindJson>,
    counters: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct AlarmJson<'a> {
    id: u64,
    alarm: &'static str,
    resource: String,
    severity: &'static str,
    itu_perceived_severity: u8,
    probable_cause: &'static str,
    since: String,
    text: &'a str,
    remedy: &'static str,
    cause: Option<u64>,
    affected: usize,
    is_flapping: bool,
    is_latched: bool,
    is_over: bool,
    operator: Option<OperationJson<'a>>,
}

impl<'a> AlarmJson<'a> {
    fn of(alarm: &'a Alarm) -> Self {
        let definition = alarm.kind.definition();
        Self {
            id: alarm.id,
            alarm: definition.id,
            resource: alarm.resource.to_string(),
            severity: alarm.severity.as_str(),
            itu_perceived_severity: alarm.severity.itu_perceived_severity(),
            probable_cause: definition.probable_cause,
            since: timestamp(alarm.since),
            text: &alarm.text,
            remedy: definition.remedy,
            cause: alarm.cause,
            affected: alarm.affected,
            is_flapping: alarm.is_flapping,
            is_latched: definition.is_latched,
            is_over: alarm.is_over,
            operator: alarm.operation.as_ref().map(OperationJson::of),
        }
    }
}

#[derive(Serialize)]
struct OperationJson<'a> {
    state: &'static str,
    author: &'a str,
    note: &'a str,
    at: String,
    until: Option<String>,
}

impl<'a> OperationJson<'a> {
    fn of(operation: &'a Operation) -> Self {
        Self {
            state: operation.state.as_str(),
            author: &operation.author,
            note: &operation.note,
            at: timestamp(operation.at),
            until: operation.until.map(timestamp),
        }
    }
}

#[derive(Serialize)]
struct ShelvedJson<'a> {
    id: u64,
    alarm: &'static str,
    resource: String,
    operator: OperationJson<'a>,
}

impl<'a> ShelvedJson<'a> {
    fn of(shelved: &'a Shelved) -> Self {
        Self {
            id: shelved.id,
            alarm: shelved.kind.as_str(),
            resource: shelved.resource.to_string(),
            operator: OperationJson::of(&shelved.operation),
        }
    }
}

/// One change.
#[derive(Serialize)]
pub(super) struct ChangeJson<'a> {
    sequence: u64,
    id: u64,
    at: String,
    event: &'static str,
    alarm: &'static str,
    resource: String,
    severity: &'static str,
    text: &'a str,
}

impl<'a> ChangeJson<'a> {
    pub(super) fn of(change: &'a Change) -> Self {
        Self {
            sequence: change.sequence,
            id: change.id,
            at: timestamp(change.at),
            event: change.event.as_str(),
            alarm: change.kind.as_str(),
            resource: change.resource.to_string(),
            severity: change.severity.as_str(),
            text: &change.text,
        }
    }
}

/// A kind of alarm, with the thresholds in force.
#[derive(Serialize)]
struct KindJson {
    alarm: &'static str,
    help: &'static str,
    severity: &'static str,
    raise: String,
    raise_hold_seconds: u64,
    clear: String,
    clear_hold_seconds: u64,
    samples_min: u64,
    is_latched: bool,
}

impl KindJson {
    fn of(kind: Kind, rule: &Rule) -> Self {
        let definition = kind.definition();
        Self {
            alarm: definition.id,
            help: definition.help,
            severity: rule.severity.as_str(),
            raise: definition.unit.show(rule.raise),
            raise_hold_seconds: rule.raise_hold.as_secs(),
            clear: definition.unit.show(rule.clear),
            clear_hold_seconds: rule.clear_hold.as_secs(),
            samples_min: rule.samples_min,
            is_latched: definition.is_latched,
        }
    }
}
