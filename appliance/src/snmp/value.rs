//! Values of objects, and what becomes of a cell of the table of counters.
//!
//! Source: RFC 2578 §7.1; RFC 2856 (a gauge of 64 bits is sent as a Counter64).
//! Refuses: numbers for what is not known, and floating point, which SNMP does not have: what has
//! fractions is told in thousandths.

use std::borrow::Cow;

use crate::{
    counter::{self, Kind, Row},
    snmp::Oid,
};

/// Bytes a text has at most.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024;

/// A value as SNMP sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER, named or not.
    Integer(i32),
    /// OCTET STRING of UTF-8, at most 1,024 bytes.
    Text(Cow<'static, str>),
    /// OCTET STRING of any octets.
    Octets(Vec<u8>),
    /// OBJECT IDENTIFIER.
    ObjectIdentifier(Oid),
    /// Counter32.
    Counter32(u32),
    /// Counter64, which a gauge of 64 bits is sent as, too.
    Counter64(u64),
    /// Gauge32 and Unsigned32.
    Unsigned32(u32),
    /// Hundredths of a second.
    TimeTicks(u32),
}

/// How the values of a row are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Counter,
    Gauge,
    Thousandths,
    Text,
}

impl Syntax {
    /// That of `row`.
    pub(crate) const fn of(row: &Row) -> Self {
        match row.kind {
            Kind::Counter => Self::Counter,
            Kind::Gauge if row.is_fraction => Self::Thousandths,
            Kind::Gauge => Self::Gauge,
            Kind::State | Kind::Text => Self::Text,
        }
    }
}

impl Value {
    /// A text, cut to what may be sent.
    pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        if text.len() <= TEXT_BYTES_MAX {
            return Self::Text(text);
        }
        let mut text = text.into_owned();
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        Self::Text(text.into())
    }

    /// The value of a cell of `row`; `None` if it is not known.
    pub(crate) fn of_cell(row: &Row, cell: &counter::Value) -> Option<Self> {
        let value = match (Syntax::of(row), cell) {
            (_, counter::Value::Unknown) => return None,
            (Syntax::Thousandths, counter::Value::Count(count)) => {
                let thousandths = count.saturating_mul(1_000);
                Self::Unsigned32(u32::try_from(thousandths).unwrap_or(u32::MAX))
            }
            (_, counter::Value::Number(number)) => Self::Unsigned32(thousandths(*number)),
            (_, counter::Value::Count(count)) => Self::Counter64(*count),
            (_, counter::Value::State(word)) => Self::text(*word),
            (_, counter::Value::Text(text)) => Self::text(text.clone()),
        };
        Some(value)
    }
}

/// A number as an INTEGER; the largest there is, if it is larger.
pub(crate) fn integer(number: u64) -> Value {
    Value::Integer(i32::try_from(number).unwrap_or(i32::MAX))
}

/// What a counter of 32 bits shows of one that has 64.
pub(crate) fn lower_half(number: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "counters of 32 bits wrap")]
    let lower = number as u32;
    lower
}

fn thousandths(number: f64) -> u32 {
    let thousandths = (number * 1e3).round().clamp(0.0, f64::from(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of the type; what is no number is zero"
    )]
    let thousandths = thousandths as u32;
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::counted;

    fn told(row: Row, cell: &counter::Value) -> Option<Value> {
        Value::of_cell(&row, cell)
    }

    #[test]
    fn fractions_are_thousandths_and_do_not_wrap() {
        let row = Row {
            kind: Kind::Gauge,
            is_fraction: true,
            ..counted("cpu_usage_percent", "")
        };
        for (number, thousandths) in [(12.3456, 12_346), (-1.0, 0), (1e12, u32::MAX)] {
            let value = Value::Unsigned32(thousandths);
            assert_eq!(told(row, &counter::Value::Number(number)), Some(value));
        }
    }

    #[test]
    fn what_is_not_known_has_no_value() {
        assert_eq!(told(counted("hits", ""), &counter::Value::Unknown), None);
    }

    #[test]
    fn counters_and_gauges_keep_their_64_bits() {
        let gauge = Row {
            kind: Kind::Gauge,
            ..counted("bytes", "")
        };
        for row in [gauge, counted("bytes", "")] {
            let cell = counter::Value::Count(u64::MAX);
            assert_eq!(told(row, &cell), Some(Value::Counter64(u64::MAX)));
        }
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let text = format!("a{}", "é".repeat(600));
        let Value::Text(cut) = Value::text(text) else {
            panic!("a text is a text");
        };
        assert_eq!(cut.len(), TEXT_BYTES_MAX - 1);
    }
}
