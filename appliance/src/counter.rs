//! The one table of counters: each is declared once, with its help text, and every surface
//! (JSON, metrics, SNMP, page, log) is a projection of the rows.

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
        pub struct $Counters:ident {
            $( #[doc = $help:literal] $field:ident, )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $Counters {
            $( #[doc = $help] pub $field: u64, )+
        }

        impl $Counters {
            /// Name and help of each counter, in order of declaration.
            pub const ROWS: &'static [$crate::counter::Row] = &[
                $( $crate::counter::Row { name: stringify!($field), help: $help.trim_ascii() }, )+
            ];

            /// The present values, in the order of [`Self::ROWS`].
            pub fn values(&self) -> impl Iterator<Item = ($crate::counter::Row, u64)> {
                Self::ROWS.iter().copied().zip([ $( self.$field, )+ ])
            }
        }
    };
}

pub(crate) use counters;

#[cfg(test)]
mod tests {
    use super::counters;

    counters! {
        /// Two counters.
        pub struct Sample {
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
}
