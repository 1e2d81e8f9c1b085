//! The one table of counters and gauges: each is declared once, with its help text, and every
//! surface (JSON, metrics, SNMP, page, log) is a projection of the rows.
//!
//! Source: Prometheus, *Metric and label naming*, for what becomes of units.
//! Refuses: to say anything twice. Unit and kind follow from the name and the type.

mod row;
mod value;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use row::counted;
pub use row::{Kind, Reach, Row, Unit};
pub use value::{Group, Reading, Total, Value};

/// Says how far a row reaches: everywhere, or as it is marked.
macro_rules! reach {
    () => {
        $crate::counter::Reach::Everywhere
    };
    (polled) => {
        $crate::counter::Reach::Polled
    };
    (raised) => {
        $crate::counter::Reach::Raised
    };
    (detail) => {
        $crate::counter::Reach::Detail
    };
}

/// Declares a struct of `u64` counters together with its [`Row`]s. What is marked `: polled` is no
/// metric, and `: detail` is told in JSON alone.
macro_rules! counters {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Counters:ident {
            $( #[doc = $help:literal] $field:ident $(: $reach:ident)?, )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        $visibility struct $Counters {
            $( #[doc = $help] $visibility $field: u64, )+
        }

        impl $Counters {
            /// What each counter is, in order of declaration.
            $visibility const ROWS: &'static [$crate::counter::Row] = &[
                $( $crate::counter::Row {
                    reach: $crate::counter::reach!($($reach)?),
                    ..$crate::counter::counted(stringify!($field), $help)
                }, )+
            ];

            /// The counts of `self` and `other` together.
            #[must_use]
            $visibility const fn plus(&self, other: &Self) -> Self {
                Self { $( $field: self.$field.wrapping_add(other.$field), )+ }
            }

            /// The counts of `self` without those of `other`.
            #[must_use]
            $visibility const fn minus(&self, other: &Self) -> Self {
                Self { $( $field: self.$field.wrapping_sub(other.$field), )+ }
            }

            /// The present values, in the order of [`Self::ROWS`].
            $visibility fn values(&self) -> impl Iterator<Item = ($crate::counter::Row, u64)> {
                Self::ROWS.iter().copied().zip([ $( self.$field, )+ ])
            }
        }

        impl $crate::counter::Group for $Counters {
            const ROWS: &'static [$crate::counter::Row] = Self::ROWS;

            fn cells(&self) -> Option<Vec<$crate::counter::Value>> {
                Some(vec![ $( $crate::counter::Value::Count(self.$field), )+ ])
            }
        }
    };
}

