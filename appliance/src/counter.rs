//! The one table of counters: each is declared once, with its help text, and every surface
//! (JSON, metrics, SNMP, page, log) is a projection of the rows.

use std::sync::atomic::{AtomicU64, Ordering};

/// Name and help of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Name as every surface shows it, unit last.
    pub name: &'static str,
    /// One sentence for a person.
    pub help: &'static str,
}

/// Declares a struct of `u64` counters together with its [`Row`]s.
macro_rules! counters {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Counters:ident {
            $( #[doc = $help:literal] $field:ident, )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        $visibility struct $Counters {
            $( #[doc = $help] $visibility $field: u64, )+
        }

        impl $Counters {
            /// Name and help of each counter, in order of declaration.
            $visibility const ROWS: &'static [$crate::counter::Row] = &[
                $( $crate::counter::Row { name: stringify!($field), help: $help.trim_ascii() }, )+
            ];

            /// The counts of `self` and `other` together.
            #[must_use]
            $visibility const fn plus(&self, other: &Self) -> Self {
                Self { $( $field: self.$field.wrapping_add(other.$field), )+ }
            }

            /// The present values, in the order of [`Self::ROWS`].
            $visibility fn values(&self) -> impl Iterator<Item = ($crate::counter::Row, u64)> {
                Self::ROWS.iter().copied().zip([ $( self.$field, )+ ])
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
            $( #[doc = $help:literal] $field:ident, )+
        }
    ) => {
        $crate::counter::counters! {
            $(#[$attribute])*
            $visibility struct $Counters { $( #[doc = $help] $field, )+ }
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

pub(crate) use {counters, shared_counters};

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
        let row = visits.values().map(|(row, value)| (row.help, value)).next();
        assert_eq!(row, Some(("Visits seen.", 5)));
    }
}
