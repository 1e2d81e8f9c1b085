//! What is counted of alarms.

use crate::counter::counters;

counters! {
    /// Alarms, what was left out, and what was refused.
    pub struct Counters {
        /// Alarms that were raised.
        raised,
        /// Alarms that were cleared.
        cleared,
        /// Alarms that began to flap.
        flapped,
        /// Alarms that were not listed because too many are.
        not_listed,
        /// Bad readings that were not followed because too many are.
        not_followed,
        /// Changes that were forgotten because there were newer ones.
        changes_forgotten,
        /// Orders from addresses that may not give any.
        orders_forbidden,
        /// Times that alarms could not be written to disk.
        writes_failed,
    }
}