/// Declares counters that several tasks raise at once: a struct of [`Shared`] cells, and beside it
/// the plain struct of [`counters!`] that a reading of it gives.
macro_rules! shared_counters {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Counters:ident, shared as $Cells:ident {
            $( #[doc = $help:literal] $field:ident $(: $reach:ident)?, )+
        }
    ) => {
        $crate::counter::counters! {
            $(#[$attribute])*
            $visibility struct $Counters { $( #[doc = $help] $field $(: $reach)?, )+ }
        }

        #[doc = concat!("The cells behind [`", stringify!($Counters), "`], raised by any task.")]
        #[derive(Debug, Default)]
        $visibility struct $Cells {
            $( #[doc = $help] $visibility $field: $crate::counter::Shared, )+
        }

        impl $Cells {
            /// Reads every cell; a count raised meanwhile may or may not be in.
            $visibility fn read(&self) -> $Counters {
                $Counters { $( $field: self.$field.read(), )+ }
            }
        }
    };
}

/// Declares a struct of [`Reading`]s together with its [`Row`]s. What is marked `=> polled` is no
/// metric, and `=> detail` is told in JSON alone.
macro_rules! readings {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Readings:ident {
            $( #[doc = $help:literal] $field:ident: $type:ty $(=> $reach:ident)?, )*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug)]
        $visibility struct $Readings {
            $( #[doc = $help] $visibility $field: $type, )*
        }

        impl $crate::counter::Group for $Readings {
            const ROWS: &'static [$crate::counter::Row] = &[
                $( $crate::counter::Row {
                    kind: <$type as $crate::counter::Reading>::KIND,
                    is_optional: <$type as $crate::counter::Reading>::IS_OPTIONAL,
                    is_fraction: <$type as $crate::counter::Reading>::IS_FRACTION,
                    reach: $crate::counter::reach!($($reach)?),
                    ..$crate::counter::counted(stringify!($field), $help)
                }, )*
            ];

            fn cells(&self) -> Option<Vec<$crate::counter::Value>> {
                Some(vec![ $( $crate::counter::Reading::value(&self.$field), )* ])
            }
        }
    };
}

pub(crate) use {counters, reach, readings, shared_counters};

/// One counter that several tasks raise at once. It orders nothing but itself.
#[derive(Debug, Default)]
pub struct Shared(AtomicU64);

impl Shared {
    /// Raises the counter by `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The present value.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, Kind, Reach, Unit, Value};

    counters! {
        /// Two counters.
        struct Sample {
            /// Things that came in.
            received,
            /// Things that went out.
            sent,
        }
    }

    #[test]
    fn rows_and_values_stand_in_order_of_declaration() {
        let sample = Sample {
            received: 3,
            sent: 2,
        };
        let rows: Vec<_> = sample
            .values()
            .map(|(row, value)| (row.name, row.help, value))
            .collect();
        assert_eq!(
            rows,
            [
                ("received", "Things that came in.", 3),
                ("sent", "Things that went out.", 2)
            ]
        );
    }

    #[test]
    fn counts_of_two_observers_add_up() {
        let (one, other) = (
            Sample {
                received: 3,
                sent: 2,
            },
            Sample {
                received: 4,
                sent: 0,
            },
        );
        assert_eq!(
            one.plus(&other),
            Sample {
                received: 7,
                sent: 2
            }
        );
        assert_eq!(one.plus(&other).minus(&other), one);
        let before = Sample::default().minus(&other);
        assert_eq!(
            before.plus(&other),
            Sample::default(),
            "it may be below nothing"
        );
    }

    shared_counters! {
        /// One counter, raised from anywhere.
        struct Visits, shared as VisitCells {
            /// Visits seen.
            visits,
        }
    }

    #[test]
    fn shared_cells_read_as_the_rows_they_declare() {
        let cells = VisitCells::default();
        cells.visits.add(2);
        cells.visits.add(3);
        let visits = cells.read();
        assert_eq!(visits.plus(&visits), Visits { visits: 10 });
        assert_eq!(visits.minus(&visits), Visits::default());
        let row = visits.values().map(|(row, value)| (row.help, value)).next();
        assert_eq!(row, Some(("Visits seen.", 5)));
    }

    readings! {
        /// Readings of all kinds.
        struct Readings {
            /// How full it is.
            fill_percent: Option<f64>,
            /// How long it lasts.
            age_ms_max: u64 => detail,
            /// What it does.
            state: &'static str,
            /// Why.
            reason: String,
        }
    }

    #[test]
    fn readings_are_of_the_kind_that_their_type_says() {
        let rows = Readings::ROWS.iter();
        let told: Vec<_> = rows
            .map(|row| (row.name, row.kind, row.is_optional, row.reach, row.unit()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "fill_percent",
                    Kind::Gauge,
                    true,
                    Reach::Everywhere,
                    Unit::Percent
                ),
                (
                    "age_ms_max",
                    Kind::Gauge,
                    false,
                    Reach::Detail,
                    Unit::Milliseconds
                ),
                ("state", Kind::State, false, Reach::Everywhere, Unit::One),
                ("reason", Kind::Text, false, Reach::Everywhere, Unit::One),
            ]
        );
        let readings = Readings {
            fill_percent: None,
            age_ms_max: 7,
            state: "silent",
            reason: "no cable".to_owned(),
        };
        let values = [
            Value::Unknown,
            Value::Count(7),
            Value::State("silent"),
            Value::Text("no cable".to_owned()),
        ];
        assert_eq!(readings.cells(), Some(values.to_vec()));
        assert_eq!(None::<Readings>.cells(), None);
    }
}
