//! Changes of alarms as objects: the history, and what a notification carries.
//!
//! A notification carries the columns of the row that its change has in the history, so that
//! whoever missed it can ask for the same later.
//!
//! Source: RFC 8632 §3.5; RFC 3877 (`ItuPerceivedSeverity`).

use std::time::Duration;

use crate::{
    alarm::Change,
    counter::{Group, Reach, readings},
    health::table::{Entity, GroupScope, Scope},
};

/// Changes that are told of, the newest. The page and `/api/v1/alarms` have all that are
/// remembered.
pub(crate) const CHANGES_MAX: usize = 64;

readings! {
    /// Of one change of an alarm.
    pub(crate) struct ChangeReadings {
        /// The alarm: the number of the change that raised it.
        id: u64,
        /// When, since 1970.
        at_time_ms: u64,
        /// What happened to it, as `raised`, `changed` or `cleared`.
        event: &'static str,
        /// The kind of alarm.
        kind: &'static str,
        /// What it is of.
        resource: String,
        /// How bad it is from now on, in the words of X.733.
        severity: &'static str,
        /// The same as the number that ITU-ALARM-TC-MIB has for it.
        perceived_severity: u64,
        /// The probable cause, in the words of X.733.
        probable_cause: &'static str,
        /// What is wrong.
        text: String,
        /// What to do about it.
        remedy: String,
    }
}

/// The kind of thing that a change is.
pub(crate) static SCOPE: Scope = Scope {
    name: "change",
    plural: "changes",
    help: "A change of an alarm; the newest are told of, and the name of each is its number.",
    groups: &[GroupScope {
        name: None,
        rows: ChangeReadings::ROWS,
        is_optional: false,
        reach: Reach::Everywhere,
    }],
    parts: &[],
    metrics_max: usize::MAX,
};

/// `change` as values.
pub(crate) fn entity(change: &Change) -> Entity {
    let Change {
        sequence,
        id,
        at,
        event,
        kind,
        resource,
        severity,
        text,
    } = change;
    let definition = kind.definition();
    let at_time = Duration::from_nanos(at.as_nanos()).as_millis();
    let readings = ChangeReadings {
        id: *id,
        at_time_ms: u64::try_from(at_time).unwrap_or(u64::MAX),
        event: event.as_str(),
        kind: definition.id,
        resource: resource.to_string(),
        severity: severity.as_str(),
        perceived_severity: severity.itu_perceived_severity().into(),
        probable_cause: definition.probable_cause,
        text: text.clone(),
        remedy: definition.remedy.to_owned(),
    };
    Entity {
        scope: &SCOPE,
        key: sequence.to_string(),
        groups: vec![readings.cells()],
        parts: Vec::new(),
    }
}
