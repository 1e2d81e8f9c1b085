//! Alarms as values of the table: those to act on, and all others.
//!
//! Refuses: who said so and why, and the history, which `/api/v1/alarms` tells.

use crate::{
    alarm::{self, Effect, Operation, Report, Shelved, Suppressed},
    health::table::{
        list::{Alarm, SuppressedAlarm},
        projection::since_1970_ms,
        readings::{AlarmReadings, SuppressedAlarmReadings},
    },
};

impl Alarm {
    pub(super) fn of(alarm: &alarm::Alarm) -> Self {
        let alarm::Alarm {
            id,
            kind,
            resource,
            severity,
            since,
            text,
            cause,
            affected,
            is_flapping: _,
            is_damped: _,
            is_over: _,
            operation,
        } = alarm;
        Self {
            key: key(*kind, resource),
            own: AlarmReadings {
                severity: severity.as_str(),
                text: text.clone(),
                since_time_ms: since_1970_ms(*since),
                affected: *affected as u64,
                id: *id,
                kind: kind.as_str(),
                resource: resource.to_string(),
                state: state(alarm),
                operator_state: operation.as_ref().map(|said| said.state.as_str()),
                cause: *cause,
            },
        }
    }
}

impl SuppressedAlarm {
    /// All that `report` tells of.
    pub(super) fn all_of(report: &Report) -> Vec<Self> {
        report.suppressed().iter().map(Self::of).collect()
    }

    fn of(suppressed: &Suppressed<'_>) -> Self {
        match suppressed {
            Suppressed::Told(alarm) => Self::told(alarm),
            Suppressed::Effect(effect, shelved) => Self::effect(effect, *shelved),
            Suppressed::Shelved(shelved) => Self::shelved(shelved),
        }
    }

    fn told(alarm: &alarm::Alarm) -> Self {
        let operation = alarm.operation.as_ref();
        Self {
            key: key(alarm.kind, &alarm.resource),
            own: SuppressedAlarmReadings {
                severity: alarm.severity.as_str(),
                text: alarm.text.clone(),
                since_time_ms: Some(since_1970_ms(alarm.since)),
                id: Some(alarm.id),
                kind: alarm.kind.as_str(),
                resource: alarm.resource.to_string(),
                state: state(alarm),
                operator_state: operation.map(|said| said.state.as_str()),
                operator_until_time_ms: operation.and_then(until),
                cause: alarm.cause,
            },
        }
    }

    fn effect(effect: &Effect, shelved: Option<&Shelved>) -> Self {
        let Effect {
            kind,
            resource,
            severity,
            text,
            cause,
        } = effect;
        let operation = shelved.map(|it| &it.operation);
        Self {
            key: key(*kind, resource),
            own: SuppressedAlarmReadings {
                severity: severity.as_str(),
                text: text.clone(),
                since_time_ms: None,
                id: shelved.map(|it| it.id),
                kind: kind.as_str(),
                resource: resource.to_string(),
                state: "raised",
                operator_state: operation.map(|said| said.state.as_str()),
                operator_until_time_ms: operation.and_then(until),
                cause: *cause,
            },
        }
    }

    fn shelved(shelved: &Shelved) -> Self {
        let Shelved {
            id,
            kind,
            resource,
            operation,
        } = shelved;
        Self {
            key: key(*kind, resource),
            own: SuppressedAlarmReadings {
                severity: alarm::Severity::Cleared.as_str(),
                text: kind.definition().help.to_owned(),
                since_time_ms: None,
                id: Some(*id),
                kind: kind.as_str(),
                resource: resource.to_string(),
                state: "cleared",
                operator_state: Some(operation.state.as_str()),
                operator_until_time_ms: until(operation),
                cause: None,
            },
        }
    }
}

fn key(kind: alarm::Kind, resource: &alarm::Resource) -> String {
    format!("{} {resource}", kind.as_str())
}

const fn state(alarm: &alarm::Alarm) -> &'static str {
    match (alarm.is_over, alarm.is_flapping) {
        (true, _) => "over",
        (false, true) => "flapping",
        (false, false) => "raised",
    }
}

fn until(operation: &Operation) -> Option<u64> {
    operation.until.map(since_1970_ms)
}
