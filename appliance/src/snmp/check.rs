//! Checks of TR 101 290 as objects: a row for each that a source has ever raised.
//!
//! A source has two dozen checks, of which few are ever raised; a manager that walks 64 channels
//! would be told thousands of zeros. JSON has them all.
//!
//! Source: ETSI TR 101 290 v1.4.1, tables 5.0a to 5.0c, whose names are the names of rows.
//! Refuses: checks that were never raised, or do not apply.

use crate::{
    counter::{Group, Reach, Row, Total, Value, readings},
    health::table::{Entity, GroupScope, Scope},
};

/// The groups of a source that have a row for each check.
pub(super) const COUNTS: &str = "tr_101_290";
pub(super) const SECONDS: &str = "tr_101_290_seconds";

readings! {
    /// Of one check of one source.
    pub(crate) struct CheckReadings {
        /// Times that it was raised.
        count: Total => polled,
        /// Seconds in which it was raised.
        seconds: Total => polled,
    }
}

/// The kind of thing that a check is.
pub(super) static SCOPE: Scope = Scope {
    name: "check",
    plural: "checks",
    help: "A check of TR 101 290 that its source has raised; one that is not here never was.",
    groups: &[GroupScope {
        name: None,
        rows: CheckReadings::ROWS,
        is_optional: false,
        reach: Reach::Everywhere,
    }],
    parts: &[],
    metrics_max: usize::MAX,
};

/// Whether things of this kind have checks.
pub(super) fn has_checks(scope: &Scope) -> bool {
    scope.groups.iter().any(|group| group.name == Some(COUNTS))
}

/// The checks that `source` has raised, in the order of the standard.
pub(super) fn raised(source: &Entity) -> Vec<Entity> {
    let Some((rows, counts)) = cells(source, COUNTS) else {
        return Vec::new();
    };
    let seconds = cells(source, SECONDS).map_or(&[][..], |(_, seconds)| seconds);
    let checks = rows.iter().zip(counts).enumerate();
    let raised = checks.filter(|(_, (_, cell))| count(cell) > 0);
    let check = |(position, (row, cell)): (usize, (&Row, &Value))| {
        let readings = CheckReadings {
            count: Total(count(cell)),
            seconds: Total(seconds.get(position).map_or(0, count)),
        };
        Entity {
            scope: &SCOPE,
            key: row.name.to_owned(),
            groups: vec![readings.cells()],
            parts: Vec::new(),
        }
    };
    raised.map(check).collect()
}

fn cells<'a>(source: &'a Entity, name: &str) -> Option<(&'static [Row], &'a [Value])> {
    let mut groups = source.scope.groups.iter().zip(&source.groups);
    let (group, cells) = groups.find(|(group, _)| group.name == Some(name))?;
    Some((group.rows, cells.as_deref()?))
}

fn count(cell: &Value) -> u64 {
    match cell {
        Value::Count(count) => *count,
        Value::Unknown | Value::Number(_) | Value::State(_) | Value::Text(_) => 0,
    }
}
