//! The values of cells, and what has them: readings one by one, groups of rows together.
//!
//! Refuses: a number for what is not known.

use crate::counter::{Kind, Row, counted};

/// The value of one cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// Any number.
    Number(f64),
    /// A stable word.
    State(&'static str),
    /// Text for people.
    Text(String),
    /// It could not be read, or has not happened yet.
    Unknown,
}

/// A type that a gauge may have.
pub trait Reading {
    /// What its values mean.
    const KIND: Kind = Kind::Gauge;
    /// Whether its value may be unknown.
    const IS_OPTIONAL: bool = false;
    /// Whether its value may lie between two whole numbers.
    const IS_FRACTION: bool = false;

    /// The present value.
    fn value(&self) -> Value;
}

impl Reading for u64 {
    fn value(&self) -> Value {
        Value::Count(*self)
    }
}

impl Reading for f64 {
    const IS_FRACTION: bool = true;

    fn value(&self) -> Value {
        Value::Number(*self)
    }
}

/// A number that only grows, counted elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total(pub u64);

impl Reading for Total {
    const KIND: Kind = Kind::Counter;

    fn value(&self) -> Value {
        Value::Count(self.0)
    }
}

impl Reading for &'static str {
    const KIND: Kind = Kind::State;

    fn value(&self) -> Value {
        Value::State(self)
    }
}

impl Reading for String {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl<R: Reading> Reading for Option<R> {
    const KIND: Kind = R::KIND;
    const IS_OPTIONAL: bool = true;
    const IS_FRACTION: bool = R::IS_FRACTION;

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Unknown, R::value)
    }
}

/// Rows that are read together, and their present values.
pub trait Group {
    /// What each is.
    const ROWS: &'static [Row];
    /// Whether all of them may be missing, because the part they are of is not in use.
    const IS_OPTIONAL: bool = false;

    /// The present values, in the order of [`Self::ROWS`]; `None` if all are missing.
    fn cells(&self) -> Option<Vec<Value>>;
}

impl<G: Group> Group for Option<G> {
    const ROWS: &'static [Row] = G::ROWS;
    const IS_OPTIONAL: bool = true;

    fn cells(&self) -> Option<Vec<Value>> {
        self.as_ref()?.cells()
    }
}

impl Group for weir_cache::Counters {
    const ROWS: &'static [Row] = &{
        let mut rows = [counted("", ""); Self::ROWS.len()];
        let mut index = 0;
        while index < rows.len() {
            let weir_cache::Row {
                name,
                help,
                is_gauge,
            } = Self::ROWS[index];
            rows[index] = counted(name, help);
            if is_gauge {
                rows[index].kind = Kind::Gauge;
            }
            index += 1;
        }
        rows
    };

    fn cells(&self) -> Option<Vec<Value>> {
        Some(self.values().map(Value::Count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_store_are_told_as_they_are() {
        let rows = <weir_cache::Counters as Group>::ROWS;
        let named = |name| rows.iter().find(|row| row.name == name).copied();
        let counter = counted("evictions", "Objects removed to make room.");
        assert_eq!(named("evictions"), Some(counter));
        assert_eq!(named("hot_hits").map(|row| row.kind), Some(Kind::Counter));
        let gauge = Row {
            kind: Kind::Gauge,
            ..counted("objects", "Complete objects.")
        };
        assert_eq!(named("objects"), Some(gauge));
        let cells = weir_cache::Counters::default().cells();
        assert_eq!(cells.map(|cells| cells.len()), Some(rows.len()));
    }
}
